/// @file
/// A body in training: BertBody runs its encoder according to a plan (encoder_training.hpp), any other body is unchanged.
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
    /// @return  what heads read, held by act
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
    /// @param[in,out] d_body  is added to
    /// @param[in,out] d_act  the gradients of what heads read are read; the others are written
    static void backward(const Body& body, const Batch& batch, const EncoderPlan&, const Pass& pass, const Activations& act,
                         Body& d_body, Gradients& d_act)
    {
        body.backward(batch, pass, act, d_body, d_act);
    }
};

/// BERT's body: BertBody's computation, with less memory or work according to the plan; to the bit, but for gradients with
/// selected rows. The compiler takes this form of BodyTraining where the body is a BertBody.
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
        EmbeddingsActivations<Real> embeddings;  ///< gradients of its tensors, but for that of y
        EncoderTrainingScratch<Real> encoder;    ///< according to the plan
        PoolerActivations<Real> pooler;          ///< gradients of its tensors; heads add to that of pooled, [B, H]
        Tensor<Real, 2>
            hidden;  ///< gradient of the last block's result, [T, H]; becomes, in the same memory, that of embeddings.y
    };

    /// BertBody::forward.
    /// @param body  the parameters
    /// @param batch  T tokens in B sequences
    /// @param plan  how the encoder runs
    /// @param pass  configuration, dropout
    /// @param[out] act  what backward reads
    /// @return  what heads read, held by act; with selected rows, the other rows are zero
    /// @throws std::invalid_argument as BertBody::forward
    static BodyResult<Real> forward(const Body& body, const Batch& batch, const EncoderPlan& plan, const Pass& pass,
                                    Activations& act)
    {
        Body::require_same_sequences(batch, pass);
        const EncoderTraining<Real, Ops> encoder{body.encoder, plan};
        body.embeddings.forward(batch, pass, act.embeddings);
        const Tensor<Real, 2>& hidden = encoder.forward(act.embeddings.y, pass, act.encoder);  // [T, H]
        if (body.pooler) body.pooler->forward(hidden, batch, pass, act.pooler);
        return {batch, hidden, act.pooler.pooled, body.embeddings.word};
    }

    /// BertBody::backward.
    /// @param body  as in forward
    /// @param batch  as in forward
    /// @param plan  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_body  is added to
    /// @param[in,out] d_act  the gradients of hidden and pooler.pooled, added up by heads, are read; the others are written
    /// @throws std::invalid_argument if a shape doesn't fit, or only one of body and d_body has a pooler
    static void backward(const Body& body, const Batch& batch, const EncoderPlan& plan, const Pass& pass, const Activations& act,
                         Body& d_body, Gradients& d_act)
    {
        Body::require_same_pooler(body, d_body);
        const EncoderTraining<Real, Ops> encoder{body.encoder, plan};
        if (body.pooler)
            body.pooler->backward(d_act.pooler.pooled, batch, pass, act.pooler, *d_body.pooler, d_act.pooler, d_act.hidden);
        encoder.backward(act.embeddings.y, pass, act.encoder, d_body.encoder, d_act.encoder, d_act.hidden);
        body.embeddings.backward(d_act.hidden, batch, pass, act.embeddings, d_body.embeddings, d_act.embeddings);
    }
};

}  // namespace bert
