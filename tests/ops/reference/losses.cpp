#include "bert/ops/reference/losses.hpp"

#include <cmath>

#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::ignored_label;
using bert::IndexTensor;
using bert::Reference;
using bert::Tensor;

TEST_CASE("cross_entropy: the mean of -log p over labelled rows")
{
    // p of the labels: 1/2; 3/4; ignored; and with logits of 1000, 1/2 again.
    const Tensor<double, 2> logits = {{0, 0}, {0, std::log(3.0)}, {5, -5}, {1000, 1000}};
    const auto loss = Reference::cross_entropy(logits, IndexTensor<1>{0, 1, ignored_label, 1});
    CHECK(loss.count == 3);
    CHECK(std::abs(loss.value - (2 * std::log(2.0) + std::log(4.0 / 3)) / 3) < 1e-15);
    const auto none = Reference::cross_entropy(logits, IndexTensor<1>{-100, -100, -100, -100});
    CHECK(none.count == 0);
    CHECK(none.value == 0);
    CHECK_THROWS_WITH(Reference::cross_entropy(logits, IndexTensor<1>{0, 2, 0, 0}),
                      "cross_entropy: labels[1]: expected 0 to 1 or -100, got 2");
    CHECK_THROWS_WITH(Reference::cross_entropy(logits, IndexTensor<1>{0}), "cross_entropy: labels: expected [4], got [1]");
}

TEST_CASE("mean_squared_error: by hand")
{
    const auto loss = Reference::mean_squared_error(Tensor<double, 2>{{1}, {4}}, Tensor<double, 1>{3, 3.5});
    CHECK(loss.value == (4 + 0.25) / 2);
    CHECK_THROWS_WITH(Reference::mean_squared_error(Tensor<double, 2>{{1, 4}}, Tensor<double, 1>{3}),
                      "mean_squared_error: predictions: expected [1, 1], got [1, 2]");
}

TEST_CASE("binary_cross_entropy: -log of the logistic function, without overflow")
{
    // sigma(ln 3) = 3/4. The labels 1 and 0 have the surprises ln 4/3 and ln 4; 1000 with label 1 has none.
    const double s = std::log(3.0);
    const auto loss = Reference::binary_cross_entropy(Tensor<double, 2>{{s, s, 1000}}, Tensor<double, 2>{{1, 0, 1}});
    CHECK(std::abs(loss.value - (std::log(4.0 / 3) + std::log(4.0)) / 3) < 1e-15);
    CHECK(loss.count == 3);
}
