#include "bert/heads/next_sentence.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::IndexTensor;
using bert::NextSentenceHead;
using bert::Tensor;
using namespace component;

TEST_CASE("next sentence: a linear layer and its backward, by hand")
{
    const NextSentenceHead<double> head{{{{1, 2}, {3, 0}}, {0, 1}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden, pooled = {{1, 10}}, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::NextSentenceActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 4}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden, d_pooled = {{100, 0}}, d_word_table;
    d_act.logits = {{1, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_act.pooled == Tensor<double, 2>{{7, 2}}));
    CHECK((d_pooled == Tensor<double, 2>{{107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {2, 20}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{1, 2}));
}

TEST_CASE("next sentence: the gradient against central differences; the count is what the loss is divided by")
{
    const IndexTensor<1> target = {1, 0};
    check_head<NextSentenceHead<double>>(small_config(), target);
    check_head<NextSentenceHead<double>>(small_config(), target, {.smoothing = 0.2});

    const bert::Batch batch = small_batch();
    const NextSentenceHead<double> head;
    bert::NextSentenceActivations<double> act;
    act.logits = {{0, 0}, {0, std::log(3.0)}};  // ln 2, and ln 4 for label 0
    CHECK(NextSentenceHead<double>::count(batch, target) == 2);
    CHECK(std::abs(head.loss(batch, target, 2, {}, act) - (std::log(2.0) + std::log(4.0)) / 2) < 1e-15);
    CHECK(std::abs(head.loss(batch, target, 6, {}, act) - (std::log(2.0) + std::log(4.0)) / 6) < 1e-15);
}

TEST_CASE("next sentence: it reads no hidden states; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK(NextSentenceHead<double>::read_rows(small_batch(), {1, 0}, rows));
    CHECK(rows.empty());
    const auto check = [](const IndexTensor<1>& target) {
        NextSentenceHead<double>::check(small_batch(), target, small_config());
    };
    CHECK_NOTHROW(check({0, 1}));
    CHECK_THROWS_WITH(check({0}), "next_sentence: target: expected [2], got [1]");
    CHECK_THROWS_WITH(check({0, 2}), "next_sentence: target[1]: expected 0 to 1, got 2");
    check_pooled_messages<NextSentenceHead<double>>(small_config());
}
