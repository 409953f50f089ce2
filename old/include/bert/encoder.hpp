/// @file
/// The encoder: blocks, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/encoder_block.hpp"
#include "bert/last_block.hpp"

namespace bert {

/// What Encoder::forward computes.
template <class Real>
struct EncoderActivations {
    bool keep_all = false;   ///< set by the caller: keep every tensor, also what backward doesn't read (scores, `intermediate`)
    Dropout dropout;         ///< set by the caller: none in inference
    bool recompute = false;  ///< set by the caller: keep each block's result alone; backward computes the rest once more
    AskedRows<Real> asked;   ///< asked.rows is set by the caller: the rows of the last block that are wanted; none: all
    std::vector<EncoderBlockActivations<Real>> layer;  ///< of each block; with recompute, of the last one that ran
    std::vector<Tensor<Real, 2>> results;              ///< with recompute: of each block, [T, H]

    /// @param l  a block
    /// @return  whether it is the last one and not all of its rows are asked for
    bool is_asked(std::size_t l) const { return !asked.rows.empty() && l + 1 == (recompute ? results.size() : layer.size()); }

    /// @param l  a block
    /// @return  its result, [T, H]
    const Tensor<Real, 2>& result(std::size_t l) const
    {
        if (is_asked(l)) return asked.y;
        return recompute ? results[l] : layer[l].y();
    }
};

/// What Encoder::backward computes.
template <class Real>
struct EncoderGradients {
    std::vector<Tensor<Real, 2>> y;       ///< the gradient of each block's result, [T, H] each; without keep_all, of two in turn
    EncoderBlockActivations<Real> block;  ///< the gradients of one block's tensors; every block uses it in turn
    AskedRowsGradients<Real> asked;       ///< of the last block, where not all of its rows are asked for
    EncoderBlockActivations<Real> recomputed;  ///< what forward computed in that block, where it wasn't kept
};

/// A stack of blocks of the same shape. (Devlin et al. 2019, section 3.)
template <class Real, class Ops = Reference>
struct Encoder {
    std::vector<EncoderBlock<Real, Ops>> layer;  ///< published as layer.0, layer.1, ...

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if they don't have as many layers
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        if (((selves.layer.size() != first.layer.size()) || ...))
            throw std::invalid_argument("encoder: expected instances of " + std::to_string(first.layer.size()) + " layers each");
        for (std::size_t l = 0; l < first.layer.size(); ++l)
            EncoderBlock<Real, Ops>::parameters(visit, name + ".layer." + l, first.layer[l], selves.layer[l]...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static Encoder make(const Config& config)
    {
        Encoder encoder;
        encoder.layer = std::vector<EncoderBlock<Real, Ops>>(config.num_hidden_layers);
        for (EncoderBlock<Real, Ops>& block : encoder.layer)
            block = EncoderBlock<Real, Ops>::make(config);
        return encoder;
    }

    /// Block after block, keeping what backward reads of each, or with act.recompute its result alone. (Chen et al. 2016,
    /// Training Deep Nets with Sublinear Memory Cost: the time of one more forward for a small part of the memory.)
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param[in,out] act  of every block; keep_all, dropout, recompute and asked.rows are read
    /// @param workspace  scratch
    /// @return  the last block's result, [T, H], which stands in act (x itself if there is no block); with asked.rows, zero in
    ///     all others
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                                   EncoderActivations<Real>& act, Workspace& workspace) const
    {
        const std::size_t kept = act.recompute ? std::min<std::size_t>(layer.size(), 1) : layer.size();
        if (act.layer.size() != kept) act.layer = std::vector<EncoderBlockActivations<Real>>(kept);
        if (act.recompute) act.results.resize(layer.size());
        const Tensor<Real, 2>* input = &x;
        for (std::size_t l = 0; l < layer.size(); ++l) {
            EncoderBlockActivations<Real>& running = act.layer[l % kept];
            // Backward doesn't read `intermediate`: the block before hands its memory on, the last one to the next step's first.
            if (!act.keep_all && kept > 1)
                std::swap(running.feed_forward.intermediate, act.layer[(l + kept - 1) % kept].feed_forward.intermediate);
            set_choices(l, act, running);
            if (act.is_asked(l))
                forward_asked(layer[l], *input, sequences, config, running, act.asked, workspace);
            else
                layer[l].forward(*input, sequences, config, running, workspace);
            if (act.recompute && !act.is_asked(l)) std::swap(act.results[l], running.feed_forward.output.norm.y);
            input = &act.result(l);
        }
        return *input;
    }

