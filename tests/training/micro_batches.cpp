// A batch in micro-batches: whatever each of them has labels of, their gradients add up to the whole batch's, dropout included.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/io/architectures.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "bert/training/initialize.hpp"
#include "bert/training/trainer.hpp"

#include "catch.hpp"

using bert::IndexTensor;
using bert::LabelledBatch;

namespace {

constexpr std::size_t texts = 7;  // of a batch; for multiple choice each has two endings, else it is one sequence

// The texts of each micro-batch, so that 7 are split into 1, 2, 3 and 7.
const std::vector<std::vector<std::size_t>> splits{{7}, {3, 4}, {1, 4, 2}, {1, 1, 1, 1, 1, 1, 1}};

// One task: a class of models, and what a batch of it is trained on.
struct Task {
    std::string name;
    const char* architecture;
    std::function<bert::Targets<double>(const bert::Batch&)> targets;
    std::size_t sequences_per_text = 1;
    std::size_t labels = 3;
};

IndexTensor<1> indices(const std::vector<std::int64_t>& values)
{
    IndexTensor<1> tensor;
    tensor.resize({values.size()});
    std::copy(values.begin(), values.end(), tensor.begin());
    return tensor;
}

// Masked positions in the first, third and sixth sequence alone.
bert::MaskedLmTarget masked_lm(const bert::Batch& batch)
{
    bert::MaskedLmTarget target;
    std::vector<std::int64_t> ids;
    for (const std::size_t b : {0U, 2U, 5U})
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; t += 2) {
            target.rows.push_back(t);
            ids.push_back(static_cast<std::int64_t>(t * t % 13));
        }
    target.ids = indices(ids);
    return target;
}

// Tokens have classes in five sequences; in the second and the fifth all are ignored.
IndexTensor<1> token_classes(const bert::Batch& batch)
{
    IndexTensor<1> classes;
    classes.resize({batch.sequences.tokens()});
    for (std::size_t b = 0; b < batch.sequences.count(); ++b)
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t)
            classes(t) = b == 1 || b == 4 || t % 4 == 3 ? bert::ignored_label : static_cast<std::int64_t>(t % 3);
    return classes;
}

std::vector<Task> tasks()
{
    using Targets = bert::Targets<double>;
    using bert::Batch;
    std::vector<Task> tasks;
    tasks.push_back({"masked LM", "BertForMaskedLM", [](const Batch& batch) {
                         Targets targets;
                         targets.masked_lm = masked_lm(batch);
                         return targets;
                     }});
    tasks.push_back({"next sentence", "BertForNextSentencePrediction", [](const Batch&) {
                         Targets targets;
                         targets.next_sentence = {0, 1, 1, 0, 1, 0, 0};
                         return targets;
                     }});
    tasks.push_back({"masked LM and next sentence", "BertForPreTraining", [](const Batch& batch) {
                         Targets targets;
                         targets.masked_lm = masked_lm(batch);
                         targets.next_sentence = {0, 1, 1, 0, 1, 0, 0};
                         return targets;
                     }});
    tasks.push_back({"classes", "BertForSequenceClassification", [](const Batch&) {
                         Targets targets;
                         targets.sequence_classification = IndexTensor<1>{0, 1, 2, 2, 1, 0, 1};
                         return targets;
                     }});
    tasks.push_back({"values", "BertForSequenceClassification",
                     [](const Batch&) {
                         Targets targets;
                         targets.sequence_classification = bert::Tensor<double, 1>{0.5, -1, 2, 0, 1, -0.25, 3};
                         return targets;
                     },
                     1, 1});
    tasks.push_back({"labels", "BertForSequenceClassification", [](const Batch&) {
                         Targets targets;
                         targets.sequence_classification = bert::Tensor<double, 2>{{0, 1, 0},   {1, 1, 0}, {0, 0, 0}, {1, 1, 1},
                                                                                   {0, 0.5, 1}, {1, 0, 0}, {0, 0, 1}};
                         return targets;
                     }});
    tasks.push_back({"multiple choice", "BertForMultipleChoice",
                     [](const Batch&) {
                         Targets targets;
                         targets.multiple_choice = {0, 1, 1, 0, 1, 0, 0};
                         return targets;
                     },
                     2});
    tasks.push_back({"classes of tokens", "BertForTokenClassification", [](const Batch& batch) {
                         Targets targets;
                         targets.token_classification = token_classes(batch);
                         return targets;
                     }});
    // Of the fourth and fifth answer nothing is there, of the sixth the start isn't: 99 is ignored, -1 counts as 0.
    tasks.push_back({"spans", "BertForQuestionAnswering",
                     [](const Batch&) {
                         Targets targets;
                         targets.question_answering = {{1, 0, 2, 99, 99, 99, -1}, {2, 0, 3, 99, 99, 1, 0}};
                         return targets;
                     },
                     1, 2});
    return tasks;
}

