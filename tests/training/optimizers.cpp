#include "bert/training/optimizers.hpp"

#include <cmath>
#include <limits>

#include "catch.hpp"

using bert::Tensor;
using bert::UpdateOptions;

namespace {

struct State {
    Tensor<double, 1> p{1}, m{0}, v{0};
};

const UpdateOptions options{.rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5, .decay = 0.2, .scale = 1, .step = 1};

}  // namespace

TEST_CASE("adamw by hand")
{
    // g = 4: m = 2, v = 4; corrected 4 and 16; 4 / (4 + 0.5) = 8/9. Decay: 1 - 0.1 * 0.2 = 0.98.
    State s;
    CHECK(bert::adamw(Tensor<double, 1>{4}, options, s.p, s.m, s.v) == 0);
    CHECK(s.m(0) == 2);
    CHECK(s.v(0) == 4);
    CHECK(std::abs(s.p(0) - (0.98 - 0.1 * 8 / 9)) < 1e-15);
    // The second step, g = 0: m = 1, v = 3; corrected by 1 - 1/4 and 1 - 9/16.
    UpdateOptions second = options;
    second.step = 2;
    const double before = s.p(0);
    bert::adamw(Tensor<double, 1>{0}, second, s.p, s.m, s.v);
    CHECK(std::abs(s.p(0) - (0.98 * before - 0.1 * (1 / 0.75) / (std::sqrt(3 / 0.4375) + 0.5))) < 1e-15);
}

TEST_CASE("bert_adam by hand: no correction, the decay is in the step")
{
    // m = 2, v = 4: u = 2 / (2 + 0.5) + 0.2 * 1 = 1.
    State s;
    bert::bert_adam(Tensor<double, 1>{4}, options, s.p, s.m, s.v);
    CHECK(std::abs(s.p(0) - 0.9) < 1e-15);
}

TEST_CASE("lamb by hand: the step is as long as the parameter")
{
    // u = (1, 0.2) for p = (1, 1), g = (4, 0); its length sqrt(1.04), p's sqrt(2).
    Tensor<double, 1> p = {1, 1}, m = {0, 0}, v = {0, 0};
    bert::lamb(Tensor<double, 1>{4, 0}, options, p, m, v);
    const double ratio = std::sqrt(2 / 1.04);
    CHECK(std::abs(p(0) - (1 - 0.1 * ratio)) < 1e-15);
    CHECK(std::abs(p(1) - (1 - 0.1 * ratio * 0.2)) < 1e-15);
    // Without decay u = 0.8: a step of p's length, or the plain one.
    UpdateOptions plain = options;
    plain.decay = 0;
    State adapted, s;
    bert::lamb(Tensor<double, 1>{4}, plain, adapted.p, adapted.m, adapted.v);
    CHECK(std::abs(adapted.p(0) - (1 - 0.1)) < 1e-15);
    plain.adapts = false;
    bert::lamb(Tensor<double, 1>{4}, plain, s.p, s.m, s.v);
    CHECK(std::abs(s.p(0) - (1 - 0.1 * 0.8)) < 1e-15);
}

TEST_CASE("A gradient or a moment of another shape is refused")
{
    State s;
    CHECK_THROWS_WITH(bert::adamw(Tensor<double, 1>{4, 4}, options, s.p, s.m, s.v), "optimizer: gradient: expected [1], got [2]");
    s.v = {1, 2};
    CHECK_THROWS_WITH(bert::lamb(Tensor<double, 1>{4}, options, s.p, s.m, s.v),
                      "optimizer: second moment: expected [1], got [2]");
}

TEST_CASE("The gradient is scaled before anything else")
{
    UpdateOptions scaled = options;
    scaled.scale = 0.25;
    State a, b;
    bert::adamw(Tensor<double, 1>{16}, scaled, a.p, a.m, a.v);
    bert::adamw(Tensor<double, 1>{4}, options, b.p, b.m, b.v);
    CHECK(a.p(0) == b.p(0));
    CHECK(a.v(0) == b.v(0));
}

TEST_CASE("What would not be finite stays as it is, and is counted")
{
    const double infinity = std::numeric_limits<double>::infinity();
    for (const auto update : {&bert::adamw<double, 1>, &bert::bert_adam<double, 1>, &bert::lamb<double, 1>}) {
        Tensor<double, 1> p = {1, 1, 1, 1}, m = {0, 0, std::nan(""), 0}, v = {0, 0, 0, infinity};
        const std::size_t left = update(Tensor<double, 1>{1e200, 1, 1, 1}, options, p, m, v);  // 1e400 is no double
        CHECK(left == 3);
        CHECK(p(0) == 1);
        CHECK(v(0) == 0);
        CHECK(p(1) != 1);
        CHECK(p(2) == 1);
        CHECK(p(3) == 1);
    }
}
