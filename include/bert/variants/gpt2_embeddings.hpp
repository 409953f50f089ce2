/// @file
/// GPT-2's embeddings: for each token the sum of two vectors, its own and its position's. There are no segments, and no norm: the
/// first block normalizes (pre_norm_block.hpp).
#pragma once

#include <cstddef>
#include <optional>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Gpt2Embeddings::forward computes.
template <class Real>
struct Gpt2EmbeddingsActivations {
    Tensor<Real, 2> word;      ///< rows of the word table, [T, H]
    Tensor<Real, 2> position;  ///< rows of the position table, [T, H]
    Tensor<Real, 2> sum;       ///< their sum, [T, H]
    Tensor<Real, 2> y;         ///< sum after dropout, [T, H]: the first block's input
};

/// Two tables. (Radford et al. 2018, section 3.1, and 4.1 for dropout. As in the transformers library, the padding id's row is
/// one like the others: it gets a gradient.)
template <class Real, class Ops = Reference>
struct Gpt2Embeddings {
    Tensor<Real, 2> word;      ///< a row for each token id, [V, H]; published as wte.weight
    Tensor<Real, 2> position;  ///< a row for each position, [max_position_embeddings, H]; published as wpe.weight

    /// The parameters with BERT's names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        const Name own = name.at_depth(0);
        visit((own + ".word_embeddings.weight").of(ParameterKind::table), selves.word...);
        visit((own + ".position_embeddings.weight").of(ParameterKind::table), selves.position...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static Gpt2Embeddings make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {zeros<Real, 2>({config.vocab_size, H}), zeros<Real, 2>({config.max_position_embeddings, H})};
    }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens: ids, positions
    /// @throws std::invalid_argument for an id or position outside its table, and if a shape doesn't fit
    void check(const Batch& batch) const
    {
        const std::size_t T = batch.sequences.tokens();
        require_sequences("embeddings: sequences", batch.sequences, T);
        require_shape("embeddings: ids", batch.ids, {T});
        require_shape("embeddings: positions", batch.positions, {T});
        require_below("embeddings: ids", batch.ids, word.shape(0));
        require_below("embeddings: positions", batch.positions, position.shape(0));
    }

    /// Looks up each token's two rows and adds them.
    /// \f[ s_t = \mathrm{word}_{\mathrm{ids}_t} + P_{\mathrm{positions}_t},\quad y = \mathrm{dropout}(s) \f]
    /// Symbols: the tables word, \f$P\f$ `word`, `position`, their rows `act.word`, `act.position`; ids, positions `batch.ids`,
    /// `batch.positions`; \f$s\f$ `act.sum`, \f$y\f$ `act.y`.
    /// @param batch  ids and positions, [T] each
    /// @param pass  dropout
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument as check, and if a table's width doesn't fit
    void forward(const Batch& batch, const Pass& pass, Gpt2EmbeddingsActivations<Real>& act) const
    {
        check(batch);
        require_shape("embeddings: position table", position, {position.shape(0), word.shape(1)});
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(batch.sequences.tokens());
        Ops::embedding_lookup(batch.ids, word, act.word);
        Ops::embedding_lookup(batch.positions, position, act.position);
        act.sum = act.word;
        add(act.position, act.sum);
        Ops::dropout(act.sum, place, act.y);
    }

    /// The steps of forward in reverse order: the gradient of the sum is that of both rows.
    /// \f[ \delta s = m\,\delta y,\quad \delta P_i \mathrel{+}= \sum_{t:\,\mathrm{positions}_t = i} \delta s_t,\quad
    ///     \delta\mathrm{word}_i \mathrel{+}= \sum_{t:\,\mathrm{ids}_t = i} \delta s_t \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$m\f$ the factors of dropout, 0 or 1 / (1 - dropout's probability), \f$\delta s\f$
    /// `d_act.sum`, \f$\delta P, \delta\mathrm{word}\f$ `d_embeddings.position`, `d_embeddings.word`.
    /// @param d_y  [T, H]; may alias d_act.y
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param[in,out] d_embeddings  the gradients are added to it
    /// @param[out] d_act  the gradient of sum
    /// @throws std::invalid_argument as forward, and if a gradient's shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, Gpt2Embeddings& d_embeddings,
                  Gpt2EmbeddingsActivations<Real>& d_act) const
    {
        const std::size_t T = batch.sequences.tokens();
        check(batch);
        require_shape("embeddings: d_y", d_y, {T, word.shape(1)});
        require_shape("embeddings: d_word", d_embeddings.word, word.shape());
        require_shape("embeddings: d_position", d_embeddings.position, position.shape());
        const DropoutPlace place = pass.at(DropoutSite::embeddings).dropout.place();
        place.require_valid(T);
        Ops::dropout_backward(d_y, place, d_act.sum);
        Ops::embedding_lookup_backward(d_act.sum, batch.positions, std::nullopt, d_embeddings.position);
        Ops::embedding_lookup_backward(d_act.sum, batch.ids, std::nullopt, d_embeddings.word);
    }
};

}  // namespace bert
