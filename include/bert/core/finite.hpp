/// @file
/// Non-finite numbers: whether a result has any, and which parameter they come from.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "bert/core/name.hpp"

namespace bert {

/// Whether all numbers are finite.
/// @param values  the numbers
/// @param count  how many
/// @return  false if one is NaN or infinite
template <class Real>
bool all_finite(const Real* values, std::size_t count)
{
    return std::all_of(values, values + count, [](Real value) { return std::isfinite(value); });
}

/// The first parameter with a non-finite number. The function reads every number: call it to find the cause of a non-finite
/// result, not for every result.
/// @param component  anything with a `parameters` function
/// @return  its name; empty if every parameter is finite
template <class Component>
std::string first_non_finite(const Component& component)
{
    std::string first;
    Component::parameters(
        [&](const Name& name, const auto& tensor) {
            if (first.empty() && !all_finite(tensor.data(), tensor.size())) first = name.text();
        },
        "", component);
    return first;
}

}  // namespace bert
