#include "bert/core/workspace.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include "bert/core/threads.hpp"

#include "catch.hpp"
#include "sanitizers.hpp"

using bert::Scratch;
using bert::Workspace;

TEST_CASE("A workspace gives the same memory again, and separate memory to each name and thread")
{
    const std::size_t threads = bert::threads();
    bert::set_threads(2);  // without OpenMP it stays 1
    Workspace workspace;
    double* const a = workspace.shared<double>(Scratch::hidden, 100);
    float* const b = workspace.shared<float>(Scratch::context, 100);
    CHECK(static_cast<void*>(a) != static_cast<void*>(b));
    CHECK(workspace.shared<double>(Scratch::hidden, 50) == a);
    CHECK(reinterpret_cast<std::uintptr_t>(a) % 64 == 0);
    workspace.prepare_threads<double>(Scratch::sums, 10);
    workspace.prepare_threads<double>(Scratch::panel, 10);
    double* const c = workspace.of_thread<double>(0, Scratch::sums, 10);
    if (bert::threads() > 1) CHECK(c != workspace.of_thread<double>(1, Scratch::sums, 10));
    CHECK(c != workspace.of_thread<double>(0, Scratch::panel, 10));
    CHECK(c == workspace.of_thread<double>(0, Scratch::sums, 5));
    CHECK(c == static_cast<void*>(workspace.of_thread<float>(0, Scratch::sums, 20)));
    bert::set_threads(threads);
}

TEST_CASE("A thread gets no more than was prepared before the loop")
{
    Workspace workspace;
    CHECK_THROWS_WITH(workspace.of_thread<float>(0, Scratch::sums, 1),
                      "workspace: of_thread: expected at most the prepared number of values, got 1 values");
    workspace.prepare_threads<float>(Scratch::sums, 10);
    workspace.of_thread<float>(0, Scratch::sums, 10);
    CHECK_THROWS_WITH(workspace.of_thread<float>(0, Scratch::sums, 11),
                      "workspace: of_thread: expected at most the prepared number of values, got 11 values");
    CHECK_THROWS_WITH(workspace.of_thread<double>(0, Scratch::sums, 6),
                      "workspace: of_thread: expected at most the prepared number of values, got 6 values");
    CHECK_THROWS_WITH(workspace.of_thread<float>(bert::threads(), Scratch::sums, 1),
                      "workspace: of_thread: expected at most the prepared number of values, got 1 values");
}

TEST_CASE("Memory that can't be had is an error, and so is a number of bytes that is no number")
{
    Workspace workspace;
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(workspace.shared<double>(Scratch::hidden, most / 8 + 1), std::bad_array_new_length);
    CHECK_THROWS_AS(workspace.prepare_threads<double>(Scratch::hidden, most / 8 + 1), std::bad_array_new_length);
    if (!with_sanitizer) CHECK_THROWS_AS(workspace.shared<double>(Scratch::hidden, most / 16), std::bad_alloc);
    double* const numbers = workspace.shared<double>(Scratch::hidden, 2);
    numbers[1] = 3;
    CHECK(numbers[1] == 3);
}
