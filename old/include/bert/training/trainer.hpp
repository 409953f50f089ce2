/// @file
/// A training step: forward, loss, backward, optimizer; on a batch at once or in pieces whose gradients are added up.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/core/dropout.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/workspace.hpp"
#include "bert/losses.hpp"
#include "bert/model.hpp"
#include "bert/training/optimizer.hpp"
#include "bert/training/update.hpp"

namespace bert {

/// A batch and its answers.
template <class Real>
struct Example {
    Batch batch;          ///< what goes in
    Labels<Real> labels;  ///< what should come out
};

/// Checks every id and every label against the model, before anything is computed.
/// @param model  the model
/// @param example  what it would be given
/// @throws std::invalid_argument that names the first one out of range: `labels: masked_words[3]: expected 0 to 30521 or -100,
/// ...`
template <class Real, class Ops>
void check_example(const Model<Real, Ops>& model, const Example<Real>& example)
{
    const Batch& batch = example.batch;
    const Labels<Real>& labels = example.labels;
    const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count(), C = model.config.num_labels();
    detail::require_kind(model.config.architecture, labels);
    model.embeddings.check(batch);
    const auto check = [](const char* name, const IndexTensor<1>& values, std::size_t count, std::size_t classes, bool may_lack) {
        if (values.size() == 0) return;
        require_shape(name, values, {count});
        for (std::size_t i = 0; i < count; ++i) {
            if (may_lack && values(i) == ignored_label) continue;
            if (values(i) < 0 || static_cast<std::size_t>(values(i)) >= classes)
                throw std::invalid_argument(
                    std::string(name) + "[" + std::to_string(i) + "]: expected 0 to " + std::to_string(classes - 1) +
                    (may_lack ? " or " + std::to_string(ignored_label) : "") + ", got " + std::to_string(values(i)));
        }
    };
    check("labels: masked_words", labels.masked_words, T, model.config.vocab_size, true);
    check("labels: tokens", labels.tokens, T, C, true);
    check("labels: next_sentence", labels.next_sentence, B, 2, false);
    check("labels: classes", labels.classes, B, C, false);
    if (labels.choices.size() > 0)
        check("labels: choices", labels.choices, labels.choices.size(), detail::endings_of(labels.choices, B), false);
    if (labels.starts.size() > 0 || labels.ends.size() > 0)
        detail::visit_spans(batch, labels.starts, labels.ends, [&](std::size_t b, std::size_t, std::int64_t position) {
            static_cast<void>(detail::row_of(batch, b, position));
        });
    if (labels.values.size() > 0) require_shape("labels: values", labels.values, {B});
    for (std::size_t b = 0; b < labels.values.size(); ++b)
        if (!std::isfinite(labels.values(b)))
            throw std::invalid_argument("labels: values[" + std::to_string(b) + "]: expected a finite number, got " +
                                        std::to_string(labels.values(b)));
    if (labels.several.size() > 0) require_shape("labels: several", labels.several, {B, C});
    for (std::size_t i = 0; i < labels.several.size(); ++i)
        if (!(labels.several.data()[i] >= 0 && labels.several.data()[i] <= 1))
            throw std::invalid_argument("labels: several[" + std::to_string(i / C) + ", " + std::to_string(i % C) +
                                        "]: expected 0 to 1, got " + std::to_string(labels.several.data()[i]));
}

/// Choices about training steps.
struct TrainingOptions {
    OptimizerOptions optimizer = {};                       ///< rate, decay, clipping
    double smoothing = 0;                                  ///< of labels, in [0, 1)
    Normalization normalization = Normalization::library;  ///< of the losses
    bool dropout = true;                                   ///< with the configuration's probabilities
    bool recompute = false;  ///< keep of each block its result alone, and compute the rest once more in backward
    std::uint64_t seed = 0;  ///< of dropout
};

/// What became of a training step.
template <class Real>
struct TrainingReport : StepReport {
    Losses<Real> losses;  ///< of the whole batch; a count of 0: there was no label, and nothing but the schedule moved
};

/// Trains a model. What it needs is made once and kept from step to step.
template <class Real, class Ops>
class Trainer {
public:
    /// @param options  choices
    /// @param model  what will be trained
    /// @throws std::invalid_argument for an option out of its range
    Trainer(const TrainingOptions& options, const Model<Real, Ops>& model)
        : options_(options), gradient_(model), optimizer_(options.optimizer, model)
    {
        if (!(options.smoothing >= 0 && options.smoothing < 1))
            throw std::invalid_argument("trainer: smoothing: expected 0 to 1, got " + std::to_string(options.smoothing));
        act_.encoder.recompute = options.recompute;
        act_.answers_only = true;
    }

