#include "bert/training/schedule.hpp"

#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

using bert::Schedule;
using bert::ScheduleKind;

TEST_CASE("The schedules by hand: warm-up of 2 steps, 10 in all")
{
    const auto factors = [](ScheduleKind kind, std::initializer_list<std::size_t> steps) {
        Schedule schedule{.kind = kind, .warmup_steps = 2, .total_steps = 10, .power = 2, .end = 0.1};
        std::vector<double> result;
        for (const std::size_t step : steps)
            result.push_back(schedule.factor(step));
        return result;
    };
    const auto near = [](const std::vector<double>& a, const std::vector<double>& b) {
        for (std::size_t i = 0; i < a.size(); ++i)
            if (!(std::abs(a[i] - b[i]) < 1e-15)) return false;
        return a.size() == b.size();
    };
    CHECK(near(factors(ScheduleKind::constant, {0, 1, 2, 50}), {0, 0.5, 1, 1}));
    CHECK(near(factors(ScheduleKind::linear, {0, 1, 2, 6, 9, 10, 11}), {0, 0.5, 1, 0.5, 0.125, 0, 0}));
    // 0.9 (1 - q)^2 + 0.1 with q = 0, 1/2, 1.
    CHECK(near(factors(ScheduleKind::polynomial, {1, 2, 6, 10, 11}), {0.5, 1, 0.325, 0.1, 0.1}));
    CHECK(near(factors(ScheduleKind::cosine, {1, 2, 6, 10, 11}), {0.5, 1, 0.5, 0, (1 + std::cos(9 * M_PI / 8)) / 2}));
    // The original form never reaches 1: after the warm-up it goes on at 1 - 2/10.
    CHECK(near(factors(ScheduleKind::original, {0, 1, 2, 6, 10, 11}), {0, 0.5, 0.8, 0.4, 0, 0}));
}

TEST_CASE("A member out of its range is named")
{
    const auto message = [](const Schedule& schedule) {
        try {
            schedule.require_valid();
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(message({.kind = ScheduleKind::constant}) == "");
    CHECK(message({.kind = ScheduleKind::linear, .total_steps = 1}) == "");
    CHECK(message({.kind = ScheduleKind::linear}) == "schedule: total_steps: expected at least 1, got 0");
    CHECK(message({.kind = ScheduleKind(9), .total_steps = 1}) ==
          "schedule: kind: expected one of ScheduleKind, got another number");
    CHECK(message({.total_steps = 1, .power = -1}) == "schedule: power: expected a finite number, 0 or more, got -1.000000");
    CHECK(message({.total_steps = 1, .end = 1.5}) == "schedule: end: expected [0, 1], got 1.500000");
}

TEST_CASE("Without a warm-up the first step has the whole rate")
{
    CHECK(Schedule{.kind = ScheduleKind::linear, .total_steps = 4}.factor(0) == 1);
    CHECK(Schedule{.kind = ScheduleKind::constant}.factor(0) == 1);
}