    /// The blocks' gradients, from the last block to the first.
    /// @param d_y  of the last block's result, [T, H]
    /// @param x  as in forward
    /// @param sequences  as in forward
    /// @param config  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_encoder  is added to
    /// @param[out] d_act  the gradient of every block's result, if act.keep_all is set
    /// @param[out] d_x  [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config,
                  const EncoderActivations<Real>& act, Encoder& d_encoder, EncoderGradients<Real>& d_act, Tensor<Real, 2>& d_x,
                  Workspace& workspace) const
    {
        if (d_encoder.layer.size() != layer.size())
            throw std::invalid_argument("encoder: d_encoder: expected " + std::to_string(layer.size()) + " layers, got " +
                                        std::to_string(d_encoder.layer.size()));
        if (const std::size_t computed = act.recompute ? act.results.size() : act.layer.size(); computed != layer.size())
            throw std::invalid_argument("encoder: act: expected what forward computed in " + std::to_string(layer.size()) +
                                        " layers, got " + std::to_string(computed));
        if (layer.empty()) {
            d_x = d_y;
            return;
        }
        d_act.y.resize(act.keep_all ? layer.size() : 2);
        const auto d_result = [&](std::size_t l) -> Tensor<Real, 2>& { return d_act.y[l % d_act.y.size()]; };
        d_result(layer.size() - 1) = d_y;
        for (std::size_t l = layer.size(); l-- > 0;) {
            const Tensor<Real, 2>& input = l == 0 ? x : act.result(l - 1);
            Tensor<Real, 2>& d_input = l == 0 ? d_x : d_result(l - 1);
            if (act.is_asked(l)) {
                backward_asked(layer[l], d_result(l), input, sequences, config, act.layer.back(), act.asked, d_encoder.layer[l],
                               d_act.block, d_act.asked, d_input, workspace);
                continue;
            }
            if (act.recompute) {
                set_choices(l, act, d_act.recomputed);
                layer[l].forward(input, sequences, config, d_act.recomputed, workspace);
            }
            const EncoderBlockActivations<Real>& block = act.recompute ? d_act.recomputed : act.layer[l];
            layer[l].backward(d_result(l), input, sequences, config, block, d_encoder.layer[l], d_act.block, d_input, workspace);
        }
    }

    /// The same for whoever wants results alone: two blocks' tensors are kept in turn, those of the block that runs and those of
    /// the one whose result it reads.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param config  heads, activation, epsilon
    /// @param blocks  how many of them run, from the first on
    /// @param[in,out] act  two blocks' activations, used in turn
    /// @param workspace  scratch
    /// @param visit  visit(l, y): shown what each block computes, [T, H], which is overwritten two blocks later
    /// @return  the result of the last block that ran, [T, H], which stands in act (x itself if there is none)
    /// @throws std::invalid_argument if there are not so many blocks
    template <class Visit>
    const Tensor<Real, 2>& infer(const Tensor<Real, 2>& x, const Sequences& sequences, const Config& config, std::size_t blocks,
                                 EncoderActivations<Real>& act, Workspace& workspace, const Visit& visit) const
    {
        if (blocks > layer.size())
            throw std::invalid_argument("encoder: blocks: expected at most " + std::to_string(layer.size()) + ", got " +
                                        std::to_string(blocks));
        if (act.layer.size() < 2) act.layer = std::vector<EncoderBlockActivations<Real>>(2);
        const Tensor<Real, 2>* input = &x;
        for (std::size_t l = 0; l < blocks; ++l) {
            EncoderBlockActivations<Real>& running = act.layer[l % 2];
            running.attention.keep_scores = false;
            running.attention.dropout = running.feed_forward.dropout = Dropout{};
            layer[l].forward(*input, sequences, config, running, workspace);
            input = &running.y();
            visit(l, *input);
        }
        return *input;
    }

private:
    /// A block's scores and its dropout as the caller of forward wants them: the same numbers each time.
    static void set_choices(std::size_t l, const EncoderActivations<Real>& act, EncoderBlockActivations<Real>& running)
    {
        running.attention.keep_scores = act.keep_all;
        running.attention.dropout = running.feed_forward.dropout = act.dropout.in_layer(l);
        if (act.is_asked(l)) running.attention.dropout.rows = running.feed_forward.dropout.rows = act.asked.rows;
    }
};

}  // namespace bert
