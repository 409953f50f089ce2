/// @file
/// What tests of a component share: a small configuration, random parameters and inputs, and a loss whose gradient is known.
#pragma once

#include <cstddef>
#include <string>

#include "bert/config.hpp"
#include "bert/core/sequences.hpp"
#include "ops/reference/differences.hpp"

namespace component {

using differences::random;
using differences::weighted_sum;

/// Sizes that can't be mistaken for one another: H 6, A 2, D 3, I 5, V 11, 2 layers, 7 positions.
inline bert::Config small_config()
{
    bert::Config config;
    config.vocab_size = 11;
    config.hidden_size = 6;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 5;
    config.max_position_embeddings = 7;
    config.layer_norm_eps = 1e-3;  // large enough to be noticed where it is missing
    return config;
}

/// A component with random parameters: every one matters.
template <class Component>
Component random_component(const bert::Config& config, unsigned seed = 100)
{
    Component component = Component::make(config);
    Component::parameters(
        [&seed](const std::string&, auto& tensor) {
            for (double& value : tensor)
                value = random<1>({1}, seed++)(0) / 2;
        },
        "", component);
    return component;
}

/// A component of zeros, to add gradients to.
template <class Component>
Component zero_component(Component component)
{
    Component::parameters([](const std::string&, auto& tensor) { tensor.fill(0.0); }, "", component);
    return component;
}

/// Two sequences of 3 and 2 tokens; an id twice, both segments.
inline bert::Batch small_batch() { return bert::pack({{1, 4, 2}, {4, 10}}, {{0, 1, 1}, {0, 1}}); }

}  // namespace component
