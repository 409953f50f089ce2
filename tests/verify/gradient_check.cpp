#include "bert/verify/gradient_check.hpp"

#include <cmath>
#include <string>

#include "bert/core/linear.hpp"

#include "catch.hpp"

using bert::check_tensor_gradient;
using bert::Tensor;

namespace {

// Σ x^3 / 3, whose gradient is x^2.
double cubes(const Tensor<double, 2>& x)
{
    double sum = 0;
    for (const double value : x)
        sum += value * value * value / 3;
    return sum;
}

}  // namespace

TEST_CASE("A right gradient holds, and the tensor is as it was")
{
    Tensor<double, 2> x = {{1, 2}, {3, 1000}};
    const Tensor<double, 2> before = x, gradient = {{1, 4}, {9, 1e6}};
    const auto check = check_tensor_gradient("x", x, gradient, [&] { return cubes(x); });
    CHECK(check.holds);
    CHECK(check.count == 4);
    CHECK(check.error < 1e-7);
    CHECK((x == before));
}

TEST_CASE("A wrong number is named with its index, what was expected and what was found")
{
    Tensor<double, 2> x = {{1, 2}, {3, 4}};
    const Tensor<double, 2> gradient = {{1, 4}, {9.5, 16}};
    const auto check = check_tensor_gradient("x", x, gradient, [&] { return cubes(x); });
    CHECK_FALSE(check.holds);
    CHECK(check.name == "x");
    CHECK(std::abs(check.error - 0.5 / 16) < 1e-6);  // over the largest of the tensor
    CHECK(check.message.starts_with("x[1, 0]: expected "));
    CHECK(check.message.find("by central differences, got 9.5: error 0.031") != std::string::npos);
}

TEST_CASE("A gradient that is not a number doesn't hold")
{
    Tensor<double, 2> x = {{1, 2}};
    const Tensor<double, 2> gradient = {{1, std::nan("")}};
    const auto check = check_tensor_gradient("x", x, gradient, [&] { return cubes(x); });
    CHECK_FALSE(check.holds);
    CHECK(std::isinf(check.error));
}

TEST_CASE("A gradient of another shape is refused")
{
    Tensor<double, 2> x = {{1, 2}};
    CHECK_THROWS_WITH(check_tensor_gradient("x", x, Tensor<double, 2>{{1}}, [&] { return cubes(x); }),
                      "check_gradient: x: expected [1, 2], got [1, 1]");
}

TEST_CASE("Of a component every parameter is tried, as many numbers of each as wanted")
{
    bert::Linear<double> dense{{{1, 2}, {3, 4}}, {5, 6}};
    const auto loss = [&] { return cubes(dense.weight) + dense.bias(0) * dense.bias(1); };
    const bert::Linear<double> right{{{1, 4}, {9, 16}}, {6, 5}}, wrong{{{1, 4}, {9, 16}}, {6, -5}};
    CHECK(bert::check_gradient(dense, right, loss).holds);
    CHECK(bert::check_gradient(dense, right, loss, {.most = 1}).count == 2);
    CHECK(bert::check_gradient(dense, wrong, loss).message.starts_with(".bias[1]: expected "));
}
