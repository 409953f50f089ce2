#include "bert/ops/reference/losses.hpp"

#include <cmath>
#include <cstddef>
#include <optional>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

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
    CHECK(Reference::mean_squared_error(Tensor<double, 2>{{1}, {4}}, Tensor<double, 1>{3, 3.5}, 8.0).value == (4 + 0.25) / 8);
    const auto none = Reference::mean_squared_error(bert::zeros<double, 2>({0, 1}), bert::zeros<double, 1>({0}));
    CHECK(none.value == 0);
    CHECK(none.count == 0);
}

TEST_CASE("binary_cross_entropy: -log of the logistic function, without overflow")
{
    // sigma(ln 3) = 3/4. The labels 1 and 0 have the surprises ln 4/3 and ln 4; 1000 with label 1 has none.
    const double s = std::log(3.0);
    const auto loss = Reference::binary_cross_entropy(Tensor<double, 2>{{s, s, 1000}}, Tensor<double, 2>{{1, 0, 1}});
    CHECK(std::abs(loss.value - (std::log(4.0 / 3) + std::log(4.0)) / 3) < 1e-15);
    CHECK(loss.count == 3);
    const auto divided = Reference::binary_cross_entropy(Tensor<double, 2>{{s, s, 1000}}, Tensor<double, 2>{{1, 0, 1}}, 12.0);
    CHECK(std::abs(divided.value - (std::log(4.0 / 3) + std::log(4.0)) / 12) < 1e-15);
    CHECK(divided.count == 3);
    CHECK_THROWS_WITH(Reference::binary_cross_entropy(Tensor<double, 2>{{s, s}}, Tensor<double, 2>{{1, 2}}),
                      "binary_cross_entropy: labels[0, 1]: expected 0 to 1, got 2.000000");
}

TEST_CASE("cross_entropy: label smoothing spreads a part of the label over all classes")
{
    // Two classes with p = (1/4, 3/4), label 1, smoothing 0.2: targets 0.1 and 0.9.
    const Tensor<double, 2> logits = {{0, std::log(3.0)}};
    const auto loss = Reference::cross_entropy(logits, IndexTensor<1>{1}, {.smoothing = 0.2, .divisor = {}});
    CHECK(std::abs(loss.value - (0.1 * std::log(4.0) + 0.9 * std::log(4.0 / 3))) < 1e-15);
    Tensor<double, 2> d_logits;
    Reference::cross_entropy_backward(2.0, logits, IndexTensor<1>{1}, {.smoothing = 0.2, .divisor = {}}, d_logits);
    CHECK(std::abs(d_logits(0, 0) - 2 * (0.25 - 0.1)) < 1e-15);
    CHECK(std::abs(d_logits(0, 1) - 2 * (0.75 - 0.9)) < 1e-15);
}

TEST_CASE("cross_entropy: the sum is divided by what the caller says, as in the original code's masked LM")
{
    const Tensor<double, 2> logits = {{0, 0}, {0, 0}, {0, 0}};
    const IndexTensor<1> labels = {0, 1, ignored_label};
    CHECK(std::abs(Reference::cross_entropy(logits, labels, {.divisor = 2 + 1e-5}).value - 2 * std::log(2.0) / (2 + 1e-5)) <
          1e-15);
    Tensor<double, 2> d_logits;
    Reference::cross_entropy_backward(1.0, logits, labels, {.divisor = 8.0}, d_logits);
    CHECK((d_logits == Tensor<double, 2>{{-0.0625, 0.0625}, {0.0625, -0.0625}, {0, 0}}));
}

TEST_CASE("cross_entropy_backward: without any label there is no gradient")
{
    Tensor<double, 2> d_logits;
    Reference::cross_entropy_backward(1.0, Tensor<double, 2>{{1, 2}}, IndexTensor<1>{ignored_label}, {}, d_logits);
    CHECK((d_logits == Tensor<double, 2>{{0, 0}}));
}

TEST_CASE("The losses' backward against central differences")
{
    auto logits = differences::random<2>({6, 5}, 1);
    Tensor<double, 2> d_logits;
    const IndexTensor<1> labels = {0, 4, ignored_label, 2, 2, 1};
    for (const bert::CrossEntropyOptions options : {bert::CrossEntropyOptions{}, {0.1, {}}, {0.3, 7.0}}) {
        Reference::cross_entropy_backward(3.0, logits, labels, options, d_logits);
        const auto loss = [&] { return 3 * Reference::cross_entropy(logits, labels, options).value; };
        CHECK(bert::check_tensor_gradient("logits", logits, d_logits, loss).message == "");
    }
    auto predictions = differences::random<2>({6, 1}, 2);
    const auto values = differences::random<1>({6}, 3);
    Tensor<double, 2> d_predictions;
    auto several = bert::zeros<double, 2>({6, 5});
    for (std::size_t i = 0; i < several.size(); i += 3)
        several.data()[i] = 1;
    for (const std::optional<double> divisor : {std::optional<double>(), std::optional(7.0)}) {
        Reference::mean_squared_error_backward(0.5, predictions, values, divisor, d_predictions);
        const auto squared = [&] { return 0.5 * Reference::mean_squared_error(predictions, values, divisor).value; };
        CHECK(bert::check_tensor_gradient("predictions", predictions, d_predictions, squared).message == "");
        Reference::binary_cross_entropy_backward(1.0, logits, several, divisor, d_logits);
        const auto binary = [&] { return Reference::binary_cross_entropy(logits, several, divisor).value; };
        CHECK(bert::check_tensor_gradient("logits", logits, d_logits, binary).message == "");
    }
}

