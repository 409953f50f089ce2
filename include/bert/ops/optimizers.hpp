/// @file
/// Options, state and checks shared by the optimizers of ops/reference/optimizers.hpp and ops/fast/optimizers.hpp.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/core/language.hpp"

namespace bert {

/// Options for the update of one parameter in one training step. bert::Optimizer checks their ranges.
struct UpdateOptions {
    double learning_rate = 0;     ///< of this step, as scheduled
    double beta1 = 0.9;           ///< of the running mean m, in [0, 1)
    double beta2 = 0.999;         ///< of the running mean v, in [0, 1)
    double epsilon = 1e-6;        ///< added to sqrt(v), in AdamW to sqrt(v_hat); PyTorch's default is 1e-8
    double weight_decay = 0;      ///< of this parameter; 0 for none
    bool use_trust_ratio = true;  ///< LAMB only: whether the update is multiplied by the trust ratio
    double scale = 1;             ///< factor that the gradient is multiplied by first, for clipping
    std::size_t step = 1;         ///< number of the training step, t, from 1
};

/// A parameter and its moments, of n numbers each. The struct only views the numbers: functions that take it change them.
template <class Real>
struct ParameterAndMoments {
    std::span<Real> p;  ///< the parameter, [n]
    std::span<Real> m;  ///< first moment, [n]
    std::span<Real> v;  ///< second moment, [n]
};

/// Checks that the gradient and the moments have as many numbers as the parameter.
/// @param gradient  [n]
/// @param numbers  the parameter and its moments
/// @throws std::invalid_argument if a size differs
template <class Real>
void require_same_sizes(std::span<const Real> gradient, const ParameterAndMoments<Real>& numbers)
{
    const auto check = [&](const char* what, std::size_t count) {
        if (count != numbers.p.size())
            throw std::invalid_argument(std::string("optimizer: ") + what + ": expected " + std::to_string(numbers.p.size()) +
                                        " numbers, got " + std::to_string(count));
    };
    check("gradient", gradient.size());
    check("first moment", numbers.m.size());
    check("second moment", numbers.v.size());
}

}  // namespace bert
