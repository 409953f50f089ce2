// The fast optimizers against the readable ones: over sizes, with numbers that are not finite at every place, and on any number
// of threads.
#include "bert/ops/fast/optimizers.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include "bert/core/threads.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"

#include "catch.hpp"

using bert::Fast;
using bert::Reference;
using bert::UpdateOptions;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;

template <class Real>
using Numbers = std::vector<Real>;

// A parameter and its moments.
template <class Real>
struct State {
    Numbers<Real> p, m, v;

    operator bert::ParameterAndMoments<Real>() { return {p, m, v}; }
    bool operator==(const State&) const = default;
};

enum class Update { adamw, bert_adam, lamb };
constexpr Update updates[] = {Update::adamw, Update::bert_adam, Update::lamb};

template <class Ops, class Real>
std::size_t step(Update update, const Numbers<Real>& g, const UpdateOptions& options, State<Real>& state)
{
    if (update == Update::adamw) return Ops::template adamw<Real>(g, options, state);
    if (update == Update::bert_adam) return Ops::template bert_adam<Real>(g, options, state);
    return Ops::template lamb<Real>(g, options, state);
}

const UpdateOptions options{
    .learning_rate = 0.1, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.5, .weight_decay = 0.2, .scale = 1, .step = 1};

// Numbers from shift to shift + 1.
template <class Real>
Numbers<Real> filled(std::size_t n, unsigned factor, double shift)
{
    Numbers<Real> numbers(n);
    for (std::size_t i = 0; i < n; ++i)
        numbers[i] = static_cast<Real>(static_cast<double>(i * factor % 1009) / 1009 + shift);
    return numbers;
}

template <class Real>
State<Real> start_of(std::size_t n)
{
    return {filled<Real>(n, 13, -0.5), filled<Real>(n, 17, -0.5), filled<Real>(n, 19, 0)};
}

// The largest difference, infinite if one is NaN.
template <class Real>
double difference(const Numbers<Real>& a, const Numbers<Real>& b)
{
    REQUIRE(a.size() == b.size());
    double largest = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        const double d = std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i]));
        if (!(d <= largest)) largest = std::isnan(d) ? std::numeric_limits<double>::infinity() : d;
    }
    return largest;
}

// A rounding or two of numbers up to 1, and what a hundred thousand terms in another order leave in double.
template <class Real>
constexpr double limit = 4 * static_cast<double>(std::numeric_limits<Real>::epsilon()) + 1e-12;

template <class Real>
void hold(std::size_t n)
{
    const Numbers<Real> g = filled<Real>(n, 7, -0.5);
    for (const Update update : updates) {
        for (const std::size_t count : {1U, 5U}) {
            for (const bool use_trust_ratio : {true, false}) {
                INFO("update " << static_cast<int>(update) << " of " << n << ", step " << count << ", use_trust_ratio "
                               << use_trust_ratio);
                UpdateOptions choices = options;
                choices.scale = 0.75;
                choices.step = count;
                choices.use_trust_ratio = use_trust_ratio;
                State<Real> expected = start_of<Real>(n), found = expected, plain = expected;
                CHECK(step<Reference>(update, g, choices, expected) == 0);
                CHECK(step<Fast>(update, g, choices, found) == 0);
                CHECK(step<Plain>(update, g, choices, plain) == 0);
                for (const State<Real>* state : {&found, &plain}) {
                    CHECK(difference(state->p, expected.p) < limit<Real>);
                    CHECK(difference(state->m, expected.m) < limit<Real>);
                    CHECK(difference(state->v, expected.v) < limit<Real>);
                }
            }
        }
    }
}

}  // namespace

