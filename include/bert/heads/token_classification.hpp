/// @file
/// The token-classification head predicts the class of each token, as in named-entity recognition.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
#include "bert/ops/losses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What TokenClassificationHead::forward computes.
template <class Real>
struct TokenClassificationActivations {
    Tensor<Real, 2> after_dropout;  ///< the hidden states after dropout, [T, H]
    Tensor<Real, 2> logits;         ///< one number for each class, [T, C]
    Tensor<Real, 2> hidden;         ///< unused in act; in d_act, this head's part of the gradient of body.hidden, [T, H]
};

/// Dropout and a linear layer on every hidden state. (Devlin et al. 2019, section 5.3, where the first piece of a word carries
/// its class, and the other pieces, with ignored_label, are left out of the loss; dropout and bias are from the transformers
/// library, BertForTokenClassification.)
template <class Real, class Ops = Reference>
struct TokenClassificationHead {
    Linear<Real> dense;  ///< [C, H], [C]; published as classifier

    using Scalar = Real;                                       ///< number type of the loss
    using Target = IndexTensor<1>;                             ///< each token's class, or ignored_label, [T]
    using Count = double;                                      ///< number of tokens with a class
    using Activations = TokenClassificationActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "token_classification";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member token_classification{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.token_classification;
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
    static TokenClassificationHead make(const Config& config)
    {
        return {make_linear<Real>(config.num_labels(), config.hidden_size)};
    }

    /// @param batch  the tokens
    /// @param target  their classes
    /// @param config  number of labels
    /// @throws std::invalid_argument for a wrong number of tokens, or a class out of range
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        require_shape("token_classification: target", target, {batch.sequences.tokens()});
        for (std::size_t t = 0; t < target.size(); ++t)
            if (target(t) != ignored_label && (target(t) < 0 || static_cast<std::size_t>(target(t)) >= config.num_labels()))
                throw std::invalid_argument("token_classification: target[" + std::to_string(t) + "]: expected 0 to " +
                                            std::to_string(static_cast<std::int64_t>(config.num_labels()) - 1) + " or " +
                                            std::to_string(ignored_label) + ", got " + std::to_string(target(t)));
    }

    /// @param target  classes of the tokens
    /// @return  the number of tokens with a class
    static Count count(const Batch&, const Target& target)
    {
        return static_cast<Count>(target.size()) - static_cast<Count>(std::count(target.begin(), target.end(), ignored_label));
    }

    /// @return  false: the head reads every row
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return false; }

    /// Computes the classes' logits of every token.
    /// \f[ x = \mathrm{dropout}(\mathrm{hidden}),\quad
    ///     \mathrm{logits} = x\,W^T + \mathrm{bias} \f]
    /// Symbols: hidden `body.hidden`, \f$x\f$ `act.after_dropout`, \f$W\f$, bias `dense.weight`, `dense.bias`, logits
    /// `act.logits`.
    /// @param body  hidden states
    /// @param pass  dropout
    /// @param[out] act  after_dropout and logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        require_shape("token_classification: hidden", body.hidden, {body.batch.sequences.tokens(), dense.weight.shape(1)});
        Ops::dropout(body.hidden, pass.at(DropoutSite::token_classifier).dropout.place(), act.after_dropout);
        Ops::linear(act.after_dropout, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the tokens' classes.
    /// \f[ \ell = -\frac1n \sum_t \log \mathrm{softmax}(\mathrm{logits}_t)_{\mathrm{target}_t} \f]
    /// over the tokens that have a class. Symbols: \f$n\f$ `count`.
    /// @param target  classes of the tokens
    /// @param count  tokens of the whole batch that have a class
    /// @param options  smoothing
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per token with a class
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        return Ops::cross_entropy(act.logits, target, {options.smoothing, divisor_of(count)}).value;
    }

    /// The gradient of the loss: probability minus target, divided by n.
    /// \f[ \delta\mathrm{logits}_{tc} = \frac1n\,\big(\mathrm{softmax}(\mathrm{logits}_t)_c - [c = \mathrm{target}_t]\big) \f]
    /// where [c = target_t] is 1 for the token's class and 0 elsewhere; a token without a class gets 0.
    /// Symbols: \f$\delta\mathrm{logits}\f$ `d_act.logits`.
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act,
                       Activations& d_act) const
    {
        Ops::cross_entropy_backward(Real(1), act.logits, target, {options.smoothing, divisor_of(count)}, d_act.logits);
    }

    /// The steps of forward in reverse order; the gradient of the hidden states is added to those of other heads.
    /// \f[ \delta W \mathrel{+}= \delta\mathrm{logits}^T x,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_t \delta\mathrm{logits}_t,\quad \delta x = \delta\mathrm{logits}\,W,\quad
    ///     \delta\mathrm{hidden} \mathrel{+}= m\,\delta x \f]
    /// Symbols: \f$\delta W, \delta\mathrm{bias}\f$ `d_head.dense`, \f$\delta x\f$ `d_act.after_dropout`, \f$m\f$ the factors of
    /// dropout, \f$m\,\delta x\f$ `d_act.hidden`, \f$\delta\mathrm{hidden}\f$ `d_body.hidden`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of after_dropout and of the hidden states are written
    /// @param[in,out] d_body  hidden is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, TokenClassificationHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_shape("token_classification: d_hidden", d_body.hidden, body.hidden.shape());
        Ops::linear_backward(d_act.logits, act.after_dropout, dense.weight, d_head.dense.weight, d_head.dense.bias,
                             d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(d_act.after_dropout, pass.at(DropoutSite::token_classifier).dropout.place(), d_act.hidden);
        add(d_act.hidden, d_body.hidden);
    }
};

}  // namespace bert
