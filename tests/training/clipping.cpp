#include "bert/training/clipping.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "bert/core/parameters.hpp"
#include "catch.hpp"

namespace {

const auto all = [](const std::string&) { return true; };

}  // namespace

TEST_CASE("The norm is the root of all squares, in double whatever the scalar")
{
    const bert::Linear<double> gradient{{{3, 0}, {0, 4}}, {12, 0}};
    CHECK(bert::gradient_norm(gradient, all).norm == 13);
    CHECK(bert::gradient_norm(gradient, [](const std::string& name) { return name != ".bias"; }).norm == 5);
    const bert::Linear<float> large{{{1e30F, 0}}, {0}};  // its square is no float
    CHECK(std::abs(bert::gradient_norm(large, all).norm / 1e30 - 1) < 1e-7);
}

TEST_CASE("The first tensor that is not finite is named")
{
    bert::Linear<double> gradient{{{1, std::nan("")}}, {std::numeric_limits<double>::infinity()}};
    CHECK(bert::gradient_norm(gradient, all).first_bad == ".weight");
    gradient.weight(0, 1) = 1;
    const bert::GradientNorm norm = bert::gradient_norm(gradient, all);
    CHECK(norm.first_bad == ".bias");
    CHECK_FALSE(std::isfinite(norm.norm));
}

TEST_CASE("A gradient that is too long is made as long as allowed, a shorter one stays")
{
    CHECK(bert::Clipping{1, 1e-6}.factor(4) == 1 / (4 + 1e-6));
    CHECK(bert::Clipping{1, 0}.factor(4) == 0.25);  // the original code's
    CHECK(bert::Clipping{1, 1e-6}.factor(0.5) == 1);
    CHECK(bert::Clipping{0, 1e-6}.factor(1e9) == 1);  // none
}
