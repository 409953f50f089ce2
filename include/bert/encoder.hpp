/// @file
/// The encoder: a stack of blocks.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder_block.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Encoder::forward computes.
template <class Real>
struct EncoderActivations {
    std::vector<EncoderBlockActivations<Real>> layer;  ///< activations of each run of a block; in BERT, of each block
};

/// What Encoder::backward computes besides the gradients of parameters and input. Its type differs from the activations':
/// backward needs the activations of every block, but only one block's gradients at a time.
template <class Real>
struct EncoderGradients {
    EncoderBlockActivations<Real> block;  ///< gradients of one block's tensors; reused for every block
    std::vector<Tensor<Real, 2>> y;       ///< with keep_all: gradient of each block's result, [T, H] each
};

/// A stack of blocks of the same shape. The last one's result is the encoder's; no layer norm follows it. (Devlin et al. 2019,
/// section 3. Published files call a block a layer; hence `layer[l]`.) In BERT each block runs once, in order. In ALBERT blocks
/// run several times, as Config::block_of says, and a block's gradient is the sum over its runs.
template <class Real, class Ops = Reference>
struct Encoder {
    std::vector<EncoderBlock<Real, Ops>> layer;  ///< published as layer.0, layer.1, ...

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if their numbers of layers differ
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_layers("encoder: instances side by side", selves.layer.size(), first.layer.size()), ...);  // each of selves
        for (std::size_t l = 0; l < first.layer.size(); ++l)
            EncoderBlock<Real, Ops>::parameters(visit, (name + ".layer." + l).at_depth(l + 1), first.layer[l],
                                                selves.layer[l]...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static Encoder make(const Config& config)
    {
        Encoder encoder;
        for (std::size_t l = 0; l < config.blocks(); ++l)
            encoder.layer.push_back(EncoderBlock<Real, Ops>::make(config));
        return encoder;
    }

    /// How many blocks run one after the other.
    /// @param config  in ALBERT, which of them run repeatedly
    /// @return  the number of blocks in BERT
    /// @throws std::invalid_argument if the encoder doesn't have the blocks that the configuration lets run repeatedly
    std::size_t runs(const Config& config) const
    {
        if (config.num_hidden_groups == 0) return layer.size();
        require_layers("encoder: shared blocks", layer.size(), config.blocks());
        return config.block_runs();
    }

    /// The input of a block: the embeddings, or the previous block's result.
    /// @param l  the block's run, from 0; the number of runs gives the encoder's result
    /// @param x  embeddings, [T, H]
    /// @param act  what forward computed, up to that block
    /// @return  [T, H]
    /// @throws std::invalid_argument if act doesn't hold the block before
    static const Tensor<Real, 2>& input(std::size_t l, const Tensor<Real, 2>& x, const EncoderActivations<Real>& act)
    {
        if (l > act.layer.size())
            throw std::invalid_argument("encoder: act (forward computes it): expected at least " + std::to_string(l) +
                                        " layers, got " + std::to_string(act.layer.size()));
        return l == 0 ? x : act.layer[l - 1].y();
    }

    /// Runs the blocks one after the other.
    /// \f[ x_0 = x,\quad x_{l+1} = \mathrm{EncoderBlock}_l(x_l) \f]
    /// and the result y is the last \f$x_l\f$. Symbols: \f$x_l\f$ `x_l`, \f$x_{l+1}\f$ `act.layer[l].y()`.
    /// @param x  embeddings, [T, H]
    /// @param pass  as for a block
    /// @param[out] act  activations of every block
    /// @return  the last block's result, [T, H], held by act (x itself if there is no block)
    /// @throws std::invalid_argument if a shape doesn't fit
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Pass& pass, EncoderActivations<Real>& act) const
    {
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        const std::size_t layers = runs(pass.config);
        act.layer.resize(layers);
        for (std::size_t l = 0; l < layers; ++l) {
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            layer[pass.config.block_of(l)].forward(x_l, pass.in_layer(l), act.layer[l]);
        }
        return input(layers, x, act);
    }

    /// The steps of forward in reverse order, from the last block to the first.
    /// \f[ \delta x_l = \mathrm{EncoderBlock}_l'(\delta x_{l+1}) \f]
    /// where a prime is a block's backward. Symbols: both are `d_x`, which each block overwrites: it begins as \f$\delta y\f$,
    /// `d_y`, and ends as \f$\delta x_0\f$.
    /// @param d_y  gradient of the last block's result, [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_encoder  the gradients are added to it
    /// @param[out] d_act  see EncoderGradients
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const EncoderActivations<Real>& act,
                  Encoder& d_encoder, EncoderGradients<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        require_layers("encoder: d_encoder", d_encoder.layer.size(), layer.size());
        const std::size_t layers = runs(pass.config);
        require_layers("encoder: act (forward computes it)", act.layer.size(), layers);
        require_shape("encoder: d_y", d_y, x.shape());
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        d_act.y.resize(pass.keep_all ? layers : 0);
        if (&d_x != &d_y) d_x = d_y;
        for (std::size_t l = layers; l-- > 0;) {            // layers - 1 down to 0
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            const std::size_t block = pass.config.block_of(l);
            if (pass.keep_all) d_act.y[l] = d_x;
            layer[block].backward(d_x, x_l, pass.in_layer(l), act.layer[l], d_encoder.layer[block], d_act.block, d_x);
        }
    }

    /// Checks a number of blocks.
    /// @param what  beginning of the message
    /// @param layers  the number
    /// @param expected  what it should be
    /// @throws std::invalid_argument `encoder: d_encoder: expected 12 layers, got 6`
    static void require_layers(const char* what, std::size_t layers, std::size_t expected)
    {
        if (layers != expected)
            throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(expected) + " layers, got " +
                                        std::to_string(layers));
    }
};

}  // namespace bert
