/// @file
/// The next-sentence head predicts whether the second text follows the first, in pre-training.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What NextSentenceHead::forward computes.
template <class Real>
struct NextSentenceActivations {
    Tensor<Real, 2> logits;  ///< column 0: the second text follows the first, 1: it doesn't, [B, 2]
    Tensor<Real, 2> pooled;  ///< unused in act; in d_act, this head's part of the gradient of body.pooled, [B, H]
};

/// A linear layer on the pooled vectors. (Devlin et al. 2019, section 3.1, task 2, NSP; two columns, their order and the bias are
/// from google-research/bert, run_pretraining.py, get_next_sentence_output.)
template <class Real, class Ops = Reference>
struct NextSentenceHead {
    Linear<Real> dense;  ///< [2, H], [2]; published as cls.seq_relationship

    using Scalar = Real;                                ///< number type of the loss
    using Target = IndexTensor<1>;                      ///< 0: the second text follows the first, 1: it doesn't, [B]
    using Count = double;                               ///< number of sequences
    using Activations = NextSentenceActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "next_sentence";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member next_sentence{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.next_sentence;
    }

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        Linear<Real>::parameters(visit, prefix + "cls.seq_relationship", selves.dense...);
    }

    /// @param config  sizes
    /// @return  the head, all zeros
    static NextSentenceHead make(const Config& config) { return {make_linear<Real>(2, config.hidden_size)}; }

    /// @param batch  the tokens
    /// @param target  0 or 1 for each sequence
    /// @throws std::invalid_argument for a wrong number of sequences, or a target other than 0 or 1
    static void check(const Batch& batch, const Target& target, const Config&)
    {
        require_shape("next_sentence: target", target, {batch.sequences.count()});
        require_below("next_sentence: target", target, 2);
    }

    /// @param target  0 or 1 for each sequence
    /// @return  the number of sequences
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.size()); }

    /// @return  true: there are no rows to append, since the head reads the pooled vectors alone
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return true; }

    /// Computes both columns' logits.
    /// \f[ \mathrm{logits} = \mathrm{pooled}\,W^T + \mathrm{bias} \f]
    /// Symbols: pooled `body.pooled`, \f$W\f$, bias `dense.weight`, `dense.bias`, logits `act.logits`.
    /// @param body  pooled vectors
    /// @param pass  workspace
    /// @param[out] act  logits
    /// @throws std::invalid_argument if the body has no pooled vectors
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        require_shape("next_sentence: pooled", body.pooled, {body.batch.sequences.count(), dense.weight.shape(1)});
        Ops::linear(body.pooled, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the targets.
    /// \f[ \ell = -\frac1n \sum_b \log \mathrm{softmax}(\mathrm{logits}_b)_{\mathrm{target}_b} \f]
    /// Symbols: \f$n\f$ `count`.
    /// @param target  0 or 1 for each sequence
    /// @param count  sequences of the whole batch
    /// @param options  smoothing
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per sequence
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        return Ops::cross_entropy(act.logits, target, {options.smoothing, divisor_of(count)}).value;
    }

    /// The gradient of the loss: probability minus target, divided by n.
    /// \f[ \delta\mathrm{logits}_{bc} = \frac1n\,\big(\mathrm{softmax}(\mathrm{logits}_b)_c - [c = \mathrm{target}_b]\big) \f]
    /// where [c = target_b] is 1 for the right column and 0 for the other. Symbols: \f$\delta\mathrm{logits}\f$ `d_act.logits`.
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

    /// The gradients of the linear layer; that of the pooled vectors is added to those of other heads.
    /// \f[ \delta W \mathrel{+}= \delta\mathrm{logits}^T \mathrm{pooled},\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta\mathrm{logits}_b,\quad
    ///     \delta\mathrm{pooled} \mathrel{+}= \delta\mathrm{logits}\,W \f]
    /// Symbols: \f$\delta W, \delta\mathrm{bias}\f$ `d_head.dense`, \f$\delta\mathrm{logits}\,W\f$ `d_act.pooled`,
    /// \f$\delta\mathrm{pooled}\f$ `d_body.pooled`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; that of the pooled vectors is written
    /// @param[in,out] d_body  pooled is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations&, NextSentenceHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_shape("next_sentence: d_pooled", d_body.pooled, body.pooled.shape());
        Ops::linear_backward(d_act.logits, body.pooled, dense.weight, d_head.dense.weight, d_head.dense.bias, d_act.pooled,
                             pass.workspace);
        add(d_act.pooled, d_body.pooled);
    }
};

}  // namespace bert
