/// @file
/// Whether a set of operations still has an operation that a fused one has swallowed.
#pragma once

#include "bert/core/language.hpp"

namespace bert::fast {

/// True for one and the same function. A fused operation asks it of the set that it is called with: where a reader has
/// replaced `gelu`, a product with gelu inside would quietly go on using its own, so it refuses to compile.
template <auto function, auto other>
inline constexpr bool same_function = false;

/// The case in which it is true.
template <auto function>
inline constexpr bool same_function<function, function> = true;

}  // namespace bert::fast
