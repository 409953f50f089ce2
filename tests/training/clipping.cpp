#include "bert/training/clipping.hpp"

#include <cmath>
#include <cstddef>
#include <limits>

#include "bert/core/linear.hpp"
#include "bert/core/parameter_list.hpp"
#include "catch.hpp"

namespace {

const auto all = [](std::size_t) { return true; };

}  // namespace

TEST_CASE("The norm is the root of all squares, in double whatever the scalar")
{
    const bert::Linear<double> gradient{{{3, 0}, {0, 4}}, {12, 0}};
    const auto list = bert::parameter_list<const double>(gradient);
    CHECK(bert::gradient_norm(list, all).value == 13);
    CHECK(bert::gradient_norm(list, [&](std::size_t i) { return list[i].name != ".bias"; }).value == 5);
    const bert::Linear<float> large{{{1e30F, 0}}, {0}};  // its square is no float
    CHECK(std::abs(bert::gradient_norm(bert::parameter_list<const float>(large), all).value / 1e30 - 1) < 1e-7);
}

TEST_CASE("The first parameter whose gradient is not finite is named")
{
    bert::Linear<double> gradient{{{1, std::nan("")}}, {std::numeric_limits<double>::infinity()}};
    const auto list = bert::parameter_list<double>(gradient);
    CHECK(bert::gradient_norm(list, all).first_non_finite == ".weight");
    gradient.weight(0, 1) = 1;
    const bert::GradientNorm norm = bert::gradient_norm(list, all);
    CHECK(norm.first_non_finite == ".bias");
    CHECK_FALSE(std::isfinite(norm.value));
}

TEST_CASE("A gradient that is too long is made as long as allowed, a shorter one stays")
{
    CHECK(bert::Clipping{1, 1e-6}.scale(4) == 1 / (4 + 1e-6));
    CHECK(bert::Clipping{1, 0}.scale(4) == 0.25);  // the original code's
    CHECK(bert::Clipping{1, 1e-6}.scale(0.5) == 1);
    CHECK(bert::Clipping{0, 1e-6}.scale(1e9) == 1);  // none
}
