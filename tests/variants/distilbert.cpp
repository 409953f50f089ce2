#include "bert/variants/distilbert.hpp"

#include <cstddef>
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