bert::Config config_of(const Task& task)
{
    bert::Config config;
    bert::set_architecture(task.architecture, config);
    config.vocab_size = 13;
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 10;
    config.max_position_embeddings = 9;
    config.initializer_range = 0.3;
    config.hidden_dropout_prob = 0.2;
    config.attention_probs_dropout_prob = 0.3;
    config.classifier_dropout = 0.4;
    config.labels.resize(task.labels, "more");
    return config;
}

bert::Batch batch_of(const Task& task)
{
    std::vector<std::vector<std::int64_t>> ids(texts * task.sequences_per_text), segments(ids.size());
    for (std::size_t b = 0; b < ids.size(); ++b)
        for (std::size_t i = 0; i < 4 + 3 * b % 6; ++i) {
            ids[b].push_back(static_cast<std::int64_t>((5 * b + 3 * i) % 13));
            segments[b].push_back(i < 2 ? 0 : 1);
        }
    return bert::pack(ids, segments);
}

template <class Value>
bert::Tensor<Value, 1> part_of(const bert::Tensor<Value, 1>& whole, std::size_t first, std::size_t last)
{
    bert::Tensor<Value, 1> part;
    part.resize({last - first});
    std::copy(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.begin() + static_cast<std::ptrdiff_t>(last),
              part.begin());
    return part;
}

bert::Tensor<double, 2> part_of(const bert::Tensor<double, 2>& whole, std::size_t first, std::size_t last)
{
    bert::Tensor<double, 2> part;
    part.resize({last - first, whole.shape(1)});
    for (std::size_t b = first; b < last; ++b)
        for (std::size_t c = 0; c < whole.shape(1); ++c)
            part(b - first, c) = whole(b, c);
    return part;
}

// Some texts of a batch. A target without a label stays where `keeps_empty` is set, else there is none.
LabelledBatch<double> part_of(const LabelledBatch<double>& whole, const Task& task, std::size_t first, std::size_t last,
                              bool keeps_empty)
{
    const std::size_t first_sequence = first * task.sequences_per_text, last_sequence = last * task.sequences_per_text;
    const auto& begin = whole.batch.sequences.begin;
    const std::size_t from = begin[first_sequence], to = begin[last_sequence];  // tokens
    LabelledBatch<double> part;
    part.batch.ids = part_of(whole.batch.ids, from, to);
    part.batch.segments = part_of(whole.batch.segments, from, to);
    part.batch.positions = part_of(whole.batch.positions, from, to);
    part.batch.padded_length = whole.batch.padded_length;
    for (std::size_t b = first_sequence; b < last_sequence; ++b)
        part.batch.sequences.begin.push_back(begin[b + 1] - from);

    const bert::Targets<double>& targets = whole.targets;
    if (targets.masked_lm) {
        bert::MaskedLmTarget some;
        std::vector<std::int64_t> ids;
        for (std::size_t m = 0; m < targets.masked_lm->rows.size(); ++m) {
            const std::size_t row = targets.masked_lm->rows[m];
            if (row < from || row >= to) continue;
            some.rows.push_back(row - from);
            ids.push_back(targets.masked_lm->ids(m));
        }
        some.ids = indices(ids);
        if (keeps_empty || !ids.empty()) part.targets.masked_lm = some;
    }
    if (targets.next_sentence) part.targets.next_sentence = part_of(*targets.next_sentence, first, last);
    if (targets.sequence_classification)
        std::visit([&](const auto& target) { part.targets.sequence_classification = part_of(target, first, last); },
                   *targets.sequence_classification);
    if (targets.multiple_choice) part.targets.multiple_choice = part_of(*targets.multiple_choice, first, last);
    if (targets.token_classification) {
        const IndexTensor<1> classes = part_of(*targets.token_classification, from, to);
        const bool is_empty =
            std::all_of(classes.begin(), classes.end(), [](auto label) { return label == bert::ignored_label; });
        if (keeps_empty || !is_empty) part.targets.token_classification = classes;
    }
    if (targets.question_answering) {
        const auto starts = part_of(targets.question_answering->starts, first, last);
        const auto ends = part_of(targets.question_answering->ends, first, last);
        const auto is_ignored = [](std::int64_t position) { return position == 99; };
        const bool is_empty =
            std::all_of(starts.begin(), starts.end(), is_ignored) && std::all_of(ends.begin(), ends.end(), is_ignored);
        if (keeps_empty || !is_empty) part.targets.question_answering = {starts, ends};
    }
    return part;
}

// The gradient of a step as one list of numbers, and its losses.
struct Result {
    std::vector<double> gradient;
    bert::Losses<double> losses;
};

