#include "bert/training/trainer.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/core/threads.hpp"
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"

using bert::Example;
using bert::Fast;
using bert::Model;
using bert::Reference;
using bert::ReferenceCase;
using bert::Trainer;
using bert::TrainingOptions;

namespace {

const std::string cases = BERT_SOURCE_DIR "/reference_outputs/cases/";

// The sequences from first to last of a packed example, as an example of its own.
template <class Real>
Example<Real> part_of(const Example<Real>& whole, std::size_t first, std::size_t last)
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
    Example<Real> part{bert::pack(ids, segments), {}};
    if (whole.labels.masked_words.size() > 0)
        part.labels.masked_words = some(whole.labels.masked_words, begin[first], begin[last]);
    if (whole.labels.next_sentence.size() > 0) part.labels.next_sentence = some(whole.labels.next_sentence, first, last);
    return part;
}

template <class Real, class Ops>
std::vector<double> curve(const Model<Real, Ops>& start, const TrainingOptions& options, const std::vector<Example<Real>>& pieces,
                          std::size_t steps)
{
    Model<Real, Ops> model = start;
    Trainer<Real, Ops> trainer(options, model);
    std::vector<double> losses;
    for (std::size_t k = 0; k < steps; ++k)
        losses.push_back(static_cast<double>(trainer.step(pieces, model).losses.total));
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

TEST_CASE("A batch in pieces has the gradient of the whole, unequal pieces and label counts included")
{
    const ReferenceCase reference(cases + "pretraining_gelu");  // three sequences, the last without masked words
    const Example<double> whole{reference.batch(), reference.labels<double>()};
    const std::vector<Example<double>> pieces{part_of(whole, 0, 1), part_of(whole, 1, 3)};
    auto at_once = reference.model<double, Reference>(), in_pieces = at_once;
    TrainingOptions options;
    options.dropout = false;
    options.smoothing = 0.1;
    Trainer<double, Reference> one(options, at_once), other(options, in_pieces);
    const auto losses = one.step(std::vector{whole}, at_once).losses, sum = other.step(pieces, in_pieces).losses;
    CHECK(std::abs(losses.total - sum.total) < 1e-13);
    CHECK(losses.count == sum.count);
    CHECK(distance(one.gradient(), other.gradient()) < 1e-13);
    CHECK(distance(at_once, in_pieces) < 1e-12);
}

TEST_CASE("A piece without a kind of label has no share in that loss")
{
    // Three sequences; next sentence is labelled in the first two alone, which are a piece of their own.
    const ReferenceCase reference(cases + "pretraining_gelu");
    const Example<double> whole{reference.batch(), reference.labels<double>()};
    std::vector<Example<double>> pieces{part_of(whole, 0, 2), part_of(whole, 2, 3)};
    pieces[1].labels.next_sentence = {};
    auto model = reference.model<double, Reference>();
    TrainingOptions options;
    options.dropout = false;
    Trainer<double, Reference> of_both(options, model), of_labelled(options, model);
    const auto start = model;
    const auto both = of_both.step(pieces, model).losses;
    model = start;
    const auto labelled = of_labelled.step(std::span(pieces).first(1), model).losses;
    // The mean over two labelled texts is the same, whatever stands beside them.
    CHECK(std::abs(both.next_sentence.value() - labelled.next_sentence.value()) < 1e-13);

    // Each kind of loss over texts: two labelled pieces beside one without labels are the two alone.
    for (const char* const name : {"sequence_classes", "sequence_regression", "sequence_multi_label", "multiple_choice"}) {
        INFO(name);
        const ReferenceCase texts(cases + name);
        const Example<double> example{texts.batch(), texts.labels<double>()};
        Example<double> unlabelled = example;
        unlabelled.labels = {};
        auto text_model = texts.model<double, Reference>();
        const auto text_start = text_model;
        Trainer<double, Reference> with(options, text_model), without(options, text_model);
        const double beside = with.step(std::vector{example, unlabelled}, text_model).losses.total;
        text_model = text_start;
        CHECK(std::abs(beside - without.step(std::vector{example}, text_model).losses.total) < 1e-13);
        CHECK(distance(with.gradient(), without.gradient()) < 1e-13);
    }
}

// Marked as failing: an exact mean over the spans of all pieces needs their counts from outside, starts and ends apart.
TEST_CASE("Spans in pieces that ignore differently many have the gradient of the whole", "[!shouldfail]")
{
    const ReferenceCase reference(cases + "question_answering_ignored");
    const Example<double> whole{reference.batch(), reference.labels<double>()};
    const std::size_t B = whole.batch.sequences.count();
    std::vector<Example<double>> pieces{part_of(whole, 0, 1), part_of(whole, 1, B)};
    const std::size_t begin[] = {0, 1, B};
    for (std::size_t i = 0; i < 2; ++i) {
        pieces[i].batch.padded_length = whole.batch.padded_length;
        pieces[i].labels = {};
        pieces[i].labels.starts.resize({begin[i + 1] - begin[i]});
        pieces[i].labels.ends.resize({begin[i + 1] - begin[i]});
        for (std::size_t b = begin[i]; b < begin[i + 1]; ++b) {
            pieces[i].labels.starts(b - begin[i]) = whole.labels.starts(b);
            pieces[i].labels.ends(b - begin[i]) = whole.labels.ends(b);
        }
    }
    auto model = reference.model<double, Reference>();
    const auto start = model;
    TrainingOptions options;
    options.dropout = false;
    Trainer<double, Reference> at_once(options, model), in_pieces(options, model);
    at_once.step(std::vector{whole}, model);
    model = start;
    in_pieces.step(pieces, model);
    CHECK(distance(at_once.gradient(), in_pieces.gradient()) < 1e-13);
}

TEMPLATE_TEST_CASE("The loss curve has the same bits with 1, 2 and 3 threads", "", Reference, Fast, bert::FastBf16)
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const auto start = reference.model<float, TestType>();
    const std::vector<Example<float>> batch{{reference.batch(), reference.labels<float>()}};
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

TEMPLATE_TEST_CASE("What backward computes anew has the bits of what forward would have kept, dropout included", "", Reference,
                   Fast, bert::FastBf16)
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    auto kept = reference.model<float, TestType>();
    kept.config.hidden_dropout_prob = kept.config.attention_probs_dropout_prob = 0.1;
    auto recomputed = kept;
    const std::vector<Example<float>> batch{{reference.batch(), reference.labels<float>()}};
    TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    Trainer<float, TestType> one(options, kept);
    options.recompute = true;
    Trainer<float, TestType> other(options, recomputed);
    for (int k = 0; k < 3; ++k)
        CHECK(one.step(batch, kept).losses.total == other.step(batch, recomputed).losses.total);
    CHECK(distance(kept, recomputed) == 0);
    CHECK(distance(kept, reference.model<float, TestType>()) > 1e-3);
}

