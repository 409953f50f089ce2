// The whole model's gradient against central differences: every kind of parameter of every architecture, with dropout and
// without.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/gradient_check.hpp"

#include "catch.hpp"
#include "sanitizers.hpp"

using bert::Model;
using bert::ModelActivations;
using bert::ModelGradients;
using bert::Reference;
using bert::ReferenceCase;

namespace {

const std::string cases = BERT_SOURCE_DIR "/reference_outputs/cases/";

template <class Ops>
void check(const std::string& name, const bert::Dropout& dropout, const bert::LossOptions& options)
{
    const ReferenceCase reference(cases + name);
    auto model = reference.model<double, Ops>();
    const bert::Batch& batch = reference.batch();
    const auto targets = reference.targets<double>();
    bert::Counts<double> counts;
    model.count(batch, targets, counts);
    ModelActivations<double> act;
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace, dropout};
    const auto loss = [&] {
        model.forward(batch, targets, pass, act);
        return model.loss(batch, targets, counts, options, act).total;
    };
    // From a gradient that is not zero: backward adds.
    auto gradient = Model<double, Ops>::make(model.config), offset = gradient;
    std::size_t k = 0;
    Model<double, Ops>::parameters(
        [&](const std::string&, auto& g, auto& o) {
            for (std::size_t i = 0; i < g.size(); ++i)
                g.data()[i] = o.data()[i] = static_cast<double>(k++ % 7);
        },
        "", gradient, offset);
    loss();
    ModelGradients<double> d_act;
    model.loss_backward(batch, targets, counts, options, act, d_act);
    model.backward(batch, pass, act, gradient, d_act);
    Model<double, Ops>::parameters(
        [](const std::string&, auto& g, const auto& o) {
            for (std::size_t i = 0; i < g.size(); ++i)
                g.data()[i] -= o.data()[i];
        },
        "", gradient, offset);

    // What a difference can't see: the padding row's gradient leaves out what the lookup would give (as the transformers
    // library's).
    const std::size_t padding = model.config.pad_token_id.value_or(0);
    bool padding_occurs = false;
    for (const std::int64_t id : batch.ids)
        padding_occurs = padding_occurs || static_cast<std::size_t>(id) == padding;
    if (padding_occurs) model.config.pad_token_id.reset();
    INFO(name << ", dropout " << dropout.hidden);
    if (padding_occurs) {
        auto with_padding = Model<double, Ops>::make(model.config);
        model.backward(batch, pass, act, with_padding, d_act);
        gradient = with_padding;
    }
    // Numbers of each parameter: a sanitizer sees in one what it would see in twelve.
    const std::size_t tried = !is_optimized || with_sanitizer ? 1 : 12;
    const bert::GradientCheck result = bert::check_gradient(model, gradient, loss, {.most = tried});
    CHECK(result.message == "");
    CHECK(result.count > 20 * tried);
}

}  // namespace

TEMPLATE_TEST_CASE("Every parameter of every architecture agrees with central differences", "", Reference, bert::Fast)
{
    for (const char* name : {"pretraining_gelu", "pretraining_gelu_new", "pretraining_hole", "masked_lm", "masked_lm_untied",
                             "next_sentence", "sequence_classes", "sequence_regression", "sequence_multi_label",
                             "token_classification", "question_answering", "question_answering_ignored", "multiple_choice"})
        check<TestType>(name, {}, {});
}

TEMPLATE_TEST_CASE("With dropout, label smoothing and the original divisors too", "", Reference, bert::Fast)
{
    const bert::Dropout dropout{.hidden = 0.2, .probabilities = 0.3, .classifier = 0.4, .stream = {11, 3}};
    const bert::LossOptions options{.smoothing = 0.1, .divisor = bert::LossDivisor::original};
    for (const char* name : {"pretraining_gelu", "sequence_classes", "token_classification", "question_answering_ignored"})
        check<TestType>(name, dropout, options);
}

TEST_CASE("Where the published implementations differ in what they divide by")
{
    const ReferenceCase masked(cases + "masked_lm"), span(cases + "question_answering_ignored");
    bert::Workspace workspace;
    const auto losses = [&](const ReferenceCase& reference) {
        const auto model = reference.model<double, Reference>();
        const bert::Batch& batch = reference.batch();
        const auto targets = reference.targets<double>();
        bert::Counts<double> counts;
        model.count(batch, targets, counts);
        ModelActivations<double> act;
        model.forward(batch, targets, {model.config, batch.sequences, workspace}, act);
        return std::array{model.loss(batch, targets, counts, {}, act),
                          model.loss(batch, targets, counts, {.divisor = bert::LossDivisor::original}, act)};
    };
    const auto [words, words_original] = losses(masked);
    const auto count = static_cast<double>(words.count);
    CHECK(std::abs(words_original.total - words.total * count / (count + 1e-5)) < 1e-14);
    // Of four sequences, two have a start and two an end: the original divides by four.
    const auto [spans, spans_original] = losses(span);
    CHECK(spans.count == 4);
    CHECK(std::abs(spans_original.total - spans.total / 2) < 1e-14);
}

TEST_CASE("Only the rows of masked positions get logits, and the gradient is that of all rows")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const auto model = reference.model<double, Reference>();
    const bert::Batch& batch = reference.batch();
    const std::size_t T = batch.sequences.tokens();
    const auto targets = reference.targets<double>();
    bert::Counts<double> counts;
    model.count(batch, targets, counts);
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace};
    // The same target over all rows: those of other positions are ignored.
    auto of_all_rows = targets;
    of_all_rows.masked_lm->rows.resize(T);
    of_all_rows.masked_lm->ids.resize({T});
    of_all_rows.masked_lm->ids.fill(bert::ignored_label);
    for (std::size_t t = 0; t < T; ++t)
        of_all_rows.masked_lm->rows[t] = t;
    for (std::size_t m = 0; m < targets.masked_lm->rows.size(); ++m)
        of_all_rows.masked_lm->ids(targets.masked_lm->rows[m]) = targets.masked_lm->ids(m);
    const auto gradient_with = [&](const bert::Targets<double>& with) {
        ModelActivations<double> act;
        model.forward(batch, with, pass, act);
        CHECK(act.masked_lm.logits.shape(0) == with.masked_lm->rows.size());
        auto gradient = Model<double>::make(model.config);
        ModelGradients<double> d_act;
        model.loss_backward(batch, with, counts, {}, act, d_act);
        model.backward(batch, pass, act, gradient, d_act);
        return gradient;
    };
    const auto all = gradient_with(of_all_rows), masked = gradient_with(targets);
    Model<double>::parameters(
        [](const std::string& name, const auto& a, const auto& b) {
            INFO(name);
            double largest = 0;
            for (std::size_t i = 0; i < a.size(); ++i)
                largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
            CHECK(largest < 1e-14);
        },
        "", all, masked);

    ModelActivations<double> act;
    model.forward(batch, {}, pass, act);  // without a target, all rows
    CHECK(act.masked_lm.logits.shape(0) == T);
    auto others = targets;
    others.masked_lm->rows = {0};
    model.forward(batch, others, pass, act);
    CHECK_THROWS_AS(model.loss(batch, targets, counts, {}, act), std::invalid_argument);
    others.masked_lm->rows = {1000};
    CHECK_THROWS_WITH(model.forward(batch, others, pass, act), "masked_lm: rows[0]: expected a row below 20, got 1000");
}
