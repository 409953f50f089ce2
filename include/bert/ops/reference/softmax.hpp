/// @file
/// Softmax: scores to probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `softmax`.
struct SoftmaxOperation {
    /// Turns each row of scores into probabilities, which sum to 1.
    /// \f[ p_{ij} = e^{s_{ij} - m_i} \Big/ \sum_k e^{s_{ik} - m_i},\quad m_i = \max_k s_{ik} \f]
    /// Symbols: \f$s\f$ `scores`, \f$p\f$ `probabilities`, \f$m_i\f$ `largest`. The maximum changes nothing but keeps e^s finite.
    /// @param scores  [rows, n]; -infinity has the probability 0, if not the whole row is
    /// @param[out] probabilities  [rows, n]; may be scores itself
    template <class Real>
    static void softmax(const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        const std::size_t rows = scores.shape(0), n = scores.shape(1);
        probabilities.resize({rows, n});
        for (std::size_t i = 0; i < rows; ++i) {
            Real largest = -std::numeric_limits<Real>::infinity();
            for (std::size_t k = 0; k < n; ++k)
                largest = std::max(largest, scores(i, k));
            Real sum = 0;
            for (std::size_t j = 0; j < n; ++j) {
                probabilities(i, j) = std::exp(scores(i, j) - largest);
                sum += probabilities(i, j);
            }
            for (std::size_t j = 0; j < n; ++j)
                probabilities(i, j) /= sum;
        }
    }
};

}  // namespace bert::reference
