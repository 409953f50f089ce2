#include "bert/variants/distilbert.hpp"

#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"
#include "variants/check_variant.hpp"

using bert::Tensor;
using namespace component;

TEST_CASE("DistilBERT's classifier layer: a linear layer and ReLU, by hand")
{
    const bert::DistilBertClassifierLayer<double> layer{{{{1, 2}, {0, 1}}, {0.5, 0}}};
    const bert::Config config = small_config();
    const bert::Batch batch = bert::pack({{1, 4}, {2}});
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    bert::DistilBertClassifierLayerActivations<double> act, d_act;
    layer.forward({{1, 2}, {9, 9}, {3, -1}}, batch, pass, act);
    CHECK((act.pre_activation == Tensor<double, 2>{{5.5, 2}, {1.5, -1}}));
    CHECK((act.y == Tensor<double, 2>{{5.5, 2}, {1.5, 0}}));
    auto gradient = bert::DistilBertClassifierLayer<double>{{bert::zeros<double, 2>({2, 2}), bert::zeros<double, 1>({2})}};
    Tensor<double, 2> d_hidden = bert::zeros<double, 2>({3, 2});
    layer.backward({{1, 0}, {10, 100}}, batch, pass, act, gradient, d_act, d_hidden);
    CHECK((d_hidden == Tensor<double, 2>{{1, 2}, {0, 0}, {10, 20}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{31, -8}, {0, 0}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{11, 0}));
}

TEST_CASE("DistilBERT's heads: the gradients against central differences, with dropout")
{
    bert::Config config = small_config();
    config.labels = {"a", "b", "c"};
    check_head<bert::DistilBertSequenceClassificationHead<double>>(config, bert::IndexTensor<1>{2, 0}, {},
                                                                   {.classifier = 0.4, .stream = {5, 1}});
    check_head<bert::DistilBertMultipleChoiceHead<double>>(config, {1}, {}, {.classifier = 0.4, .stream = {5, 1}});
    check_head<bert::DistilBertQuestionAnsweringHead<double>>(config, {{1, 0}, {2, 1}}, {},
                                                              {.question_answering = 0.3, .stream = {5, 1}});
    std::vector<std::size_t> rows;
    CHECK(bert::DistilBertMultipleChoiceHead<double>::read_rows(small_batch(), {1}, rows));
    CHECK(rows == std::vector<std::size_t>{0, 3});
}

TEST_CASE("DistilBERT: every class is trained as its gradient says, with dropout")
{
    variant::check_gradients(bert::load_distilbert<double, bert::Reference>, "distilbert_masked_lm");
    variant::check_gradients(bert::load_distilbert<double, bert::Fast>, "distilbert_question_answering");
    variant::check_gradients(bert::load_distilbert<double, bert::Fast>, "distilbert_token_classification");
}

// The following tests break one thing after the other, from the last check to the first: each time the message is that of the
// earlier check, and in the end nothing has been written.

TEST_CASE("DistilBERT's classifier layer: what doesn't fit is named before anything is written")
{
    const bert::Config config = small_config();  // H 6
    const auto layer = random_component<bert::DistilBertSequenceClassificationHead<double>>(config).layer;
    const bert::Batch batch = small_batch();  // B 2, T 5
    const Tensor<double, 2> hidden = random<2>({5, 6}, 1), d_y = random<2>({2, 6}, 2);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    bert::DistilBertClassifierLayerActivations<double> act, d_act;
    CHECK_THROWS_WITH(layer.forward(random<2>({5, 4}, 1), batch, pass, act),
                      "classifier: layer.weight: expected [4, 4], got [6, 6]");
    CHECK_THROWS_WITH(layer.forward(random<2>({4, 4}, 1), batch, pass, act), "classifier: hidden: expected [5, 4], got [4, 4]");
    CHECK(act.first.size() == 0);

    auto gradient = layer;
    Tensor<double, 2> d_hidden = hidden;
    const auto backward = [&](const Tensor<double, 2>& d_layer_y, const auto& of_forward) {
        layer.backward(d_layer_y, batch, pass, of_forward, gradient, d_act, d_hidden);
    };
    layer.forward(hidden, batch, pass, act);
    d_hidden.resize({4, 6});
    CHECK_THROWS_WITH(backward(d_y, act), "classifier: d_hidden: expected [5, 6], got [4, 6]");
    gradient.dense.bias.resize({5});
    CHECK_THROWS_WITH(backward(d_y, act), "classifier: d_layer.bias: expected [6], got [5]");
    act.first.resize({5, 6});
    CHECK_THROWS_WITH(backward(d_y, act), "classifier: act.first (forward computes it): expected [2, 6], got [5, 6]");
    const bert::DistilBertClassifierLayerActivations<double> of_nothing;
    CHECK_THROWS_WITH(backward(d_y, of_nothing),
                      "classifier: act.pre_activation (forward computes it): expected [2, 6], got [0, 0]");
    CHECK_THROWS_WITH(backward(hidden, of_nothing), "classifier: d_y: expected [2, 6], got [5, 6]");
    CHECK((gradient.dense.weight == layer.dense.weight));
    CHECK((d_act.pre_activation.size() == 0));
}

TEST_CASE("DistilBERT's question answering: what doesn't fit is named before anything is written")
{
    using Head = bert::DistilBertQuestionAnsweringHead<double>;
    const bert::Config config = small_config();
    const auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch();  // T 5, H 6
    RandomBody body(batch, config), narrow(batch, config);
    narrow.hidden = random<2>({5, 4}, 1);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    const bert::Pass certain{config, batch.sequences, workspace, {.question_answering = 1}};
    Head::Activations act, d_act;
    CHECK_THROWS_WITH(head.forward(body.result(), std::nullopt, certain, act),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    auto changed = head;
    changed.dense.bias.resize({3});
    CHECK_THROWS_WITH(changed.forward(body.result(), std::nullopt, certain, act),
                      "question_answering: dense.bias: expected [2], got [3]");
    CHECK_THROWS_WITH(changed.forward(narrow.result(), std::nullopt, certain, act),
                      "question_answering: hidden: expected [5, 6], got [5, 4]");
    CHECK((act.after_dropout.size() == 0 && act.logits.size() == 0));

    const auto backward = [&](const auto& of_forward) {
        head.backward(body.result(), certain, of_forward, gradient, d_act, body.gradients());
    };
    head.forward(body.result(), std::nullopt, pass, act);
    d_act.logits = act.logits;
    CHECK_THROWS_WITH(backward(act), "dropout: expected a probability in [0, 1), got 1.000000");
    body.d_hidden.resize({5, 4});
    CHECK_THROWS_WITH(backward(act), "question_answering: d_hidden: expected [5, 6], got [5, 4]");
    gradient.dense.weight.resize({3, 6});
    CHECK_THROWS_WITH(backward(act), "question_answering: d_dense.weight: expected [2, 6], got [3, 6]");
    d_act.logits.resize({2, 2});
    CHECK_THROWS_WITH(backward(act), "question_answering: d_logits: expected [5, 2], got [2, 2]");
    CHECK_THROWS_WITH(backward(Head::Activations{}),
                      "question_answering: act.after_dropout (forward computes it): expected [5, 6], got [0, 0]");
    CHECK((gradient.dense.bias == Tensor<double, 1>{0, 0}));
    CHECK((d_act.after_dropout.size() == 0 && d_act.hidden.size() == 0));
}
