/// @file
/// BERT without a head: embeddings, encoder and pooler.
///
/// A model can use any body with these members:
///
/// | member | what it is |
/// | --- | --- |
/// | `Activations`, `Gradients` | what forward computes; the gradients that backward reads and writes |
/// | `make(config, has_pooler)`, `parameters` | as in every component |
/// | `word_table()` | the embeddings' word table |
/// | `read_rows(batch, rows)` | appends the indices of the rows of the last hidden states that the pooler reads |
/// | `check(batch, config)` | throws if an id, segment or position is out of range, or a sequence can't be pooled |
/// | `forward(batch, pass, act)`, `result(batch, act)` | from ids to what heads read |
/// | `clear_result_gradients(batch, d_body, d_act)` | zeroes the gradients that heads add to |
/// | `backward(batch, pass, act, d_body, d_act)` | from these gradients back to the parameters |
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/embeddings.hpp"
#include "bert/encoder.hpp"
#include "bert/ops/reference.hpp"
#include "bert/pooler.hpp"

namespace bert {

/// What BertBody::forward computes.
template <class Real>
struct BertBodyActivations {
    EmbeddingsActivations<Real> embeddings;  ///< embeddings.y is the encoder's input
    EncoderActivations<Real> encoder;        ///< activations of each block
    PoolerActivations<Real> pooler;          ///< pooler.pooled, [B, H]; empty without a pooler
};

/// The gradients of the activations, which BertBody::backward reads and writes: as the activations, but for the encoder's, and
/// with that of the last block's result, to which heads add.
template <class Real>
struct BertBodyGradients {
    EmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors
    EncoderGradients<Real> encoder;          ///< of another type than act.encoder, to save memory (encoder.hpp)
    PoolerActivations<Real> pooler;          ///< gradients of its tensors; heads add to that of pooled
    Tensor<Real, 2> hidden;                  ///< gradient of the last block's result, [T, H]; heads add to it, then the pooler
};

/// Embeddings, a stack of blocks, and a pooler where a head needs one. (Devlin et al. 2019, section 3 and figure 1.)
template <class Real, class Ops = Reference>
struct BertBody {
    Embeddings<Real, Ops> embeddings;         ///< published as embeddings
    Encoder<Real, Ops> encoder;               ///< published as encoder
    std::optional<Pooler<Real, Ops>> pooler;  ///< published as pooler

