/// @file
/// What a pass through a model needs besides its input: the same for every component, forward and backward.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/workspace.hpp"

namespace bert {

/// The choices of one pass; its results are in the components' activations. Backward needs the same pass as forward: with
/// another dropout, the gradient would be that of another function. What it refers to must outlive it; the workspace is written
/// also through a const Pass.
struct Pass {
    const Config& config;        ///< sizes and choices of the model
    const Sequences& sequences;  ///< where each sequence begins
    Workspace& workspace;        ///< scratch memory, written also through a const Pass
    Dropout dropout = {};        ///< by default none, as in inference
    bool keep_all = false;  ///< whether to keep tensors that backward doesn't need. Without it `Fast` doesn't write heads.scores,
                            ///< heads.probabilities and feed_forward.activated, and no set writes EncoderGradients::y

    /// The same pass in one of the encoder's blocks.
    /// @param l  the block, from 0
    /// @return  the pass with that block's random numbers for dropout
    Pass in_layer(std::size_t l) const
    {
        Pass pass = *this;
        pass.dropout.layer = static_cast<std::uint32_t>(l);
        return pass;
    }

    /// The same pass at one of the sites of dropout.
    /// @param site  the site
    /// @return  the pass with `dropout.place()` at that site
    Pass at(DropoutSite site) const
    {
        Pass pass = *this;
        pass.dropout.site = site;
        return pass;
    }
};

}  // namespace bert
