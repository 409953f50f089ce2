/// @file
/// Whether a set of operations has fused forms of components.
#pragma once

#include <type_traits>

#include "bert/core/language.hpp"

namespace bert {

/// True for `Fast` and `FastBf16` themselves: components may call their fused forms. A set that is derived from them inherits
/// `Itself`, which then names the base and not the set: so components call the operations one by one, and each replacement is
/// used. False for a set without `Itself`, such as Reference.
template <class Ops>
concept fuses = std::is_same_v<typename Ops::Itself, Ops>;

}  // namespace bert
