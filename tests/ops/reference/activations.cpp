#include "bert/ops/reference/activations.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "bert/ops/reference.hpp"
#include "catch.hpp"
#include "differences.hpp"

using bert::Reference;
using bert::Tensor;

TEST_CASE("gelu: x times the normal distribution function, exact far out too")
{
    const Tensor<double, 2> x = {{0, 1, -1, 2, -10}};
    Tensor<double, 2> y;
    Reference::gelu(x, y);
    CHECK(y(0, 0) == 0);
    CHECK(std::abs(y(0, 1) - 0.84134474606854295) < 1e-16);  // Phi(1), from a table
    CHECK(std::abs(y(0, 2) + 0.15865525393145705) < 1e-16);  // -Phi(-1)
    CHECK(std::abs(y(0, 3) - 2 * 0.97724986805182079) < 1e-15);
    CHECK(std::abs(y(0, 4) / -7.6198530241605260e-23 - 1) < 1e-14);  // -10 Phi(-10): 1 + erf would have no digit left
}

TEST_CASE("gelu_tanh: the published approximation")
{
    // u = sqrt(2/pi) (1 + 0.044715) = 0.8335624...; (1 + tanh u)/2 = 0.841192
    const Tensor<double, 2> x = {{1, -1, 0}};
    Tensor<double, 2> y;
    Reference::gelu_tanh(x, y);
    CHECK(std::abs(y(0, 0) - 0.84119199) < 1e-8);
    CHECK(std::abs(y(0, 1) + 0.15880801) < 1e-8);
    CHECK(y(0, 2) == 0);
    Tensor<double, 2> exact;
    Reference::gelu(x, exact);
    CHECK(std::abs(y(0, 0) - exact(0, 0)) < 1e-3);  // how good the approximation is
}

TEST_CASE("relu, tanh: on both sides of zero; a NaN stays one")
{
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Tensor<double, 2> x = {{-2, 0, 3, nan}};
    Tensor<double, 2> y;
    Reference::relu(x, y);
    CHECK(y(0, 0) == 0);
    CHECK(y(0, 1) == 0);
    CHECK(y(0, 2) == 3);
    CHECK(std::isnan(y(0, 3)));
    Reference::tanh(x, y);
    CHECK(std::abs(y(0, 0) + 0.96402758007581688) < 1e-15);  // (e^-4 - 1) / (e^-4 + 1)
    CHECK(std::isnan(y(0, 3)));
}

TEST_CASE("activate: the function of a published name")
{
    CHECK(bert::activation_named("gelu") == bert::Activation::gelu);
    CHECK(bert::activation_named("gelu_new") == bert::Activation::gelu_tanh);
    CHECK(bert::activation_named("gelu_pytorch_tanh") == bert::Activation::gelu_tanh);
    CHECK(bert::activation_named("relu") == bert::Activation::relu);
    CHECK(!bert::activation_named("mish"));
    const Tensor<double, 2> x = {{-1, 1}};
    Tensor<double, 2> y;
    Reference::activate(Reference{}, bert::Activation::relu, x, y);
    CHECK((y == Tensor<double, 2>{{0, 1}}));
}

TEST_CASE("The activations' slopes at numbers that are known")
{
    // GELU's slope: Phi(0) = 1/2 at 0; at 1, Phi(1) + phi(1) = 0.841344746068543 + 0.241970724519143. tanh' = 1 - tanh^2.
    const Tensor<double, 2> x = {{0, 1, -1}}, d_y = {{1, 1, 2}};
    Tensor<double, 2> d_x;
    Reference::gelu_backward(d_y, x, d_x);
    CHECK(std::abs(d_x(0, 0) - 0.5) < 1e-15);
    CHECK(std::abs(d_x(0, 1) - 1.083315470587686) < 1e-14);
    CHECK(std::abs(d_x(0, 2) - 2 * (1 - 1.083315470587686)) < 1e-14);
    Reference::relu_backward(d_y, x, d_x);
    CHECK((d_x == Tensor<double, 2>{{0, 1, 0}}));
    Reference::tanh_backward(d_y, Tensor<double, 2>{{0, 0.5, -1}}, d_x);
    CHECK((d_x == Tensor<double, 2>{{1, 0.75, 0}}));
}

TEST_CASE("The activations' backward against central differences")
{
    auto x = differences::random<2>({7, 9}, 1);
    const auto d_y = differences::random<2>({7, 9}, 2);
    Tensor<double, 2> y, d_x;
    for (const auto activation : {bert::Activation::gelu, bert::Activation::gelu_tanh, bert::Activation::relu}) {
        const auto loss = [&] {
            Reference::activate(Reference{}, activation, x, y);
            return differences::weighted_sum(y, d_y);
        };
        Reference::activate_backward(Reference{}, activation, d_y, x, d_x);
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    }
    const auto loss = [&] {
        Reference::tanh(x, y);
        return differences::weighted_sum(y, d_y);
    };
    loss();
    Reference::tanh_backward(d_y, y, d_x);
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
}

TEST_CASE("The activations' backward: d_y of another shape is refused, and so is a function that there isn't")
{
    const Tensor<double, 2> x = {{1, 2}}, narrow = {{1}};
    Tensor<double, 2> d_x, y;
    const std::string shapes = "_backward: d_y: expected [1, 2], got [1, 1]";
    CHECK_THROWS_WITH(Reference::gelu_backward(narrow, x, d_x), "gelu" + shapes);
    CHECK_THROWS_WITH(Reference::gelu_tanh_backward(narrow, x, d_x), "gelu_tanh" + shapes);
    CHECK_THROWS_WITH(Reference::relu_backward(narrow, x, d_x), "relu" + shapes);
    CHECK_THROWS_WITH(Reference::tanh_backward(narrow, x, d_x), "tanh" + shapes);
    const auto none = static_cast<bert::Activation>(99);
    CHECK_THROWS_WITH(Reference::activate(Reference{}, none, x, y), "activate: expected one of Activation, got another number");
    CHECK_THROWS_WITH(Reference::activate_backward(Reference{}, none, x, x, d_x),
                      "activate_backward: expected one of Activation, got another number");
}
