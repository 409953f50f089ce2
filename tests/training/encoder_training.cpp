#include "bert/training/encoder_training.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/ops/fast.hpp"
#include "bert/training/body_training.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Pass;
using bert::Tensor;
using namespace component;

namespace {

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

/// What one forward and backward computed.
template <class Ops>
struct Step {
    bert::HeadActivations<double> heads;
    Tensor<double, 2> hidden, pooled;
    bert::Model<double, Ops> gradient;
};

/// A case, with dropout.
template <class Ops>
struct DroppedCase {
    explicit DroppedCase(const bert::ReferenceCase& reference)
        : model(reference.model<double, Ops>()), batch(reference.batch()), targets(reference.targets<double>())
    {
        model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.3;
        model.count(batch, targets, counts);
    }

    bert::Model<double, Ops> model;
    const bert::Batch& batch;
    bert::Targets<double> targets;
    bert::Counts<double> counts;
    bert::Workspace workspace;

    Pass pass() { return {model.config, batch.sequences, workspace, bert::dropout_of(model.config, {5, 1})}; }

    /// As the model's own forward and backward do it.
    Step<Ops> of_model()
    {
        Step<Ops> step{{}, {}, {}, bert::Model<double, Ops>::make(model.config)};
        bert::ModelActivations<double> act;
        bert::ModelGradients<double> d_act;
        model.forward(batch, targets, pass(), act);
        model.loss_backward(batch, targets, counts, {}, act, d_act);
        model.backward(batch, pass(), act, step.gradient, d_act);
        step.hidden = act.body.encoder.layer.back().y();
        step.pooled = act.body.pooler.pooled;
        step.heads = act;
        return step;
    }

    /// As training does it, by a plan.
    Step<Ops> of_training(const bert::EncoderPlan& plan)
    {
        using Training = bert::BodyTraining<bert::BertBody<double, Ops>>;
        Step<Ops> step{{}, {}, {}, bert::Model<double, Ops>::make(model.config)};
        typename Training::Activations act;
        typename Training::Gradients d_act;
        bert::HeadActivations<double> d_heads;
        const bert::BodyResult<double> result = Training::forward(model.body, batch, plan, pass(), act);
        model.forward_heads(result, targets, pass(), step.heads);
        model.loss_backward(batch, targets, counts, {}, step.heads, d_heads);
        const auto d_result = model.body.clear_result_gradients(batch, step.gradient.body, d_act);
        model.backward_heads(result, pass(), step.heads, step.gradient, d_heads, d_result);
        Training::backward(model.body, batch, plan, pass(), act, step.gradient.body, d_act);
        step.hidden = result.hidden;
        step.pooled = result.pooled;
        return step;
    }
};

template <class Ops>
void check_gradients_agree(const bert::Model<double, Ops>& all, const bert::Model<double, Ops>& selected)
{
    double largest = 0, difference = 0;
    bert::Model<double, Ops>::parameters(
        [&](const bert::Name&, const auto& expected, const auto& found) {
            for (std::size_t i = 0; i < expected.size(); ++i) {
                largest = std::max(largest, std::abs(expected.data()[i]));
                difference = std::max(difference, std::abs(expected.data()[i] - found.data()[i]));
            }
        },
        "", all, selected);
    CHECK(largest > 1e-3);
    CHECK(difference <= 1e-15 * largest);
}

}  // namespace

TEMPLATE_TEST_CASE("Logits and gradients of selected rows are those of all rows, dropout and gradient checkpointing included", "",
                   bert::Reference, bert::Fast)
{
    // One has three blocks, of which two are computed again, each with dropout of its own.
    for (const char* const name :
         {"pretraining_gelu_new", "pretraining_gelu", "masked_lm", "next_sentence", "sequence_classes", "multiple_choice"}) {
        const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/" + std::string(name));
        DroppedCase<TestType> dropped(reference);
        const Step<TestType> all = dropped.of_model();
        std::vector<std::size_t> rows;
        dropped.model.read_rows(dropped.batch, dropped.targets, rows);
        const std::size_t T = dropped.batch.sequences.tokens();
        REQUIRE((!rows.empty() && rows.size() < T));
        for (const bool gradient_checkpointing : {false, true}) {
            INFO(name << ", gradient checkpointing " << gradient_checkpointing);
            const Step<TestType> selected = dropped.of_training({gradient_checkpointing, rows});
            CHECK((selected.heads.masked_lm.logits == all.heads.masked_lm.logits));
            CHECK((selected.pooled == all.pooled));
            CHECK((selected.heads.next_sentence.logits == all.heads.next_sentence.logits));
            CHECK((selected.heads.sequence_classification.logits == all.heads.sequence_classification.logits));
            CHECK((selected.heads.multiple_choice.logits == all.heads.multiple_choice.logits));
            std::size_t next = 0;
            for (std::size_t t = 0; t < T; ++t) {
                const bool is_selected = next < rows.size() && rows[next] == t;
                if (is_selected) ++next;
                CHECK((is_selected ? are_same(selected.hidden, all.hidden, t) : is_zero(selected.hidden, t)));
            }
            CHECK(next == rows.size());
            check_gradients_agree(all.gradient, selected.gradient);
        }
    }
}

