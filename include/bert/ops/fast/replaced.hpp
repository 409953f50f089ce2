/// @file
/// Whether a set of operations replaces an operation that a fast operation contains.
#pragma once

#include "bert/core/language.hpp"

namespace bert::fast {

/// Whether two functions are the same. A fast operation compares its own functions with those of the set that it is called with:
/// fast attention, for example, contains softmax, and would ignore a set's replacement of it.
template <auto function, auto other>
inline constexpr bool same_function = false;

/// True for the same function twice.
template <auto function>
inline constexpr bool same_function<function, function> = true;

}  // namespace bert::fast
