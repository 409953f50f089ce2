/// @file
/// Softmax: turns scores into probabilities.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `softmax` and its backward.
struct SoftmaxOperations {
    /// Turns each row of scores into probabilities, which sum to 1.
    /// \f[ p_{ij} = e^{s_{ij} - m_i} \Big/ \sum_k e^{s_{ik} - m_i},\quad m_i = \max_k s_{ik} \f]
    /// Symbols: \f$s\f$ `scores`, \f$m_i\f$ `largest`, \f$e^{s-m}\f$ `exponential`, the denominator `sum`, \f$p\f$
    /// `probabilities`, which holds the exponentials until they are divided. Subtracting the maximum doesn't change the result,
    /// but keeps the exponentials finite, because the largest exponent is 0.
    /// @param scores  [rows, n]; a score of -infinity gets the probability 0; a row whose scores are all -infinity becomes NaN
    /// @param[out] probabilities  [rows, n]; may alias scores
    /// @see Vaswani et al. 2017, section 3.2.1, for its place in attention
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
                const Real exponential = std::exp(scores(i, j) - largest);
                probabilities(i, j) = exponential;  // divided by the sum below, once it is known
                sum += exponential;
            }
            for (std::size_t j = 0; j < n; ++j)
                probabilities(i, j) /= sum;
        }
    }

    /// Each score affects every probability of its row. From log p_k = s_k - log Σ_l e^{s_l}, the derivative of p_k with respect
    /// to s_j is p_k ([k = j] - p_j), where [k = j] is 1 for k = j and 0 elsewhere. Multiplied by δp_k and summed over k, this is
    /// p_j δp_j - p_j Σ_k p_k δp_k:
    /// \f[ \delta s_{ij} = p_{ij}\,(\delta p_{ij} - a_i),\quad a_i = \sum_k p_{ik}\,\delta p_{ik} \f]
    /// Symbols: \f$\delta p\f$ `d_probabilities`, \f$\delta s\f$ `d_scores`, \f$a_i\f$ `average`, the mean of δp weighted with p.
    /// A row of d_scores sums to 0, because adding a constant to all scores changes no probability.
    /// @param d_probabilities  [rows, n]
    /// @param probabilities  the result of softmax, [rows, n]
    /// @param[out] d_scores  [rows, n]; may alias d_probabilities
    /// @throws std::invalid_argument if d_probabilities is not [rows, n]
    template <class Real>
    static void softmax_backward(const Tensor<Real, 2>& d_probabilities, const Tensor<Real, 2>& probabilities,
                                 Tensor<Real, 2>& d_scores)
    {
        const std::size_t rows = probabilities.shape(0), n = probabilities.shape(1);
        require_shape("softmax_backward: d_probabilities", d_probabilities, {rows, n});
        d_scores.resize({rows, n});
        for (std::size_t i = 0; i < rows; ++i) {
            Real average = 0;
            for (std::size_t k = 0; k < n; ++k)
                average += probabilities(i, k) * d_probabilities(i, k);
            for (std::size_t j = 0; j < n; ++j)
                d_scores(i, j) = probabilities(i, j) * (d_probabilities(i, j) - average);
        }
    }
};

}  // namespace bert::reference
