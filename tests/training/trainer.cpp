#include "bert/training/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <variant>
#include <vector>

#include <instances.hpp>
#include "bert/core/threads.hpp"
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"

using bert::Fast;
using bert::LabelledBatch;
using bert::Model;
using bert::Reference;
using bert::ReferenceCase;
using bert::Trainer;
using bert::TrainingOptions;

namespace {

const std::string cases = BERT_SOURCE_DIR "/reference_outputs/cases/";

// The sequences from first to last of a packed example, as an example of its own.
template <class Real>
LabelledBatch<Real> part_of(const LabelledBatch<Real>& whole, std::size_t first, std::size_t last)
{
    std::vector<std::vector<std::int64_t>> ids, segments;
    const auto& begin = whole.batch.sequences.begin;
    for (std::size_t b = first; b < last; ++b) {
        ids.emplace_back();
        segments.emplace_back();
        for (std::size_t t = begin[b]; t < begin[b + 1]; ++t) {
            ids.back().push_back(whole.batch.ids(t));
            segments.back().push_back(whole.batch.segments(t));
        }
    }
    const auto some = [](const bert::IndexTensor<1>& labels, std::size_t from, std::size_t to) {
        bert::IndexTensor<1> part;
        part.resize({to - from});
        for (std::size_t i = from; i < to; ++i)
            part(i - from) = labels(i);
        return part;
    };
    LabelledBatch<Real> part{bert::pack(ids, segments), {}};
    if (const auto& target = whole.targets.masked_lm) {
        const auto& rows = target->rows;
        const auto from = std::lower_bound(rows.begin(), rows.end(), begin[first]);
        const auto to = std::lower_bound(rows.begin(), rows.end(), begin[last]);
        part.targets.masked_lm = {
            std::vector<std::size_t>(from, to),
            some(target->ids, static_cast<std::size_t>(from - rows.begin()), static_cast<std::size_t>(to - rows.begin()))};
        for (std::size_t& row : part.targets.masked_lm->rows)
            row -= begin[first];
    }
    if (whole.targets.next_sentence) part.targets.next_sentence = some(*whole.targets.next_sentence, first, last);
    return part;
}

// No position is masked.
template <class Real>
LabelledBatch<Real> without_masked_positions(LabelledBatch<Real> example)
{
    example.targets.masked_lm->rows.clear();
    example.targets.masked_lm->ids.resize({0});
    return example;
}

template <class Real, class Ops>
std::vector<double> curve(const Model<Real, Ops>& start, const TrainingOptions& options,
                          const std::vector<LabelledBatch<Real>>& micro_batches, std::size_t steps)
{
    Model<Real, Ops> model = start;
    Trainer<Real, Ops> trainer(options, model);
    std::vector<double> losses;
    for (std::size_t k = 0; k < steps; ++k)
        losses.push_back(static_cast<double>(trainer.step(micro_batches).losses.total));
    return losses;
}

// The largest difference of two models' parameters.
template <class Real, class Ops>
double distance(const Model<Real, Ops>& a, const Model<Real, Ops>& b)
{
    double largest = 0;
    Model<Real, Ops>::parameters(
        [&](const std::string&, const auto& x, const auto& y) {
            for (std::size_t i = 0; i < x.size(); ++i) {
                const double difference = std::abs(static_cast<double>(x.data()[i]) - static_cast<double>(y.data()[i]));
                if (!(difference <= largest)) largest = difference;
            }
        },
        "", a, b);
    return largest;
}

}  // namespace

TEST_CASE("A batch in micro-batches has the gradient of the whole, unequal ones and label counts included")
{
    const ReferenceCase reference(cases + "pretraining_gelu");  // three sequences, the last without masked positions
    const LabelledBatch<double> whole{reference.batch(), reference.targets<double>()};
    const std::vector<LabelledBatch<double>> micro_batches{part_of(whole, 0, 1), part_of(whole, 1, 3)};
    auto at_once = reference.model<double, Reference>(), in_parts = at_once;
    TrainingOptions options;
    options.dropout = false;
    options.loss.smoothing = 0.1;
    Trainer<double, Reference> one(options, at_once), other(options, in_parts);
    const auto losses = one.step(std::vector{whole}).losses, sum = other.step(micro_batches).losses;
    CHECK(std::abs(losses.total - sum.total) < 1e-13);
    CHECK(losses.count == sum.count);
    CHECK(distance(one.gradient(), other.gradient()) < 1e-13);
    CHECK(distance(at_once, in_parts) < 1e-12);
}

