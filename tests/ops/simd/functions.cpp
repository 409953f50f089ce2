// The functions of a vector against the same ones in long double.
#include "bert/ops/simd/functions.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "catch.hpp"

namespace {

template <class Real>
using V = bert::simd::Vector<Real, bert::simd::DefaultArch>;

// The largest error of a function over an interval, in units of `unit(exact result)`.
template <class Real, class Fast, class Exact, class Unit>
double worst_error(double first, double last, const Fast& fast, const Exact& exact, const Unit& unit)
{
    constexpr int count = 200000;
    double worst = 0;
    for (int i = 0; i < count; ++i) {
        const Real x = static_cast<Real>(first + (last - first) * i / count);
        Real results[V<Real>::size];
        V<Real>(fast(V<Real>(x))).store_unaligned(results);
        const long double right = exact(static_cast<long double>(x));
        const auto error = static_cast<double>(std::abs(results[0] - right) / unit(right));
        worst = error <= worst ? worst : error;  // NaN becomes the worst
    }
    return worst;
}

// The distance between two neighbours of the scalar near a number.
template <class Real>
long double last_place(long double number)
{
    int exponent = 0;
    std::frexp(number, &exponent);
    return std::ldexp(1.0L, exponent - std::numeric_limits<Real>::digits);
}

template <class Real>
long double epsilon(long double)
{
    return std::numeric_limits<Real>::epsilon();
}

long double tail(long double a) { return std::erfc(a / std::numbers::sqrt2_v<long double>) / 2; }

}  // namespace

// Limits are what was measured, rounded up: half a unit each for the reduced argument, the polynomial and the result.
TEMPLATE_TEST_CASE("exp of what is not positive is within 1.2 units in the last place", "", float, double)
{
    const double smallest = std::log(static_cast<double>(std::numeric_limits<TestType>::min())) + 1;
    const auto fast = [](const auto& x) { return bert::fast::exp_of_negative(x); };
    const auto exact = [](long double x) { return std::exp(x); };
    CHECK(worst_error<TestType>(-1, 0, fast, exact, last_place<TestType>) <= 1.2);
    CHECK(worst_error<TestType>(smallest, 0, fast, exact, last_place<TestType>) <= 1.2);
}

TEMPLATE_TEST_CASE("exp of 0 is 1, of a very negative number 0, of NaN NaN", "", float, double)
{
    const auto value = [](TestType x) {
        TestType results[V<TestType>::size];
        bert::fast::exp_of_negative(V<TestType>(x)).store_unaligned(results);
        return results[0];
    };
    CHECK(value(0) == 1);
    CHECK(value(-1000) == 0);
    CHECK(value(-std::numeric_limits<TestType>::infinity()) == 0);
    CHECK(value(std::numeric_limits<TestType>::lowest()) == 0);
    CHECK(std::isnan(value(std::numeric_limits<TestType>::quiet_NaN())));
}

// Relative error: that of exp(-a²/2), whose argument is rounded, so a²/4 epsilon and a few more.
TEMPLATE_TEST_CASE("The tail of the normal distribution keeps its relative accuracy", "", float, double)
{
    const auto fast = [](const auto& x) { return bert::fast::normal_tail(x); };
    const auto relative = [](long double right) { return right * std::numeric_limits<TestType>::epsilon(); };
    CHECK(worst_error<TestType>(0, 1, fast, tail, relative) <= 5);
    CHECK(worst_error<TestType>(0, 3, fast, tail, relative) <= 8);
    CHECK(worst_error<TestType>(0, 10, fast, tail, relative) <= 40);
}

TEMPLATE_TEST_CASE("GELU is within half a unit in the last place of its largest part", "", float, double)
{
    const auto fast = [](const auto& x) { return bert::fast::gelu(x); };
    const auto exact = [](long double x) { return x * tail(-x); };
    CHECK(worst_error<TestType>(-40, 2, fast, exact, epsilon<TestType>) <= 1.5);
    CHECK(worst_error<TestType>(2, 8, fast, exact, epsilon<TestType>) <= 2.1);
    CHECK(worst_error<TestType>(8, 100, fast, exact, last_place<TestType>) <= 0.6);
    // Far below zero too: 1 + erf would have no correct digit at -5 in float.
    CHECK(worst_error<TestType>(-6, -4, fast, exact, last_place<TestType>) <= 40);
}

TEMPLATE_TEST_CASE("GELU with tanh is within half a unit in the last place of its largest part", "", float, double)
{
    const auto fast = [](const auto& x) { return bert::fast::gelu_tanh(x); };
    const auto exact = [](long double x) {
        const long double u = std::sqrt(2 * std::numbers::inv_pi_v<long double>) * (x + 0.044715L * x * x * x);
        return x / 2 * (1 + std::tanh(u));
    };
    CHECK(worst_error<TestType>(-40, 2, fast, exact, epsilon<TestType>) <= 2);
    CHECK(worst_error<TestType>(2, 8, fast, exact, epsilon<TestType>) <= 2.1);
    CHECK(worst_error<TestType>(8, 100, fast, exact, last_place<TestType>) <= 0.6);
}

TEMPLATE_TEST_CASE("tanh, xsimd's own, is within 2 units in the last place", "", float, double)
{
    const auto fast = [](const auto& x) { return tanh(x); };
    const auto exact = [](long double x) { return std::tanh(x); };
    CHECK(worst_error<TestType>(-10, -1e-3, fast, exact, last_place<TestType>) <= 2);
}

TEMPLATE_TEST_CASE("The first numbers of a vector are loaded and stored, and nothing beside them", "", float, double)
{
    using Vector = V<TestType>;
    constexpr std::size_t size = Vector::size;
    TestType numbers[size], stored[size], loaded[size];
    for (std::size_t i = 0; i < size; ++i)
        numbers[i] = static_cast<TestType>((i % 2 == 0 ? 1 : -1) * static_cast<int>(i + 1));  // 1, -2, 3, -4 ...
    for (std::size_t count = 1; count < size; ++count) {
        bert::fast::load_first<Vector>(numbers, count, TestType(-99)).store_unaligned(loaded);
        std::fill(stored, stored + size, TestType(77));
        bert::fast::store_first(Vector::load_unaligned(numbers), stored, count);
        for (std::size_t i = 0; i < size; ++i) {
            CHECK(loaded[i] == (i < count ? numbers[i] : TestType(-99)));
            CHECK(stored[i] == (i < count ? numbers[i] : TestType(77)));
        }
    }
    const Vector all = Vector::load_unaligned(numbers);
    const int pairs = static_cast<int>(size / 2);
    CHECK(bert::fast::sum_of(all) == TestType(size == 1 ? 1 : -pairs));             // each pair is -1
    CHECK(bert::fast::largest_of(all) == TestType(size == 1 ? 1 : 2 * pairs - 1));  // the last odd number
}
