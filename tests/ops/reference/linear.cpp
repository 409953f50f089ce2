#include "bert/ops/reference/linear.hpp"

#include <array>
#include <cstddef>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::Reference;
using bert::Tensor;

TEMPLATE_TEST_CASE("linear: each output is a row of the weight times the input, plus its bias", "", float, double, long double)
{
    const Tensor<TestType, 2> x = {{1, 2}, {3, 4}};
    const Tensor<TestType, 2> weight = {{1, 0}, {0, 5}, {1, 1}};
    const Tensor<TestType, 1> bias = {10, 20, 30};
    Tensor<TestType, 2> y;
    bert::Workspace workspace;
    Reference::linear(x, weight, bias, y, workspace);
    // 1*1 + 10, 5*2 + 20, 1 + 2 + 30; 3 + 10, 5*4 + 20, 3 + 4 + 30
    CHECK((y == Tensor<TestType, 2>{{11, 30, 33}, {13, 40, 37}}));
}

TEST_CASE("linear: no rows make no rows")
{
    Tensor<double, 2> x, y;
    x.resize({0, 2});
    bert::Workspace workspace;
    Reference::linear(x, Tensor<double, 2>{{1, 2}}, Tensor<double, 1>{3}, y, workspace);
    CHECK(y.shape(0) == 0);
    CHECK(y.shape(1) == 1);
}

TEST_CASE("linear: a shape that doesn't fit is named")
{
    const Tensor<double, 2> x = {{1, 2}};
    Tensor<double, 2> y;
    bert::Workspace workspace;
    CHECK_THROWS_WITH(Reference::linear(x, Tensor<double, 2>{{1, 2, 3}}, Tensor<double, 1>{0}, y, workspace),
                      "linear: weight: expected [1, 2], got [1, 3]");
    CHECK_THROWS_WITH(Reference::linear(x, Tensor<double, 2>{{1, 2}}, Tensor<double, 1>{0, 0}, y, workspace),
                      "linear: bias: expected [1], got [2]");
}

TEST_CASE("linear_backward: by hand, and added to what is there")
{
    // y = x Wᵀ + b with x (1 2), W (3 4; 5 6), d_y (1 10): d_x = (1*3 + 10*5, 1*4 + 10*6), d_W = d_yᵀ x, d_b = d_y.
    const Tensor<double, 2> x = {{1, 2}}, weight = {{3, 4}, {5, 6}}, d_y = {{1, 10}};
    Tensor<double, 2> d_weight = {{100, 100}, {100, 100}}, d_x;
    Tensor<double, 1> d_bias = {1000, 1000};
    bert::Workspace workspace;
    Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
    CHECK((d_x == Tensor<double, 2>{{53, 64}}));
    CHECK((d_weight == Tensor<double, 2>{{101, 102}, {110, 120}}));
    CHECK((d_bias == Tensor<double, 1>{1001, 1010}));
    CHECK_THROWS_WITH(Reference::linear_backward(x, x, {{1, 2}}, d_weight, d_bias, d_x, workspace),
                      "linear_backward: d_y: expected [1, 1], got [1, 2]");
}

TEST_CASE("linear_backward and query_key_value_backward against central differences")
{
    const auto weights = differences::random<2>({4, 3}, 1);
    auto x = differences::random<2>({4, 3}, 2);
    std::array<bert::Linear<double>, 3> maps;
    for (unsigned i = 0; i < 3; ++i)
        maps[i] = {differences::random<2>({3, 3}, 10 + i), differences::random<1>({3}, 20 + i)};
    bert::Workspace workspace;
    Tensor<double, 2> q, k, v;
    const auto loss = [&] {
        Reference::query_key_value(Reference{}, x, maps[0], maps[1], maps[2], q, k, v, workspace);
        return differences::weighted_sum(q, weights) + 2 * differences::weighted_sum(k, weights) -
               differences::weighted_sum(v, weights);
    };
    const Tensor<double, 2> d_q = weights, d_k = 2 * weights, d_v = -1 * weights;
    std::array<bert::Linear<double>, 3> d_maps{bert::make_linear<double>(3, 3), bert::make_linear<double>(3, 3),
                                               bert::make_linear<double>(3, 3)};
    auto d_x = bert::zeros<double, 2>({4, 3});
    Reference::query_key_value_backward(Reference{}, d_q, d_k, d_v, x, maps[0], maps[1], maps[2], d_maps[0], d_maps[1], d_maps[2],
                                        d_x, workspace);
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(bert::check_gradient(maps[i], d_maps[i], loss).message == "");
}