TEST_CASE("A micro-batch without a kind of label has no share in that loss")
{
    // Three sequences; next sentence is labelled in the first two alone, which are a micro-batch of their own.
    const ReferenceCase reference(cases + "pretraining_gelu");
    const LabelledBatch<double> whole{reference.batch(), reference.targets<double>()};
    std::vector<LabelledBatch<double>> micro_batches{part_of(whole, 0, 2), part_of(whole, 2, 3)};
    micro_batches[1].targets.next_sentence.reset();
    auto model = reference.model<double, Reference>(), same_model = model;
    TrainingOptions options;
    options.dropout = false;
    Trainer<double, Reference> of_both(options, model), of_labelled(options, same_model);
    const auto both = of_both.step(micro_batches).losses;
    const auto labelled = of_labelled.step(std::span(micro_batches).first(1)).losses;
    // The mean over two labelled texts is the same, whatever stands beside them.
    CHECK(std::abs(both.next_sentence.value() - labelled.next_sentence.value()) < 1e-13);

    // Each kind of loss over texts: two labelled micro-batches beside one without labels are the two alone.
    for (const char* const name : {"sequence_classes", "sequence_regression", "sequence_multi_label", "multiple_choice"}) {
        INFO(name);
        const ReferenceCase texts(cases + name);
        const LabelledBatch<double> example{texts.batch(), texts.targets<double>()};
        LabelledBatch<double> unlabelled = example;
        unlabelled.targets = {};
        auto text_model = texts.model<double, Reference>(), same_text_model = text_model;
        Trainer<double, Reference> with(options, text_model), without(options, same_text_model);
        const double beside = with.step(std::vector{example, unlabelled}).losses.total;
        CHECK(std::abs(beside - without.step(std::vector{example}).losses.total) < 1e-13);
        CHECK(distance(with.gradient(), without.gradient()) < 1e-13);
    }
}

TEST_CASE("Spans in micro-batches that ignore differently many have the gradient of the whole")
{
    const ReferenceCase reference(cases + "question_answering_ignored");
    const LabelledBatch<double> whole{reference.batch(), reference.targets<double>()};
    const std::size_t B = whole.batch.sequences.count();
    std::vector<LabelledBatch<double>> micro_batches{part_of(whole, 0, 1), part_of(whole, 1, B)};
    const std::size_t begin[] = {0, 1, B};
    for (std::size_t i = 0; i < 2; ++i) {
        micro_batches[i].batch.padded_length = whole.batch.padded_length;
        auto& target = micro_batches[i].targets.question_answering.emplace();
        target.starts.resize({begin[i + 1] - begin[i]});
        target.ends.resize({begin[i + 1] - begin[i]});
        for (std::size_t b = begin[i]; b < begin[i + 1]; ++b) {
            target.starts(b - begin[i]) = whole.targets.question_answering->starts(b);
            target.ends(b - begin[i]) = whole.targets.question_answering->ends(b);
        }
    }
    auto model = reference.model<double, Reference>(), same_model = model;
    TrainingOptions options;
    options.dropout = false;
    Trainer<double, Reference> at_once(options, model), in_parts(options, same_model);
    at_once.step(std::vector{whole});
    in_parts.step(micro_batches);
    CHECK(distance(at_once.gradient(), in_parts.gradient()) < 1e-13);
}

