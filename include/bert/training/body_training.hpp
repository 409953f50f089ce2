/// @file
/// A body in training: BertBody runs its encoder according to a plan (encoder_training.hpp); other bodies run their own forward
/// and backward.
#pragma once

#include <stdexcept>

#include "bert/body.hpp"
#include "bert/body_result.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/embeddings.hpp"
#include "bert/pooler.hpp"
#include "bert/training/encoder_training.hpp"

namespace bert {

/// A body without plans: its own forward and backward are called.
/// @tparam Body  the body
template <class Body>
struct BodyTraining {
    using Activations = typename Body::Activations;  ///< what forward computes
    using Gradients = typename Body::Gradients;      ///< what backward computes

    /// Body::forward.
    /// @param body  the parameters
    /// @param batch  T tokens in B sequences
    /// @param plan  gradient_checkpointing is refused; all rows are computed
    /// @param pass  configuration, dropout
    /// @param[out] act  what backward reads
    /// @return  what heads read: references into batch, act and body
    /// @throws std::invalid_argument if gradient checkpointing is requested
    static auto forward(const Body& body, const Batch& batch, const EncoderPlan& plan, const Pass& pass, Activations& act)
    {
        if (plan.gradient_checkpointing)
            throw std::invalid_argument("gradient_checkpointing: expected a body that supports it, got one that doesn't");
        body.forward(batch, pass, act);
        return body.result(batch, act);
    }

    /// Body::backward.
    /// @param body  as in forward
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  the gradients of what heads read are read; the others are written
    static void backward(const Body& body, const Batch& batch, const EncoderPlan&, const Pass& pass, const Activations& act,
                         Body& d_body, Gradients& d_act)
    {
        body.backward(batch, pass, act, d_body, d_act);
    }
};

/// BERT's body: BertBody's computation, with less memory or work according to the plan. What heads read is identical; with
/// selected rows, the other hidden rows are zero, and gradients differ in rounding. The compiler takes this form of BodyTraining
/// where the body is a BertBody.
template <class Real, class Ops>
struct BodyTraining<BertBody<Real, Ops>> {
    using Body = BertBody<Real, Ops>;  ///< the body

    /// What forward computes.
    struct Activations {
        EmbeddingsActivations<Real> embeddings;    ///< embeddings.y, [T, H], is the encoder's input
        EncoderTrainingActivations<Real> encoder;  ///< according to the plan
        PoolerActivations<Real> pooler;            ///< pooler.pooled, [B, H]; empty without a pooler
    };
    /// The gradients that backward reads and writes.
    struct Gradients {
        EmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors, except y's, which is in hidden
        EncoderTrainingGradients<Real> encoder;  ///< according to the plan
        PoolerActivations<Real> pooler;          ///< gradients of its tensors; heads add to that of pooled, [B, H]
        Tensor<Real, 2> hidden;                  ///< gradient of the last block's result, then of embeddings.y, [T, H]
    };

    /// BertBody::forward.
    /// \f[ e = \mathrm{Embeddings}(\mathrm{batch}),\quad y = \mathrm{Encoder}(e),\quad \mathrm{pooled} = \mathrm{Pooler}(y) \f]
    /// Symbols: \f$e\f$ `act.embeddings.y`, \f$y\f$ `hidden`, pooled `act.pooler.pooled`.
    /// @param body  the parameters
    /// @param batch  T tokens in B sequences
    /// @param plan  how the encoder runs
    /// @param pass  configuration, dropout
    /// @param[out] act  what backward reads
    /// @return  what heads read: references into batch, act and body; with selected rows, the other hidden rows are zero
    /// @throws std::invalid_argument as BertBody::forward
    static BodyResult<Real> forward(const Body& body, const Batch& batch, const EncoderPlan& plan, const Pass& pass,
                                    Activations& act)
    {
        Body::require_same_sequences(batch, pass);
        body.check(batch, pass.config);
        const EncoderTraining<Real, Ops> encoder{body.encoder, plan};
        body.embeddings.forward(batch, pass, act.embeddings);
        const Tensor<Real, 2>& hidden = encoder.forward(act.embeddings.y, pass, act.encoder);  // [T, H]
        if (body.pooler) body.pooler->forward(hidden, batch, pass, act.pooler);
        return {batch, hidden, act.pooler.pooled, body.embeddings.word};
    }

    /// BertBody::backward.
    /// \f[ \delta y \mathrel{+}= \mathrm{Pooler}'(\delta\mathrm{pooled}),\quad \delta e = \mathrm{Encoder}'(\delta y) \f]
    /// and the embeddings' backward adds \f$\delta e\f$ to the tables. Symbols: \f$\delta y\f$, then \f$\delta e\f$
    /// `d_act.hidden`, \f$\delta\mathrm{pooled}\f$ `d_act.pooler.pooled`.
    /// @param body  as in forward
    /// @param batch  as in forward
    /// @param plan  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  the gradients are added to it
    /// @param[in,out] d_act  the gradients of hidden and pooler.pooled, added up by heads, are read; the others are written
    /// @throws std::invalid_argument if a shape doesn't fit, or only one of body and d_body has a pooler
    static void backward(const Body& body, const Batch& batch, const EncoderPlan& plan, const Pass& pass, const Activations& act,
                         Body& d_body, Gradients& d_act)
    {
        Body::require_same_sequences(batch, pass);
        Body::require_same_pooler(body, d_body);
        const EncoderTraining<Real, Ops> encoder{body.encoder, plan};
        if (body.pooler)
            body.pooler->backward(d_act.pooler.pooled, batch, pass, act.pooler, *d_body.pooler, d_act.pooler, d_act.hidden);
        encoder.backward(act.embeddings.y, pass, act.encoder, d_body.encoder, d_act.encoder, d_act.hidden);
        body.embeddings.backward(d_act.hidden, batch, pass, act.embeddings, d_body.embeddings, d_act.embeddings);
    }
};

}  // namespace bert