TEST_CASE("Fast drops what Reference drops: their curves agree")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    auto plain = reference.model<double, Reference>();
    auto fast = reference.model<double, Fast>();
    plain.config.hidden_dropout_prob = fast.config.hidden_dropout_prob = 0.3;
    plain.config.attention_probs_dropout_prob = fast.config.attention_probs_dropout_prob = 0.2;
    const std::vector<Example<double>> batch{{reference.batch(), reference.labels<double>()}};
    TrainingOptions options;
    options.optimizer.learning_rate = 1e-2;
    const auto a = curve(plain, options, batch, 4), b = curve(fast, options, batch, 4);
    for (std::size_t k = 0; k < 4; ++k)
        CHECK(std::abs(a[k] - b[k]) < 1e-11 * a[k]);
}

TEST_CASE("A NaN or an infinity in any tensor is caught in that step, and no weight is poisoned by it")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const std::vector<Example<double>> batch{{reference.batch(), reference.labels<double>()}};
    const auto start = reference.model<double, Reference>();
    std::vector<std::string> names;
    Model<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "", start);
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        for (const std::string& bad_name : names) {
            Model<double> model = start;
            Model<double>::parameters(
                [&](const std::string& name, auto& tensor) {
                    // Row 0 of the word table belongs to no token of the case; every other tensor's first number is used.
                    if (name == bad_name) tensor.data()[name.find("word_embeddings") != name.npos ? tensor.size() / 2 : 0] = bad;
                },
                "", model);
            const Model<double> before = model;
            TrainingOptions options;
            options.dropout = false;
            Trainer<double, Reference> trainer(options, model);
            const auto report = trainer.step(batch, model);
            INFO(bad_name << " with " << bad);
            CHECK_FALSE(report.first_bad.empty());
            std::size_t bad_before = 0, bad_after = 0;
            const auto count = [](const Model<double>& counted, std::size_t& sum) {
                Model<double>::parameters(
                    [&](const std::string&, const auto& tensor) {
                        for (const double value : tensor)
                            sum += std::isfinite(value) ? 0 : 1;
                    },
                    "", counted);
            };
            count(before, bad_before);
            count(model, bad_after);
            CHECK(bad_before == 1);
            CHECK(bad_after == 1);
        }
    }
}