TEMPLATE_TEST_CASE("The fast optimizers agree with the readable ones: no number, one, full vectors and not, several pieces", "",
                   float, double)
{
    for (const std::size_t n : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 9U, 15U, 16U, 17U, 31U, 33U, 63U, 64U, 65U, 100U, 1000U, 100'003U})
        hold<TestType>(n);
}

TEST_CASE("A scalar that has no vectors is updated number by number")
{
    for (const std::size_t n : {0U, 1U, 65U})
        hold<long double>(n);
}

// At every place of parameters that are less than a vector, a vector, and several vectors long.
TEMPLATE_TEST_CASE("The number that is not finite is found in full vectors and beyond their end", "", float, double)
{
    for (const std::size_t n : {1U, 7U, 16U, 100U}) {
        for (std::size_t place = 0; place < n; ++place) {
            using Limits = std::numeric_limits<TestType>;
            const TestType square_overflows = 4 * std::sqrt(Limits::max());  // v is infinite, m and m / sqrt(v) are finite
            for (const TestType wrong : {Limits::quiet_NaN(), Limits::infinity(), square_overflows}) {
                const Numbers<TestType> ones(n, TestType(1)), zeros(n, TestType(0));
                Numbers<TestType> g = ones;
                g[place] = wrong;
                INFO(wrong << " at " << place << " of " << n);
                for (const Update update : {Update::adamw, Update::bert_adam}) {
                    State<TestType> s{ones, zeros, ones}, expected = s;
                    CHECK(step<Fast>(update, g, options, s) == 1);
                    for (std::size_t i = 0; i < n; ++i) {
                        CHECK(std::isfinite(s.p[i]));
                        CHECK((s.p[i] == 1) == (i == place));
                        CHECK((s.m[i] == 0) == (i == place));
                    }
                    CHECK(step<Reference>(update, g, options, expected) == 1);
                    CHECK(difference(s.p, expected.p) < limit<TestType>);
                    CHECK(difference(s.m, expected.m) < limit<TestType>);
                    CHECK(difference(s.v, expected.v) < limit<TestType>);
                }
                const State<TestType> start{ones, ones, ones};
                for (const bool is_fast : {true, false}) {
                    State<TestType> s = start;
                    CHECK((is_fast ? step<Fast>(Update::lamb, g, options, s) : step<Reference>(Update::lamb, g, options, s)) ==
                          n);
                    CHECK((s == start));
                }
            }
        }
    }
}

TEMPLATE_TEST_CASE("lamb: a long parameter by loops in double", "", float, double)
{
    constexpr std::size_t n = 100'003;  // several pieces, a last vector that isn't full
    const Numbers<TestType> g = filled<TestType>(n, 7, -0.5);
    const State<TestType> start = start_of<TestType>(n);
    State<TestType> s = start;
    CHECK(step<Fast>(Update::lamb, g, options, s) == 0);
    // The formula, in double.
    double squares_p = 0, squares_u = 0;
    std::vector<double> u(n);
    for (std::size_t i = 0; i < n; ++i) {
        const double gi = static_cast<double>(g[i]), pi = static_cast<double>(start.p[i]);
        const double mi = 0.5 * static_cast<double>(start.m[i]) + 0.5 * gi;
        const double vi = 0.75 * static_cast<double>(start.v[i]) + 0.25 * gi * gi;
        u[i] = mi / (std::sqrt(vi) + 0.5) + 0.2 * pi;
        squares_p += pi * pi;
        squares_u += u[i] * u[i];
    }
    double worst = 0;
    for (std::size_t i = 0; i < n; ++i) {
        const double right = static_cast<double>(start.p[i]) - 0.1 * std::sqrt(squares_p / squares_u) * u[i];
        worst = std::max(worst, std::abs(static_cast<double>(s.p[i]) - right));
    }
    CHECK(worst < limit<TestType>);
}

TEMPLATE_TEST_CASE("Any number of threads gives the same bits", "", float, double)
{
    constexpr std::size_t n = 100'003;
    const Numbers<TestType> g = filled<TestType>(n, 7, -0.5);
    const std::size_t threads = bert::threads();
    for (const Update update : updates) {
        bert::set_threads(1);
        State<TestType> expected = start_of<TestType>(n);
        step<Fast>(update, g, options, expected);
        for (const std::size_t count : {2U, 3U}) {
            bert::set_threads(count);
            State<TestType> s = start_of<TestType>(n);
            step<Fast>(update, g, options, s);
            CHECK((s == expected));
        }
    }
    bert::set_threads(1);
    const double squares = bert::Fast::sum_of_squares(std::span<const TestType>(g));
    for (const std::size_t count : {2U, 3U}) {
        bert::set_threads(count);
        CHECK(bert::Fast::sum_of_squares(std::span<const TestType>(g)) == squares);
    }
    bert::set_threads(threads);
}

TEMPLATE_TEST_CASE("set_to_zero and sum_of_squares: no number, some, several pieces", "", float, double)
{
    for (const std::size_t n : {0U, 1U, 63U, 64U, 65U, 100'003U}) {
        Numbers<TestType> numbers = filled<TestType>(n, 7, -0.5);
        double squares = 0;
        for (const TestType number : numbers)
            squares += static_cast<double>(number) * static_cast<double>(number);
        // In double, n terms in another order.
        CHECK(std::abs(bert::Fast::sum_of_squares(std::span<const TestType>(numbers)) - squares) <= 1e-12 * squares);
        bert::Fast::set_to_zero(std::span<TestType>(numbers));
        CHECK((numbers == Numbers<TestType>(n, TestType(0))));
    }
}
