/// @file
/// MobileBERT without a head: its embeddings, its encoder and its pooler. The members are those that body.hpp lists. It is BERT's
/// body, with MobileBERT's boxes in place of BERT's.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <vector>

#include "bert/body.hpp"
#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"
#include "bert/pooler.hpp"
#include "bert/variants/mobilebert_embeddings.hpp"
#include "bert/variants/mobilebert_encoder.hpp"
#include "bert/variants/mobilebert_pooler.hpp"

namespace bert {

/// What MobileBertBody::forward computes.
template <class Real>
struct MobileBertBodyActivations {
    MobileBertEmbeddingsActivations<Real> embeddings;  ///< embeddings.y is the encoder's input
    MobileBertEncoderActivations<Real> encoder;        ///< activations of each block
    PoolerActivations<Real> pooler;                    ///< pooler.pooled, [B, H]; empty without a pooler
};

/// The gradients of the activations, which MobileBertBody::backward reads and writes.
template <class Real>
struct MobileBertBodyGradients {
    MobileBertEmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors
    MobileBertEncoderGradients<Real> encoder;          ///< of another type than act.encoder, to save memory (encoder.hpp)
    PoolerActivations<Real> pooler;                    ///< gradients of its tensors; heads add to that of pooled
    Tensor<Real, 2> hidden;  ///< gradient of the last block's result, [T, H]; heads add to it, then the pooler
};

/// Embeddings, a stack of blocks, and a pooler where a head needs one. (Sun et al. 2020, section 3 and table 1.)
template <class Real, class Ops = Reference>
struct MobileBertBody {
    MobileBertEmbeddings<Real, Ops> embeddings;         ///< published as embeddings
    MobileBertEncoder<Real, Ops> encoder;               ///< published as encoder
    std::optional<MobileBertPooler<Real, Ops>> pooler;  ///< published as pooler

    using Activations = MobileBertBodyActivations<Real>;  ///< what forward computes
    using Gradients = MobileBertBodyGradients<Real>;      ///< what backward computes besides the parameters' gradients

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
        MobileBertEmbeddings<Real, Ops>::parameters(visit, name + "embeddings", first.embeddings, selves.embeddings...);
        MobileBertEncoder<Real, Ops>::parameters(visit, name + "encoder", first.encoder, selves.encoder...);
        if (first.pooler) MobileBertPooler<Real, Ops>::parameters(visit, name + "pooler", *first.pooler, *selves.pooler...);
    }

    /// Makes the body of a configuration.
    /// @param config  sizes, and what only MobileBERT has
    /// @param has_pooler  whether it has a pooler
    /// @return  the body, all zeros
    /// @throws std::invalid_argument for a configuration of another family
    static MobileBertBody make(const Config& config, bool has_pooler)
    {
        if (!config.mobilebert)
            throw std::invalid_argument("mobilebert: expected a configuration with the member mobilebert, got one without");
        MobileBertBody body{MobileBertEmbeddings<Real, Ops>::make(config), MobileBertEncoder<Real, Ops>::make(config),
                            std::nullopt};
        if (has_pooler) body.pooler = MobileBertPooler<Real, Ops>::make(config);
        return body;
    }

    /// @return  the embeddings' word table, [V, E]
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
        const std::vector<std::size_t>& begin = batch.sequences.begin;
        rows.insert(rows.end(), begin.begin(), begin.end() - 1);
    }

    /// Runs the embeddings, then the encoder, then the pooler.
    /// \f[ e = \mathrm{Embeddings}(\mathrm{batch}),\quad y = \mathrm{Encoder}(e),\quad \mathrm{pooled} = \mathrm{Pooler}(y) \f]
    /// Symbols: \f$e\f$ `act.embeddings.y`, \f$y\f$ `hidden`, pooled `act.pooler.pooled`.
    /// @param batch  T tokens in B sequences
    /// @param pass  configuration, the batch's sequences, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument as check, and if pass.sequences aren't the batch's
    void forward(const Batch& batch, const Pass& pass, Activations& act) const
    {
        BertBody<Real, Ops>::require_same_sequences(batch, pass);
        check(batch, pass.config);
        embeddings.forward(batch, pass, act.embeddings);
        const Tensor<Real, 2>& hidden = encoder.forward(act.embeddings.y, pass, act.encoder);  // [T, H]
        if (pooler) pooler->forward(hidden, batch, pass, act.pooler);
    }

    /// The hidden states of a layer.
    /// @param l  0 for the embeddings, l for the result of the l-th block
    /// @param act  what forward computed
    /// @return  [T, H]
    const Tensor<Real, 2>& hidden_states(std::size_t l, const Activations& act) const
    {
        return encoder.input(l, act.embeddings.y, act.encoder);
    }

    /// What heads read of the body.
    /// @param batch  as in forward
    /// @param act  what forward computed
    /// @return  references into batch, act and this body
    BodyResult<Real> result(const Batch& batch, const Activations& act) const
    {
        return {batch, encoder.input(encoder.layer.size(), act.embeddings.y, act.encoder), act.pooler.pooled, embeddings.word};
    }

    /// Zeroes the gradients that heads add to.
    /// @param batch  as in forward
    /// @param[in,out] d_body  heads also add to its word table, which is not zeroed here
    /// @param[out] d_act  hidden and pooler.pooled become zeros
    /// @return  references to these two and to the word table's gradient
    BodyResultGradients<Real> clear_result_gradients(const Batch& batch, MobileBertBody& d_body, Gradients& d_act) const
    {
        const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count(), H = embeddings.hidden_width();
        d_act.hidden.resize({T, H});
        d_act.hidden.fill(Real(0));
        d_act.pooler.pooled.resize({pooler ? B : 0, H});
        d_act.pooler.pooled.fill(Real(0));
        return {d_act.hidden, d_act.pooler.pooled, d_body.embeddings.word};
    }

    /// The steps of forward in reverse order, as in BERT.
    /// \f[ \delta y \mathrel{+}= \mathrm{Pooler}'(\delta\mathrm{pooled}),\quad \delta e = \mathrm{Encoder}'(\delta y) \f]
    /// and the embeddings' backward adds \f$\delta e\f$ to the tables. A prime is a component's backward. Symbols: \f$\delta y\f$
    /// `d_act.hidden`, \f$\delta\mathrm{pooled}\f$ `d_act.pooler.pooled`, \f$\delta e\f$ `d_act.embeddings.y`.
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  the gradients of hidden and pooler.pooled, added up by heads, are read; the others are written
    /// @throws std::invalid_argument if a shape doesn't fit, or only one of body and d_body has a pooler
    void backward(const Batch& batch, const Pass& pass, const Activations& act, MobileBertBody& d_body, Gradients& d_act) const
    {
        BertBody<Real, Ops>::require_same_sequences(batch, pass);
        require_same_pooler(*this, d_body);
        if (pooler) pooler->backward(d_act.pooler.pooled, batch, pass, act.pooler, *d_body.pooler, d_act.pooler, d_act.hidden);
        encoder.backward(d_act.hidden, act.embeddings.y, pass, act.encoder, d_body.encoder, d_act.encoder, d_act.embeddings.y);
        embeddings.backward(d_act.embeddings.y, batch, pass, act.embeddings, d_body.embeddings, d_act.embeddings);
    }

private:
    template <class Other>
    static void require_same_pooler(const MobileBertBody& body, const Other& other)
    {
        if (body.pooler.has_value() != other.pooler.has_value())
            throw std::invalid_argument("body: expected instances that all have a pooler, or none");
    }
};

}  // namespace bert
