// The formulas by hand, in the readable set and in both fast ones: the numbers are few, so these run without a vector.
#include "bert/ops/reference/optimizers.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"

#include "catch.hpp"

using bert::UpdateOptions;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;
using Numbers = std::vector<double>;

// A parameter and its moments.
struct State {
    Numbers p{1}, m{0}, v{0};

    operator bert::ParameterAndMoments<double>() { return {p, m, v}; }
};

template <class Ops>
std::size_t adamw(const Numbers& g, const UpdateOptions& options, State& state)
{
    return Ops::template adamw<double>(g, options, state);
}

template <class Ops>
std::size_t bert_adam(const Numbers& g, const UpdateOptions& options, State& state)
{
    return Ops::template bert_adam<double>(g, options, state);
}

template <class Ops>
std::size_t lamb(const Numbers& g, const UpdateOptions& options, State& state)
{
    return Ops::template lamb<double>(g, options, state);
}

const UpdateOptions options{
    .learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5, .weight_decay = 0.2, .scale = 1, .step = 1};

}  // namespace

TEMPLATE_TEST_CASE("adamw by hand", "", bert::Reference, bert::Fast, Plain)
{
    // g = 4: m = 2, v = 4; corrected 4 and 16; 4 / (4 + 0.5) = 8/9. Decay: 1 - 0.1 * 0.2 = 0.98.
    State s;
    CHECK(adamw<TestType>({4}, options, s) == 0);
    CHECK(s.m[0] == 2);
    CHECK(s.v[0] == 4);
    CHECK(std::abs(s.p[0] - (0.98 - 0.1 * 8 / 9)) < 1e-15);
    // The second step, g = 0: m = 1, v = 3; corrected by 1 - 1/4 and 1 - 9/16.
    UpdateOptions second = options;
    second.step = 2;
    const double before = s.p[0];
    adamw<TestType>({0}, second, s);
    CHECK(std::abs(s.p[0] - (0.98 * before - 0.1 * (1 / 0.75) / (std::sqrt(3 / 0.4375) + 0.5))) < 1e-15);
}

TEMPLATE_TEST_CASE("bert_adam by hand: no correction, the decay is in the step", "", bert::Reference, bert::Fast, Plain)
{
    // m = 2, v = 4: u = 2 / (2 + 0.5) + 0.2 * 1 = 1.
    State s;
    bert_adam<TestType>({4}, options, s);
    CHECK(std::abs(s.p[0] - 0.9) < 1e-15);
}

TEMPLATE_TEST_CASE("lamb by hand: the step is as long as the parameter", "", bert::Reference, bert::Fast, Plain)
{
    // u = (1, 0.2) for p = (1, 1), g = (4, 0); its length sqrt(1.04), p's sqrt(2).
    State two{{1, 1}, {0, 0}, {0, 0}};
    lamb<TestType>({4, 0}, options, two);
    const double ratio = std::sqrt(2 / 1.04);
    CHECK(std::abs(two.p[0] - (1 - 0.1 * ratio)) < 1e-15);
    CHECK(std::abs(two.p[1] - (1 - 0.1 * ratio * 0.2)) < 1e-15);
    // Without decay u = 0.8: a step of p's length, or the plain one.
    UpdateOptions plain = options;
    plain.weight_decay = 0;
    State adapted, s;
    lamb<TestType>({4}, plain, adapted);
    CHECK(std::abs(adapted.p[0] - (1 - 0.1)) < 1e-15);
    plain.use_trust_ratio = false;
    lamb<TestType>({4}, plain, s);
    CHECK(std::abs(s.p[0] - (1 - 0.1 * 0.8)) < 1e-15);
    // A parameter, or a step, without length keeps the plain step.
    plain.use_trust_ratio = true;
    State zero{{0}, {0}, {0}}, still;
    lamb<TestType>({4}, plain, zero);
    CHECK(std::abs(zero.p[0] + 0.1 * 0.8) < 1e-15);
    lamb<TestType>({0}, plain, still);
    CHECK(still.p[0] == 1);
}

