// The whole model's gradient against central differences: every kind of parameter of every architecture, with dropout and without.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/losses.hpp"
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
    const auto labels = reference.labels<double>();
    ModelActivations<double> act;
    act.dropout = dropout;
    bert::Workspace workspace;
    const auto loss = [&] {
        model.forward(reference.batch(), act, workspace);
        return bert::model_loss(model, reference.batch(), act, labels, options).total;
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
    bert::model_loss_backward(model, reference.batch(), act, labels, options, d_act);
    model.backward(reference.batch(), act, gradient, d_act, workspace);
    Model<double, Ops>::parameters(
        [](const std::string&, auto& g, const auto& o) {
            for (std::size_t i = 0; i < g.size(); ++i)
                g.data()[i] -= o.data()[i];
        },
        "", gradient, offset);

    // What a difference can't see: the padding row's gradient leaves out what the lookup would give (as the reference library's).
    const std::size_t padding = model.config.pad_token_id.value_or(0);
    bool padding_occurs = false;
    for (const std::int64_t id : reference.batch().ids)
        padding_occurs = padding_occurs || static_cast<std::size_t>(id) == padding;
    if (padding_occurs) model.config.pad_token_id.reset();
    INFO(name << ", dropout " << dropout.hidden);
    if (padding_occurs) {
        auto with_padding = Model<double, Ops>::make(model.config);
        model.backward(reference.batch(), act, with_padding, d_act, workspace);
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

TEMPLATE_TEST_CASE("With dropout, label smoothing and the original normalization too", "", Reference, bert::Fast)
{
    const bert::Dropout dropout{.hidden = 0.2, .attention = 0.3, .classifier = 0.4, .stream = {11, 3}};
    const bert::LossOptions options{.smoothing = 0.1, .normalization = bert::Normalization::original};
    for (const char* name : {"pretraining_gelu", "sequence_classes", "token_classification", "question_answering_ignored"})
        check<TestType>(name, dropout, options);
}

TEST_CASE("Where the published implementations differ in what they divide by")
{
    const ReferenceCase masked(cases + "masked_lm"), span(cases + "question_answering_ignored");
    bert::Workspace workspace;
    const auto losses = [&](const ReferenceCase& reference) {
        const auto model = reference.model<double, Reference>();
        ModelActivations<double> act;
        model.forward(reference.batch(), act, workspace);
        const auto labels = reference.labels<double>();
        return std::array{
            bert::model_loss(model, reference.batch(), act, labels),
            bert::model_loss(model, reference.batch(), act, labels, {.normalization = bert::Normalization::original})};
    };
    const auto [words, words_original] = losses(masked);
    const auto count = static_cast<double>(words.count);
    CHECK(std::abs(words_original.total - words.total * count / (count + 1e-5)) < 1e-14);
    // Of four sequences, two have a start and two an end: the original divides by four.
    const auto [spans, spans_original] = losses(span);
    CHECK(spans.count == 4);
    CHECK(std::abs(spans_original.total - spans.total / 2) < 1e-14);
}

TEST_CASE("Only the rows that are asked for get logits, and the gradient is the same")
{
    const ReferenceCase reference(cases + "pretraining_gelu");
    const auto model = reference.model<double, Reference>();
    const auto labels = reference.labels<double>();
    bert::Workspace workspace;
    const auto gradient_with = [&](bool all) {
        ModelActivations<double> act;
        if (!all) act.asked_words = bert::labelled_rows(labels.masked_words);
        model.forward(reference.batch(), act, workspace);
        CHECK(act.masked_word.logits.shape(0) == (all ? reference.batch().ids.size() : act.asked_words->size()));
        auto gradient = Model<double>::make(model.config);
        ModelGradients<double> d_act;
        bert::model_loss_backward(model, reference.batch(), act, labels, {}, d_act);
        model.backward(reference.batch(), act, gradient, d_act, workspace);
        return gradient;
    };
    const auto all = gradient_with(true), asked = gradient_with(false);
    Model<double>::parameters(
        [](const std::string& name, const auto& a, const auto& b) {
            INFO(name);
            double largest = 0;
            for (std::size_t i = 0; i < a.size(); ++i)
                largest = std::max(largest, std::abs(a.data()[i] - b.data()[i]));
            CHECK(largest < 1e-14);
        },
        "", all, asked);

    ModelActivations<double> act;
    act.asked_words = std::vector<std::size_t>{0};
    model.forward(reference.batch(), act, workspace);
    CHECK_THROWS_AS(bert::model_loss(model, reference.batch(), act, labels), std::invalid_argument);
    act.asked_words = std::vector<std::size_t>{1000};
    CHECK_THROWS_WITH(model.forward(reference.batch(), act, workspace),
                      "masked_word: rows[0]: expected a row below 20, got 1000");
}
