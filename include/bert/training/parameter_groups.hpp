/// @file
/// Parameter groups: which parameters are decayed, frozen, or trained at a lower rate, by their names and their depth.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/training/optimizer_options.hpp"

namespace bert {

/// The options of a parameter group. (That biases and layer norms aren't decayed: google-research/bert, optimization.py; a rate
/// that falls from layer to layer: Howard and Ruder 2018, section 3.2.)
struct ParameterGroup {
    bool frozen = false;          ///< whether it is neither changed nor counted in the norm
    double weight_decay = 0;      ///< its weight decay
    bool use_trust_ratio = true;  ///< whether LAMB scales its update to the parameter's norm
    double rate_factor = 1;       ///< of the learning rate: layer_decay^n, n layers being above; pooler and heads count as one
};

/// The group of each parameter.
/// @param list  the parameters
/// @param options  no_decay, frozen, layer_decay, weight_decay
/// @return  a group for each parameter of the list
template <class Real>
std::vector<ParameterGroup> parameter_groups(const ParameterList<Real>& list, const OptimizerOptions& options)
{
    const auto contains_any = [](const std::string& name, const std::vector<std::string>& parts) {
        return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return name.find(part) != name.npos; });
    };
    std::size_t top = 0;  // depth of the heads, above the last block
    for (const Parameter<Real>& parameter : list)
        top = std::max(top, parameter.depth.value_or(0) + 1);
    std::vector<ParameterGroup> groups;
    for (const Parameter<Real>& parameter : list) {
        const bool is_excepted = contains_any(parameter.name, options.no_decay);
        groups.push_back(
            {.frozen = contains_any(parameter.name, options.frozen),
             .weight_decay = is_excepted ? 0 : options.weight_decay,
             .use_trust_ratio = !is_excepted,
             .rate_factor = std::pow(options.layer_decay, static_cast<double>(top - parameter.depth.value_or(top)))});
    }
    return groups;
}

}  // namespace bert