TEMPLATE_TEST_CASE("A gradient or a moment of another length is refused", "", bert::Reference, bert::Fast, Plain)
{
    State s;
    CHECK_THROWS_WITH(adamw<TestType>({4, 4}, options, s), "optimizer: gradient: expected 1 numbers, got 2");
    CHECK_THROWS_WITH(bert_adam<TestType>({}, options, s), "optimizer: gradient: expected 1 numbers, got 0");
    s.v = {1, 2};
    CHECK_THROWS_WITH(lamb<TestType>({4}, options, s), "optimizer: second moment: expected 1 numbers, got 2");
    s.m = {1, 2, 3};
    CHECK_THROWS_WITH(adamw<TestType>({4}, options, s), "optimizer: first moment: expected 1 numbers, got 3");
}

TEMPLATE_TEST_CASE("The gradient is scaled before anything else", "", bert::Reference, bert::Fast, Plain)
{
    UpdateOptions scaled = options;
    scaled.scale = 0.25;
    State a, b;
    adamw<TestType>({16}, scaled, a);
    adamw<TestType>({4}, options, b);
    CHECK(a.p[0] == b.p[0]);
    CHECK(a.v[0] == b.v[0]);
}

TEMPLATE_TEST_CASE("What would not be finite stays as it is, and is counted", "", bert::Reference, bert::Fast, Plain)
{
    const double infinity = std::numeric_limits<double>::infinity();
    for (const auto update : {&adamw<TestType>, &bert_adam<TestType>}) {
        State s{{1, 1, 1, 1}, {0, 0, std::nan(""), 0}, {0, 0, 0, infinity}};
        const std::size_t left = update({1e200, 1, 1, 1}, options, s);  // 1e400 is no double
        CHECK(left == 3);
        CHECK(s.p[0] == 1);
        CHECK(s.v[0] == 0);
        CHECK(s.p[1] != 1);
        CHECK(s.p[2] == 1);
        CHECK(s.p[3] == 1);
    }
}

TEMPLATE_TEST_CASE("lamb: nothing moves unless all of a parameter's step is finite", "", bert::Reference, bert::Fast, Plain)
{
    const double largest = std::numeric_limits<double>::max();
    struct Start {
        const char* what;
        Numbers g, p, m, v;
        double rate;
    };
    // A gradient whose square is no double, a second moment that is infinite, a parameter that the last step would take beyond
    // the largest double.
    for (const Start& start : {Start{"gradient", {1e200, 1}, {1, 1}, {0, 0}, {0, 0}, 0.1},
                               Start{"second moment", {1, 1}, {1, 1}, {0, 0}, {0, largest * 2}, 0.1},
                               Start{"parameter", {-1, 1}, {1e150, 1}, {0, 0}, {0, 0}, 1e200}}) {
        INFO(start.what);
        UpdateOptions large = options;
        large.learning_rate = start.rate;
        State s{start.p, start.m, start.v};
        CHECK(lamb<TestType>(start.g, large, s) == 2);
        CHECK(s.p == start.p);
        CHECK(s.m == start.m);
        CHECK(s.v == start.v);
    }
}

TEMPLATE_TEST_CASE("lamb: a factor that the scalar doesn't hold moves nothing", "", bert::Reference, bert::Fast, Plain)
{
    // u = 0.1 g / epsilon = 1e-38, and p is 1000 long: the factor is 1e41.
    const std::vector<float> g{1e-43F, 0};
    std::vector<float> p{1000, 0}, m{0, 0}, v{0, 0};
    UpdateOptions one;
    one.learning_rate = 1;
    CHECK(TestType::template lamb<float>(std::span<const float>(g), one, {p, m, v}) == 2);
    CHECK(p == std::vector<float>{1000, 0});
    CHECK(m == std::vector<float>{0, 0});
}
