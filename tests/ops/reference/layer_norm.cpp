#include "bert/ops/reference/layer_norm.hpp"

#include <cmath>
#include <cstddef>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::LayerNorm;
using bert::Reference;
using bert::Tensor;

TEST_CASE("layer_norm: mean 0 and variance 1, then scale and shift")
{
    // Mean 3, variance (4 + 1 + 0 + 9) / 4 = 3.5. The second row is ten times the first.
    const Tensor<double, 2> x = {{1, 2, 3, 6}, {10, 20, 30, 60}};
    const LayerNorm<double> norm{{1, 1, 2, 1}, {0, 0, 5, 0.5}};
    bert::LayerNormActivations<double> act;
    Reference::layer_norm(x, norm, 1e-12, act);
    const double r = 1 / std::sqrt(3.5);
    CHECK(std::abs(act.rstd(0) - r) < 1e-12);
    CHECK(std::abs(act.rstd(1) - r / 10) < 1e-12);
    const double expected_hat[] = {-2 * r, -r, 0, 3 * r}, expected_y[] = {-2 * r, -r, 5, 3 * r + 0.5};
    for (std::size_t t = 0; t < 2; ++t)
        for (std::size_t h = 0; h < 4; ++h) {
            CHECK(std::abs(act.x_hat(t, h) - expected_hat[h]) < 1e-12);
            CHECK(std::abs(act.y(t, h) - expected_y[h]) < 1e-12);
        }
}

TEST_CASE("layer_norm: a constant row becomes the shift")
{
    const LayerNorm<double> norm{{1, 1}, {7, 8}};
    bert::LayerNormActivations<double> act;
    Reference::layer_norm(Tensor<double, 2>{{5, 5}}, norm, 1e-12, act);
    CHECK((act.y == Tensor<double, 2>{{7, 8}}));
}

TEMPLATE_TEST_CASE("layer_norm: so does a wide one in float, whose sum is rounded", "", Reference, bert::Fast)
{
    for (const std::size_t H : {384U, 768U, 1000U, 1024U}) {
        auto x = bert::zeros<float, 2>({4, H});
        for (std::size_t h = 0; h < H; ++h) {
            x(0, h) = 1;
            x(1, h) = 3.7F;
            x(2, h) = -12.34F;
            x(3, h) = 1e-3F;
        }
        auto norm = bert::make_layer_norm<float>(H);
        norm.gamma.fill(1);
        bert::LayerNormActivations<float> act;
        TestType::layer_norm(x, norm, 1e-12F, act);
        CHECK((act.y == bert::zeros<float, 2>({4, H})));
    }
}

TEST_CASE("layer_norm: epsilon stands inside the root")
{
    const LayerNorm<double> norm{{1, 1}, {0, 0}};
    bert::LayerNormActivations<double> act;
    Reference::layer_norm(Tensor<double, 2>{{-1, 1}}, norm, 3.0, act);  // variance 1, 1 / sqrt(1 + 3)
    CHECK(act.rstd(0) == 0.5);
}

TEST_CASE("layer_norm: in float, a mean far above the spread keeps the digits that float has")
{
    // 4096 +- 1 is exact in float, but 4096^2 + 1 is not: E[x^2] - mean^2 would be 0.
    const LayerNorm<float> norm{{1, 1}, {0, 0}};
    bert::LayerNormActivations<float> act;
    Reference::layer_norm(Tensor<float, 2>{{4095, 4097}}, norm, 1e-12f, act);
    CHECK((act.y == Tensor<float, 2>{{-1, 1}}));
}

TEST_CASE("layer_norm: a scale of another width is refused, not broadcast")
{
    bert::LayerNormActivations<double> act;
    const LayerNorm<double> short_gamma{{1}, {0, 0}}, long_beta{{1, 1}, {0, 0, 0}};
    CHECK_THROWS_WITH(Reference::layer_norm(Tensor<double, 2>{{1, 2}}, short_gamma, 1e-12, act),
                      "layer_norm: gamma: expected [2], got [1]");
    CHECK_THROWS_WITH(Reference::layer_norm(Tensor<double, 2>{{1, 2}}, long_beta, 1e-12, act),
                      "layer_norm: beta: expected [2], got [3]");
}

