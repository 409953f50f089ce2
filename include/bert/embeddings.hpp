/// @file
/// Embeddings: for each token the sum of three vectors, its own, its position's and its segment's, normalized.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Embeddings::forward computes.
template <class Real>
struct EmbeddingsActivations {
    Tensor<Real, 2> word;             ///< rows of the word table, [T, H]
    Tensor<Real, 2> segment;          ///< rows of the segment table, [T, H]
    Tensor<Real, 2> position;         ///< rows of the position table, [T, H]
    Tensor<Real, 2> sum;              ///< the sum of all three, [T, H]
    LayerNormActivations<Real> norm;  ///< of the sum: rstd [T], x_hat and y [T, H]
    Tensor<Real, 2> y;                ///< norm.y after dropout, [T, H]: the encoder's input
};

/// Three tables and a layer norm. (Devlin et al. 2019, section 3 and figure 2. Layer norm and dropout are from the published
/// code. As in the transformers library, the lookup gives the padding token's row no gradient; google-research/bert makes no such
/// exception.)
template <class Real, class Ops = Reference>
struct Embeddings {
    Tensor<Real, 2> word;  ///< a row for each token id, the paper's token embeddings, [V, H]; published as word_embeddings.weight
    Tensor<Real, 2> position;  ///< a row for each position, [max_position_embeddings, H]; published as position_embeddings.weight
    Tensor<Real, 2> segment;   ///< a row for each segment, [type_vocab_size, H]; published as token_type_embeddings.weight
    LayerNorm<Real> norm;      ///< [H] each; published as LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        const Name own = name.at_depth(0);
        visit((own + ".word_embeddings.weight").of(ParameterKind::table), selves.word...);
        visit((own + ".position_embeddings.weight").of(ParameterKind::table), selves.position...);
        visit((own + ".token_type_embeddings.weight").of(ParameterKind::table), selves.segment...);
        LayerNorm<Real>::parameters(visit, own + ".LayerNorm", selves.norm...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static Embeddings make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {zeros<Real, 2>({config.vocab_size, H}), zeros<Real, 2>({config.max_position_embeddings, H}),
                zeros<Real, 2>({config.type_vocab_size, H}), make_layer_norm<Real>(H)};
    }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, segments, positions
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void check(const Batch& batch) const
    {
        const std::size_t T = batch.sequences.tokens();
        require_sequences("embeddings: sequences", batch.sequences, T);
        require_shape("embeddings: ids", batch.ids, {T});
        require_shape("embeddings: segments", batch.segments, {T});
        require_shape("embeddings: positions", batch.positions, {T});
        require_below("embeddings: ids", batch.ids, word.shape(0));
        require_below("embeddings: segments", batch.segments, segment.shape(0));
        require_below("embeddings: positions", batch.positions, position.shape(0));
    }

    /// Looks up each token's three rows, adds them and normalizes the sum.
    /// \f[ s_t = (E_{\mathrm{ids}_t} + S_{\mathrm{segments}_t}) + P_{\mathrm{positions}_t},\quad
    ///     y = \mathrm{dropout}(\mathrm{LayerNorm}(s)) \f]
    /// The additions are done in the transformers library's order, which determines the last bit.
    /// Symbols: the tables \f$E, S, P\f$ `word`, `segment`, `position`, their rows `act.word`, `act.segment`, `act.position`;
    /// ids, segments, positions `batch.ids`, `batch.segments`, `batch.positions`; \f$s\f$ `act.sum`, LayerNorm(s) `act.norm.y`,
    /// \f$y\f$ `act.y`.
    /// @param batch  ids, segments, positions, [T] each
    /// @param pass  layer_norm_eps and dropout
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void forward(const Batch& batch, const Pass& pass, EmbeddingsActivations<Real>& act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = word.shape(1);
        check(batch);
        require_shape("embeddings: segment table", segment, {segment.shape(0), H});
        require_shape("embeddings: position table", position, {position.shape(0), H});
        require_layer_norm("embeddings: LayerNorm", norm, H);
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        Ops::embedding_lookup(batch.ids, word, act.word);
        Ops::embedding_lookup(batch.segments, segment, act.segment);
        Ops::embedding_lookup(batch.positions, position, act.position);
        act.sum.resize({T, H});
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                act.sum(t, h) = act.word(t, h) + act.segment(t, h) + act.position(t, h);
        Ops::layer_norm(act.sum, norm, Real(pass.config.layer_norm_eps), act.norm);
        Ops::dropout(act.norm.y, place, act.y);
    }

    /// The steps of forward in reverse order. The gradient of a sum is that of each of its terms: each of a token's three rows
    /// receives it, and a row that several tokens share receives the sum. The padding token's row of the word table receives
    /// none.
    /// \f[ \delta s = \mathrm{LayerNorm}'(m\,\delta y),\quad
    ///     \delta P_i \mathrel{+}= \sum_{t:\,\mathrm{positions}_t = i} \delta s_t \f]
    /// and likewise for \f$\delta S\f$ and \f$\delta E\f$; LayerNorm' is the backward of LayerNorm.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$m\f$ the factors of dropout, \f$m\,\delta y\f$ `d_act.norm.y`, \f$\delta s\f$
    /// `d_act.sum`, \f$\delta P_i\f$ row i of `d_embeddings.position`, \f$\delta S, \delta E\f$ `d_embeddings.segment`,
    /// `d_embeddings.word`.
    /// @param d_y  [T, H]; may be d_act.y
    /// @param batch  as in forward
    /// @param pass  pad_token_id and dropout
    /// @param act  what forward computed
    /// @param[in,out] d_embeddings  the gradients are added to it
    /// @param[out] d_act  the gradients of norm.y and sum, [T, H] each
    /// @throws std::invalid_argument as forward
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, const EmbeddingsActivations<Real>& act,
                  Embeddings& d_embeddings, EmbeddingsActivations<Real>& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = word.shape(1);
        check(batch);
        require_shape("embeddings: act.norm.x_hat (forward computes it)", act.norm.x_hat, {T, H});
        require_shape("embeddings: d_y", d_y, {T, H});
        require_shape("embeddings: d_word", d_embeddings.word, word.shape());
        require_shape("embeddings: d_segment", d_embeddings.segment, segment.shape());
        require_shape("embeddings: d_position", d_embeddings.position, position.shape());
        require_layer_norm("embeddings: d_LayerNorm", d_embeddings.norm, H);
        if (pass.config.pad_token_id && *pass.config.pad_token_id >= word.shape(0))
            throw std::invalid_argument("embeddings: pad_token_id: expected less than " + std::to_string(word.shape(0)) +
                                        ", got " + std::to_string(*pass.config.pad_token_id));
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        Ops::dropout_backward(d_y, place, d_act.norm.y);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_embeddings.norm, d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, batch.positions, std::nullopt, d_embeddings.position);
        Ops::embedding_lookup_backward(d_act.sum, batch.segments, std::nullopt, d_embeddings.segment);
        Ops::embedding_lookup_backward(d_act.sum, batch.ids, pass.config.pad_token_id, d_embeddings.word);
    }
};

}  // namespace bert
