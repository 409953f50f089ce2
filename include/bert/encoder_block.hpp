/// @file
/// One block of the encoder: attention, then the feed-forward network.
#pragma once

#include <string>

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

/// Tokens exchange what they know, then each thinks for itself. (Vaswani et al. 2017, figure 1, left.)
template <class Real, class Ops = Reference>
struct EncoderBlock {
    SelfAttention<Real, Ops> attention;   ///< published as attention
    FeedForward<Real, Ops> feed_forward;  ///< published as intermediate and output

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, Selves&... selves)
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

    /// Both sub-layers, each with its residual and its layer norm.
    /// @param x  hidden states, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param[in,out] act  every tensor of both sub-layers; attention.keep_scores is read
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config, EncoderBlockActivations<Real>& act,
                 Workspace& workspace) const
    {
        attention.forward(x, sequences, config, act.attention, workspace);
        const Tensor<Real, 2>& attended = act.attention.output.norm.y;  // [T, H]
        feed_forward.forward(attended, config, act.feed_forward, workspace);
    }
};

}  // namespace bert
