#include "bert/ops/reference/linear.hpp"

#include <array>
#include <cstddef>

#include "bert/ops/fast.hpp"
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

TEST_CASE("linear_backward against central differences: three layers of the same rows, as query, key and value are")
{
    const auto weights = differences::random<2>({4, 3}, 1);
    auto x = differences::random<2>({4, 3}, 2);
    std::array<bert::Linear<double>, 3> layers;
    for (unsigned i = 0; i < 3; ++i)
        layers[i] = {differences::random<2>({3, 3}, 10 + i), differences::random<1>({3}, 20 + i)};
    bert::Workspace workspace;
    std::array<Tensor<double, 2>, 3> y;
    const auto loss = [&] {
        for (std::size_t i = 0; i < 3; ++i)
            Reference::linear(x, layers[i].weight, layers[i].bias, y[i], workspace);
        return differences::weighted_sum(y[0], weights) + 2 * differences::weighted_sum(y[1], weights) -
               differences::weighted_sum(y[2], weights);
    };
    const std::array<Tensor<double, 2>, 3> d_y{weights, 2 * weights, -1 * weights};
    std::array<bert::Linear<double>, 3> d_layers{bert::make_linear<double>(3, 3), bert::make_linear<double>(3, 3),
                                                 bert::make_linear<double>(3, 3)};
    auto d_x = bert::zeros<double, 2>({4, 3});
    for (std::size_t i = 0; i < 3; ++i) {
        Tensor<double, 2> d_by_layer;
        Reference::linear_backward(d_y[i], x, layers[i].weight, d_layers[i].weight, d_layers[i].bias, d_by_layer, workspace);
        bert::add(d_by_layer, d_x);
    }
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(bert::check_gradient(layers[i], d_layers[i], loss).message == "");
}

TEST_CASE("linear_backward: what doesn't fit is named")
{
    const Tensor<double, 2> x = {{1, 2}}, d_y = {{1}}, weight = {{1, 2}}, wide = {{1, 2, 3}};
    Tensor<double, 2> d_weight = {{0, 0}}, d_wide = wide, d_x;
    Tensor<double, 1> d_bias = {0}, d_bias_of_2 = {0, 0};
    bert::Workspace workspace;
    CHECK_THROWS_WITH(Reference::linear_backward(d_y, x, wide, d_weight, d_bias, d_x, workspace),
                      "linear_backward: weight: expected [1, 2], got [1, 3]");
    CHECK_THROWS_WITH(Reference::linear_backward(d_y, x, weight, d_wide, d_bias, d_x, workspace),
                      "linear_backward: d_weight: expected [1, 2], got [1, 3]");
    CHECK_THROWS_WITH(Reference::linear_backward(d_y, x, weight, d_weight, d_bias_of_2, d_x, workspace),
                      "linear_backward: d_bias: expected [1], got [2]");
}

TEMPLATE_TEST_CASE("linear and its backward refuse to write over what they read", "", Reference, bert::Fast)
{
    Tensor<double, 2> x = {{1, 2}};
    const Tensor<double, 2> weight = {{1, 2}, {3, 4}};
    Tensor<double, 2> d_weight = {{0, 0}, {0, 0}}, d_y = {{1, 1}};
    Tensor<double, 1> bias = {0, 0}, d_bias = {0, 0};
    bert::Workspace workspace;
    CHECK_THROWS_WITH(TestType::linear(x, weight, bias, x, workspace), "linear: y: expected another tensor than x, got the same");
    const char* const message = "linear_backward: d_x: expected another tensor than d_y and x, got the same";
    CHECK_THROWS_WITH(TestType::linear_backward(d_y, x, weight, d_weight, d_bias, d_y, workspace), message);
    CHECK_THROWS_WITH(TestType::linear_backward(d_y, x, weight, d_weight, d_bias, x, workspace), message);
    CHECK((d_weight == Tensor<double, 2>{{0, 0}, {0, 0}}));
}
