/// @file
/// Embeddings: for each token the sum of three vectors, its own, its position's and its segment's, normalized. Three variants of
/// BERT differ here by their configuration: DistilBERT has no segments, RoBERTa counts positions otherwise (core/positions.hpp),
/// and ALBERT's tables are narrower than H, so that a projection follows.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/positions.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Embeddings::forward computes. In BERT, E is H.
template <class Real>
struct EmbeddingsActivations {
    IndexTensor<1> position_rows;     ///< each token's row of the position table, [T]: in BERT its position
    Tensor<Real, 2> word;             ///< rows of the word table, [T, E]
    Tensor<Real, 2> segment;          ///< rows of the segment table, [T, E]; empty in a model without segments
    Tensor<Real, 2> position;         ///< rows of the position table, [T, E]
    Tensor<Real, 2> sum;              ///< the sum of all three, [T, E]
    LayerNormActivations<Real> norm;  ///< of the sum: rstd [T], x_hat and y [T, E]
    Tensor<Real, 2> after_dropout;    ///< norm.y after dropout, [T, E], where a projection follows
    Tensor<Real, 2> y;                ///< norm.y after dropout, projected in ALBERT, [T, H]: the encoder's input
};

/// Three tables and a layer norm. (Devlin et al. 2019, section 3 and figure 2. Layer norm and dropout are from the published
/// code. As in the transformers library, the lookup gives the padding token's row no gradient; google-research/bert makes no such
/// exception.)
template <class Real, class Ops = Reference>
struct Embeddings {
    Tensor<Real, 2> word;  ///< a row for each token id, the paper's token embeddings, [V, E]; published as word_embeddings.weight
    Tensor<Real, 2> position;  ///< a row for each position, [max_position_embeddings, E]; published as position_embeddings.weight
    Tensor<Real, 2> segment;   ///< a row for each segment, [type_vocab_size, E]; published as token_type_embeddings.weight
    LayerNorm<Real> norm;      ///< [E] each; published as LayerNorm
    std::optional<Linear<Real>> projection;  ///< ALBERT's, [H, E], [H] (Lan et al. 2020, section 3.1); BERT has none

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if only some have segments, or a projection
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_parts(first, selves), ...);  // for each of selves
        const Name own = name.at_depth(0);
        visit((own + ".word_embeddings.weight").of(ParameterKind::table), first.word, selves.word...);
        visit((own + ".position_embeddings.weight").of(ParameterKind::table), first.position, selves.position...);
        if (first.has_segments())
            visit((own + ".token_type_embeddings.weight").of(ParameterKind::table), first.segment, selves.segment...);
        LayerNorm<Real>::parameters(visit, own + ".LayerNorm", first.norm, selves.norm...);
        if (first.projection) Linear<Real>::parameters(visit, own + ".projection", *first.projection, *selves.projection...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static Embeddings make(const Config& config)
    {
        const std::size_t E = config.embedding_width();
        Embeddings embeddings{zeros<Real, 2>({config.vocab_size, E}), zeros<Real, 2>({config.max_position_embeddings, E}),
                              zeros<Real, 2>({config.type_vocab_size, E}), make_layer_norm<Real>(E), std::nullopt};
        if (config.embedding_size > 0) embeddings.projection = make_linear<Real>(config.hidden_size, E);
        return embeddings;
    }

    /// @return  H, the width of the encoder's input
    std::size_t hidden_width() const { return projection ? projection->weight.shape(0) : word.shape(1); }

    /// @return  whether the model tells segments apart
    bool has_segments() const { return segment.shape(0) > 0; }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, segments, positions
    /// @param config  how positions are counted
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void check(const Batch& batch, const Config& config) const
    {
        const std::size_t T = batch.sequences.tokens();
        require_sequences("embeddings: sequences", batch.sequences, T);
        require_shape("embeddings: ids", batch.ids, {T});
        require_shape("embeddings: segments", batch.segments, {T});
        require_shape("embeddings: positions", batch.positions, {T});
        require_below("embeddings: ids", batch.ids, word.shape(0));
        if (has_segments()) require_below("embeddings: segments", batch.segments, segment.shape(0));
        IndexTensor<1> rows;
        if (config.positions_after_padding) position_rows(batch, config, rows);
        require_below("embeddings: positions", config.positions_after_padding ? rows : batch.positions, position.shape(0));
    }

    /// Looks up each token's three rows, adds them and normalizes the sum.
    /// \f[ s_t = (E_{\mathrm{ids}_t} + S_{\mathrm{segments}_t}) + P_{\mathrm{positions}_t},\quad
    ///     y = \mathrm{dropout}(\mathrm{LayerNorm}(s)) \f]
    /// and with a projection \f$y = \mathrm{dropout}(\mathrm{LayerNorm}(s))\,W^T + b\f$.
    /// The additions are done in the transformers library's order, which determines the last bit.
    /// Symbols: the tables \f$E, S, P\f$ `word`, `segment`, `position`, their rows `act.word`, `act.segment`, `act.position`;
    /// ids, segments, positions `batch.ids`, `batch.segments`, `act.position_rows`; \f$s\f$ `act.sum`, LayerNorm(s) `act.norm.y`,
    /// \f$W, b\f$ `projection`, its input `act.after_dropout`, \f$y\f$ `act.y`.
    /// @param batch  ids, segments, positions, [T] each
    /// @param pass  layer_norm_eps, how positions are counted, and dropout
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void forward(const Batch& batch, const Pass& pass, EmbeddingsActivations<Real>& act) const
    {
        const std::size_t T = batch.sequences.tokens(), E = word.shape(1);
        check(batch, pass.config);
        require_shape("embeddings: segment table", segment, {segment.shape(0), E});
        require_shape("embeddings: position table", position, {position.shape(0), E});
        require_layer_norm("embeddings: LayerNorm", norm, E);
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        position_rows(batch, pass.config, act.position_rows);
        Ops::embedding_lookup(batch.ids, word, act.word);
        Ops::embedding_lookup(act.position_rows, position, act.position);
        act.sum = act.word;
        if (has_segments()) {
            Ops::embedding_lookup(batch.segments, segment, act.segment);
            add(act.segment, act.sum);
        }
        add(act.position, act.sum);
        Ops::layer_norm(act.sum, norm, Real(pass.config.layer_norm_eps), act.norm);
        Ops::dropout(act.norm.y, place, projection ? act.after_dropout : act.y);
        if (projection) Ops::linear(act.after_dropout, projection->weight, projection->bias, act.y, pass.workspace);
    }

    /// The steps of forward in reverse order. The gradient of a sum is that of each of its terms: each of a token's three rows
    /// receives it, and a row that several tokens share receives the sum. The padding token's row of the word table receives
    /// none.
    /// \f[ \delta s = \mathrm{LayerNorm}'(m\,\delta y),\quad
    ///     \delta P_i \mathrel{+}= \sum_{t:\,\mathrm{positions}_t = i} \delta s_t \f]
    /// and likewise for \f$\delta S\f$ and \f$\delta E\f$; LayerNorm' is the backward of LayerNorm. With a projection,
    /// \f$\delta y\,W\f$ takes the place of \f$\delta y\f$, \f$\delta W \mathrel{+}= \delta y^T x\f$ for its input x, and
    /// \f$\delta b \mathrel{+}= \sum_t \delta y_t\f$.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$m\f$ the factors of dropout, \f$m\,\delta y\f$ `d_act.norm.y`, \f$\delta s\f$
    /// `d_act.sum`, \f$\delta P_i\f$ row i of `d_embeddings.position`, \f$\delta S, \delta E\f$ `d_embeddings.segment`,
    /// `d_embeddings.word`; \f$\delta y\,W\f$ `d_act.after_dropout`, \f$\delta W, \delta b\f$ `d_embeddings.projection`.
    /// @param d_y  [T, H]; may be d_act.y
    /// @param batch  as in forward
    /// @param pass  pad_token_id and dropout
    /// @param act  what forward computed
    /// @param[in,out] d_embeddings  the gradients are added to it
    /// @param[out] d_act  the gradients of norm.y and sum, [T, E] each, and of after_dropout
    /// @throws std::invalid_argument as forward
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, const EmbeddingsActivations<Real>& act,
                  Embeddings& d_embeddings, EmbeddingsActivations<Real>& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), E = word.shape(1);
        check(batch, pass.config);
        require_same_parts(*this, d_embeddings);
        require_shape("embeddings: act.norm.x_hat (forward computes it)", act.norm.x_hat, {T, E});
        require_shape("embeddings: act.position_rows (forward computes it)", act.position_rows, {T});
        require_shape("embeddings: d_y", d_y, {T, hidden_width()});
        require_shape("embeddings: d_word", d_embeddings.word, word.shape());
        require_shape("embeddings: d_segment", d_embeddings.segment, segment.shape());
        require_shape("embeddings: d_position", d_embeddings.position, position.shape());
        require_layer_norm("embeddings: d_LayerNorm", d_embeddings.norm, E);
        if (pass.config.pad_token_id && *pass.config.pad_token_id >= word.shape(0))
            throw std::invalid_argument("embeddings: pad_token_id: expected less than " + std::to_string(word.shape(0)) +
                                        ", got " + std::to_string(*pass.config.pad_token_id));
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        if (projection)
            Ops::linear_backward(d_y, act.after_dropout, projection->weight, d_embeddings.projection->weight,
                                 d_embeddings.projection->bias, d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(projection ? d_act.after_dropout : d_y, place, d_act.norm.y);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_embeddings.norm, d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, act.position_rows, padding_position(pass.config), d_embeddings.position);
        if (has_segments()) Ops::embedding_lookup_backward(d_act.sum, batch.segments, std::nullopt, d_embeddings.segment);
        Ops::embedding_lookup_backward(d_act.sum, batch.ids, pass.config.pad_token_id, d_embeddings.word);
    }

private:
    template <class Other>
    static void require_same_parts(const Embeddings& embeddings, const Other& other)
    {
        if (embeddings.has_segments() != other.has_segments() ||
            embeddings.projection.has_value() != other.projection.has_value())
            throw std::invalid_argument(
                "embeddings: expected instances with the same parts, got one without a table or projection");
    }
};

}  // namespace bert
