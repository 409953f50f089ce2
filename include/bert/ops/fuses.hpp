/// @file
/// Whether a set of operations has fused forms of components.
#pragma once

#include <type_traits>

#include "bert/core/language.hpp"

namespace bert {

/// Whether a set of operations is one of the fast sets itself, for which components have fused forms. A set that is derived from
/// a fast one inherits its `Itself`: components then call the operations one by one, so that each replacement is used.
/// A set without a type `Itself` takes this first form: false.
template <class Ops>
inline constexpr bool fuses = false;
/// True for a set that is its own `Itself`.
template <class Ops>
requires std::is_same_v<typename Ops::Itself, Ops>
inline constexpr bool fuses<Ops> = true;

}  // namespace bert
