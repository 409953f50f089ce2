#include "bert/heads/token_classification.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::IndexTensor;
using bert::Tensor;
using bert::TokenClassificationHead;
using namespace component;

using Head = TokenClassificationHead<double>;

TEST_CASE("token classification: a linear layer and its backward, by hand")
{
    const Head head{{{{1, 2}, {0, 1}, {3, 0}}, {0, 0, 1}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden = {{1, 10}}, pooled, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::TokenClassificationActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 10, 4}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden = {{100, 0}}, d_pooled, d_word_table;
    d_act.logits = {{1, 0, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_act.hidden == Tensor<double, 2>{{7, 2}}));
    CHECK((d_hidden == Tensor<double, 2>{{107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {0, 0}, {2, 20}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{1, 0, 2}));
}

TEST_CASE("token classification: the gradient against central differences, with dropout and without")
{
    bert::Config config = small_config();
    config.labels.resize(3);
    const IndexTensor<1> target = {2, bert::ignored_label, 0, 1, bert::ignored_label};
    check_head<Head>(config, target);
    check_head<Head>(config, target, {.smoothing = 0.2}, {.classifier = 0.4, .stream = {1, 2}});
}

TEST_CASE("token classification: tokens with a class are counted, and the loss is divided by the count that it is given")
{
    const bert::Batch batch = bert::pack({{1, 2, 3, 4}});
    const IndexTensor<1> target = {-100, 4, -100, 0};
    CHECK(Head::count(batch, target) == 2);
    CHECK(Head::count(batch, {-100, -100, -100, -100}) == 0);
    bert::TokenClassificationActivations<double> act;
    act.logits = bert::zeros<double, 2>({4, 5});  // ln 5 for each class
    CHECK(std::abs(Head{}.loss(batch, target, 2, {}, act) - std::log(5.0)) < 1e-15);
    CHECK(std::abs(Head{}.loss(batch, target, 8, {}, act) - std::log(5.0) / 4) < 1e-15);
    CHECK(Head{}.loss(batch, {-100, -100, -100, -100}, 0, {}, act) == 0);
}

TEST_CASE("token classification: it reads every row; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK_FALSE(Head::read_rows(small_batch(), {}, rows));
    bert::Config config = small_config();
    config.labels.resize(3);
    const auto check = [&](const IndexTensor<1>& target) { Head::check(small_batch(), target, config); };
    CHECK_NOTHROW(check({0, 1, 2, -100, 0}));
    CHECK_THROWS_WITH(check({0, 1}), "token_classification: target: expected [5], got [2]");
    CHECK_THROWS_WITH(check({0, 1, 3, 0, 0}), "token_classification: target[2]: expected 0 to 2 or -100, got 3");
    CHECK_THROWS_WITH(check({0, -1, 0, 0, 0}), "token_classification: target[1]: expected 0 to 2 or -100, got -1");
    check_hidden_message<Head>(config);
}
