#include "bert/ops/reference/fused.hpp"

#include <cmath>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::Linear;
using bert::Reference;
using bert::Tensor;
using differences::random;
using differences::weighted_sum;

TEST_CASE("linear_residual_layer_norm: by hand, without dropout and with everything dropped")
{
    // x W^T + b = (2 0) + (1 1) = (3 1); with the residual (4 -1): (7 0), normalized (1 -1), scaled (1 -2).
    const Linear<double> map{{{2}, {0}}, {1, 1}};
    const bert::LayerNorm<double> norm{{1, 2}, {0, 0}};
    const Tensor<double, 2> x = {{1}}, residual = {{4, -1}};
    bert::ResidualActivations<double> act;
    bert::Workspace workspace;
    Reference::linear_residual_layer_norm(Reference{}, x, map, residual, norm, 1e-12, {}, act, workspace);
    CHECK((act.sum == Tensor<double, 2>{{7, 0}}));
    CHECK(std::abs(act.norm.y(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.norm.y(0, 1) + 2) < 1e-9);
    Reference::linear_residual_layer_norm(Reference{}, x, map, residual, norm, 1e-12, {.probability = 0.999999999, .stream = {}},
                                          act, workspace);
    CHECK((act.sum == residual));
    CHECK_THROWS_WITH(Reference::linear_residual_layer_norm(Reference{}, x, map, x, norm, 1e-12, {}, act, workspace),
                      "linear_residual_layer_norm: residual: expected [1, 2], got [1, 1]");
}

TEST_CASE("linear_residual_layer_norm_backward against central differences, the residual's gradient included")
{
    const bert::DropoutPlace place{.probability = 0.4, .stream = {1, 2}};
    auto x = random<2>({5, 3}, 1), residual = random<2>({5, 4}, 2);
    Linear<double> map{random<2>({4, 3}, 3), random<1>({4}, 4)};
    bert::LayerNorm<double> norm{random<1>({4}, 5), random<1>({4}, 6)};
    const auto d_y = random<2>({5, 4}, 7);
    auto d_map = bert::make_linear<double>(4, 3);
    auto d_norm = bert::make_layer_norm<double>(4);
    bert::ResidualActivations<double> act, d_act;
    bert::Workspace workspace;
    Tensor<double, 2> d_x;
    const auto loss = [&] {
        Reference::linear_residual_layer_norm(Reference{}, x, map, residual, norm, 1e-3, place, act, workspace);
        return weighted_sum(act.norm.y, d_y);
    };
    loss();
    Reference::linear_residual_layer_norm_backward(Reference{}, d_y, x, map, norm, place, act, d_map, d_norm, d_act, d_x,
                                                   workspace);
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    CHECK(bert::check_tensor_gradient("residual", residual, d_act.sum, loss).message == "");
    CHECK(bert::check_gradient(map, d_map, loss).message == "");
    CHECK(bert::check_gradient(norm, d_norm, loss).message == "");
}

TEST_CASE("linear_activation_backward against central differences, and added to what the residual has brought")
{
    auto x = random<2>({5, 3}, 1);
    Linear<double> map{random<2>({4, 3}, 2), random<1>({4}, 3)};
    const auto d_y = random<2>({5, 4}, 4);
    auto d_map = bert::make_linear<double>(4, 3);
    bert::Workspace workspace;
    Tensor<double, 2> pre_activation, y, d_pre_activation;
    const auto loss = [&] {
        Reference::linear_activation(Reference{}, x, map, bert::Activation::gelu, pre_activation, y, workspace);
        return weighted_sum(y, d_y);
    };
    loss();
    auto d_x = bert::zeros<double, 2>({5, 3});
    d_x.fill(10.0);
    Reference::linear_activation_backward(Reference{}, d_y, x, map, bert::Activation::gelu, pre_activation, d_map,
                                          d_pre_activation, d_x, workspace);
    for (double& value : d_x)
        value -= 10;
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    CHECK(bert::check_gradient(map, d_map, loss).message == "");
}
