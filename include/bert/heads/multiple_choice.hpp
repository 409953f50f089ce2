/// @file
/// The multiple-choice head predicts which of several choices fits, for instance which ending a text has. Each choice, called
/// ending here, is a sequence of its own; the endings of one example are consecutive sequences.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What MultipleChoiceHead::forward computes.
template <class Real>
struct MultipleChoiceActivations {
    Tensor<Real, 2> after_dropout;  ///< the pooled vectors after dropout, [B, H]
    Tensor<Real, 2> logits;         ///< one number for each ending, [B, 1]
    Tensor<Real, 2> pooled;         ///< unused in act; in d_act, this head's part of the gradient of body.pooled, [B, H]
};

/// Dropout and a linear layer on the pooled vectors. (Devlin et al. 2019, section 4.4, where the head is one vector; pooling,
/// bias and dropout are from the transformers library, BertForMultipleChoice.)
template <class Real, class Ops = Reference>
struct MultipleChoiceHead {
    Linear<Real> dense;  ///< [1, H], [1]; published as classifier

    using Scalar = Real;                                  ///< number type of the loss
    using Target = IndexTensor<1>;                        ///< the right ending of each example, [examples]
    using Count = double;                                 ///< number of examples
    using Activations = MultipleChoiceActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "multiple_choice";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member multiple_choice{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.multiple_choice;
    }

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        Linear<Real>::parameters(visit, prefix + "classifier", selves.dense...);
    }

    /// @param config  sizes
    /// @return  the head, all zeros
    static MultipleChoiceHead make(const Config& config) { return {make_linear<Real>(1, config.hidden_size)}; }

    /// @param batch  the tokens
    /// @param target  the right ending of each example
    /// @throws std::invalid_argument if the examples don't have equally many endings, or a right ending is out of range
    static void check(const Batch& batch, const Target& target, const Config&)
    {
        require_below("multiple_choice: target", target, endings(batch.sequences.count(), target));
    }

    /// @param target  the right ending of each example
    /// @return  the number of examples
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.size()); }

    /// @return  true: there are no rows to append, since the head reads the pooled vectors alone
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return true; }

    /// Computes one logit for each ending.
    /// \f[ x = \mathrm{dropout}(\mathrm{pooled}),\quad
    ///     \mathrm{logits} = x\,W^T + \mathrm{bias} \f]
    /// Symbols: pooled `body.pooled`, \f$x\f$ `act.after_dropout`, \f$W\f$, bias `dense.weight`, `dense.bias`, logits
    /// `act.logits`.
    /// @param body  pooled vectors
    /// @param pass  dropout
    /// @param[out] act  after_dropout and logits
    /// @throws std::invalid_argument if the body has no pooled vectors
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        require_shape("multiple_choice: pooled", body.pooled, {body.batch.sequences.count(), dense.weight.shape(1)});
        Ops::dropout(body.pooled, pass.at(DropoutSite::classifier).dropout.place(), act.after_dropout);
        Ops::linear(act.after_dropout, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the right endings, where the softmax runs over the endings of an example.
    /// \f[ \ell = -\frac1n \sum_e \log \mathrm{softmax}(s_e)_{\mathrm{target}_e} \f]
    /// Symbols: \f$s_e\f$ the logits of example e, a row of `scores`, \f$n\f$ `count`.
    /// @param batch  the sequences
    /// @param target  the right ending of each example
    /// @param count  examples of the whole batch
    /// @param options  smoothing
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per example
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch& batch, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        const Tensor<Real, 2> scores = by_example(batch, act.logits, target);  // [examples, endings]
        return Ops::cross_entropy(scores, target, {options.smoothing, divisor_of(count)}).value;
    }

    /// The gradient of the loss: probability minus target, divided by n.
    /// \f[ \delta s_{ej} = \frac1n\,\big(\mathrm{softmax}(s_e)_j - [j = \mathrm{target}_e]\big) \f]
    /// where [j = target_e] is 1 for the right ending and 0 for the others. Symbols: \f$\delta s\f$ `d_scores`, which is
    /// `d_act.logits` with a row for each example.
    /// @param batch  as in loss
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch& batch, const Target& target, Count count, const LossOptions& options, const Activations& act,
                       Activations& d_act) const
    {
        const Tensor<Real, 2> scores = by_example(batch, act.logits, target);  // [examples, endings]
        Tensor<Real, 2> d_scores;                                              // [examples, endings]
        Ops::cross_entropy_backward(Real(1), scores, target, {options.smoothing, divisor_of(count)}, d_scores);
        d_act.logits.resize(act.logits.shape());
        std::copy(d_scores.begin(), d_scores.end(), d_act.logits.begin());
    }

    /// The steps of forward in reverse order; the gradient of the pooled vectors is added to those of other heads.
    /// \f[ \delta W \mathrel{+}= \delta\mathrm{logits}^T x,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta\mathrm{logits}_b,\quad \delta x = \delta\mathrm{logits}\,W,\quad
    ///     \delta\mathrm{pooled} \mathrel{+}= m\,\delta x \f]
    /// Symbols: \f$\delta W, \delta\mathrm{bias}\f$ `d_head.dense`, \f$\delta x\f$ `d_act.after_dropout`, \f$m\f$ the factors of
    /// dropout, \f$m\,\delta x\f$ `d_act.pooled`, \f$\delta\mathrm{pooled}\f$ `d_body.pooled`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of after_dropout and of the pooled vectors are written
    /// @param[in,out] d_body  pooled is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, MultipleChoiceHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_shape("multiple_choice: d_pooled", d_body.pooled, body.pooled.shape());
        Ops::linear_backward(d_act.logits, act.after_dropout, dense.weight, d_head.dense.weight, d_head.dense.bias,
                             d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(d_act.after_dropout, pass.at(DropoutSite::classifier).dropout.place(), d_act.pooled);
        add(d_act.pooled, d_body.pooled);
    }

private:
    static std::size_t endings(std::size_t B, const Target& target)
    {
        const std::size_t examples = target.size();
        if (examples == 0 || B % examples != 0)
            throw std::invalid_argument("multiple_choice: expected a number of examples that divides " + std::to_string(B) +
                                        " sequences, got " + std::to_string(examples));
        return B / examples;
    }

    /// The endings' logits, a row for each example, [examples, endings]; logits are [B, 1], target is [examples].
    static Tensor<Real, 2> by_example(const Batch& batch, const Tensor<Real, 2>& logits, const Target& target)
    {
        const std::size_t B = batch.sequences.count();
        require_shape("multiple_choice: logits", logits, {B, 1});
        Tensor<Real, 2> scores;
        scores.resize({target.size(), endings(B, target)});
        std::copy(logits.begin(), logits.end(), scores.begin());
        return scores;
    }
};

}  // namespace bert
