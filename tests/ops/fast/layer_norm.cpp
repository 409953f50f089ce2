// The fast layer norm where the first sum for the mean is far from exact.
#include "catch.hpp"

#include <cstddef>

#include "bert/core/layer_norm.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/fast/layer_norm.hpp"

// 0.1 has no end in binary, so that a sum of many is rounded again and again. That of 768, a 768th of it, misses 0.1 by some
// units of its last place, of which epsilon's root makes a thousandth or more. The second pass finds each number's distance from
// that mean, the same for all, and a small whole number of units: it is exact, and what is left of the row is 0.
TEST_CASE("a row of one number is normalized to zeros exactly: the second pass mends the mean")
{
    const std::size_t H = 768;
    const auto check = [&](auto number) {
        using Real = decltype(number);
        bert::Tensor<Real, 2> x = bert::zeros<Real, 2>({1, H});
        x.fill(number);
        bert::LayerNorm<Real> norm = bert::make_layer_norm<Real>(H);
        norm.gamma.fill(Real(1));
        norm.beta.fill(Real(0.5));
        bert::LayerNormActivations<Real> act;
        bert::fast::LayerNormOperations<bert::simd::DefaultArch>::layer_norm(x, norm, Real(1e-12), act);
        for (std::size_t h = 0; h < H; ++h) {
            CHECK(act.x_hat(0, h) == 0);
            CHECK(act.y(0, h) == Real(0.5));
        }
    };
    check(0.1F);
    check(0.1);
}