TEST_CASE("A batch without any label changes nothing and is counted as such")
{
    const ReferenceCase reference(cases + "masked_lm");
    Example<double> example{reference.batch(), reference.labels<double>()};
    example.labels.masked_words.fill(bert::ignored_label);
    auto model = reference.model<double, Reference>();
    const auto before = model;
    Trainer<double, Reference> trainer({}, model);
    const auto report = trainer.step(std::vector{example}, model);
    CHECK(report.losses.count == 0);
    CHECK(report.losses.total == 0);
    CHECK(distance(model, before) == 0);
    CHECK(trainer.optimizer().steps() == 1);  // the schedule goes on
}

TEST_CASE("The rate of a step depends on how many batches came before it: those without a label and skipped ones count")
{
    const ReferenceCase reference(cases + "masked_lm");
    const Example<double> example{reference.batch(), reference.labels<double>()};
    Example<double> unlabelled = example;
    unlabelled.labels.masked_words.fill(bert::ignored_label);
    auto model = reference.model<double, Reference>();
    TrainingOptions options;
    options.optimizer.learning_rate = 1;
    options.optimizer.schedule = {.kind = bert::ScheduleKind::linear, .total_steps = 10};
    Trainer<double, Reference> trainer(options, model);
    CHECK(trainer.step(std::vector{example}, model).learning_rate == 1);
    CHECK(trainer.step(std::vector{unlabelled}, model).learning_rate == 0.9);
    const double weight = model.embeddings.word(5, 0);
    model.embeddings.norm.gamma(0) = std::nan("");
    const auto skipped = trainer.step(std::vector{example}, model);
    CHECK(skipped.skipped);
    CHECK(skipped.learning_rate == 0.8);
    CHECK(model.embeddings.word(5, 0) == weight);
    model.embeddings.norm.gamma(0) = 1;
    CHECK(trainer.step(std::vector{example}, model).learning_rate == 0.7);
    CHECK(trainer.optimizer().steps() == 4);
    CHECK(trainer.optimizer().skipped() == 1);
}

TEST_CASE("A smoothing that is no probability is refused")
{
    const auto model = ReferenceCase(cases + "masked_lm").model<double, Reference>();
    TrainingOptions options;
    options.smoothing = 1;
    CHECK_THROWS_WITH((Trainer<double, Reference>(options, model)), "trainer: smoothing: expected 0 to 1, got 1.000000");
}

TEST_CASE("Ids and labels out of range are refused before anything is computed")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    auto model = reference.model<double, Reference>();
    const auto before = model;
    const auto message = [&](const auto& change) {
        Example<double> example{reference.batch(), reference.labels<double>()};
        change(example);
        Trainer<double, Reference> trainer({}, model);
        try {
            trainer.step(std::vector{example}, model);
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    CHECK(message([](auto& e) { e.batch.ids(3) = 101; }) == "embeddings: ids[3]: expected 0 to 100, got 101");
    CHECK(message([](auto& e) { e.labels.masked_words(2) = 101; }) ==
          "labels: masked_words[2]: expected 0 to 100 or -100, got 101");
    CHECK(message([](auto& e) { e.labels.next_sentence(1) = 2; }) == "labels: next_sentence[1]: expected 0 to 1, got 2");
    CHECK(message([](auto& e) { e.labels.next_sentence.resize({2}); }) == "labels: next_sentence: expected [3], got [2]");
    CHECK(message([](auto& e) { e.batch.positions.resize({2}); }) == "embeddings: positions: expected [20], got [2]");
    CHECK(message([](auto& e) {
              e.labels = {};
              e.labels.classes = {0, 1, 0};
          }) == "labels: expected those of a BertForPreTraining, got only others");
    CHECK(message([](auto& e) {
              e.labels.choices = {0, 1};
          }) == "choice_loss: choices: expected a divisor of 3 sequences, got 2");
    CHECK(message([](auto& e) { e.labels.ends = {0, 1, 0}; }) == "span_loss: starts: expected [3], got [0]");
    CHECK(message([](auto& e) {
              e.labels.values = {0, std::nan(""), 0};
          }) == "labels: values[1]: expected a finite number, got nan");
    CHECK(message([](auto& e) {
              e.labels.several = {{0, 1}, {1, 2}, {0, 0}};
          }) == "labels: several[1, 1]: expected 0 to 1, got 2.000000");
    CHECK(distance(model, before) == 0);
}
