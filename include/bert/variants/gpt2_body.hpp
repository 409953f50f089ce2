/// @file
/// GPT-2 without a head: its embeddings, its blocks and a final layer norm. The members are those that body.hpp lists.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/body.hpp"
#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/gpt2_embeddings.hpp"
#include "bert/variants/pre_norm_block.hpp"

namespace bert {

/// What Gpt2Body::forward computes.
template <class Real>
struct Gpt2BodyActivations {
    Gpt2EmbeddingsActivations<Real> embeddings;        ///< embeddings.y is the first block's input
    std::vector<PreNormBlockActivations<Real>> layer;  ///< activations of each block
    LayerNormActivations<Real> final_norm;             ///< of the last block's result; its y is what heads read, [T, H]
    Tensor<Real, 2> pooled;                            ///< stays empty: there is no pooler
};

/// The gradients of the activations, which Gpt2Body::backward reads and writes.
template <class Real>
struct Gpt2BodyGradients {
    Gpt2EmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors
    struct {
        PreNormBlockActivations<Real> block;  ///< gradients of one block's tensors; reused for every block
        std::vector<Tensor<Real, 2>> y;       ///< with keep_all: gradient of each block's result, [T, H] each
    } encoder;                                ///< those of the blocks
    Tensor<Real, 2> hidden;                   ///< gradient of the final norm's result, [T, H]; heads add to it
    Tensor<Real, 2> pooled;                   ///< stays empty
};

/// Embeddings, a stack of blocks, and a final layer norm: with norms in front, nothing has normalized the last sum. (Radford et
/// al. 2019, section 2.3.)
template <class Real, class Ops = Reference>
struct Gpt2Body {
    Gpt2Embeddings<Real, Ops> embeddings;        ///< published as wte and wpe
    std::vector<PreNormBlock<Real, Ops>> layer;  ///< published as h.0, h.1, ...
    LayerNorm<Real> final_norm;                  ///< [H] each; published as ln_f

    using Activations = Gpt2BodyActivations<Real>;  ///< what forward computes
    using Gradients = Gpt2BodyGradients<Real>;      ///< what backward computes besides the parameters' gradients

