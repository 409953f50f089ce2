/// @file
/// One block of the encoder: attention, then the feed-forward network.
#pragma once

#include "bert/attention.hpp"
#include "bert/feed_forward.hpp"

namespace bert {

/// What EncoderBlock::forward computes.
template <class Real>
struct EncoderBlockActivations {
    SelfAttentionActivations<Real> attention;   ///< of the first sub-layer
    FeedForwardActivations<Real> feed_forward;  ///< of the second

    /// @return  the block's result, [T, H]
    const Tensor<Real, 2>& y() const { return feed_forward.output.norm.y; }
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

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static EncoderBlock make(const Config& config)
    {
        return {SelfAttention<Real, Ops>::make(config), FeedForward<Real, Ops>::make(config)};
    }

    /// Both sub-layers.
    /// \f[ a = \mathrm{LayerNorm}(x + \mathrm{Attention}(x)),\quad y = \mathrm{LayerNorm}(a + \mathrm{FeedForward}(a)) \f]
    /// Symbols: \f$a\f$ `attended`, \f$y\f$ `act.y()`. The layer norm stands after the residual (post-LN), and there is none
    /// after the last block.
    /// @param x  hidden states, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param[in,out] act  every tensor of both sub-layers; attention.keep_scores and both dropouts are read
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config, EncoderBlockActivations<Real>& act,
                 Workspace& workspace) const
    {
        attention.forward(x, sequences, config, act.attention, workspace);
        const Tensor<Real, 2>& attended = act.attention.output.norm.y;  // [T, H]
        feed_forward.forward(attended, config, act.feed_forward, workspace);
    }

    /// The second sub-layer's gradient, then the first one's.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param sequences  as in forward
    /// @param config  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_block  is added to
    /// @param[out] d_act  as both sub-layers write it, and the gradient of attention.output.norm.y
    /// @param[out] d_x  [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                  const EncoderBlockActivations<Real>& act, EncoderBlock& d_block, EncoderBlockActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x, Workspace& workspace) const
    {
        const Tensor<Real, 2>& attended = act.attention.output.norm.y;  // [T, H]
        Tensor<Real, 2>& d_attended = d_act.attention.output.norm.y;    // [T, H]
        feed_forward.backward(d_y, attended, config, act.feed_forward, d_block.feed_forward, d_act.feed_forward, d_attended,
                              workspace);
        attention.backward(d_attended, x, sequences, config, act.attention, d_block.attention, d_act.attention, d_x, workspace);
    }
};

}  // namespace bert