TEMPLATE_TEST_CASE("Without selected rows, training has the bits of the model's own pass", "", bert::Reference, bert::Fast)
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/token_classification");
    DroppedCase<TestType> dropped(reference);
    const Step<TestType> all = dropped.of_model();
    for (const bool gradient_checkpointing : {false, true}) {
        const Step<TestType> planned = dropped.of_training({gradient_checkpointing, {}});
        CHECK((planned.hidden == all.hidden));
        CHECK((planned.heads.token_classification.logits == all.heads.token_classification.logits));
        bert::Model<double, TestType>::parameters(
            [](const std::string& name, const auto& expected, const auto& found) {
                INFO(name);
                CHECK((expected == found));
            },
            "", all.gradient, planned.gradient);
    }
}

TEST_CASE("encoder training: backward of selected rows against central differences; a row that there isn't")
{
    const bert::Config config = small_config();
    for (const bool gradient_checkpointing : {false, true}) {
        auto encoder = random_component<bert::Encoder<double>>(config);
        auto gradient = zero_component(encoder);
        auto x = random<2>({5, 6}, 1);
        const auto d_y = random<2>({5, 6}, 2);
        const bert::Sequences sequences{{0, 2, 5}};
        const std::vector<std::size_t> rows = {0, 3}, too_far = {0, 5};
        bert::EncoderTrainingActivations<double> act;
        bert::EncoderTrainingGradients<double> d_act;
        bert::Workspace workspace;
        const Pass pass{config, sequences, workspace, {.hidden = 0.4, .probabilities = 0.4, .stream = {1, 2}}};
        const bert::EncoderTraining<double, bert::Reference> training{encoder, {gradient_checkpointing, rows}};
        const auto loss = [&] { return weighted_sum(training.forward(x, pass, act), d_y); };
        loss();
        Tensor<double, 2> d_x = d_y;
        training.backward(x, pass, act, gradient, d_act, d_x);
        CHECK(bert::check_gradient(encoder, gradient, loss).message == "");
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

        const bert::EncoderTraining<double, bert::Reference> other{encoder, {gradient_checkpointing, too_far}};
        CHECK_THROWS_WITH(other.forward(x, pass, act), "selected rows: rows[1]: expected a row below 5, got 5");
    }
}

TEST_CASE("encoder training: gradient checkpointing keeps one block's tensors and the results of the others")
{
    bert::Config config = small_config();
    config.num_hidden_layers = 3;
    const auto encoder = random_component<bert::Encoder<double>>(config);
    const auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 2, 5}};
    bert::EncoderActivations<double> all;
    bert::EncoderTrainingActivations<double> act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    encoder.forward(x, pass, all);
    const bert::EncoderTraining<double, bert::Reference> training{encoder, {.gradient_checkpointing = true}};
    CHECK((training.forward(x, pass, act) == all.layer[2].y()));
    CHECK(act.layer.empty());
    REQUIRE(act.results.size() == 2);
    CHECK((act.results[0] == all.layer[0].y()));
    CHECK((act.results[1] == all.layer[1].y()));
}

TEST_CASE("encoder training: without layers the input is the output; other depth and backward before forward are refused")
{
    bert::Config config = small_config();
    const auto encoder = random_component<bert::Encoder<double>>(config);
    auto gradient = zero_component(encoder);
    const auto x = random<2>({5, 6}, 1), d_y = random<2>({5, 6}, 2);
    const bert::Sequences sequences{{0, 2, 5}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    for (const bool gradient_checkpointing : {false, true}) {
        bert::EncoderTrainingActivations<double> act;
        bert::EncoderTrainingGradients<double> d_act;
        const bert::EncoderTraining<double, bert::Reference> training{encoder,
                                                                      {.gradient_checkpointing = gradient_checkpointing}};
        Tensor<double, 2> d_x = d_y;
        CHECK_THROWS_WITH(training.backward(x, pass, act, gradient, d_act, d_x),
                          "encoder: act (forward computes it), blocks before the last: expected 1 layers, got 0");
        training.forward(x, pass, act);
        const bert::EncoderTraining<double, bert::Reference> other{encoder, {.gradient_checkpointing = !gradient_checkpointing}};
        CHECK_THROWS_WITH(other.backward(x, pass, act, gradient, d_act, d_x),
                          gradient_checkpointing
                              ? "encoder: act: expected that of a forward without gradient checkpointing, got one with it"
                              : "encoder: act (forward computes it), blocks before the last: expected 1 layers, got 0");

        bert::Encoder<double> empty;
        const bert::EncoderTraining<double, bert::Reference> none{empty, {.gradient_checkpointing = gradient_checkpointing}};
        CHECK(&none.forward(x, pass, act) == &x);
        CHECK_THROWS_WITH(none.backward(x, pass, act, gradient, d_act, d_x), "encoder: d_encoder: expected 0 layers, got 2");
        d_x = d_y;
        none.backward(x, pass, act, empty, d_act, d_x);
        CHECK((d_x == d_y));
    }
}