    /// One step. Ids and labels are checked before anything is computed.
    /// @param pieces  the batch, in pieces if it is too large at once: their gradients are added up to that of the whole
    ///     (dropout draws other numbers in each piece; and spans are averaged in their piece: where pieces ignore differently
    ///     many of them, the sum is not the whole batch's)
    /// @param[in,out] model  the parameters
    /// @return  losses and what the optimizer did
    /// @throws std::invalid_argument for an id or a label out of range, or labels of another shape
    /// @throws std::runtime_error when too many steps in a row had no finite gradient
    TrainingReport<Real> step(std::span<const Example<Real>> pieces, Model<Real, Ops>& model)
    {
        std::size_t texts = 0, labelled = 0;
        for (const Example<Real>& piece : pieces) {
            check_example(model, piece);
            texts += labelled_texts(model, piece.labels);
            labelled += labelled_count(model.masked_word ? piece.labels.masked_words : piece.labels.tokens);
        }
        Model<Real, Ops>::parameters([](const Name&, auto& tensor) { set_to_zero(tensor); }, "", gradient_);
        TrainingReport<Real> report;
        for (std::size_t i = 0; i < pieces.size(); ++i) {
            const Example<Real>& piece = pieces[i];
            LossOptions loss{.smoothing = options_.smoothing, .normalization = options_.normalization};
            if (const std::size_t some = labelled_texts(model, piece.labels); some > 0)
                loss.share = static_cast<double>(some) / static_cast<double>(texts);
            loss.labelled = labelled;
            if (options_.dropout) act_.dropout = dropout_of(model.config, stream_of_piece(i));
            act_.asked_words = labelled_rows(piece.labels.masked_words, std::move(act_.asked_words).value_or(Rows{}));
            model.forward(piece.batch, act_, workspace_);
            add(model_loss(model, piece.batch, act_, piece.labels, loss), report.losses);
            model_loss_backward(model, piece.batch, act_, piece.labels, loss, d_act_);
            model.backward(piece.batch, act_, gradient_, d_act_, workspace_);
        }
        static_cast<StepReport&>(report) = report.losses.count == 0 ? optimizer_.pass() : optimizer_.step(gradient_, model);
        return report;
    }

    /// @return  the last step's gradient, before clipping
    const Model<Real, Ops>& gradient() const { return gradient_; }
    /// @return  moments, and how many steps have been taken
    const Optimizer<Model<Real, Ops>>& optimizer() const { return optimizer_; }

private:
    using Rows = std::vector<std::size_t>;

    /// Dropout's numbers differ from step to step and from piece to piece.
    RandomStream stream_of_piece(std::size_t piece) const
    {
        constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // so that seeds of pieces are far apart
        return {options_.seed + piece * odd, static_cast<std::uint32_t>(optimizer_.steps())};
    }

    /// How many texts (of a choice: examples) a loss over texts is the mean of: a piece without such labels has no share in it.
    static std::size_t labelled_texts(const Model<Real, Ops>& model, const Labels<Real>& labels)
    {
        if (model.next_sentence) return labels.next_sentence.size();
        return std::max(
            {labels.classes.size(), labels.values.size(), labels.several.shape(0), labels.choices.size(), labels.starts.size()});
    }

    static void add(const Losses<Real>& part, Losses<Real>& sum)
    {
        if (part.masked_words) sum.masked_words = sum.masked_words.value_or(0) + *part.masked_words;
        if (part.next_sentence) sum.next_sentence = sum.next_sentence.value_or(0) + *part.next_sentence;
        sum.total += part.total;
        sum.count += part.count;
    }

    TrainingOptions options_;
    Model<Real, Ops> gradient_;
    Optimizer<Model<Real, Ops>> optimizer_;
    ModelActivations<Real> act_;
    ModelGradients<Real> d_act_;
    Workspace workspace_;
};

}  // namespace bert
