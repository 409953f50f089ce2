/// @file
/// The operations as loops over named indices: the definition of every formula, to be read and stepped through.
///
/// A set of operations is a type. To put an operation of your own in place, derive and hide one function:
/// ```cpp
/// struct Mine : bert::Reference {
///     template <class Real>
///     static void softmax(const bert::Tensor<Real, 2>& scores, bert::Tensor<Real, 2>& probabilities) { ... }
/// };
/// bert::Model<double, Mine> model;   // every softmax of this model is yours
/// ```
/// Some operations take a Workspace that the loops don't use: the fast ones do, and both have one signature.
///
/// Operation names are unique and never overloaded. An operation that uses others takes the set as its first argument and
/// calls `Ops::softmax(...)`; a call through its own base would never see the replacement.
#pragma once

#include "bert/ops/reference/activations.hpp"
#include "bert/ops/reference/attention.hpp"
#include "bert/ops/reference/dropout.hpp"
#include "bert/ops/reference/embedding_lookup.hpp"
#include "bert/ops/reference/fused.hpp"
#include "bert/ops/reference/layer_norm.hpp"
#include "bert/ops/reference/linear.hpp"
#include "bert/ops/reference/losses.hpp"
#include "bert/ops/reference/softmax.hpp"

namespace bert {

/// All operations, in plain loops; for float, double and long double.
struct Reference : reference::LinearOperations,
                   reference::ActivationOperations,
                   reference::SoftmaxOperations,
                   reference::DropoutOperations,
                   reference::LayerNormOperations,
                   reference::EmbeddingLookupOperations,
                   reference::AttentionOperations,
                   reference::FusedOperations,
                   reference::LossOperations {};

}  // namespace bert
