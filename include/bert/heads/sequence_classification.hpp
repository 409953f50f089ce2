/// @file
/// The sequence-classification head predicts the class of a text or of a pair of texts, its value, or which of several labels it
/// has.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <variant>
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

/// What SequenceClassificationHead::forward computes.
template <class Real>
struct SequenceClassificationActivations {
    Tensor<Real, 2> after_dropout;  ///< the pooled vectors after dropout, [B, H]
    Tensor<Real, 2> logits;         ///< one number for each class, [B, C]
    Tensor<Real, 2> pooled;         ///< unused in act; in d_act, this head's part of the gradient of body.pooled, [B, H]
};

/// Dropout and a linear layer on the pooled vectors. (Devlin et al. 2019, section 4.1, where C is the vector and K the number of
/// classes; dropout and bias are from google-research/bert, run_classifier.py, create_model.)
template <class Real, class Ops = Reference>
struct SequenceClassificationHead {
    Linear<Real> dense;  ///< [C, H], [C]; published as classifier

    using Classes = IndexTensor<1>;                               ///< the class of each sequence, [B]
    using Values = Tensor<Real, 1>;                               ///< the value of each sequence, for regression, [B]
    using Labels = Tensor<Real, 2>;                               ///< which labels each sequence has, 0 to 1, [B, C]
    using Scalar = Real;                                          ///< number type of the loss
    using Target = std::variant<Classes, Values, Labels>;         ///< one of these
    using Count = double;                                         ///< number of sequences
    using Activations = SequenceClassificationActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "sequence_classification";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member sequence_classification{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.sequence_classification;
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

    /// @param config  sizes and number of labels
    /// @return  the head, all zeros
    static SequenceClassificationHead make(const Config& config)
    {
        return {make_linear<Real>(config.num_labels(), config.hidden_size)};
    }

    /// @param batch  the tokens
    /// @param target  classes, values or labels
    /// @param config  number of labels
    /// @throws std::invalid_argument for a wrong number of sequences, values if C isn't 1, a class out of range, a
    /// non-finite value, or a label outside [0, 1]
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        const std::size_t B = batch.sequences.count(), C = config.num_labels();
        if (const Classes* classes = std::get_if<Classes>(&target)) {
            require_shape("sequence_classification: classes", *classes, {B});
            require_below("sequence_classification: classes", *classes, C);
        } else if (const Values* values = std::get_if<Values>(&target)) {
            require_shape("sequence_classification: values", *values, {B});
            if (C != 1)
                throw std::invalid_argument("sequence_classification: values: expected a model with 1 label, got " +
                                            std::to_string(C));
            for (std::size_t b = 0; b < B; ++b)
                if (!std::isfinite((*values)(b)))
                    throw std::invalid_argument("sequence_classification: values[" + std::to_string(b) +
                                                "]: expected a finite number, got " + std::to_string((*values)(b)));
        } else {
            const Labels& labels = std::get<Labels>(target);
            require_shape("sequence_classification: labels", labels, {B, C});
            for (std::size_t b = 0; b < B; ++b)
                for (std::size_t c = 0; c < C; ++c)
                    if (!(labels(b, c) >= 0 && labels(b, c) <= 1))
                        throw std::invalid_argument("sequence_classification: labels[" + std::to_string(b) + ", " +
                                                    std::to_string(c) + "]: expected 0 to 1, got " +
                                                    std::to_string(labels(b, c)));
        }
    }

    /// @param batch  the tokens
    /// @return  the number of sequences
    static Count count(const Batch& batch, const Target&) { return static_cast<Count>(batch.sequences.count()); }

