#include "bert/core/finite.hpp"

#include <array>
#include <limits>

#include "bert/core/linear.hpp"
#include "catch.hpp"

TEST_CASE("NaN and both infinities aren't finite, wherever they stand")
{
    const auto check = [](auto one) {
        using Real = decltype(one);
        using Limits = std::numeric_limits<Real>;
        std::array<Real, 3> values{Limits::max(), Limits::lowest(), Limits::denorm_min()};
        CHECK(bert::all_finite(values.data(), 3));
        for (const Real wrong : {Limits::quiet_NaN(), -Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
            for (std::size_t i = 0; i < 3; ++i) {
                std::array<Real, 3> with_wrong = values;
                with_wrong[i] = wrong;
                CHECK_FALSE(bert::all_finite(with_wrong.data(), 3));
                CHECK(bert::all_finite(with_wrong.data(), i));
            }
        }
    };
    check(1.0F);
    check(1.0);
    check(1.0L);
}

TEST_CASE("the first parameter that isn't finite is named")
{
    auto linear = bert::make_linear<double>(2, 3);
    CHECK(bert::first_non_finite(linear).empty());
    linear.bias(1) = std::numeric_limits<double>::infinity();
    CHECK(bert::first_non_finite(linear) == ".bias");
    linear.weight(1, 2) = std::numeric_limits<double>::quiet_NaN();
    CHECK(bert::first_non_finite(linear) == ".weight");
}
