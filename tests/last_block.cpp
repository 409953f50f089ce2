#include "bert/last_block.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/encoder.hpp"
#include "bert/losses.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Tensor;
using namespace component;

namespace {

bert::ReferenceCase reference_case(const std::string& name)
{
    return bert::ReferenceCase(BERT_SOURCE_DIR "/reference_outputs/cases/" + name);
}

bool is_zero(const Tensor<double, 2>& tensor, std::size_t row)
{
    for (std::size_t h = 0; h < tensor.shape(1); ++h)
        if (tensor(row, h) != 0) return false;
    return true;
}

bool are_same(const Tensor<double, 2>& a, const Tensor<double, 2>& b, std::size_t row)
{
    for (std::size_t h = 0; h < a.shape(1); ++h)
        if (a(row, h) != b(row, h)) return false;
    return true;
}

template <class Ops>
struct Pass {
    bert::ModelActivations<double> act;
    bert::ModelGradients<double> d_act;
    bert::Model<double, Ops> gradient;
};

// Forward and backward of a case with dropout, keeping and computing what is asked for.
template <class Ops>
Pass<Ops> pass(const bert::ReferenceCase& reference, bool answers_only, bool recompute)
{
    auto model = reference.model<double, Ops>();
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.3;
    const bert::Labels<double> labels = reference.labels<double>();
    Pass<Ops> pass{{}, {}, bert::Model<double, Ops>::make(model.config)};
    bert::Workspace workspace;
    pass.act.dropout = bert::dropout_of(model.config, {5, 1});
    pass.act.asked_words = bert::labelled_rows(labels.masked_words);
    pass.act.answers_only = answers_only;
    pass.act.encoder.recompute = recompute;
    model.forward(reference.batch(), pass.act, workspace);
    bert::model_loss_backward(model, reference.batch(), pass.act, labels, {}, pass.d_act);
    model.backward(reference.batch(), pass.act, pass.gradient, pass.d_act, workspace);
    return pass;
}

}  // namespace

TEMPLATE_TEST_CASE("The answers and gradients of asked rows are those of all rows, dropout and recomputation included", "",
                   bert::Reference, bert::Fast)
{
    for (const char* const name : {"pretraining_gelu", "masked_lm", "next_sentence", "sequence_classes", "multiple_choice"}) {
        for (const bool recompute : {false, true}) {
            INFO(name << ", recompute " << recompute);
            const bert::ReferenceCase reference = reference_case(name);
            const auto all = pass<TestType>(reference, false, false), asked = pass<TestType>(reference, true, recompute);
            const std::vector<std::size_t>& rows = asked.act.encoder.asked.rows;
            const std::size_t last = reference.model<double, TestType>().encoder.layer.size() - 1;
            const std::size_t T = reference.batch().sequences.tokens();
            REQUIRE(all.act.encoder.asked.rows.empty());
            REQUIRE((!rows.empty() && rows.size() < T));
            CHECK((asked.act.masked_word.logits == all.act.masked_word.logits));
            CHECK((asked.act.pooler.pooled == all.act.pooler.pooled));
            CHECK((asked.act.next_sentence_logits == all.act.next_sentence_logits));
            CHECK((asked.act.classifier_logits == all.act.classifier_logits));
            std::size_t next = 0;
            for (std::size_t t = 0; t < T; ++t) {
                const bool is_asked = next < rows.size() && rows[next] == t;
                if (is_asked) ++next;
                const Tensor<double, 2>& y = asked.act.encoder.result(last);
                CHECK((is_asked ? are_same(y, all.act.encoder.result(last), t) : is_zero(y, t)));
            }
            CHECK(next == rows.size());
            double largest = 0, difference = 0;
            bert::Model<double, TestType>::parameters(
                [&](const std::string&, const auto& expected, const auto& found) {
                    for (std::size_t i = 0; i < expected.size(); ++i) {
                        largest = std::max(largest, std::abs(expected.data()[i]));
                        difference = std::max(difference, std::abs(expected.data()[i] - found.data()[i]));
                    }
                },
                "", all.gradient, asked.gradient);
            CHECK(largest > 1e-3);
            CHECK(difference <= 1e-15 * largest);
        }
    }
}

TEST_CASE("Rows that heads read: the words that are asked for and each text's first; all, where a head reads all")
{
    using Rows = std::vector<std::size_t>;
    const auto rows_of = [](const char* architecture, const std::optional<Rows>& asked_words) {
        return bert::rows_read(bert::heads_of(architecture), bert::Sequences{{0, 3, 3, 5, 7}}, asked_words);
    };
    CHECK(rows_of("BertForPreTraining", Rows{6, 3, 1}) == Rows{0, 1, 3, 5, 6});
    CHECK(rows_of("BertForMaskedLM", Rows{1, 4}) == Rows{1, 4});
    CHECK(rows_of("BertForSequenceClassification", {}) == Rows{0, 3, 5});
    CHECK(rows_of("BertForMultipleChoice", {}) == Rows{0, 3, 5});
    CHECK(rows_of("BertForPreTraining", Rows{}) == Rows{0, 3, 5});
    CHECK(rows_of("BertForPreTraining", {}) == Rows{});
    CHECK(rows_of("BertForTokenClassification", {}) == Rows{});
    CHECK(rows_of("BertForQuestionAnswering", {}) == Rows{});
}

TEST_CASE("Backward of asked rows against central differences; a row that there isn't")
{
    const bert::Config config = small_config();
    const auto encoder = random_component<bert::Encoder<double>>(config);
    auto changed = encoder;
    auto gradient = zero_component(encoder);
    auto x = random<2>({5, 6}, 1);
    const auto d_y = random<2>({5, 6}, 2);
    const bert::Sequences sequences{{0, 2, 5}};
    bert::EncoderActivations<double> act;
    act.dropout = {.hidden = 0.4, .attention = 0.4, .stream = {1, 2}};
    act.asked.rows = {0, 3};
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    Tensor<double, 2> d_x;
    const auto loss = [&] { return weighted_sum(changed.forward(x, sequences, config, act, workspace), d_y); };
    loss();
    changed.backward(d_y, x, sequences, config, act, gradient, d_act, d_x, workspace);
    CHECK(bert::check_gradient(changed, gradient, loss).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

    act.asked.rows = {0, 5};
    CHECK_THROWS_WITH(encoder.forward(x, sequences, config, act, workspace),
                      "asked rows: rows[1]: expected a row below 5, got 5");
}
