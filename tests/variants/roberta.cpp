#include "bert/variants/roberta.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"
#include "variants/check_variant.hpp"

using bert::Tensor;
using namespace component;

TEST_CASE("RoBERTa's classifier layer: the pooler with dropout in front, by hand")
{
    const bert::RobertaClassifierLayer<double> layer{{{{1, 2}, {0, 1}}, {0.5, 0}}};
    const bert::Config config = small_config();
    const bert::Batch batch = bert::pack({{1, 4}, {2}});
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    bert::RobertaClassifierLayerActivations<double> act, d_act;
    layer.forward({{0.1, 0.2}, {9, 9}, {0.3, -0.1}}, batch, pass, act);
    CHECK((act.first == Tensor<double, 2>{{0.1, 0.2}, {0.3, -0.1}}));
    CHECK(std::abs(act.y(0, 0) - std::tanh(1.0)) < 1e-15);
    CHECK(std::abs(act.y(1, 1) - std::tanh(-0.1)) < 1e-15);
    auto gradient = bert::RobertaClassifierLayer<double>{{bert::zeros<double, 2>({2, 2}), bert::zeros<double, 1>({2})}};
    Tensor<double, 2> d_hidden = bert::zeros<double, 2>({3, 2});
    layer.backward({{1, 0}, {0, 0}}, batch, pass, act, gradient, d_act, d_hidden);
    const double slope = 1 - std::tanh(1.0) * std::tanh(1.0);
    CHECK(std::abs(d_hidden(0, 0) - slope) < 1e-15);
    CHECK(std::abs(d_hidden(0, 1) - 2 * slope) < 1e-15);
    CHECK((d_hidden(1, 0) == 0 && d_hidden(2, 0) == 0));
    CHECK(std::abs(gradient.dense.weight(0, 1) - 0.2 * slope) < 1e-15);
}

TEST_CASE("RoBERTa's classifier: the gradient against central differences, with dropout; it reads first rows alone")
{
    using Head = bert::RobertaSequenceClassificationHead<double>;
    bert::Config config = small_config();
    config.labels = {"a", "b", "c"};
    check_head<Head>(config, bert::IndexTensor<1>{2, 0});
    check_head<Head>(config, bert::IndexTensor<1>{1, 2}, {}, {.classifier = 0.4, .stream = {5, 1}});
    std::vector<std::size_t> rows;
    CHECK(Head::read_rows(small_batch(), bert::IndexTensor<1>{2, 0}, rows));
    CHECK(rows == std::vector<std::size_t>{0, 3});
    CHECK_THROWS_WITH(Head::check(bert::pack({{1}, {}}), bert::IndexTensor<1>{2, 0}, config),
                      "pooler: sequence 1: expected a token, got none");
}

TEST_CASE("RoBERTa: every class is trained as its gradient says, with dropout")
{
    variant::check_gradients(bert::load_roberta<double, bert::Reference>, "roberta_masked_lm");
    variant::check_gradients(bert::load_roberta<double, bert::Fast>, "roberta_sequence_classes");
}

// The following tests break one thing after the other, from the last check to the first: each time the message is that of the
// earlier check, and in the end nothing has been written.

TEST_CASE("RoBERTa's classifier layer: what doesn't fit is named before anything is written")
{
    const bert::Config config = small_config();  // H 6
    const auto layer = random_component<bert::RobertaSequenceClassificationHead<double>>(config).layer;
    const bert::Batch batch = small_batch();  // B 2, T 5
    const Tensor<double, 2> hidden = random<2>({5, 6}, 1), d_y = random<2>({2, 6}, 2);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    const bert::Pass certain{config, batch.sequences, workspace, {.classifier = 1}};
    bert::RobertaClassifierLayerActivations<double> act, d_act;
    CHECK_THROWS_WITH(layer.forward(hidden, batch, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(layer.forward(random<2>({5, 4}, 1), batch, certain, act),
                      "classifier: layer.weight: expected [4, 4], got [6, 6]");
    CHECK_THROWS_WITH(layer.forward(random<2>({4, 4}, 1), batch, certain, act),
                      "classifier: hidden: expected [5, 4], got [4, 4]");
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
    act.after_dropout.resize({5, 6});
    CHECK_THROWS_WITH(backward(d_y, act), "classifier: act.after_dropout (forward computes it): expected [2, 6], got [5, 6]");
    const bert::RobertaClassifierLayerActivations<double> of_nothing;
    CHECK_THROWS_WITH(backward(d_y, of_nothing), "classifier: act.y (forward computes it): expected [2, 6], got [0, 0]");
    CHECK_THROWS_WITH(backward(hidden, of_nothing), "classifier: d_y: expected [2, 6], got [5, 6]");
    CHECK((gradient.dense.weight == layer.dense.weight));
    CHECK((d_act.pre_activation.size() == 0));
}

TEST_CASE("RoBERTa's classifier: what doesn't fit is named before anything is written")
{
    using Head = bert::RobertaSequenceClassificationHead<double>;
    const bert::Config config = small_config();
    const auto head = random_component<Head>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch(), behind_padding = bert::pack({{0, 1}}, {{0, 0}}, bert::IndexTensor<2>{{0, 1}});
    RandomBody body(batch, config), one(behind_padding, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    Head::Activations act, d_act;
    CHECK_THROWS_WITH(head.forward(one.result(), std::nullopt, pass, act),
                      "pooler: sequence 0: expected a real token at position 0, got padding");
    CHECK(act.layer.first.size() == 0);

    head.forward(body.result(), std::nullopt, pass, act);
    d_act.logits = act.logits;
    body.d_hidden.resize({4, 6});
    CHECK_THROWS_WITH(head.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "classifier: d_hidden: expected [5, 6], got [4, 6]");
    CHECK_THROWS_WITH(head.backward(body.result(), pass, {}, gradient, d_act, body.gradients()),
                      "classifier: act.layer.y (forward computes it): expected [2, 6], got [0, 0]");
    CHECK((gradient.dense.bias == Tensor<double, 1>{0, 0}));
    CHECK(d_act.layer.y.size() == 0);
}
