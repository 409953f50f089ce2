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

/// A struct with a member for each head of a list, made of the heads' Named (head.hpp). For a list of two heads,
/// `PerHead<Real, HeadList<MaskedLmHead, NextSentenceHead>, detail::TargetOf>` is
/// ```cpp
/// struct Both : MaskedLmHead<Real>::Named<std::optional<MaskedLmTarget>>,
///               NextSentenceHead<Real>::Named<std::optional<IndexTensor<1>>> {};
/// ```
/// The members' types don't depend on a head's operations; so models of all sets of operations share them.
/// @tparam MemberOf  `MemberOf<Head>::MemberType` is the type of a head's member
template <class Real, class Heads, template <class> class MemberOf>
struct PerHead;
/// @cond
template <class Real, template <class, class> class... Head, template <class> class MemberOf>
struct PerHead<Real, HeadList<Head...>, MemberOf>
    : Head<Real, Reference>::template Named<typename MemberOf<Head<Real, Reference>>::MemberType>... {
};
/// @endcond

namespace detail {

/// Of a model's targets: a head may have none.
template <class Head>
struct TargetOf {
    using MemberType = std::optional<typename Head::Target>;  ///< the member's type
};
/// Of its counts: 0 without a target.
template <class Head>
struct CountOf {
    using MemberType = typename Head::Count;  ///< the member's type
};
/// Of its activations: those of a head that the model doesn't have stay empty.
template <class Head>
struct ActivationsOf {
    using MemberType = typename Head::Activations;  ///< the member's type
};
/// Of its losses: only a head with a target has one.
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