TEMPLATE_TEST_CASE("The loss curve has the same bits with 1, 2 and 3 threads", "", Reference, Fast, bert::FastBf16)
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const auto start = reference.model<float, TestType>();
    const std::vector<LabelledBatch<float>> batch{{reference.batch(), reference.targets<float>()}};
    TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    options.seed = 7;
    Model<float, TestType> with_dropout = start;
    with_dropout.config.hidden_dropout_prob = with_dropout.config.attention_probs_dropout_prob = 0.1;
    const std::size_t threads = bert::threads();
    bert::set_threads(1);
    const std::vector<double> expected = curve(with_dropout, options, batch, 5);
    for (const std::size_t count : {2U, 3U}) {
        bert::set_threads(count);
        CHECK(curve(with_dropout, options, batch, 5) == expected);
    }
    bert::set_threads(threads);
    options.seed = 8;
    CHECK(curve(with_dropout, options, batch, 1) != std::vector<double>{expected[0]});  // another dropout
    CHECK(expected.back() < expected.front());
}

TEMPLATE_TEST_CASE("Gradient checkpointing changes no bit, dropout included", "", Reference, Fast, bert::FastBf16)
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    auto kept = reference.model<float, TestType>();
    kept.config.hidden_dropout_prob = kept.config.attention_probs_dropout_prob = 0.1;
    auto computed_again = kept;
    const std::vector<LabelledBatch<float>> batch{{reference.batch(), reference.targets<float>()}};
    TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    Trainer<float, TestType> one(options, kept);
    options.gradient_checkpointing = true;
    Trainer<float, TestType> other(options, computed_again);
    for (int k = 0; k < 3; ++k)
        CHECK(one.step(batch).losses.total == other.step(batch).losses.total);
    CHECK(distance(kept, computed_again) == 0);
    CHECK(distance(kept, reference.model<float, TestType>()) > 1e-3);
}

TEST_CASE("Fast drops what Reference drops: their curves agree")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    auto plain = reference.model<double, Reference>();
    auto fast = reference.model<double, Fast>();
    plain.config.hidden_dropout_prob = fast.config.hidden_dropout_prob = 0.3;
    plain.config.attention_probs_dropout_prob = fast.config.attention_probs_dropout_prob = 0.2;
    const std::vector<LabelledBatch<double>> batch{{reference.batch(), reference.targets<double>()}};
    TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    const auto a = curve(plain, options, batch, 4), b = curve(fast, options, batch, 4);
    for (std::size_t k = 0; k < 4; ++k)
        CHECK(std::abs(a[k] - b[k]) < 1e-11 * a[k]);
}

TEST_CASE("A NaN or an infinity in any parameter is caught in that step, and no other becomes one")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const std::vector<LabelledBatch<double>> batch{{reference.batch(), reference.targets<double>()}};
    const auto start = reference.model<double, Reference>();
    std::vector<std::string> names;
    Model<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "", start);
    for (const double number : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        for (const std::string& chosen : names) {
            Model<double> model = start;
            Model<double>::parameters(
                [&](const std::string& name, auto& tensor) {
                    // Row 0 of the word table belongs to no token of the case; every other tensor's first number is used.
                    if (name == chosen) tensor.data()[name.find("word_embeddings") != name.npos ? tensor.size() / 2 : 0] = number;
                },
                "", model);
            const Model<double> before = model;
            TrainingOptions options;
            options.dropout = false;
            Trainer<double, Reference> trainer(options, model);
            const auto report = trainer.step(batch);
            INFO(chosen << " with " << number);
            CHECK_FALSE(report.first_non_finite.empty());
            std::size_t before_step = 0, after_step = 0;
            const auto count = [](const Model<double>& counted, std::size_t& sum) {
                Model<double>::parameters(
                    [&](const std::string&, const auto& tensor) {
                        for (const double value : tensor)
                            sum += std::isfinite(value) ? 0 : 1;
                    },
                    "", counted);
            };
            count(before, before_step);
            count(model, after_step);
            CHECK(before_step == 1);
            CHECK(after_step == 1);
        }
    }
}

TEST_CASE("A batch without any label changes nothing and is counted as such")
{
    const ReferenceCase reference(cases + "masked_lm");
    const auto example = without_masked_positions(LabelledBatch<double>{reference.batch(), reference.targets<double>()});
    auto model = reference.model<double, Reference>();
    const auto before = model;
    Trainer<double, Reference> trainer({}, model);
    const auto report = trainer.step(std::vector{example});
    CHECK(report.losses.count == 0);
    CHECK(report.losses.total == 0);
    CHECK(distance(model, before) == 0);
    CHECK(trainer.optimizer().state().steps == 1);  // the schedule goes on
}

