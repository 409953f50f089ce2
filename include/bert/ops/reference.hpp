/// @file
/// The operations as loops over named indices. They define every formula, and are written to be read and stepped through.
///
/// A set of operations is a type. To replace an operation, derive from the set and hide the function:
/// ```cpp
/// struct Mine : bert::Reference {
///     template <class Real>
///     static void softmax(const bert::Tensor<Real, 2>& scores, bert::Tensor<Real, 2>& probabilities) { ... }
/// };
/// bert::Model<double, Mine> model;   // every softmax of this model is Mine::softmax
/// ```
/// Some operations take a Workspace, so that all sets have the same signatures; only the fast ones use it.
///
/// Operation names are unique and never overloaded. An operation that uses others takes the set as its first argument and
/// calls `Ops::softmax(...)`, because a call through its own base class would not find the replacement.
#pragma once

#include "bert/ops/reference/activations.hpp"
#include "bert/ops/reference/attention.hpp"
#include "bert/ops/reference/dropout.hpp"
#include "bert/ops/reference/embedding_lookup.hpp"
#include "bert/ops/reference/layer_norm.hpp"
#include "bert/ops/reference/linear.hpp"
#include "bert/ops/reference/losses.hpp"
#include "bert/ops/reference/optimizers.hpp"
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
                   reference::LossOperations,
                   reference::OptimizerOperations {};

}  // namespace bert