TEST_CASE("cross_entropy: a smoothing that is no part of a probability and a divisor that divides nothing are refused")
{
    const Tensor<double, 2> logits = {{0, 0}};
    Tensor<double, 2> d_logits;
    const IndexTensor<1> labels = {0};
    CHECK_THROWS_WITH(Reference::cross_entropy(logits, labels, {.smoothing = 7, .divisor = {}}),
                      "cross_entropy: smoothing: expected [0, 1), got 7.000000");
    CHECK_THROWS_WITH(Reference::cross_entropy_backward(1.0, logits, labels, {.smoothing = -0.1, .divisor = {}}, d_logits),
                      "cross_entropy_backward: smoothing: expected [0, 1), got -0.100000");
    CHECK_THROWS_WITH(Reference::cross_entropy(logits, labels, {.divisor = -3.0}),
                      "cross_entropy: divisor: expected a finite number above 0, got -3.000000");
    CHECK_THROWS_WITH(Reference::cross_entropy_backward(1.0, logits, labels, {.divisor = 0.0}, d_logits),
                      "cross_entropy_backward: divisor: expected a finite number above 0, got 0.000000");
}

TEST_CASE("The losses: shapes, labels and divisors that don't fit are named, backward too")
{
    const Tensor<double, 2> one = {{1, 2}}, two = {{1}, {2}};
    Tensor<double, 2> d;
    CHECK_THROWS_WITH(Reference::cross_entropy_backward(1.0, one, IndexTensor<1>{2}, {}, d),
                      "cross_entropy_backward: labels[0]: expected 0 to 1 or -100, got 2");
    const Tensor<double, 1> targets = {1, 2};
    CHECK_THROWS_WITH(Reference::mean_squared_error_backward(1.0, one, targets, std::nullopt, d),
                      "mean_squared_error_backward: predictions: expected [2, 1], got [1, 2]");
    CHECK_THROWS_WITH(Reference::mean_squared_error(two, targets, 0.0),
                      "mean_squared_error: divisor: expected a finite number above 0, got 0.000000");
    CHECK_THROWS_WITH(Reference::mean_squared_error_backward(1.0, two, targets, -1.0, d),
                      "mean_squared_error_backward: divisor: expected a finite number above 0, got -1.000000");
    CHECK_THROWS_WITH(Reference::binary_cross_entropy(one, two), "binary_cross_entropy: labels: expected [1, 2], got [2, 1]");
    CHECK_THROWS_WITH(Reference::binary_cross_entropy_backward(1.0, one, two, std::nullopt, d),
                      "binary_cross_entropy_backward: labels: expected [1, 2], got [2, 1]");
    CHECK_THROWS_WITH(Reference::binary_cross_entropy_backward(1.0, one, one, std::nullopt, d),
                      "binary_cross_entropy_backward: labels[0, 1]: expected 0 to 1, got 2.000000");
    CHECK_THROWS_WITH(Reference::binary_cross_entropy(one, Tensor<double, 2>{{1, 0}}, 0.0),
                      "binary_cross_entropy: divisor: expected a finite number above 0, got 0.000000");
}

TEST_CASE("mean_squared_error_backward and binary_cross_entropy_backward: by hand")
{
    Tensor<double, 2> d;
    Reference::mean_squared_error_backward(3.0, Tensor<double, 2>{{1}, {4}}, Tensor<double, 1>{2, 3.5}, 4.0, d);
    CHECK((d == Tensor<double, 2>{{
                                      -1.5,
                                  },
                                  {0.75}}));  // 3 / 4 times 2 times -1, and times 2 times 1/2
    Reference::binary_cross_entropy_backward(1.0, Tensor<double, 2>{{0, std::log(3.0)}}, Tensor<double, 2>{{1, 0}}, std::nullopt,
                                             d);
    CHECK(d(0, 0) == -0.25);                   // (1/2 - 1) / 2
    CHECK(std::abs(d(0, 1) - 0.375) < 1e-15);  // 3/4 / 2
}
