/// @file
/// Random tensors of the tests of operations: normal numbers, in each test program the same ones in the same order.
#pragma once

#include <array>
#include <cstddef>
#include <random>

#include "bert/core/tensor.hpp"

inline std::mt19937 generator(7);

template <class Real, std::size_t rank>
bert::Tensor<Real, rank> random(const std::array<std::size_t, rank>& shape)
{
    std::normal_distribution<double> normal;
    auto tensor = bert::zeros<Real, rank>(shape);
    for (Real& value : tensor)
        value = static_cast<Real>(normal(generator));
    return tensor;
}
