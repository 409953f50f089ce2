/// @file
/// The largest of many numbers: the likeliest words, the nearest lines.
#pragma once

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <span>
#include <vector>

namespace program {

/// The indices of the largest values, in descending order; equal values keep their order.
/// @param values  numbers, none of them NaN
/// @param count  largest number of indices
/// @return  the indices
template <class Real>
std::vector<std::size_t> largest(std::span<const Real> values, std::size_t count)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    const auto before = [&](std::size_t i, std::size_t j) {
        return values[i] > values[j] || (!(values[i] < values[j]) && i < j);
    };
    const std::size_t wanted = std::min(count, order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted), order.end(), before);
    order.resize(wanted);
    return order;
}

}  // namespace program