    using Activations = BertBodyActivations<Real>;  ///< what forward computes
    using Gradients = BertBodyGradients<Real>;      ///< what backward computes besides the parameters' gradients

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, usually `bert.` or empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if some have a pooler and some have none
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_pooler(first, selves), ...);  // for each of selves
        Embeddings<Real, Ops>::parameters(visit, name + "embeddings", first.embeddings, selves.embeddings...);
        Encoder<Real, Ops>::parameters(visit, name + "encoder", first.encoder, selves.encoder...);
        if (first.pooler) Pooler<Real, Ops>::parameters(visit, name + "pooler", *first.pooler, *selves.pooler...);
    }

    /// Makes the body of a configuration.
    /// @param config  sizes
    /// @param has_pooler  whether it has a pooler
    /// @return  the body, all zeros
    static BertBody make(const Config& config, bool has_pooler)
    {
        BertBody body{Embeddings<Real, Ops>::make(config), Encoder<Real, Ops>::make(config), std::nullopt};
        if (has_pooler) body.pooler = Pooler<Real, Ops>::make(config);
        return body;
    }

    /// @return  the embeddings' word table, [V, H]
    Tensor<Real, 2>& word_table() { return embeddings.word; }
    /// @copydoc word_table()
    const Tensor<Real, 2>& word_table() const { return embeddings.word; }

    /// Checks a batch before anything is computed.
    /// @param batch  T tokens in B sequences
    /// @param config  the model's configuration
    /// @throws std::invalid_argument for an id, segment or position outside its table; with a pooler, for a sequence without a
    ///     first token
    void check(const Batch& batch, const Config& config) const
    {
        embeddings.check(batch, config);
        if (pooler) pooler->check(batch);
    }

    /// Appends the rows of the last hidden states that the pooler reads: each sequence's first.
    /// @param batch  as in forward
    /// @param[in,out] rows  indices of the rows; unchanged without a pooler
    void read_rows(const Batch& batch, std::vector<std::size_t>& rows) const
    {
        if (!pooler) return;
        for (std::size_t b = 0; b < batch.sequences.count(); ++b)
            if (batch.sequences.length(b) > 0) rows.push_back(batch.sequences.begin[b]);  // forward refuses empty sequences
    }

    /// Runs the embeddings, then the encoder, then the pooler.
    /// \f[ e = \mathrm{Embeddings}(\mathrm{batch}),\quad y = \mathrm{Encoder}(e),\quad \mathrm{pooled} = \mathrm{Pooler}(y) \f]
    /// Symbols: \f$e\f$ `act.embeddings.y`, \f$y\f$ `hidden`, pooled `act.pooler.pooled`.
    /// @param batch  T tokens in B sequences
    /// @param pass  configuration, dropout, keep_all
    /// @param[out] act  every tensor
    /// @throws std::invalid_argument as check, and if pass.sequences aren't the batch's
    void forward(const Batch& batch, const Pass& pass, Activations& act) const
    {
        require_same_sequences(batch, pass);
        check(batch, pass.config);
        embeddings.forward(batch, pass, act.embeddings);
        const Tensor<Real, 2>& hidden = encoder.forward(act.embeddings.y, pass, act.encoder);  // [T, H]
        if (pooler) pooler->forward(hidden, batch, pass, act.pooler);
    }

    /// What heads read of the body.
    /// @param batch  as in forward
    /// @param act  what forward computed
    /// @return  references into batch, act and this body
    BodyResult<Real> result(const Batch& batch, const Activations& act) const
    {
        const std::size_t layers = std::max(encoder.layer.size(), act.encoder.layer.size());   // the latter, after forward
        const Tensor<Real, 2>& hidden = encoder.input(layers, act.embeddings.y, act.encoder);  // [T, H]
        return {batch, hidden, act.pooler.pooled, embeddings.word};
    }

    /// Zeroes the gradients that heads add to.
    /// @param batch  as in forward
    /// @tparam AnyGradients  BertBodyGradients, or those of BodyTraining
    /// @param[in,out] d_body  heads also add to its word table, which is not zeroed here
    /// @param[out] d_act  hidden and pooler.pooled become zeros
    /// @return  references to them
    template <class AnyGradients>
    BodyResultGradients<Real> clear_result_gradients(const Batch& batch, BertBody& d_body, AnyGradients& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count(), H = embeddings.hidden_width();
        d_act.hidden.resize({T, H});
        d_act.hidden.fill(Real(0));
        d_act.pooler.pooled.resize({pooler ? B : 0, H});
        d_act.pooler.pooled.fill(Real(0));
        return {d_act.hidden, d_act.pooler.pooled, d_body.embeddings.word};
    }

    /// The steps of forward in reverse order. The hidden states were used by heads and by the pooler: their gradient is the sum
    /// of both parts.
    /// \f[ \delta y \mathrel{+}= \mathrm{Pooler}'(\delta\mathrm{pooled}),\quad \delta e = \mathrm{Encoder}'(\delta y) \f]
    /// and the embeddings' backward adds \f$\delta e\f$ to the tables. A prime is a component's backward. Symbols: \f$\delta y\f$
    /// `d_act.hidden`, \f$\delta\mathrm{pooled}\f$ `d_act.pooler.pooled`, \f$\delta e\f$ `d_act.embeddings.y`.
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  the gradients of hidden and pooler.pooled, added up by heads, are read; the others are written
    /// @throws std::invalid_argument if a shape doesn't fit, or only one of body and d_body has a pooler
    void backward(const Batch& batch, const Pass& pass, const Activations& act, BertBody& d_body, Gradients& d_act) const
    {
        require_same_sequences(batch, pass);
        require_same_pooler(*this, d_body);
        if (pooler) pooler->backward(d_act.pooler.pooled, batch, pass, act.pooler, *d_body.pooler, d_act.pooler, d_act.hidden);
        encoder.backward(d_act.hidden, act.embeddings.y, pass, act.encoder, d_body.encoder, d_act.encoder, d_act.embeddings.y);
        embeddings.backward(d_act.embeddings.y, batch, pass, act.embeddings, d_body.embeddings, d_act.embeddings);
    }

    /// Checks that two bodies have the same parameters.
    /// @param body  a body
    /// @param other  another, perhaps of another scalar or set of operations
    /// @throws std::invalid_argument if only one of them has a pooler
    template <class Other>
    static void require_same_pooler(const BertBody& body, const Other& other)
    {
        if (body.pooler.has_value() != other.pooler.has_value())
            throw std::invalid_argument("body: expected instances that all have a pooler, or none");
    }

    /// Checks that a pass is one over a batch.
    /// @param batch  a batch
    /// @param pass  a pass over it
    /// @throws std::invalid_argument if the pass's sequences aren't the batch's
    static void require_same_sequences(const Batch& batch, const Pass& pass)
    {
        if (batch.sequences.begin != pass.sequences.begin)
            throw std::invalid_argument("body: pass.sequences: expected those of the batch, got others");
    }
};

}  // namespace bert
