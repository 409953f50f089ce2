#include "bert/variants/roberta.hpp"

#include <cmath>
#include <cstddef>
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
