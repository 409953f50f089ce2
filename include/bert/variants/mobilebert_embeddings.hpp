/// @file
/// MobileBERT's embeddings: a word table that is E wide, narrower than the hidden states, and a linear layer to H that reads a
/// token's word vector together with those of the next token and of the previous one: a trigram, or a convolution of width 3 over
/// the sequence.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_neighbours.hpp"
#include "bert/variants/no_norm.hpp"

namespace bert {

/// What MobileBertEmbeddings::forward computes.
template <class Real>
struct MobileBertEmbeddingsActivations {
    Neighbourhood neighbourhood;  ///< the ids whose rows of the word table are in word
    Tensor<Real, 2> word;         ///< word vectors of the next token, its own, the previous one, [T, 3E]; without trigrams [T, E]
    Tensor<Real, 2> transformed;  ///< word after the linear layer, [T, H]; empty without the layer
    Tensor<Real, 2> position;     ///< rows of the position table, [T, H]
    Tensor<Real, 2> segment;      ///< rows of the segment table, [T, H]
    Tensor<Real, 2> sum;          ///< transformed + position + segment, [T, H]
    LayerNormActivations<Real> norm;  ///< norm.y, [T, H]; with layer norm, rstd and x_hat too
    Tensor<Real, 2> y;                ///< norm.y after dropout, [T, H]: the encoder's input
};

/// Three tables, a linear layer and a norm. (Sun et al. 2020, section 3.4, embedding factorization, and table 1; the padding
/// token's row gets no gradient from the lookup, as in BERT.)
template <class Real, class Ops = Reference>
struct MobileBertEmbeddings {
    Tensor<Real, 2> word;      ///< a row for each token id, [V, E]; published as word_embeddings.weight
    Tensor<Real, 2> position;  ///< a row for each position, [max_position_embeddings, H]; published as position_embeddings.weight
    Tensor<Real, 2> segment;   ///< a row for each segment, [type_vocab_size, H]; published as token_type_embeddings.weight
    std::optional<Linear<Real>> transformation;  ///< [H, 3E], without trigrams [H, E]; [H]; published as
                                                 ///< embedding_transformation; none if there are no trigrams and E is H
    LayerNorm<Real> norm;                        ///< [H] each; published as LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `embeddings`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if only some have the linear layer
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_parts(first, selves), ...);  // for each of selves
        const Name own = name.at_depth(0);
        visit((own + ".word_embeddings.weight").of(ParameterKind::table), first.word, selves.word...);
        visit((own + ".position_embeddings.weight").of(ParameterKind::table), first.position, selves.position...);
        visit((own + ".token_type_embeddings.weight").of(ParameterKind::table), first.segment, selves.segment...);
        if (first.transformation)
            Linear<Real>::parameters(visit, own + ".embedding_transformation", *first.transformation, *selves.transformation...);
        LayerNorm<Real>::parameters(visit, own + ".LayerNorm", first.norm, selves.norm...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes, trigram_input
    /// @return  the component, all zeros
    static MobileBertEmbeddings make(const Config& config)
    {
        const std::size_t H = config.hidden_size, E = config.embedding_width();
        const bool trigrams = config.mobilebert.value().trigram_input;
        MobileBertEmbeddings embeddings{zeros<Real, 2>({config.vocab_size, E}),
                                        zeros<Real, 2>({config.max_position_embeddings, H}),
                                        zeros<Real, 2>({config.type_vocab_size, H}), std::nullopt, make_layer_norm<Real>(H)};
        if (trigrams || E != H) embeddings.transformation = make_linear<Real>(H, trigrams ? 3 * E : E);
        return embeddings;
    }

    /// @return  H, the width of the encoder's input
    std::size_t hidden_width() const { return position.shape(1); }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, segments, positions; the padded ids, where there are some
    /// @param config  trigram_input
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void check(const Batch& batch, const Config& config) const
    {
        const std::size_t T = batch.sequences.tokens();
        require_sequences("embeddings: sequences", batch.sequences, T);
        require_shape("embeddings: ids", batch.ids, {T});
        require_shape("embeddings: segments", batch.segments, {T});
        require_shape("embeddings: positions", batch.positions, {T});
        require_below("embeddings: ids", batch.ids, word.shape(0));
        require_below("embeddings: segments", batch.segments, segment.shape(0));
        require_below("embeddings: positions", batch.positions, position.shape(0));
        if (!config.mobilebert.value().trigram_input || batch.padded_ids.size() == 0) return;
        require_shape("embeddings: padded_ids", batch.padded_ids, {batch.sequences.count(), batch.padded_length});
        require_below("embeddings: positions", batch.positions, batch.padded_length);
        Neighbourhood neighbourhood;
        find_neighbours(batch, true, neighbourhood);
        require_below("embeddings: ids of neighbours", neighbourhood.ids, word.shape(0));
    }

    /// Looks up the word vectors of each token and its neighbours, transforms them, adds position and segment, and normalizes.
    /// \f[ x_t = [\mathrm{word}_{\mathrm{ids}_{t+1}},\ \mathrm{word}_{\mathrm{ids}_t},\ \mathrm{word}_{\mathrm{ids}_{t-1}}],\quad
    ///     s_t = \big((x_t W^T + b) + P_{\mathrm{positions}_t}\big) + S_{\mathrm{segments}_t},\quad
    ///     y = \mathrm{dropout}(\mathrm{Norm}(s)) \f]
    /// where t + 1 and t - 1 are the neighbours that find_neighbours gives, and a vector beyond an end of the sequence is zero.
    /// Norm is NoNorm or layer norm (no_norm.hpp). The additions are done in the transformers library's order, which determines
    /// the last bit.
    /// Symbols: the tables word, \f$P, S\f$ `word`, `position`, `segment`, \f$x\f$ `act.word`, its ids `act.neighbourhood.ids`,
    /// \f$W, b\f$ `transformation`, \f$x W^T + b\f$ `act.transformed`, the rows of P and S `act.position`, `act.segment`, \f$s\f$
    /// `act.sum`, Norm(s) `act.norm.y`, \f$y\f$ `act.y`.
    /// @param batch  ids, segments, positions, [T] each; the padded ids, where there are some
    /// @param pass  trigram_input, normalization_type, dropout, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for an id, segment or position outside its table, and if a shape doesn't fit
    void forward(const Batch& batch, const Pass& pass, MobileBertEmbeddingsActivations<Real>& act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = hidden_width(), E = word.shape(1);
        check(batch, pass.config);
        require_shape("embeddings: segment table", segment, {segment.shape(0), H});
        if (transformation) require_linear("embeddings: transformation", *transformation, H, words_per_token(pass.config) * E);
        if (!transformation) require_shape("embeddings: word table", word, {word.shape(0), H});  // E is H
        require_layer_norm("embeddings: LayerNorm", norm, H);
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        look_up_words(batch, pass.config, act);
        if (transformation) Ops::linear(act.word, transformation->weight, transformation->bias, act.transformed, pass.workspace);
        Ops::embedding_lookup(batch.positions, position, act.position);
        Ops::embedding_lookup(batch.segments, segment, act.segment);
        act.sum = transformation ? act.transformed : act.word;
        add(act.position, act.sum);
        add(act.segment, act.sum);
        normalize<Ops>(act.sum, norm, pytorch_layer_norm_eps, pass.config, act.norm);
        Ops::dropout(act.norm.y, place, act.y);
    }

    /// The steps of forward in reverse order. A token's word vector was used up to three times: for itself and for each of its
    /// neighbours. Its row receives the sum, that of the padding token none.
    /// \f[ \delta s = \mathrm{Norm}'(m\,\delta y),\quad \delta x = \delta s\,W,\quad \delta W \mathrel{+}= \delta s^T x,\quad
    ///     \delta b \mathrel{+}= \sum_t \delta s_t \f]
    /// \f[ \delta P_i \mathrel{+}= \sum_{t:\,\mathrm{positions}_t = i} \delta s_t \f]
    /// and likewise for \f$\delta S\f$, and for \f$\delta\mathrm{word}\f$ with the three parts of \f$\delta x\f$; Norm' is the
    /// backward of Norm. Symbols: \f$\delta y\f$ `d_y`, \f$m\f$ the factors of dropout, 0 or 1 / (1 - dropout's probability),
    /// \f$m\,\delta y\f$ `d_act.norm.y`, \f$\delta s\f$ `d_act.sum`, \f$\delta x\f$ `d_act.word`, \f$\delta W, \delta b\f$
    /// `d_embeddings.transformation`, \f$\delta P, \delta S\f$ and \f$\delta\mathrm{word}\f$ `position`, `segment`, `word` of
    /// `d_embeddings`.
    /// @param d_y  [T, H]; may be d_act.y
    /// @param batch  as in forward
    /// @param pass  as in forward, and pad_token_id
    /// @param act  what forward computed
    /// @param[in,out] d_embeddings  the gradients are added to it
    /// @param[out] d_act  the gradients of norm.y, sum and word
    /// @throws std::invalid_argument as forward, and if pad_token_id is outside the word table
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass,
                  const MobileBertEmbeddingsActivations<Real>& act, MobileBertEmbeddings& d_embeddings,
                  MobileBertEmbeddingsActivations<Real>& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = hidden_width(), E = word.shape(1);
        const std::size_t words = words_per_token(pass.config);
        check(batch, pass.config);
        require_same_parts(*this, d_embeddings);
        require_shape("embeddings: act.neighbourhood.ids (forward computes it)", act.neighbourhood.ids, {words * T});
        require_shape("embeddings: act.word (forward computes it)", act.word, {T, words * E});
        require_shape("embeddings: act.sum (forward computes it)", act.sum, {T, H});
        require_shape("embeddings: d_y", d_y, {T, H});
        if (transformation) require_linear("embeddings: d_transformation", *d_embeddings.transformation, H, words * E);
        require_layer_norm("embeddings: d_LayerNorm", d_embeddings.norm, H);
        require_shape("embeddings: d_word", d_embeddings.word, word.shape());
        require_shape("embeddings: d_segment", d_embeddings.segment, segment.shape());
        require_shape("embeddings: d_position", d_embeddings.position, position.shape());
        const std::optional<std::size_t> padding = pass.config.pad_token_id;
        if (padding && *padding >= word.shape(0))
            throw std::invalid_argument("embeddings: pad_token_id: expected less than " + std::to_string(word.shape(0)) +
                                        ", got " + std::to_string(*padding));
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        Ops::dropout_backward(d_y, place, d_act.norm.y);
        normalize_backward<Ops>(d_act.norm.y, act.sum, norm, pass.config, act.norm, d_embeddings.norm, d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, batch.positions, std::nullopt, d_embeddings.position);
        Ops::embedding_lookup_backward(d_act.sum, batch.segments, std::nullopt, d_embeddings.segment);
        if (transformation)
            Ops::linear_backward(d_act.sum, act.word, transformation->weight, d_embeddings.transformation->weight,
                                 d_embeddings.transformation->bias, d_act.word, pass.workspace);
        else
            d_act.word = d_act.sum;
        d_act.word.reshape({words * T, E});  // a row for each id of the neighbourhood
        clear_rows(act.neighbourhood.absent, d_act.word);
        Ops::embedding_lookup_backward(d_act.word, act.neighbourhood.ids, padding, d_embeddings.word);
        d_act.word.reshape({T, words * E});
    }

private:
    /// How many word vectors go into a token's embedding.
    static std::size_t words_per_token(const Config& config) { return config.mobilebert.value().trigram_input ? 3 : 1; }

    /// One row of the table for each id; the three rows of a token lie one behind the other in memory, which makes them one row
    /// of three times the width.
    void look_up_words(const Batch& batch, const Config& config, MobileBertEmbeddingsActivations<Real>& act) const
    {
        find_neighbours(batch, config.mobilebert.value().trigram_input, act.neighbourhood);
        Ops::embedding_lookup(act.neighbourhood.ids, word, act.word);
        clear_rows(act.neighbourhood.absent, act.word);
        act.word.reshape({batch.sequences.tokens(), words_per_token(config) * word.shape(1)});
    }

    /// Zeroes the word vectors beyond an end of a sequence, or their gradients.
    static void clear_rows(const std::vector<std::size_t>& rows, Tensor<Real, 2>& x)
    {
        for (const std::size_t row : rows)
            for (std::size_t e = 0; e < x.shape(1); ++e)
                x(row, e) = Real(0);
    }

    template <class Other>
    static void require_same_parts(const MobileBertEmbeddings& embeddings, const Other& other)
    {
        if (embeddings.transformation.has_value() != other.transformation.has_value())
            throw std::invalid_argument("embeddings: expected instances with the same parts, got one without transformation");
    }
};

}  // namespace bert
