#include "bert/pooler.hpp"

#include <cmath>

#include "catch.hpp"
#include "component.hpp"

using bert::Pass;
using bert::Pooler;
using bert::Tensor;
using namespace component;

TEST_CASE("pooler: the tanh of a linear layer of each first token, by hand")
{
    const Pooler<double> pooler{{{{1, 0}, {0, 2}}, {0, 1}}};
    bert::PoolerActivations<double> act;
    bert::Workspace workspace;
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    pooler.forward(Tensor<double, 2>{{0.5, 0.25}, {9, 9}, {-1, 0}}, batch, {config, batch.sequences, workspace}, act);
    CHECK((act.first == Tensor<double, 2>{{0.5, 0.25}, {-1, 0}}));
    CHECK((act.pre_activation == Tensor<double, 2>{{0.5, 1.5}, {-1, 1}}));
    CHECK(std::abs(act.pooled(0, 0) - std::tanh(0.5)) < 1e-15);
    CHECK(std::abs(act.pooled(1, 1) - std::tanh(1.0)) < 1e-15);
}

TEST_CASE("pooler: backward against central differences, and added to what heads have brought")
{
    const bert::Config config = small_config();
    auto pooler = random_component<Pooler<double>>(config);
    auto gradient = zero_component(pooler);
    auto x = random<2>({5, 6}, 1);
    const auto d_pooled = random<2>({2, 6}, 2);
    const bert::Batch batch = small_batch();
    bert::PoolerActivations<double> act, d_act;
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    const auto loss = [&] {
        pooler.forward(x, batch, pass, act);
        return weighted_sum(act.pooled, d_pooled);
    };
    loss();
    auto d_x = bert::zeros<double, 2>({5, 6});
    d_x.fill(10.0);
    pooler.backward(d_pooled, batch, pass, act, gradient, d_act, d_x);
    for (double& value : d_x)
        value -= 10;
    CHECK(bert::check_gradient(pooler, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
}

TEST_CASE("pooler: what doesn't fit is named")
{
    const bert::Config config = small_config();
    const auto pooler = random_component<Pooler<double>>(config);
    bert::PoolerActivations<double> act, d_act;
    bert::Workspace workspace;
    const auto forward = [&](const Tensor<double, 2>& x, const bert::Batch& batch) {
        pooler.forward(x, batch, {config, batch.sequences, workspace}, act);
    };
    CHECK_THROWS_WITH(forward(random<2>({1, 6}, 1), small_batch()), "pooler: x: expected [5, 6], got [1, 6]");
    CHECK_THROWS_WITH(forward(random<2>({1, 6}, 1), bert::pack({{}, {1}})), "pooler: sequence 0: expected a token, got none");
    const bert::IndexTensor<2> ids = {{5, 6}}, zeros = {{0, 0}}, hole = {{0, 1}};
    CHECK_THROWS_WITH(forward(random<2>({1, 6}, 1), bert::pack(ids, zeros, hole)),
                      "pooler: sequence 0: expected a real token at position 0, got padding");

    const bert::Batch batch = small_batch();
    auto gradient = zero_component(pooler);
    auto d_x = random<2>({4, 6}, 2);
    CHECK_THROWS_WITH(
        pooler.backward(random<2>({2, 6}, 3), batch, {config, batch.sequences, workspace}, {}, gradient, d_act, d_x),
        "pooler: act.first (forward computes it): expected [2, 6], got [0, 0]");
    forward(random<2>({5, 6}, 1), batch);
    CHECK_THROWS_WITH(
        pooler.backward(random<2>({2, 6}, 3), batch, {config, batch.sequences, workspace}, act, gradient, d_act, d_x),
        "pooler: d_x: expected [5, 6], got [4, 6]");
    d_x = random<2>({5, 6}, 2);
    CHECK_THROWS_WITH(
        pooler.backward(random<2>({3, 6}, 3), batch, {config, batch.sequences, workspace}, act, gradient, d_act, d_x),
        "pooler: d_pooled: expected [2, 6], got [3, 6]");
    auto narrow = gradient;
    narrow.dense.bias.resize({5});
    CHECK_THROWS_WITH(pooler.backward(random<2>({2, 6}, 3), batch, {config, batch.sequences, workspace}, act, narrow, d_act, d_x),
                      "pooler: d_dense.bias: expected [6], got [5]");
    bert::Batch broken = batch;
    broken.positions.resize({4});
    CHECK_THROWS_WITH(forward(random<2>({5, 6}, 1), broken), "pooler: positions: expected [5], got [4]");
    broken = batch;
    broken.sequences.begin[1] = 6;
    CHECK_THROWS_WITH(forward(random<2>({5, 6}, 1), broken), "pooler: sequences: begin[2]: expected 6 or more, got 5");
    CHECK_THROWS_WITH(forward(random<2>({5, 4}, 1), batch), "pooler: dense.weight: expected [4, 4], got [6, 6]");
}
