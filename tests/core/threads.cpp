#include "bert/core/threads.hpp"

#include <vector>

#include "bert/core/workspace.hpp"
#include "catch.hpp"

TEST_CASE("Every piece is computed once, whatever the number of threads")
{
    for (const std::size_t count : {1u, 2u, 3u}) {
        bert::set_threads(count);
        std::vector<int> times(1000, 0);
        std::vector<std::size_t> by(1000, 0);
        bert::parallel_for(1000, [&](std::size_t piece, std::size_t thread) {
            ++times[piece];
            by[piece] = thread;
        });
        CHECK(times == std::vector<int>(1000, 1));
        for (const std::size_t thread : by)
            CHECK(thread < bert::threads());
    }
    CHECK_THROWS_WITH(bert::set_threads(0), "set_threads: expected at least 1, got 0");
}

TEST_CASE("Pieces lie end to end, are long enough and not too many")
{
    using bert::Pieces;
    const Pieces none(0, 5), few(9, 5), three(16, 5), many(100'000, 1);
    CHECK((none.count == 1 && none.begin(0) == 0 && none.end(0) == 0));
    CHECK((few.count == 1 && few.end(0) == 9));
    CHECK((three.count == 3 && three.end(0) == 5 && three.end(1) == 10 && three.end(2) == 16));
    CHECK((many.count == Pieces::most && many.begin(1) == 390 && many.end(255) == 100'000));
}

TEST_CASE("A workspace gives the same memory again, and separate memory to each slot and thread")
{
    bert::Workspace workspace;
    double* const a = workspace.shared<double>(0, 100);
    float* const b = workspace.shared<float>(1, 100);
    CHECK(static_cast<void*>(a) != static_cast<void*>(b));
    CHECK(workspace.shared<double>(0, 50) == a);
    bert::set_threads(2);
    workspace.prepare_threads();
    double* const c = workspace.of_thread<double>(0, 0, 10);
    CHECK(c != workspace.of_thread<double>(1, 0, 10));
    CHECK(c != workspace.of_thread<double>(0, 1, 10));
    CHECK(c == workspace.of_thread<double>(0, 0, 5));
}
