/// @file
/// The sentence-order head predicts whether two consecutive texts stand in their own order, in ALBERT's pre-training. It is
/// harder than next sentence, where a text of another document can be told by its topic alone.
#pragma once

#include <cstddef>
#include <optional>
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

/// What SentenceOrderHead::forward computes.
template <class Real>
struct SentenceOrderActivations {
    Tensor<Real, 2> after_dropout;  ///< the pooled vectors after dropout, [B, H]
    Tensor<Real, 2> logits;         ///< column 0: the texts stand in their order, 1: they are swapped, [B, C]
    Tensor<Real, 2> pooled;         ///< unused in act; in d_act, this head's part of the gradient of body.pooled, [B, H]
};

/// Dropout and a linear layer on the pooled vectors. (Lan et al. 2020, section 3.1, SOP; dropout, and as many columns as the
/// configuration has labels, are from the transformers library, AlbertSOPHead. google-research/albert has two columns.)
template <class Real, class Ops = Reference>
struct SentenceOrderHead {
    Linear<Real> dense;  ///< [C, H], [C]; published as sop_classifier.classifier

    using Scalar = Real;                                 ///< number type of the loss
    using Target = IndexTensor<1>;                       ///< 0: the texts stand in their order, 1: they are swapped, [B]
    using Count = double;                                ///< number of sequences
    using Activations = SentenceOrderActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "sentence_order";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member sentence_order{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.sentence_order;
    }

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, Selves&... selves)
    {
        Linear<Real>::parameters(visit, prefix + "sop_classifier.classifier", selves.dense...);
    }

    /// @param config  sizes and number of labels
    /// @return  the head, all zeros
    static SentenceOrderHead make(const Config& config) { return {make_linear<Real>(config.num_labels(), config.hidden_size)}; }

    /// @param batch  the tokens
    /// @param target  a column for each sequence
    /// @param config  number of labels
    /// @throws std::invalid_argument for a wrong number of sequences, or a target that is no column
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        require_shape("sentence_order: target", target, {batch.sequences.count()});
        require_below("sentence_order: target", target, config.num_labels());
    }

    /// @param target  a column for each sequence
    /// @return  the number of sequences
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.size()); }

    /// @return  true: there are no rows to append, since the head reads the pooled vectors alone
    static bool read_rows(const Batch&, const Target&, std::vector<std::size_t>&) { return true; }

    /// Computes the columns' logits.
    /// \f[ x = \mathrm{dropout}(\mathrm{pooled}),\quad \mathrm{logits} = x\,W^T + \mathrm{bias} \f]
    /// Symbols: pooled `body.pooled`, \f$x\f$ `act.after_dropout`, \f$W\f$, bias `dense.weight`, `dense.bias`, logits
    /// `act.logits`.
    /// @param body  pooled vectors
    /// @param pass  dropout, workspace
    /// @param[out] act  after_dropout and logits
    /// @throws std::invalid_argument if the body has no pooled vectors
    void forward(const BodyResult<Real>& body, const std::optional<Target>&, const Pass& pass, Activations& act) const
    {
        const std::size_t B = body.batch.sequences.count(), C = dense.weight.shape(0), H = dense.weight.shape(1);
        require_shape("sentence_order: pooled", body.pooled, {B, H});
        require_linear("sentence_order: dense", dense, C, H);
        pass.at(DropoutSite::classifier).dropout.place().require_valid(B);
        Ops::dropout(body.pooled, pass.at(DropoutSite::classifier).dropout.place(), act.after_dropout);
        Ops::linear(act.after_dropout, dense.weight, dense.bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the targets.
    /// \f[ \ell = -\frac1n \sum_b \log \mathrm{softmax}(\mathrm{logits}_b)_{\mathrm{target}_b} \f]
    /// Symbols: logits `act.logits`, \f$n\f$ `count`.
    /// @param target  a column for each sequence
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
    /// where [c = target_b] is 1 for the right column and 0 for the others. Symbols: \f$\delta\mathrm{logits}\f$ `d_act.logits`.
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
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, SentenceOrderHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        const std::size_t C = dense.weight.shape(0), H = dense.weight.shape(1);
        require_shape("sentence_order: d_pooled", d_body.pooled, body.pooled.shape());
        require_shape("sentence_order: act.after_dropout (forward computes it)", act.after_dropout, body.pooled.shape());
        require_linear("sentence_order: d_dense", d_head.dense, C, H);
        const DropoutPlace place = pass.at(DropoutSite::classifier).dropout.place();
        place.require_valid(body.pooled.shape(0));
        Ops::linear_backward(d_act.logits, act.after_dropout, dense.weight, d_head.dense.weight, d_head.dense.bias,
                             d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(d_act.after_dropout, place, d_act.pooled);
        add(d_act.pooled, d_body.pooled);
    }
};

}  // namespace bert
