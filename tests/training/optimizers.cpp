#include "bert/training/optimizers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "bert/core/threads.hpp"

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
    for (const auto update : {&bert::adamw<double, 1>, &bert::bert_adam<double, 1>}) {
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

// At every place of tensors that are less than a vector, a vector, and several pieces long.
TEMPLATE_TEST_CASE("The number that is not finite is found in full vectors and beyond their end", "", float, double)
{
    for (const std::size_t n : {1U, 7U, 16U, 100U}) {
        for (std::size_t place = 0; place < n; ++place) {
            for (const TestType bad : {std::numeric_limits<TestType>::quiet_NaN(), std::numeric_limits<TestType>::infinity()}) {
                const auto ones = [&] {
                    auto tensor = bert::zeros<TestType, 1>({n});
                    tensor.fill(TestType(1));
                    return tensor;
                };
                Tensor<TestType, 1> g = ones(), p = ones(), m = bert::zeros<TestType, 1>({n}), v = ones();
                g(place) = bad;
                INFO(bad << " at " << place << " of " << n);
                CHECK(bert::adamw(g, options, p, m, v) == 1);
                for (std::size_t i = 0; i < n; ++i) {
                    CHECK(std::isfinite(p(i)));
                    CHECK((p(i) == 1) == (i == place));
                    CHECK((m(i) == 0) == (i == place));
                }
                p = m = v = ones();
                CHECK(bert::lamb(g, options, p, m, v) == n);
                CHECK((p == ones()));
                CHECK((m == ones()));
                CHECK((v == ones()));
            }
        }
    }
}

TEST_CASE("lamb: nothing moves unless all of a tensor's step is finite")
{
    const double largest = std::numeric_limits<double>::max();
    struct Start {
        const char* what;
        Tensor<double, 1> g, p, m, v;
        double rate;
    };
    // A gradient whose square is no double, a second moment that is infinite, a parameter that the last step would take beyond
    // the largest double.
    for (const Start& start : {Start{"gradient", {1e200, 1}, {1, 1}, {0, 0}, {0, 0}, 0.1},
                               Start{"second moment", {1, 1}, {1, 1}, {0, 0}, {0, largest * 2}, 0.1},
                               Start{"parameter", {-1, 1}, {1e150, 1}, {0, 0}, {0, 0}, 1e200}}) {
        INFO(start.what);
        UpdateOptions large = options;
        large.rate = start.rate;
        Tensor<double, 1> p = start.p, m = start.m, v = start.v;
        CHECK(bert::lamb(start.g, large, p, m, v) == 2);
        CHECK((p == start.p));
        CHECK((m == start.m));
        CHECK((v == start.v));
    }
}

TEMPLATE_TEST_CASE("lamb: a long tensor by loops, with any number of threads the same bits", "", float, double)
{
    constexpr std::size_t n = 100'003;  // several pieces, a last vector that isn't full
    const auto filled = [&](unsigned factor, double shift) {
        auto tensor = bert::zeros<TestType, 1>({n});
        for (std::size_t i = 0; i < n; ++i)
            tensor(i) = static_cast<TestType>(static_cast<double>(i * factor % 1009) / 1009 + shift);
        return tensor;
    };
    const Tensor<TestType, 1> g = filled(7, -0.5), p0 = filled(13, -0.5), m0 = filled(17, -0.5), v0 = filled(19, 0);
    const std::size_t threads = bert::threads();
    bert::set_threads(1);
    Tensor<TestType, 1> p = p0, m = m0, v = v0;
    CHECK(bert::lamb(g, options, p, m, v) == 0);
    // The formula, in double.
    double squares_p = 0, squares_u = 0;
    std::vector<double> u(n);
    for (std::size_t i = 0; i < n; ++i) {
        const double mi = 0.5 * static_cast<double>(m0(i)) + 0.5 * static_cast<double>(g(i));
        const double vi = 0.75 * static_cast<double>(v0(i)) + 0.25 * static_cast<double>(g(i)) * static_cast<double>(g(i));
        u[i] = mi / (std::sqrt(vi) + 0.5) + 0.2 * static_cast<double>(p0(i));
        squares_p += static_cast<double>(p0(i)) * static_cast<double>(p0(i));
        squares_u += u[i] * u[i];
    }
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double right = static_cast<double>(p0(i)) - 0.1 * std::sqrt(squares_p / squares_u) * u[i];
        worst = std::max(worst, std::abs(static_cast<double>(p(i)) - right));
    }
    // A rounding or two of numbers up to 1, and what a hundred thousand terms in another order leave in double.
    CHECK(worst < 4 * static_cast<double>(std::numeric_limits<TestType>::epsilon()) + 1e-12);
    for (const std::size_t count : {2U, 3U}) {
        bert::set_threads(count);
        Tensor<TestType, 1> again = p0, m_again = m0, v_again = v0;
        bert::lamb(g, options, again, m_again, v_again);
        CHECK((again == p));
        CHECK((m_again == m));
        CHECK((v_again == v));
    }
    bert::set_threads(threads);
}
