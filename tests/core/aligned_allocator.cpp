#include "bert/core/aligned_allocator.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>

#include "bert/core/tensor.hpp"
#include "catch.hpp"

TEST_CASE("Memory begins at a line of the cache, what is large at a page of 2 MB")
{
    bert::AlignedAllocator<double> allocator;
    const auto address_of = [](const double* values) { return reinterpret_cast<std::uintptr_t>(values); };
    for (const std::size_t count : {1U, 7U, 1000U}) {
        double* const values = allocator.allocate(count);
        CHECK(address_of(values) % 64 == 0);
        allocator.deallocate(values, count);
    }
    constexpr std::size_t many = std::size_t{1} << 19;  // 4 MB
    double* const values = allocator.allocate(many);
    CHECK(address_of(values) % (std::size_t{1} << 21) == 0);
    allocator.deallocate(values, many);
}

TEST_CASE("More values than can be counted in bytes are refused")
{
    bert::AlignedAllocator<double> allocator;
    constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
    CHECK_THROWS_AS(allocator.allocate(most / 8 + 1), std::bad_array_new_length);  // 8 (2^61) is 0 in 64 bits
    CHECK_THROWS_AS(allocator.allocate(most / 8 + 3), std::bad_array_new_length);  // and this is 16
    CHECK_THROWS_AS(allocator.allocate(most), std::bad_array_new_length);
}