    /// @return  true: there are no rows to append, since the head reads the pooled vectors alone
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return true; }

    /// Computes C numbers for each sequence.
    /// \f[ x = \mathrm{dropout}(\mathrm{pooled}),\quad
    ///     s = x\,W^T + \mathrm{bias} \f]
    /// Symbols: pooled `body.pooled`, \f$x\f$ `act.after_dropout`, \f$W\f$, bias `dense.weight`, `dense.bias`, \f$s\f$
    /// `act.logits`.
    /// @param body  pooled vectors
    /// @param pass  dropout
    /// @param[out] act  after_dropout and logits
    /// @throws std::invalid_argument if the body has no pooled vectors
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        require_shape("sequence_classification: pooled", body.pooled, {body.batch.sequences.count(), dense.weight.shape(1)});
        Ops::dropout(body.pooled, pass.at(DropoutSite::classifier).dropout.place(), act.after_dropout);
        Ops::linear(act.after_dropout, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of classes, the mean squared error of values, or the mean binary cross-entropy of labels.
    /// \f[ \ell = -\frac1n \sum_b \log \mathrm{softmax}(s_b)_{\mathrm{class}_b},\quad
    ///     \ell = \frac1n \sum_b (s_b - \mathrm{value}_b)^2,\quad
    ///     \ell = -\frac1{n C} \sum_{bc} \big(y_{bc} \log\sigma(s_{bc}) + (1 - y_{bc}) \log(1 - \sigma(s_{bc}))\big) \f]
    /// Symbols: \f$s\f$ `act.logits`, \f$n\f$ `count`, class `classes`, value `values`, \f$y\f$ the labels in `target`.
    /// google-research/bert has only the first.
    /// @param target  classes, values or labels
    /// @param count  number of sequences of the whole batch
    /// @param options  smoothing, for classes
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per sequence (for labels, per label; for values, a squared distance)
    /// @throws std::invalid_argument if a shape doesn't fit
    /// @see the transformers library, BertForSequenceClassification, for values and labels
    Real loss(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        if (const Classes* classes = std::get_if<Classes>(&target))
            return Ops::cross_entropy(act.logits, *classes, {options.smoothing, divisor_of(count)}).value;
        if (const Values* values = std::get_if<Values>(&target))
            return Ops::mean_squared_error(act.logits, *values, divisor_of(count)).value;
        const auto C = static_cast<double>(act.logits.shape(1));
        return Ops::binary_cross_entropy(act.logits, std::get<Labels>(target), divisor_of(count * C)).value;
    }

    /// The gradient of the loss of classes, of values or of labels.
    /// \f[ \delta s_{bc} = \frac1n\,\big(\mathrm{softmax}(s_b)_c - [c = \mathrm{class}_b]\big),\quad
    ///     \delta s_b = \frac2n\,(s_b - \mathrm{value}_b),\quad
    ///     \delta s_{bc} = \frac{1}{n C}\,\big(\sigma(s_{bc}) - y_{bc}\big) \f]
    /// where [c = class_b] is 1 for the sequence's class and 0 elsewhere. Symbols: \f$\delta s\f$ `d_act.logits`.
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act,
                       Activations& d_act) const
    {
        if (const Classes* classes = std::get_if<Classes>(&target)) {
            Ops::cross_entropy_backward(Real(1), act.logits, *classes, {options.smoothing, divisor_of(count)}, d_act.logits);
        } else if (const Values* values = std::get_if<Values>(&target)) {
            Ops::mean_squared_error_backward(Real(1), act.logits, *values, divisor_of(count), d_act.logits);
        } else {
            const auto C = static_cast<double>(act.logits.shape(1));
            Ops::binary_cross_entropy_backward(Real(1), act.logits, std::get<Labels>(target), divisor_of(count * C),
                                               d_act.logits);
        }
    }

    /// The steps of forward in reverse order; the gradient of the pooled vectors is added to those of other heads.
    /// \f[ \delta W \mathrel{+}= \delta s^T x,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta s_b,\quad \delta x = \delta s\,W,\quad
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
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, SequenceClassificationHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_shape("sequence_classification: d_pooled", d_body.pooled, body.pooled.shape());
        Ops::linear_backward(d_act.logits, act.after_dropout, dense.weight, d_head.dense.weight, d_head.dense.bias,
                             d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(d_act.after_dropout, pass.at(DropoutSite::classifier).dropout.place(), d_act.pooled);
        add(d_act.pooled, d_body.pooled);
    }
};

}  // namespace bert
