/// @file
/// DistilBERT's question-answering head: BERT's (question_answering.hpp), with dropout in front.
#pragma once

#include <cstddef>
#include <optional>

#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What DistilBertQuestionAnsweringHead::forward computes.
template <class Real>
struct DistilBertQuestionAnsweringActivations : QuestionAnsweringActivations<Real> {
    Tensor<Real, 2> after_dropout;  ///< the hidden states after dropout, [T, H]
};

/// Dropout on the hidden states, then BERT's head. (The transformers library, DistilBertForQuestionAnswering.)
template <class Real, class Ops = Reference>
struct DistilBertQuestionAnsweringHead : QuestionAnsweringHead<Real, Ops> {
    using Base = QuestionAnsweringHead<Real, Ops>;                     ///< BERT's head
    using Target = typename Base::Target;                              ///< see head.hpp
    using Activations = DistilBertQuestionAnsweringActivations<Real>;  ///< see head.hpp
    using Base::dense;                                                 ///< [2, H], [2]; published as qa_outputs

    /// Makes the head of a configuration.
    /// @param config  sizes
    /// @return  the head, all zeros
    static DistilBertQuestionAnsweringHead make(const Config& config) { return {Base::make(config)}; }

    /// Drops numbers of the hidden states, then runs BERT's head on them.
    /// \f[ x = \mathrm{dropout}(\mathrm{hidden}),\quad \mathrm{logits} = \mathrm{Head}(x) \f]
    /// Symbols: hidden `body.hidden`, \f$x\f$ `act.after_dropout`, Head `Base::forward`, logits `act.logits`.
    /// @param body  hidden states
    /// @param target  passed on to BERT's head
    /// @param pass  dropout, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>& target, const Pass& pass, Activations& act) const
    {
        const std::size_t T = body.batch.sequences.tokens(), H = dense.weight.shape(1);
        require_shape("question_answering: hidden", body.hidden, {T, H});
        require_linear("question_answering: dense", dense, 2, H);
        const DropoutPlace place = pass.at(DropoutSite::question_answering).dropout.place();
        place.require_valid(T);
        Ops::dropout(body.hidden, place, act.after_dropout);
        Base::forward({body.batch, act.after_dropout, body.pooled, body.word_table}, target, pass, act);
    }

    /// The steps of forward in reverse order; Head' is the head's backward.
    /// \f[ \delta x = \mathrm{Head}'(\delta\mathrm{logits}),\quad \delta\mathrm{hidden} \mathrel{+}= m\,\delta x \f]
    /// Symbols: \f$\delta x\f$ `d_act.after_dropout`, zeros at first, since the head adds to it; \f$m\f$ the factors of dropout,
    /// \f$m\,\delta x\f$ `d_act.hidden`, \f$\delta\mathrm{hidden}\f$ `d_body.hidden`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of after_dropout and hidden are written
    /// @param[in,out] d_body  hidden is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, DistilBertQuestionAnsweringHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        const std::size_t T = body.hidden.shape(0), H = body.hidden.shape(1);
        require_shape("question_answering: act.after_dropout (forward computes it)", act.after_dropout, {T, H});
        require_shape("question_answering: d_logits", d_act.logits, {T, 2});
        require_linear("question_answering: d_dense", d_head.dense, 2, H);
        require_shape("question_answering: d_hidden", d_body.hidden, {T, H});
        const DropoutPlace place = pass.at(DropoutSite::question_answering).dropout.place();
        place.require_valid(T);
        d_act.after_dropout.resize({T, H});
        d_act.after_dropout.fill(Real(0));
        Base::backward({body.batch, act.after_dropout, body.pooled, body.word_table}, pass, act, d_head, d_act,
                       {d_act.after_dropout, d_body.pooled, d_body.word_table});
        Ops::dropout_backward(d_act.after_dropout, place, d_act.hidden);
        add(d_act.hidden, d_body.hidden);
    }
};

}  // namespace bert