template <class Ops>
Result step(const bert::Config& config, const bert::TrainingOptions& options,
            const std::vector<LabelledBatch<double>>& micro_batches)
{
    auto model = bert::Model<double, Ops>::make(config);
    bert::initialize(model, 3);
    bert::Trainer<double, Ops> trainer(options, model);
    Result result;
    result.losses = trainer.step(micro_batches).losses;
    for (const auto& parameter : bert::parameter_list<const double>(trainer.gradient()))
        result.gradient.insert(result.gradient.end(), parameter.values.begin(), parameter.values.end());
    return result;
}

double largest_of(const std::vector<double>& numbers)
{
    double largest = 0;
    for (const double number : numbers)
        largest = std::max(largest, std::abs(number));
    return largest;
}

double distance(const std::vector<double>& a, const std::vector<double>& b)
{
    REQUIRE(a.size() == b.size());
    std::vector<double> differences = a;
    for (std::size_t i = 0; i < a.size(); ++i)
        differences[i] -= b[i];
    return largest_of(differences);
}

}  // namespace

TEMPLATE_TEST_CASE("A batch in 1, 2, 3 and 7 micro-batches has one gradient, for every head, dropout included", "",
                   bert::Reference, bert::Fast)
{
    for (const Task& task : tasks()) {
        const bert::Config config = config_of(task);
        LabelledBatch<double> whole{batch_of(task), {}};
        whole.targets = task.targets(whole.batch);
        for (const auto divisor : {bert::LossDivisor::transformers, bert::LossDivisor::original}) {
            bert::TrainingOptions options;
            options.loss = {.smoothing = 0.1, .divisor = divisor};
            options.seed = 11;
            const Result expected = step<TestType>(config, options, {whole});
            const double largest = largest_of(expected.gradient);
            CHECK(largest > 0.01);
            for (const auto& split : splits) {
                for (const bool keeps_empty : {true, false}) {
                    // A target that isn't there isn't counted; the original counts ignored spans, too.
                    if (!keeps_empty && divisor == bert::LossDivisor::original) continue;
                    std::vector<LabelledBatch<double>> micro_batches;
                    std::size_t first = 0;
                    for (const std::size_t count : split) {
                        micro_batches.push_back(part_of(whole, task, first, first + count, keeps_empty));
                        first += count;
                    }
                    CAPTURE(task.name, split.size(), keeps_empty, divisor == bert::LossDivisor::original);
                    options.gradient_checkpointing = keeps_empty;  // either way
                    const Result found = step<TestType>(config, options, micro_batches);
                    CHECK(distance(found.gradient, expected.gradient) < 1e-12 * largest);  // sums in another order
                    CHECK(std::abs(found.losses.total - expected.losses.total) < 1e-13 * expected.losses.total);
                    CHECK(found.losses.count == expected.losses.count);
                    CHECK(found.losses.masked_lm.has_value() == expected.losses.masked_lm.has_value());
                    CHECK(found.losses.next_sentence.has_value() == expected.losses.next_sentence.has_value());
                }
            }
            options.gradient_checkpointing = options.dropout = false;
            CHECK(distance(step<TestType>(config, options, {whole}).gradient, expected.gradient) > 1e-3 * largest);
        }
    }
}

TEST_CASE("A micro-batch's loss is its part of the whole batch's: divided by the whole count, not by its own")
{
    // Two texts of one token's class each, and one with two: the mean is over four tokens.
    const Task task = tasks()[7];
    REQUIRE(task.name == "classes of tokens");
    const bert::Config config = config_of(task);
    const auto model = [&] {
        auto made = bert::Model<double>::make(config);
        bert::initialize(made, 3);
        return made;
    }();
    const bert::Batch batch = bert::pack({{1, 2}, {3, 4}, {5, 6}});
    bert::Targets<double> targets;
    targets.token_classification = indices({0, bert::ignored_label, bert::ignored_label, 1, 2, 2});
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace};
    bert::ModelActivations<double> act;
    bert::Counts<double> counts;
    model.count(batch, targets, counts);
    CHECK(counts.token_classification == 4);
    model.forward(batch, targets, pass, act);
    const double whole = model.loss(batch, targets, counts, {}, act).total;
    double sum = 0;
    for (std::size_t b = 0; b < 3; ++b) {
        std::vector<std::vector<std::int64_t>> ids(1);
        ids[0] = {batch.ids(2 * b), batch.ids(2 * b + 1)};
        const bert::Batch part = bert::pack(ids);
        bert::Targets<double> part_targets;
        part_targets.token_classification = part_of(*targets.token_classification, 2 * b, 2 * b + 2);
        model.forward(part, part_targets, {model.config, part.sequences, workspace}, act);
        sum += model.loss(part, part_targets, counts, {}, act).total;
    }
    CHECK(std::abs(sum - whole) < 1e-13);
}
