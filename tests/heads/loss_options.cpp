#include "bert/heads/loss_options.hpp"

#include <limits>
#include <optional>

#include "catch.hpp"

using bert::divisor_of;

TEST_CASE("the divisor of a loss is the count; without labels there is none; what is no count is refused")
{
    CHECK(divisor_of(3) == 3.0);
    CHECK(divisor_of(0.5) == 0.5);  // a part of a count makes a multiple of the loss
    CHECK(divisor_of(0) == std::nullopt);
    constexpr double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
    CHECK_THROWS_WITH(divisor_of(-1), "count: expected a finite number, 0 or more, got -1.000000");
    CHECK_THROWS_WITH(divisor_of(infinity), "count: expected a finite number, 0 or more, got inf");
    CHECK_THROWS_WITH(divisor_of(nan), "count: expected a finite number, 0 or more, got nan");
}
