/// @file
/// Numbers that aren't finite: whether a result has some, and which parameter they come from.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "bert/core/name.hpp"

namespace bert {

/// Whether numbers are all finite.
/// @param values  the numbers
/// @param count  how many
/// @return  false if one is NaN or infinite
template <class Real>
bool all_finite(const Real* values, std::size_t count)
{
    return std::all_of(values, values + count, [](Real value) { return std::isfinite(value); });
}

/// The first parameter with a number that isn't finite. This reads every number: it is for finding out where a result that
/// isn't finite comes from, not for every result.
/// @param component  anything with a `parameters` function
/// @return  its name; empty: every parameter is finite
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
