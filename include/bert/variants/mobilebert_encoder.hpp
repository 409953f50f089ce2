/// @file
/// MobileBERT's encoder: a stack of its blocks, as BERT's (encoder.hpp).
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
#include "bert/encoder.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_block.hpp"

namespace bert {

/// What MobileBertEncoder::forward computes.
template <class Real>
struct MobileBertEncoderActivations {
    std::vector<MobileBertBlockActivations<Real>> layer;  ///< activations of each block
};

/// What MobileBertEncoder::backward computes besides the gradients of parameters and input.
template <class Real>
struct MobileBertEncoderGradients {
    MobileBertBlockActivations<Real> block;         ///< gradients of one block's tensors; reused for every block
    std::vector<Tensor<Real, 2>> y;                 ///< with keep_all: gradient of each block's result, [T, H] each
    std::vector<std::vector<Tensor<Real, 2>>> ffn;  ///< with keep_all: for each block, gradients of the results of its
                                                    ///< feed-forward networks but the last, [T, N] each (N: block_width)
};

/// A stack of blocks of the same shape: 24 in the published model. (Sun et al. 2020, table 1.)
template <class Real, class Ops = Reference>
struct MobileBertEncoder {
    std::vector<MobileBertBlock<Real, Ops>> layer;  ///< published as layer.0, layer.1, ...

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
            MobileBertBlock<Real, Ops>::parameters(visit, (name + ".layer." + l).at_depth(l + 1), first.layer[l],
                                                   selves.layer[l]...);
    }

    /// Makes the component of a configuration.
    /// @param config  num_hidden_layers, and as for a block
    /// @return  the component, all zeros
    static MobileBertEncoder make(const Config& config)
    {
        MobileBertEncoder encoder;
        for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
            encoder.layer.push_back(MobileBertBlock<Real, Ops>::make(config));
        return encoder;
    }

    /// The input of a block: the embeddings, or the previous block's result.
    /// @param l  the block, from 0; the number of blocks gives the encoder's result
    /// @param x  embeddings, [T, H]
    /// @param act  what forward computed, up to that block
    /// @return  [T, H]
    /// @throws std::invalid_argument if act doesn't hold the block before
    static const Tensor<Real, 2>& input(std::size_t l, const Tensor<Real, 2>& x, const MobileBertEncoderActivations<Real>& act)
    {
        if (l > act.layer.size())
            throw std::invalid_argument("encoder: act (forward computes it): expected at least " + std::to_string(l) +
                                        " layers, got " + std::to_string(act.layer.size()));
        return l == 0 ? x : act.layer[l - 1].y();
    }

    /// Runs the blocks one after the other.
    /// \f[ x_0 = x,\quad x_{l+1} = \mathrm{MobileBertBlock}_l(x_l) \f]
    /// and the result y is the last \f$x_l\f$. Symbols: \f$x_l\f$ `x_l`, \f$x_{l+1}\f$ `act.layer[l].y()`.
    /// @param x  embeddings, [T, H]
    /// @param pass  as for a block
    /// @param[out] act  activations of every block
    /// @return  the last block's result, [T, H], held by act (x itself if there is no block)
    /// @throws std::invalid_argument if a shape doesn't fit
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Pass& pass, MobileBertEncoderActivations<Real>& act) const
    {
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        act.layer.resize(layer.size());
        for (std::size_t l = 0; l < layer.size(); ++l) {
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            layer[l].forward(x_l, pass.in_layer(l), act.layer[l]);
        }
        return input(layer.size(), x, act);
    }

    /// The steps of forward in reverse order, from the last block to the first.
    /// \f[ \delta x_l = \mathrm{MobileBertBlock}_l'(\delta x_{l+1}) \f]
    /// where a prime is a block's backward. Symbols: both are `d_x`, which each block overwrites: it begins as \f$\delta y\f$,
    /// `d_y`, and ends as \f$\delta x_0\f$.
    /// @param d_y  gradient of the last block's result, [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_encoder  the gradients are added to it
    /// @param[out] d_act  see MobileBertEncoderGradients
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass,
                  const MobileBertEncoderActivations<Real>& act, MobileBertEncoder& d_encoder,
                  MobileBertEncoderGradients<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        require_layers("encoder: d_encoder", d_encoder.layer.size(), layer.size());
        require_layers("encoder: act (forward computes it)", act.layer.size(), layer.size());
        require_shape("encoder: d_y", d_y, x.shape());
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        d_act.y.resize(pass.keep_all ? layer.size() : 0);
        d_act.ffn.assign(d_act.y.size(), {});
        if (&d_x != &d_y) d_x = d_y;
        for (std::size_t l = layer.size(); l-- > 0;) {      // layer.size() - 1 down to 0
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            if (pass.keep_all) d_act.y[l] = d_x;
            layer[l].backward(d_x, x_l, pass.in_layer(l), act.layer[l], d_encoder.layer[l], d_act.block, d_x);
            if (!pass.keep_all) continue;
            for (const FeedForwardActivations<Real>& d_network : d_act.block.ffn)
                d_act.ffn[l].push_back(d_network.output.norm.y);
        }
    }

private:
    static void require_layers(const char* what, std::size_t layers, std::size_t expected)
    {
        Encoder<Real, Ops>::require_layers(what, layers, expected);
    }
};

}  // namespace bert
