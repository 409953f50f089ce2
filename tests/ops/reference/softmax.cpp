#include "bert/ops/reference/softmax.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::Reference;
using bert::Tensor;

TEST_CASE("softmax: probabilities in the ratio of the exponentials")
{
    const Tensor<double, 2> scores = {{0, std::log(2.0), std::log(4.0)}};  // 1 : 2 : 4
    Tensor<double, 2> p;
    Reference::softmax(scores, p);
    for (std::size_t j = 0; j < 3; ++j)
        CHECK(std::abs(p(0, j) - double(1 << j) / 7) < 1e-15);
}

TEST_CASE("softmax: a shift of a row changes nothing, however large")
{
    const Tensor<float, 2> scores = {{1, 2, 3}, {10001, 10002, 10003}, {-9999, -9998, -9997}};
    Tensor<float, 2> p;
    Reference::softmax(scores, p);
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK(p(1, j) == p(0, j));
        CHECK(p(2, j) == p(0, j));
    }
}

TEST_CASE("softmax: minus infinity has no probability, a NaN is not hidden, and it works in place")
{
    const double infinity = std::numeric_limits<double>::infinity();
    Tensor<double, 2> p = {{0, -infinity, 0}, {0, std::numeric_limits<double>::quiet_NaN(), 0}};
    Reference::softmax(p, p);
    CHECK(p(0, 0) == 0.5);
    CHECK(p(0, 1) == 0);
    CHECK(p(0, 2) == 0.5);
    for (std::size_t j = 0; j < 3; ++j)
        CHECK(std::isnan(p(1, j)));
}

TEST_CASE("softmax_backward: by hand")
{
    // p = (1/4, 3/4), d_p = (1, 0): the mean of d_p under p is 1/4, so d_s = (1/4 * 3/4, 3/4 * -1/4).
    Tensor<double, 2> d_scores;
    Reference::softmax_backward(Tensor<double, 2>{{1, 0}}, Tensor<double, 2>{{0.25, 0.75}}, d_scores);
    CHECK((d_scores == Tensor<double, 2>{{0.1875, -0.1875}}));
}

TEST_CASE("softmax_backward against central differences")
{
    auto scores = differences::random<2>({5, 7}, 1);
    const auto d_probabilities = differences::random<2>({5, 7}, 2);
    Tensor<double, 2> probabilities, d_scores;
    const auto loss = [&] {
        Reference::softmax(scores, probabilities);
        return differences::weighted_sum(probabilities, d_probabilities);
    };
    loss();
    Reference::softmax_backward(d_probabilities, probabilities, d_scores);
    CHECK(bert::check_tensor_gradient("scores", scores, d_scores, loss).message == "");
}

TEST_CASE("softmax_backward: a gradient of another shape is refused")
{
    Tensor<double, 2> d_scores;
    CHECK_THROWS_WITH(Reference::softmax_backward(Tensor<double, 2>{{1}}, Tensor<double, 2>{{0.5, 0.5}}, d_scores),
                      "softmax_backward: d_probabilities: expected [1, 2], got [1, 1]");
}