    /// The parameters with BERT's names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, usually `bert.` or empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if their numbers of layers differ
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_layers("gpt2: instances side by side", selves.layer.size(), first.layer.size()), ...);  // for each of selves
        Gpt2Embeddings<Real, Ops>::parameters(visit, name + "embeddings", first.embeddings, selves.embeddings...);
        for (std::size_t l = 0; l < first.layer.size(); ++l)
            PreNormBlock<Real, Ops>::parameters(visit, (name + "encoder.layer." + l).at_depth(l + 1), first.layer[l],
                                                selves.layer[l]...);
        LayerNorm<Real>::parameters(visit, name + "final_norm", first.final_norm, selves.final_norm...);
    }

    /// Makes the body of a configuration.
    /// @param config  sizes
    /// @param has_pooler  false: there is none
    /// @return  the body, all zeros
    /// @throws std::invalid_argument for a pooler
    static Gpt2Body make(const Config& config, bool has_pooler)
    {
        if (has_pooler) throw std::invalid_argument("gpt2: has_pooler: expected false, got true");
        Gpt2Body body{Gpt2Embeddings<Real, Ops>::make(config), {}, make_layer_norm<Real>(config.hidden_size)};
        for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
            body.layer.push_back(PreNormBlock<Real, Ops>::make(config));
        return body;
    }

    /// The standard deviation of new weights, as a multiple of initializer_range. The hidden states are a sum to which each block
    /// adds two projections; smaller weights keep its variance from growing with the layers. (Radford et al. 2019, section 2.3.)
    /// @param name  of a parameter
    /// @param config  number of layers
    /// @return  1 / sqrt(2 layers) for the two projections of a block, 1 for all others
    static double initial_scale(const std::string& name, const Config& config)
    {
        return name.ends_with("output.dense.weight") ? 1 / std::sqrt(2 * static_cast<double>(config.num_hidden_layers)) : 1;
    }

    /// @return  the embeddings' word table, [V, H]
    Tensor<Real, 2>& word_table() { return embeddings.word; }
    /// @copydoc word_table()
    const Tensor<Real, 2>& word_table() const { return embeddings.word; }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens in B sequences
    /// @throws std::invalid_argument for an id or position outside its table
    void check(const Batch& batch, const Config&) const { embeddings.check(batch); }

    /// There is no pooler that would read rows.
    void read_rows(const Batch&, std::vector<std::size_t>&) const {}

    /// Runs the embeddings, the blocks, and the final norm.
    /// \f[ x_0 = \mathrm{Embeddings}(\mathrm{batch}),\quad x_{l+1} = \mathrm{PreNormBlock}_l(x_l),\quad
    ///     y = \mathrm{LayerNorm}(x_{\mathrm{layers}}) \f]
    /// Symbols: \f$x_0\f$ `act.embeddings.y`, \f$x_l\f$ `x_l`, \f$x_{l+1}\f$ `act.layer[l].y()`, \f$x_{\mathrm{layers}}\f$
    /// `x_last`, \f$y\f$ `act.final_norm.y`.
    /// @param batch  T tokens in B sequences
    /// @param pass  configuration, sequences, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument as check, if a shape doesn't fit, and if pass.sequences aren't the batch's
    void forward(const Batch& batch, const Pass& pass, Activations& act) const
    {
        BertBody<Real, Ops>::require_same_sequences(batch, pass);
        check(batch, pass.config);
        require_layer_norm("gpt2: final_norm", final_norm, embeddings.word.shape(1));
        embeddings.forward(batch, pass, act.embeddings);
        act.layer.resize(layer.size());
        for (std::size_t l = 0; l < layer.size(); ++l) {
            const Tensor<Real, 2>& x_l = input(l, act);  // [T, H]
            layer[l].forward(x_l, pass.in_layer(l), act.layer[l]);
        }
        const Tensor<Real, 2>& x_last = input(layer.size(), act);  // [T, H]
        Ops::layer_norm(x_last, final_norm, Real(pass.config.layer_norm_eps), act.final_norm);
    }

    /// What heads read of the body.
    /// @param batch  as in forward
    /// @param act  what forward computed
    /// @return  references into batch, act and this body
    BodyResult<Real> result(const Batch& batch, const Activations& act) const
    {
        return {batch, act.final_norm.y, act.pooled, embeddings.word};
    }

    /// Zeroes the gradients that heads add to.
    /// @param batch  as in forward
    /// @param[in,out] d_body  heads also add to its word table, which is not zeroed here
    /// @param[out] d_act  hidden becomes zeros
    /// @return  references to them
    BodyResultGradients<Real> clear_result_gradients(const Batch& batch, Gpt2Body& d_body, Gradients& d_act) const
    {
        d_act.hidden.resize({batch.sequences.tokens(), embeddings.word.shape(1)});
        d_act.hidden.fill(Real(0));
        return {d_act.hidden, d_act.pooled, d_body.embeddings.word};
    }

    /// The steps of forward in reverse order; a prime is a component's backward.
    /// \f[ \delta x_{\mathrm{layers}} = \mathrm{LayerNorm}'(\delta y),\quad
    ///     \delta x_l = \mathrm{PreNormBlock}_l'(\delta x_{l+1}) \f]
    /// and the embeddings' backward adds \f$\delta x_0\f$ to the tables. Symbols: \f$\delta y\f$ `d_act.hidden`, \f$\delta x\f$
    /// `d_x`, which each block overwrites.
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  hidden, which heads have added to, is read; the other gradients are written
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Batch& batch, const Pass& pass, const Activations& act, Gpt2Body& d_body, Gradients& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = embeddings.word.shape(1);
        BertBody<Real, Ops>::require_same_sequences(batch, pass);
        check(batch, pass.config);
        require_layers("gpt2: d_body", d_body.layer.size(), layer.size());
        require_layers("gpt2: act (forward computes it)", act.layer.size(), layer.size());
        require_shape("gpt2: act.final_norm.x_hat (forward computes it)", act.final_norm.x_hat, {T, H});
        require_shape("gpt2: d_hidden", d_act.hidden, {T, H});
        require_layer_norm("gpt2: d_final_norm", d_body.final_norm, H);
        Tensor<Real, 2>& d_x = d_act.embeddings.y;  // [T, H]; in the end, that of the embeddings
        Ops::layer_norm_backward(d_act.hidden, final_norm, act.final_norm, d_body.final_norm, d_x);
        d_act.encoder.y.resize(pass.keep_all ? layer.size() : 0);
        for (std::size_t l = layer.size(); l-- > 0;) {   // layer.size() - 1 down to 0
            const Tensor<Real, 2>& x_l = input(l, act);  // [T, H]
            if (pass.keep_all) d_act.encoder.y[l] = d_x;
            layer[l].backward(d_x, x_l, pass.in_layer(l), act.layer[l], d_body.layer[l], d_act.encoder.block, d_x);
        }
        embeddings.backward(d_x, batch, pass, d_body.embeddings, d_act.embeddings);
    }

    /// The hidden states of a layer, as the transformers library counts them: the last ones are those after the final norm.
    /// @param l  0 for the embeddings, otherwise the number of blocks that have been run
    /// @param act  what forward computed
    /// @return  [T, H]
    const Tensor<Real, 2>& hidden_states(std::size_t l, const Activations& act) const
    {
        return l == layer.size() ? act.final_norm.y : input(l, act);
    }

    /// The input of a block: the embeddings, or the previous block's result.
    /// @param l  the block, from 0; the number of blocks gives the final norm's input
    /// @param act  what forward computed, up to that block
    /// @return  [T, H]
    /// @throws std::invalid_argument if act doesn't hold the block before
    static const Tensor<Real, 2>& input(std::size_t l, const Activations& act)
    {
        if (l > act.layer.size())
            throw std::invalid_argument("gpt2: act (forward computes it): expected at least " + std::to_string(l) +
                                        " layers, got " + std::to_string(act.layer.size()));
        return l == 0 ? act.embeddings.y : act.layer[l - 1].y();
    }

private:
    static void require_layers(const char* what, std::size_t layers, std::size_t expected)
    {
        Encoder<Real, Ops>::require_layers(what, layers, expected);
    }
};

}  // namespace bert
