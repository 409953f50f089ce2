/// @file
/// One block of the encoder: attention, then the feed-forward network.
#pragma once

#include "bert/attention.hpp"
#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What EncoderBlock::forward computes.
template <class Real>
struct EncoderBlockActivations {
    SelfAttentionActivations<Real> attention;   ///< activations of the first sub-layer
    FeedForwardActivations<Real> feed_forward;  ///< activations of the second

    /// @return  the block's result, [T, H]
    const Tensor<Real, 2>& y() const { return feed_forward.y(); }
};

/// Attention over the sequence, then a network on each token. (Vaswani et al. 2017, section 3.1 and figure 1, left.)
template <class Real, class Ops = Reference>
struct EncoderBlock {
    SelfAttention<Real, Ops> attention;   ///< published as attention
    FeedForward<Real, Ops> feed_forward;  ///< published as intermediate and output

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        SelfAttention<Real, Ops>::parameters(visit, name + ".attention", selves.attention...);
        FeedForward<Real, Ops>::parameters(visit, name, selves.feed_forward...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static EncoderBlock make(const Config& config)
    {
        return {SelfAttention<Real, Ops>::make(config), FeedForward<Real, Ops>::make(config)};
    }

    /// Runs both sub-layers, each of which ends in Add & Norm.
    /// \f[ a = \mathrm{SelfAttention}(x),\quad y = \mathrm{FeedForward}(a) \f]
    /// Symbols: \f$a\f$ `attended`, \f$y\f$ `act.y()`.
    /// @param x  hidden states, [T, H]
    /// @param pass  sequences, num_attention_heads, is_causal, hidden_act, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of both sub-layers
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, EncoderBlockActivations<Real>& act) const
    {
        attention.forward(x, pass, act.attention);
        const Tensor<Real, 2>& attended = act.attention.y();  // [T, H]
        feed_forward.forward(attended, pass, act.feed_forward);
    }

    /// The steps of forward in reverse order.
    /// \f[ \delta a = \mathrm{FeedForward}'(\delta y),\quad \delta x = \mathrm{SelfAttention}'(\delta a) \f]
    /// where a prime is a sub-layer's backward. Symbols: \f$\delta y\f$ `d_y`, \f$\delta a\f$ `d_attended`, \f$\delta x\f$ `d_x`.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_block  the gradients are added to it
    /// @param[out] d_act  gradients of both sub-layers' activations; d_attended is stored in d_act.attention.output.norm.y
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass,
                  const EncoderBlockActivations<Real>& act, EncoderBlock& d_block, EncoderBlockActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x) const
    {
        require_shape("encoder_block: d_y", d_y, x.shape());
        const Tensor<Real, 2>& attended = act.attention.y();          // [T, H]
        Tensor<Real, 2>& d_attended = d_act.attention.output.norm.y;  // [T, H]
        feed_forward.backward(d_y, attended, pass, act.feed_forward, d_block.feed_forward, d_act.feed_forward, d_attended);
        attention.backward(d_attended, x, pass, act.attention, d_block.attention, d_act.attention, d_x);
    }
};

}  // namespace bert