TEST_CASE("layer_norm_backward: by hand, and added to what is there")
{
    // x = (-1, 1): mean 0, deviation 1, x_hat = x. With gamma (1, 2) and d_y (1, 1), d_x_hat = (1, 2): its mean is 3/2, its part
    // along x_hat 1/2, and what is left of 1 - 3/2 + 1/2 and 2 - 3/2 - 1/2 is nothing: two numbers have no freedom but these.
    const LayerNorm<double> norm{{1, 2}, {0, 0}};
    bert::LayerNormActivations<double> act;
    Reference::layer_norm(Tensor<double, 2>{{-1, 1}}, norm, 0.0, act);
    LayerNorm<double> d_norm{{10, 10}, {20, 20}};
    Tensor<double, 2> d_x;
    Reference::layer_norm_backward(Tensor<double, 2>{{1, 1}}, norm, act, d_norm, d_x);
    CHECK((d_x == Tensor<double, 2>{{0, 0}}));
    CHECK((d_norm.gamma == Tensor<double, 1>{9, 11}));
    CHECK((d_norm.beta == Tensor<double, 1>{21, 21}));
}

TEST_CASE("layer_norm_backward against central differences, with an epsilon that matters too")
{
    for (const double epsilon : {1e-12, 0.5}) {
        auto x = differences::random<2>({5, 6}, 1);
        const auto d_y = differences::random<2>({5, 6}, 2);
        LayerNorm<double> norm{differences::random<1>({6}, 3), differences::random<1>({6}, 4)};
        auto d_norm = bert::make_layer_norm<double>(6);
        bert::LayerNormActivations<double> act;
        Tensor<double, 2> d_x;
        const auto loss = [&] {
            Reference::layer_norm(x, norm, epsilon, act);
            return differences::weighted_sum(act.y, d_y);
        };
        loss();
        Reference::layer_norm_backward(d_y, norm, act, d_norm, d_x);
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
        CHECK(bert::check_gradient(norm, d_norm, loss).message == "");
    }
}

TEST_CASE("layer_norm_backward: what doesn't fit is named")
{
    const LayerNorm<double> norm{{1, 1}, {0, 0}}, narrow{{1}, {0}};
    const Tensor<double, 2> x = {{1, 2}}, wide = {{1, 2, 3}};
    bert::LayerNormActivations<double> act;
    Reference::layer_norm(x, norm, 1e-12, act);
    LayerNorm<double> d_norm{{0, 0}, {0, 0}};
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(Reference::layer_norm_backward(wide, norm, act, d_norm, d_x),
                      "layer_norm_backward: d_y: expected [1, 2], got [1, 3]");
    CHECK_THROWS_WITH(Reference::layer_norm_backward(x, narrow, act, d_norm, d_x),
                      "layer_norm_backward: gamma: expected [2], got [1]");
    LayerNorm<double> d_narrow{{0}, {0, 0}};
    CHECK_THROWS_WITH(Reference::layer_norm_backward(x, norm, act, d_narrow, d_x),
                      "layer_norm_backward: d_norm.gamma: expected [2], got [1]");
    d_narrow = {{0, 0}, {0}};
    CHECK_THROWS_WITH(Reference::layer_norm_backward(x, norm, act, d_narrow, d_x),
                      "layer_norm_backward: d_norm.beta: expected [2], got [1]");
    act.rstd.resize({3});
    CHECK_THROWS_WITH(Reference::layer_norm_backward(x, norm, act, d_norm, d_x),
                      "layer_norm_backward: act.rstd: expected [1], got [3]");
}
