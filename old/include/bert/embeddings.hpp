/// @file
/// Embeddings: the sum of what a token is, where it stands and which text it belongs to, normalized.
#pragma once

#include <cstddef>
#include <optional>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Embeddings::forward computes.
template <class Real>
struct EmbeddingsActivations {
    Dropout dropout;                  ///< set by the caller: none in inference
    Tensor<Real, 2> word;             ///< rows of the word table, [T, H]
    Tensor<Real, 2> segment;          ///< rows of the segment table, [T, H]
    Tensor<Real, 2> position;         ///< rows of the position table, [T, H]
    Tensor<Real, 2> sum;              ///< all three, [T, H]
    LayerNormActivations<Real> norm;  ///< of the sum
    Tensor<Real, 2> dropped;          ///< norm.y after dropout, [T, H]; empty without

    /// @return  what goes into the encoder, [T, H]
    const Tensor<Real, 2>& y() const { return dropout.hidden > 0 ? dropped : norm.y; }
};

/// Three tables and a layer norm. (Devlin et al. 2019, section 3 and figure 2.)
template <class Real, class Ops = Reference>
struct Embeddings {
    Tensor<Real, 2> word;      ///< what a token is, [V, H]; published as word_embeddings.weight
    Tensor<Real, 2> position;  ///< where it stands, [max_position_embeddings, H]; published as position_embeddings.weight
    Tensor<Real, 2> segment;   ///< which text it belongs to, [type_vocab_size, H]; published as token_type_embeddings.weight
    LayerNorm<Real> norm;      ///< [H] each; published as LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        visit(name + ".word_embeddings.weight", selves.word...);
        visit(name + ".position_embeddings.weight", selves.position...);
        visit(name + ".token_type_embeddings.weight", selves.segment...);
        LayerNorm<Real>::parameters(visit, name + ".LayerNorm", selves.norm...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static Embeddings make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {zeros<Real, 2>({config.vocab_size, H}), zeros<Real, 2>({config.max_position_embeddings, H}),
                zeros<Real, 2>({config.type_vocab_size, H}), make_layer_norm<Real>(H)};
    }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, segments, positions
    /// @throws std::invalid_argument for an id, segment or position that its table doesn't have, and if a shape doesn't fit
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
    /// Added in this order, as the reference library does: it decides the last bit.
    /// \f[ y_t = \mathrm{LayerNorm}\big((\mathrm{word}_{\mathrm{ids}_t} + \mathrm{segment}_{\mathrm{segments}_t})
    ///     + \mathrm{position}_{\mathrm{positions}_t}\big) \f]
    /// Symbols: the three rows `act.word`, `act.segment`, `act.position`, their sum `act.sum`, \f$y\f$ `act.y()`.
    /// @param batch  T tokens: ids, segments, positions
    /// @param config  layer_norm_eps
    /// @param[in,out] act  the rows, their sum, and its layer norm, which in training is dropped from; dropout is read
    /// @throws std::invalid_argument for an id, segment or position that its table doesn't have, and if a shape doesn't fit
    void forward(const Batch& batch, const Config& config, EmbeddingsActivations<Real>& act) const
    {
        const std::size_t T = batch.sequences.tokens(), H = word.shape(1);
        check(batch);
        require_shape("embeddings: segment table", segment, {segment.shape(0), H});
        require_shape("embeddings: position table", position, {position.shape(0), H});
        Ops::embedding_lookup(batch.ids, word, act.word);
        Ops::embedding_lookup(batch.segments, segment, act.segment);
        Ops::embedding_lookup(batch.positions, position, act.position);
        act.sum.resize({T, H});
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                act.sum(t, h) = act.word(t, h) + act.segment(t, h) + act.position(t, h);
        Ops::layer_norm(act.sum, norm, Real(config.layer_norm_eps), act.norm);
        if (act.dropout.hidden > 0) Ops::dropout(act.norm.y, act.dropout.at(DropoutSite::embeddings), act.dropped);
    }

    /// The gradient of a sum is that of each of its terms: all three rows of a token get it, added up over the tokens that took
    /// the same row. The word table's row of the padding token learns nothing here.
    /// @param d_y  [T, H]
    /// @param batch  as in forward
    /// @param config  pad_token_id
    /// @param act  what forward computed
    /// @param[in,out] d_embeddings  is added to
    /// @param[out] d_act  the gradients of norm.y and sum
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Config& config, const EmbeddingsActivations<Real>& act,
                  Embeddings& d_embeddings, EmbeddingsActivations<Real>& d_act) const
    {
        Ops::dropout_backward(d_y, act.dropout.at(DropoutSite::embeddings), d_act.norm.y);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_embeddings.norm, d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, batch.ids, config.pad_token_id, d_embeddings.word);
        Ops::embedding_lookup_backward(d_act.sum, batch.segments, std::nullopt, d_embeddings.segment);
        Ops::embedding_lookup_backward(d_act.sum, batch.positions, std::nullopt, d_embeddings.position);
    }
};

}  // namespace bert
