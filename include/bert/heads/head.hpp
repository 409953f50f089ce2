/// @file
/// What all heads have in common: what they read from a body, and the members that each of them has.
///
/// A head is a struct template of Real and Ops that holds its parameters, in a header of its own, with these members:
///
/// | member | what it is |
/// | --- | --- |
/// | `static name` | the head's name in a configuration, as in `masked_lm` |
/// | `Named<Member>`, `static member(owner)` | a struct with one member of that name; and the member of that name in `owner` |
/// | `Scalar` | the number type of the loss |
/// | `Target` | the training target of a batch |
/// | `Count` | what the loss is divided by: a number, or a struct with `+=` that converts to double, the number of labels |
/// | `Activations` | what forward computes, with `logits`, a `Tensor<Real, 2>` of [rows, columns]; its gradients have this type |
/// | `static make(config)`, `static parameters` | as in every component |
/// | `static check(batch, target, config)` | throws if the target doesn't fit the batch |
/// | `static count(batch, target)` | the count of the target |
/// | `static read_rows(batch, target, rows)` | appends the rows of the hidden states that the head reads; false if it reads all |
/// | `forward(body, target, pass, act)` | from the body's result to logits; a target may select their rows |
/// | `loss(batch, target, count, options, act)` | the loss of the logits |
/// | `loss_backward(batch, target, count, options, act, d_act)` | the gradient of the logits |
/// | `backward(body, pass, act, d_head, d_act, d_body)` | from the logits' gradient back to the body's result |
///
/// `Named` is how a model, its targets and its activations get a member for each head, with a name that a debugger shows:
/// ```cpp
/// template <class Member>
/// struct Named {
///     Member masked_lm{};
/// };
/// struct Targets : MaskedLmHead<Real>::Named<std::optional<MaskedLmTarget>>, ... {};  // as head_list.hpp makes it of a list
/// targets.masked_lm = ...;
/// ```
/// Put a head of your own in a namespace with a name: g++ warns (-Wsubobject-linkage) if a type that several files can use has a
/// member whose type is in an anonymous namespace.
#pragma once

#include "bert/body_result.hpp"
