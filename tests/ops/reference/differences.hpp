/// @file
/// What tests of a backward share: random tensors, and a number made of a tensor, whose gradient is known.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <random>

#include "bert/core/tensor.hpp"
#include "bert/verify/gradient_check.hpp"

namespace differences {

/// Normally distributed numbers, the same in every run; none within 0.01 of 0, where ReLU has its corner.
template <std::size_t rank>
bert::Tensor<double, rank> random(const std::array<std::size_t, rank>& shape, unsigned seed)
{
    std::mt19937 generator(seed);
    std::normal_distribution<double> normal;
    auto tensor = bert::zeros<double, rank>(shape);
    for (double& value : tensor)
        do
            value = normal(generator);
        while (std::abs(value) < 0.01);
    return tensor;
}

/// The sum of y weighted with weights: a loss whose gradient is the weights.
template <std::size_t rank>
double weighted_sum(const bert::Tensor<double, rank>& y, const bert::Tensor<double, rank>& weights)
{
    double sum = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
        sum += y.data()[i] * weights.data()[i];
    return sum;
}

}  // namespace differences
