/// @file
/// What a body hands to its heads, and what they hand back.
#pragma once

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// References to what a body computed, valid for as long as the batch, the activations and the body exist.
template <class Real>
struct BodyResult {
    const Batch& batch;                 ///< the tokens
    const Tensor<Real, 2>& hidden;      ///< hidden states, the last block's result, [T, H]
    const Tensor<Real, 2>& pooled;      ///< one vector for each sequence, [B, H]; empty without a pooler
    const Tensor<Real, 2>& word_table;  ///< the embeddings' word table, a parameter, [V, H]
};

/// References to the gradients of a BodyResult: heads add to them. (A type of its own, because a result's tensors are const.)
template <class Real>
struct BodyResultGradients {
    Tensor<Real, 2>& hidden;      ///< [T, H]
    Tensor<Real, 2>& pooled;      ///< [B, H]
    Tensor<Real, 2>& word_table;  ///< [V, H], the parameter's gradient
};

}  // namespace bert
