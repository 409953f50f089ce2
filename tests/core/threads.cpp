#include "bert/core/threads.hpp"

#include <cstddef>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

TEST_CASE("Every chunk is computed once, whatever the number of threads")
{
    for (const std::size_t count : {1u, 2u, 3u}) {
        bert::set_threads(count);
        std::vector<int> times(1000, 0);
        std::vector<std::size_t> by(1000, 0);
        bert::parallel_for(1000, [&](std::size_t chunk, std::size_t thread) {
            ++times[chunk];
            by[chunk] = thread;
        });
        CHECK(times == std::vector<int>(1000, 1));
        for (const std::size_t thread : by)
            CHECK(thread < bert::threads());
    }
    CHECK_THROWS_WITH(bert::set_threads(0), "set_threads: expected at least 1, got 0");
}

TEST_CASE("Chunks lie end to end, are long enough and not too many")
{
    using bert::Chunks;
    const Chunks none(0, 5), few(9, 5), three(16, 5), many(100'000, 1);
    CHECK((none.count == 1 && none.begin(0) == 0 && none.end(0) == 0));
    CHECK((few.count == 1 && few.end(0) == 9));
    CHECK((three.count == 3 && three.end(0) == 5 && three.end(1) == 10 && three.end(2) == 16));
    CHECK((many.count == Chunks::max_count && many.begin(1) == 390 && many.end(255) == 100'000));
}

TEST_CASE("The exception of the first chunk that throws leaves the loop, and the next loop works")
{
    const std::size_t threads = bert::threads();
    for (const std::size_t count : {1U, 2U, 3U}) {
        bert::set_threads(count);
        std::vector<int> times(1000, 0);
        CHECK_THROWS_WITH(bert::parallel_for(1000,
                                             [&](std::size_t chunk, std::size_t) {
                                                 ++times[chunk];
                                                 if (chunk % 100 == 37) throw std::runtime_error(std::to_string(chunk));
                                             }),
                          "37");
        for (std::size_t chunk = 0; chunk <= 37; ++chunk)
            CHECK(times[chunk] == 1);
        CHECK_THROWS_AS(bert::parallel_for(8, [](std::size_t, std::size_t) { throw std::bad_alloc(); }), std::bad_alloc);
        int sum = 0;
        bert::parallel_for(1, [&](std::size_t, std::size_t) { ++sum; });
        CHECK(sum == 1);
    }
    bert::set_threads(threads);
}
