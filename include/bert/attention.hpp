/// @file
/// The attention sub-layer: every token looks at every token of its sequence, and takes what it needs.
#pragma once

#include <cstddef>
#include <string>

#include "bert/config.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What SelfAttention::forward computes.
template <class Real>
struct SelfAttentionActivations {
    bool keep_scores = false;  ///< set by the caller: whether a fast set of operations writes scores and probabilities out
    Tensor<Real, 2> query;     ///< what each token asks, [T, H]
    Tensor<Real, 2> key;       ///< what each token is found by, [T, H]
    Tensor<Real, 2> value;     ///< what each token gives, [T, H]
    AttentionActivations<Real> heads;  ///< scores and probabilities per sequence and head, and the context, [T, H]
    ResidualActivations<Real> output;  ///< output.norm.y, [T, H], goes on to the feed-forward network
};

/// Four affine maps and a layer norm. (Vaswani et al. 2017, section 3.2; Devlin et al. 2019, section 3.)
template <class Real, class Ops = Reference>
struct SelfAttention {
    Linear<Real> query;    ///< [H, H], [H]; published as self.query
    Linear<Real> key;      ///< [H, H], [H]; published as self.key
    Linear<Real> value;    ///< [H, H], [H]; published as self.value
    Linear<Real> output;   ///< mixes the heads, [H, H], [H]; published as output.dense
    LayerNorm<Real> norm;  ///< [H] each; published as output.LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".self.query", selves.query...);
        Linear<Real>::parameters(visit, name + ".self.key", selves.key...);
        Linear<Real>::parameters(visit, name + ".self.value", selves.value...);
        Linear<Real>::parameters(visit, name + ".output.dense", selves.output...);
        LayerNorm<Real>::parameters(visit, name + ".output.LayerNorm", selves.norm...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static SelfAttention make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {make_linear<Real>(H, H), make_linear<Real>(H, H), make_linear<Real>(H, H), make_linear<Real>(H, H),
                make_layer_norm<Real>(H)};
    }

    /// Attends, mixes the heads, adds the input and normalizes.
    /// \f[ q = x W_q^T + b_q,\quad k = x W_k^T + b_k,\quad v = x W_v^T + b_v,\quad
    ///     c = \mathrm{attention}(q, k, v),\quad y = \mathrm{LayerNorm}(x + c\,W_o^T + b_o) \f]
    /// Symbols: \f$q, k, v\f$ `act.query`, `act.key`, `act.value`, \f$c\f$ `act.heads.context`, \f$y\f$ `act.output.norm.y`.
    /// @param x  hidden states, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  num_attention_heads and layer_norm_eps
    /// @param[in,out] act  every tensor of the formula; keep_scores is read
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config, SelfAttentionActivations<Real>& act,
                 Workspace& workspace) const
    {
        const AttentionOptions options{.heads = config.num_attention_heads, .causal = false, .keep_scores = act.keep_scores};
        Ops::query_key_value(Ops{}, x, query, key, value, act.query, act.key, act.value, workspace);
        Ops::attention(Ops{}, act.query, act.key, act.value, sequences, options, act.heads, workspace);
        Ops::linear_residual_layer_norm(Ops{}, act.heads.context, output, x, norm, Real(config.layer_norm_eps), act.output,
                                        workspace);
    }
};

}  // namespace bert
