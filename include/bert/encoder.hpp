/// @file
/// The encoder: blocks, one after the other.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "bert/encoder_block.hpp"

namespace bert {

/// What Encoder::forward computes.
template <class Real>
struct EncoderActivations {
    bool keep_scores = false;  ///< set by the caller: whether attention writes scores and probabilities out
    std::vector<EncoderBlockActivations<Real>> layer;  ///< of each block
};

/// A stack of blocks of the same shape. (Devlin et al. 2019, section 3.)
template <class Real, class Ops = Reference>
struct Encoder {
    std::vector<EncoderBlock<Real, Ops>> layer;  ///< published as layer.0, layer.1, ...

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder`
    /// @param first  an instance
    /// @param selves  more instances, with as many layers
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, First& first, Selves&... selves)
    {
        for (std::size_t l = 0; l < first.layer.size(); ++l)
            EncoderBlock<Real, Ops>::parameters(visit, name + ".layer." + std::to_string(l), first.layer[l], selves.layer[l]...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static Encoder make(const Config& config)
    {
        Encoder encoder;
        for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
            encoder.layer.push_back(EncoderBlock<Real, Ops>::make(config));
        return encoder;
    }

    /// Block after block, keeping what each computes.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param[in,out] act  of every block; keep_scores is read
    /// @param workspace  scratch
    /// @return  the last block's result, [T, H], which stands in act (x itself if there is no block)
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                                   EncoderActivations<Real>& act, Workspace& workspace) const
    {
        act.layer.resize(layer.size());
        const Tensor<Real, 2>* input = &x;
        for (std::size_t l = 0; l < layer.size(); ++l) {
            act.layer[l].attention.keep_scores = act.keep_scores;
            layer[l].forward(*input, sequences, config, act.layer[l], workspace);
            input = &act.layer[l].y();
        }
        return *input;
    }

    /// Block after block, keeping only the running block's tensors and its input: for whoever wants the result alone.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param[in,out] act  two blocks' activations, used in turn
    /// @param workspace  scratch
    /// @return  the last block's result, [T, H], which stands in act (x itself if there is no block)
    const Tensor<Real, 2>& infer(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                                 EncoderActivations<Real>& act, Workspace& workspace) const
    {
        act.layer.resize(2);
        const Tensor<Real, 2>* input = &x;
        for (std::size_t l = 0; l < layer.size(); ++l) {
            EncoderBlockActivations<Real>& running = act.layer[l % 2];
            running.attention.keep_scores = false;
            layer[l].forward(*input, sequences, config, running, workspace);
            input = &running.y();
        }
        return *input;
    }
};

}  // namespace bert