TEST_CASE("The rate of a step depends on how many batches came before it: those without a label and skipped ones count")
{
    const ReferenceCase reference(cases + "masked_lm");
    const LabelledBatch<double> example{reference.batch(), reference.targets<double>()};
    const LabelledBatch<double> unlabelled = without_masked_positions(example);
    auto model = reference.model<double, Reference>();
    TrainingOptions options;
    options.optimizer.learning_rate = 1;
    options.optimizer.schedule = {.kind = bert::ScheduleKind::linear, .total_steps = 10};
    Trainer<double, Reference> trainer(options, model);
    CHECK(trainer.step(std::vector{example}).learning_rate == 1);
    CHECK(trainer.step(std::vector{unlabelled}).learning_rate == 0.9);
    const double weight = model.body.embeddings.word(5, 0);
    model.body.embeddings.norm.gamma(0) = std::nan("");
    const auto skipped = trainer.step(std::vector{example});
    CHECK(skipped.skipped);
    CHECK(skipped.learning_rate == 0.8);
    CHECK(model.body.embeddings.word(5, 0) == weight);
    model.body.embeddings.norm.gamma(0) = 1;
    CHECK(trainer.step(std::vector{example}).learning_rate == 0.7);
    CHECK(trainer.optimizer().state().steps == 4);
    CHECK(trainer.optimizer().state().skipped == 1);
}

TEST_CASE("A step is what its parts are: accumulate of each micro-batch, then update")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const LabelledBatch<double> whole{reference.batch(), reference.targets<double>()};
    const std::vector<LabelledBatch<double>> parts{part_of(whole, 0, 1), part_of(whole, 1, 3)};
    auto model = reference.model<double, Reference>(), same_model = model;
    Trainer<double, Reference> in_a_step({}, model), by_hand({}, same_model);
    for (int k = 0; k < 2; ++k) {
        const auto report = in_a_step.step(parts);
        bert::Counts<double> counts;
        for (const LabelledBatch<double>& part : parts)
            same_model.count(part.batch, part.targets, counts);
        by_hand.accumulate(parts[0], counts, {});
        by_hand.accumulate(parts[1], counts, {.tokens = parts[0].batch.sequences.tokens(), .sequences = 1});
        const auto same_report = by_hand.update();
        CHECK(report.losses.total == same_report.losses.total);
        CHECK(report.norm == same_report.norm);
        CHECK(distance(in_a_step.gradient(), by_hand.gradient()) == 0);
    }
    CHECK(distance(model, same_model) == 0);
    CHECK(by_hand.update().losses.count == 0);  // nothing was accumulated: the schedule goes on, and that is all
    CHECK(by_hand.optimizer().state().steps == 3);
    CHECK(distance(model, same_model) == 0);
}

TEST_CASE("A step that ended in an error leaves nothing to the next one")
{
    const ReferenceCase reference(cases + "masked_lm");
    const std::vector<LabelledBatch<double>> batch{{reference.batch(), reference.targets<double>()}};
    auto model = reference.model<double, Reference>(), same_model = model;
    TrainingOptions options;
    options.dropout = false;
    options.optimizer.max_skipped_in_a_row = 0;
    Trainer<double, Reference> trainer(options, model), fresh(options, same_model);
    model.body.embeddings.norm.gamma(0) = std::nan("");
    CHECK_THROWS_AS(trainer.step(batch), std::runtime_error);
    model.body.embeddings.norm.gamma(0) = same_model.body.embeddings.norm.gamma(0);
    const auto report = trainer.step(batch), expected = fresh.step(batch);
    CHECK_FALSE(report.skipped);
    CHECK(report.losses.total == expected.losses.total);
    CHECK(report.norm == expected.norm);
    CHECK(distance(model, same_model) == 0);
}

