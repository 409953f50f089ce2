/// @file
/// Whether two models have the same parameters.
#pragma once

#include "bert/core/parameters.hpp"
#include "bert/model.hpp"

inline bool same_parameters(const bert::Model<double>& a, const bert::Model<double>& b)
{
    bool same = bert::count_parameters(a) == bert::count_parameters(b);
    if (same)
        bert::Model<double>::parameters([&](const bert::Name&, const auto& x, const auto& y) { same = same && x == y; }, "", a,
                                        b);
    return same;
}
