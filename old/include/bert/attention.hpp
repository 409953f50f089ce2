/// @file
/// The attention sub-layer: every token looks at every token of its sequence, and takes what it needs.
#pragma once

#include <cstddef>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
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
    Dropout dropout;           ///< set by the caller: none in inference
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
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
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
    /// Symbols: \f$q, k, v\f$ `act.query`, `act.key`, `act.value`, \f$c\f$ `act.heads.context`, \f$y\f$ `act.output.norm.y`;
    /// \f$W_q, b_q\f$ `query.weight`, `query.bias`, k and v likewise; \f$W_o, b_o\f$ `output.weight`, `output.bias`.
    /// @param x  hidden states, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  num_attention_heads and layer_norm_eps
    /// @param[in,out] act  every tensor of the formula; keep_scores and dropout are read
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config, SelfAttentionActivations<Real>& act,
                 Workspace& workspace) const
    {
        const AttentionOptions options = options_of(config, act);
        Ops::query_key_value(Ops{}, x, query, key, value, act.query, act.key, act.value, workspace);
        Ops::attention(Ops{}, act.query, act.key, act.value, sequences, options, act.heads, workspace);
        Ops::linear_residual_layer_norm(Ops{}, act.heads.context, output, x, norm, Real(config.layer_norm_eps),
                                        act.dropout.at(DropoutSite::attention), act.output, workspace);
    }

    /// The same steps from the last to the first. x was used four times: by the residual, as query, as key and as value.
    /// \f[ \delta x = \delta a + \delta q\,W_q + \delta k\,W_k + \delta v\,W_v,\quad a = x + c\,W_o^T + b_o \f]
    /// Symbols: \f$\delta a\f$ `d_act.output.sum`, what the layer norm's backward makes of δy.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param sequences  as in forward
    /// @param config  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_attention  is added to
    /// @param[out] d_act  the gradients of query, key, value, heads.context, output.sum and output.projected, with Reference of
    ///     the rest of heads, too; that of output.dropped is output.sum's, that of output.norm.y is d_y
    /// @param[out] d_x  [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                  const SelfAttentionActivations<Real>& act, SelfAttention& d_attention, SelfAttentionActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x, Workspace& workspace) const
    {
        Ops::linear_residual_layer_norm_backward(Ops{}, d_y, act.heads.context, output, norm,
                                                 act.dropout.at(DropoutSite::attention), act.output, d_attention.output,
                                                 d_attention.norm, d_act.output, d_act.heads.context, workspace);
        Ops::attention_backward(Ops{}, d_act.heads.context, act.query, act.key, act.value, sequences, options_of(config, act),
                                act.heads, d_act.heads, d_act.query, d_act.key, d_act.value, workspace);
        d_x = d_act.output.sum;  // by the residual
        Ops::query_key_value_backward(Ops{}, d_act.query, d_act.key, d_act.value, x, query, key, value, d_attention.query,
                                      d_attention.key, d_attention.value, d_x, workspace);
    }

    /// @param config  num_attention_heads
    /// @param act  keep_scores and dropout
    /// @return  how attention is run
    static AttentionOptions options_of(const Config& config, const SelfAttentionActivations<Real>& act)
    {
        return {.heads = config.num_attention_heads,
                .causal = false,
                .keep_scores = act.keep_scores,
                .dropout = act.dropout.at(DropoutSite::probabilities)};
    }
};

}  // namespace bert
