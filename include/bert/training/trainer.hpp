/// @file
/// Training: the gradients of micro-batches are added up, then the parameters are updated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/body.hpp"
#include "bert/body_result.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/random.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/workspace.hpp"
#include "bert/heads/bert_heads.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/model.hpp"
#include "bert/training/body_training.hpp"
#include "bert/training/encoder_training.hpp"
#include "bert/training/optimizer.hpp"
#include "bert/training/optimizer_options.hpp"

namespace bert {

/// A batch or a micro-batch, with its training targets.
template <class Real, class Heads = BertHeads>
struct LabelledBatch {
    Batch batch;                   ///< the tokens
    Targets<Real, Heads> targets;  ///< of the model's heads
};

/// Options of training steps.
struct TrainingOptions {
    OptimizerOptions optimizer = {};      ///< rate, decay, clipping
    LossOptions loss = {};                ///< smoothing, divisor
    bool dropout = true;                  ///< whether it is applied, with the configuration's probabilities
    bool gradient_checkpointing = false;  ///< whether activations are computed again in backward rather than kept
    std::uint64_t seed = 0;               ///< of dropout
};

/// Result of one training step.
template <class Real, class Heads = BertHeads>
struct TrainingReport : StepReport {
    Losses<Real, Heads> losses;  ///< of the whole batch; with a count of 0, there was no label, and only the schedule advanced
};

/// Where a micro-batch begins in its batch. With it, dropout uses the same random numbers as for the whole batch.
struct MicroBatchStart {
    std::size_t tokens = 0;     ///< of the batch, before the micro-batch
    std::size_t sequences = 0;  ///< of the batch, before the micro-batch
};

/// The dropout of a configuration. (A probability of its own for classifiers is the transformers library's; the original code has
/// 0.1.)
/// @param config  its probabilities
/// @param stream  seed and step
/// @param start  where the micro-batch begins
/// @return  for Pass::dropout
inline Dropout dropout_of(const Config& config, const RandomStream& stream, const MicroBatchStart& start = {})
{
    return {.hidden = config.hidden_dropout_prob,
            .embeddings = config.embeddings_dropout_prob,
            .probabilities = config.attention_probs_dropout_prob,
            .classifier = config.classifier_dropout.value_or(config.hidden_dropout_prob),
            .token_classifier = config.classifier_dropout_of_tokens ? std::nullopt : std::optional(config.hidden_dropout_prob),
            .question_answering = config.question_answering_dropout,
            .after_attention = config.dropout_after_attention,
            .after_feed_forward = config.dropout_after_feed_forward,
            .stream = stream,
            .first_token = static_cast<std::uint32_t>(start.tokens),
            .first_sequence = static_cast<std::uint32_t>(start.sequences)};
}

/// Trains a model. With a fast set, memory is allocated once and reused between steps, but for copies of logits in the losses of
/// two heads (multiple choice, question answering). The model must neither move nor be assigned to: the trainer refers to its
/// numbers.
template <class Real, class Ops, template <class, class> class Body = BertBody, class Heads = BertHeads>
class Trainer {
public:
    using AnyModel = Model<Real, Ops, Body, Heads>;  ///< the model's type

    /// @param options  options of every step
    /// @param model  the model to train
    /// @throws std::invalid_argument for an option out of its range
    Trainer(const TrainingOptions& options, AnyModel& model)
        : options_(options),
          model_(model),
          gradient_(model),
          optimizer_(options.optimizer, model),
          parameters_(parameter_list<Real>(model)),
          gradients_(parameter_list<Real>(gradient_))
    {
        begin();
        const double smoothing = options.loss.smoothing;
        if (!(smoothing >= 0 && smoothing < 1))
            throw std::invalid_argument("trainer: smoothing: expected [0, 1), got " + std::to_string(smoothing));
    }
    Trainer(const Trainer&) = delete;  // the lists point into the model and the gradient
    Trainer& operator=(const Trainer&) = delete;

    /// One step: accumulate for each micro-batch, then update. Ids and targets are checked before anything is computed.
    /// @param micro_batches  the batch, divided if it needs too much memory as a whole
    /// @return  losses and what the optimizer did
    /// @throws std::invalid_argument for an id or a target out of range, or of another shape
    /// @throws std::runtime_error when too many steps in a row had no finite gradient
    TrainingReport<Real, Heads> step(std::span<const LabelledBatch<Real, Heads>> micro_batches)
    {
        Counts<Real, Heads> counts;
        for (const LabelledBatch<Real, Heads>& part : micro_batches) {
            check(part);
            model_.count(part.batch, part.targets, counts);
        }
        begin();
        MicroBatchStart start;
        for (const LabelledBatch<Real, Heads>& part : micro_batches) {
            accumulate(part, counts, start);
            start.tokens += part.batch.sequences.tokens();
            start.sequences += part.batch.sequences.count();
        }
        return update();
    }