TEST_CASE("Before the first step the gradient is zero")
{
    auto model = ReferenceCase(cases + "masked_lm").model<double, Reference>();
    const Trainer<double, Reference> trainer({}, model);
    auto zero = model;
    bert::Model<double>::parameters([](const bert::Name&, auto& tensor) { tensor.fill(0); }, "", zero);
    CHECK(distance(trainer.gradient(), zero) == 0);
}

TEST_CASE("A smoothing that is no probability is refused")
{
    auto model = ReferenceCase(cases + "masked_lm").model<double, Reference>();
    TrainingOptions options;
    options.loss.smoothing = 1;
    CHECK_THROWS_WITH((Trainer<double, Reference>(options, model)), "trainer: smoothing: expected [0, 1), got 1.000000");
}

TEST_CASE("Ids and targets out of range are refused before anything is computed")
{
    const auto message = [&](const char* name, const auto& change) {
        const ReferenceCase reference(cases + name);
        auto model = reference.model<double, Reference>();
        const auto before = model;
        LabelledBatch<double> example{reference.batch(), reference.targets<double>()};
        change(example);
        Trainer<double, Reference> trainer({}, model);
        std::string text = "no error";
        try {
            trainer.step(std::vector{example});
        } catch (const std::invalid_argument& error) {
            text = error.what();
        }
        CHECK(distance(model, before) == 0);
        return text;
    };
    const char* const pretraining = "pretraining_gelu";
    CHECK(message(pretraining, [](auto& e) { e.batch.ids(3) = 101; }) == "embeddings: ids[3]: expected 0 to 100, got 101");
    CHECK(message(pretraining, [](auto& e) { e.targets.masked_lm->ids(1) = 101; }) ==
          "masked_lm: ids[1]: expected 0 to 100, got 101");
    CHECK(message(pretraining, [](auto& e) { e.targets.masked_lm->ids.resize({1}); }).starts_with("masked_lm: ids: expected ["));
    CHECK(message(pretraining, [](auto& e) {
              e.targets.masked_lm->rows.back() = 20;
          }).ends_with("]: expected a row below 20, got 20"));
    CHECK(message(pretraining, [](auto& e) {
              e.targets.masked_lm->rows[1] = e.targets.masked_lm->rows[0];
          }).starts_with("masked_lm: rows[1]: expected more than "));
    CHECK(message(pretraining, [](auto& e) { (*e.targets.next_sentence)(1) = 2; }) ==
          "next_sentence: target[1]: expected 0 to 1, got 2");
    CHECK(message(pretraining, [](auto& e) { e.targets.next_sentence->resize({2}); }) ==
          "next_sentence: target: expected [3], got [2]");
    CHECK(message(pretraining, [](auto& e) { e.batch.positions.resize({2}); }) ==
          "embeddings: positions: expected [20], got [2]");
    CHECK(message(pretraining, [](auto& e) {
              e.targets = {};
              e.targets.sequence_classification = bert::IndexTensor<1>{0, 1, 0};
          }) == "targets: expected at least one for a head of the model, got none");
    CHECK(message("multiple_choice", [](auto& e) {
              e.targets.multiple_choice = {0, 1, 0, 1};
          }) == "multiple_choice: expected a number of examples that divides 6 sequences, got 4");
    CHECK(message("multiple_choice", [](auto& e) {
              e.targets.multiple_choice = {0, 3};
          }) == "multiple_choice: target[1]: expected 0 to 2, got 3");
    CHECK(message("question_answering", [](auto& e) { e.targets.question_answering->starts.resize({0}); }) ==
          "question_answering: starts: expected [3], got [0]");
    CHECK(message("sequence_regression", [](auto& e) {
              e.targets.sequence_classification = bert::Tensor<double, 1>{0, std::nan(""), 0, 0};
          }) == "sequence_classification: values[1]: expected a finite number, got nan");
    CHECK(message("sequence_multi_label", [](auto& e) {
              std::get<bert::Tensor<double, 2>> (*e.targets.sequence_classification)(1, 1) = 2;
          }) == "sequence_classification: labels[1, 1]: expected 0 to 1, got 2.000000");
}
