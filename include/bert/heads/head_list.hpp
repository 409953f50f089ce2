/// @file
/// A list of heads, and structs with a member for each head under its name: a model's heads, targets, losses, activations.
#pragma once

#include <optional>
#include <string_view>

#include "bert/ops/reference.hpp"

namespace bert {

/// The heads that a model can have. A configuration chooses among them at run time.
template <template <class, class> class... Head>
struct HeadList {
};

/// A struct with a member for each head of a list, which inherits each head's Named (head.hpp). For a list of two heads,
/// `PerHead<Real, HeadList<MaskedLmHead, NextSentenceHead>, detail::TargetOf>` is
/// ```cpp
/// struct Both : MaskedLmHead<Real>::Named<std::optional<MaskedLmTarget>>,
///               NextSentenceHead<Real>::Named<std::optional<IndexTensor<1>>> {};
/// ```
/// The members' types don't depend on a head's operations; so models of all sets of operations share them.
/// @tparam MemberOf  `MemberOf<Head>::MemberType` is the type of a head's member
template <class Real, class Heads, template <class> class MemberOf>
struct PerHead;
/// @cond  One base class for each Head of the list: its Named, with the type that MemberOf gives.
template <class Real, template <class, class> class... Head, template <class> class MemberOf>
struct PerHead<Real, HeadList<Head...>, MemberOf>
    : Head<Real, Reference>::template Named<typename MemberOf<Head<Real, Reference>>::MemberType>... {
};
/// @endcond

namespace detail {

/// The type of a member of Targets: optional, because a head may have no target.
template <class Head>
struct TargetOf {
    using MemberType = std::optional<typename Head::Target>;  ///< the member's type
};
/// The type of a member of Counts: 0 without a target.
template <class Head>
struct CountOf {
    using MemberType = typename Head::Count;  ///< the member's type
};
/// The type of a member of HeadActivations: they stay empty for a head that the model doesn't have.
template <class Head>
struct ActivationsOf {
    using MemberType = typename Head::Activations;  ///< the member's type
};
/// The type of a member of Losses: optional, because only a head with a target has a loss.
template <class Head>
struct LossOf {
    using MemberType = std::optional<typename Head::Scalar>;  ///< the member's type
};

/// Stands for a head of a list where a function is called for each of them (Model::for_each_head).
template <class HeadType>
struct HeadTag {
    using Head = HeadType;  ///< the head

    /// @return  its name
    static constexpr std::string_view name() { return Head::name; }
    /// @param owner  a struct with a member for each head
    /// @return  the head's member
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return Head::member(owner);
    }
};

}  // namespace detail

}  // namespace bert