    /// Checks ids and targets against the model.
    /// @param part  a micro-batch
    /// @throws std::invalid_argument that names the first one out of range
    void check(const LabelledBatch<Real, Heads>& part) const
    {
        model_.body.check(part.batch, model_.config);
        model_.check(part.batch, part.targets);
    }

    /// Adds a micro-batch's loss and gradient to the step's.
    /// \f[ \ell = \sum_{\mathrm{micro\text{-}batches}} \ell_{\mathrm{part}},\quad
    ///     \nabla\ell = \sum_{\mathrm{micro\text{-}batches}} \nabla\ell_{\mathrm{part}} \f]
    /// where each loss is divided by the count of the whole batch. Symbols: \f$\ell\f$ `losses_`, \f$\ell_{\mathrm{part}}\f$
    /// `losses`, \f$\nabla\ell\f$ `gradient_`, to which the backward passes add. Ids and targets must have been checked (see
    /// check).
    /// @param part  the micro-batch
    /// @param counts  labelled items of the whole batch
    /// @param start  where the micro-batch begins in it
    void accumulate(const LabelledBatch<Real, Heads>& part, const Counts<Real, Heads>& counts, const MicroBatchStart& start)
    {
        using Training = BodyTraining<Body<Real, Ops>>;
        if (is_ended_) begin();
        is_ended_ = true;  // until this has succeeded: after an exception, the next call begins a new step
        const RandomStream stream{options_.seed, static_cast<std::uint32_t>(optimizer_.state().steps)};
        const Pass pass{.config = model_.config,
                        .sequences = part.batch.sequences,
                        .workspace = workspace_,
                        .dropout = options_.dropout ? dropout_of(model_.config, stream, start) : Dropout{}};
        model_.read_rows(part.batch, part.targets, rows_);
        const EncoderPlan plan{options_.gradient_checkpointing, rows_};
        const BodyResult<Real> result = Training::forward(model_.body, part.batch, plan, pass, body_act_);
        model_.forward_heads(result, part.targets, pass, act_);
        const Losses<Real, Heads> losses = model_.loss(part.batch, part.targets, counts, options_.loss, act_);
        model_.add_losses(losses, losses_);
        model_.loss_backward(part.batch, part.targets, counts, options_.loss, act_, d_act_);
        const BodyResultGradients<Real> d_result = model_.body.clear_result_gradients(part.batch, gradient_.body, d_body_act_);
        model_.backward_heads(result, pass, act_, gradient_, d_act_, d_result);
        Training::backward(model_.body, part.batch, plan, pass, body_act_, gradient_.body, d_body_act_);
        is_ended_ = false;
    }

    /// Moves the parameters against the accumulated gradient. The next step begins with a gradient of zero.
    /// @return  losses and what the optimizer did
    /// @throws std::runtime_error when too many steps in a row had no finite gradient
    TrainingReport<Real, Heads> update()
    {
        if (is_ended_) begin();  // nothing was accumulated
        is_ended_ = true;        // also if the optimizer throws: the next step begins without this one's gradient
        TrainingReport<Real, Heads> report;
        report.losses = losses_;
        StepReport& step = report;
        if (losses_.count == 0)
            step = optimizer_.step_without_labels();
        else
            step = optimizer_.step(gradients_, parameters_);
        return report;
    }

    /// @return  the last step's gradient, before clipping
    const AnyModel& gradient() const { return gradient_; }
    /// @return  moments and counters
    const Optimizer<AnyModel, Real, Ops>& optimizer() const { return optimizer_; }
    /// @copydoc optimizer() const
    Optimizer<AnyModel, Real, Ops>& optimizer() { return optimizer_; }

private:
    /// Begins a step: sets the gradient and the losses to zero.
    void begin()
    {
        for (const Parameter<Real>& parameter : gradients_)
            Ops::set_to_zero(parameter.values);
        losses_ = {};
        is_ended_ = false;
    }

    TrainingOptions options_;
    AnyModel& model_;
    AnyModel gradient_;
    Optimizer<AnyModel, Real, Ops> optimizer_;
    ParameterList<Real> parameters_, gradients_;  // of the model and of the gradient
    bool is_ended_ = true;                        // whether the next call begins a step
    Losses<Real, Heads> losses_;                  // of the micro-batches so far
    std::vector<std::size_t> rows_;               // rows that heads read
    typename BodyTraining<Body<Real, Ops>>::Activations body_act_;
    typename BodyTraining<Body<Real, Ops>>::Gradients d_body_act_;
    HeadActivations<Real, Heads> act_, d_act_;
    Workspace workspace_;
};

}  // namespace bert
