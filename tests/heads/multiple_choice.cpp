#include "bert/heads/multiple_choice.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::IndexTensor;
using bert::MultipleChoiceHead;
using bert::Tensor;
using namespace component;

using Head = MultipleChoiceHead<double>;

TEST_CASE("multiple choice: endings of one example compete, by hand")
{
    const bert::Batch batch = bert::pack({{1}, {2}, {3}, {4}});
    const IndexTensor<1> target = {1, 0};
    bert::MultipleChoiceActivations<double> act;
    act.logits = {{0}, {std::log(3.0)}, {0}, {0}};  // two examples of two endings
    CHECK(Head::count(batch, target) == 2);
    CHECK(std::abs(Head{}.loss(batch, target, 2, {}, act) - (std::log(4.0 / 3) + std::log(2.0)) / 2) < 1e-15);
    CHECK(std::abs(Head{}.loss(batch, target, 8, {}, act) - (std::log(4.0 / 3) + std::log(2.0)) / 8) < 1e-15);
}

TEST_CASE("multiple choice: the loss's gradient against central differences")
{
    const bert::Batch batch = bert::pack({{1}, {2}, {3}, {4}, {5}, {6}});
    const IndexTensor<1> target = {2, 0};
    bert::MultipleChoiceActivations<double> act, d_act;
    act.logits = random<2>({6, 1}, 2);
    Head{}.loss_backward(batch, target, 2, {}, act, d_act);
    CHECK((d_act.logits.shape() == act.logits.shape()));
    const auto loss = [&] { return Head{}.loss(batch, target, 2, {}, act); };
    CHECK(bert::check_tensor_gradient("logits", act.logits, d_act.logits, loss).message == "");
}

TEST_CASE("multiple choice: the whole head's gradient against central differences, with dropout and without")
{
    check_head<Head>(small_config(), {1});
    check_head<Head>(small_config(), {1}, {.smoothing = 0.2}, {.classifier = 0.4, .stream = {1, 2}});
}

TEST_CASE("multiple choice: it reads no hidden states; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK(Head::read_rows(small_batch(), {1}, rows));
    CHECK(rows.empty());

    const bert::Config config = small_config();
    const bert::Batch three = bert::pack({{1}, {2}, {3}});
    bert::MultipleChoiceActivations<double> act;
    act.logits = {{1}, {2}, {3}};
    CHECK_THROWS_WITH(Head{}.loss(three, {0, 0}, 2, {}, act),
                      "multiple_choice: expected a number of examples that divides 3 sequences, got 2");
    CHECK_THROWS_WITH(Head::check(three, {0, 0}, config),
                      "multiple_choice: expected a number of examples that divides 3 sequences, got 2");
    CHECK_THROWS_WITH(Head::check(three, IndexTensor<1>{}, config),
                      "multiple_choice: expected a number of examples that divides 3 sequences, got 0");
    CHECK_THROWS_WITH(Head::check(three, {3}, config), "multiple_choice: target[0]: expected 0 to 2, got 3");
    CHECK_NOTHROW(Head::check(three, {2}, config));
    act.logits = {{1}, {2}};
    CHECK_THROWS_WITH(Head{}.loss(three, {0}, 1, {}, act), "multiple_choice: logits: expected [3, 1], got [2, 1]");
    check_pooled_messages<Head>(config);
}

TEST_CASE("multiple choice: a linear layer and its backward, by hand")
{
    const Head head{{{{1, 2}}, {3}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden, pooled = {{1, 10}}, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::MultipleChoiceActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{24}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden, d_pooled = {{100, 0}}, d_word_table;
    d_act.logits = {{5}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_act.pooled == Tensor<double, 2>{{5, 10}}));
    CHECK((d_pooled == Tensor<double, 2>{{105, 10}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{5, 50}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{5}));
}
