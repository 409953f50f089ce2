#include "bert/ops/reference/softmax.hpp"

#include <cmath>
#include <limits>

#include "bert/ops/reference.hpp"
#include "catch.hpp"

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
