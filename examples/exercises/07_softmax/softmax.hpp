/// @file
/// Exercise 7: softmax, which turns scores into probabilities.
#pragma once

#include <algorithm>
#include <cmath>

#include "../exercise.hpp"

namespace exercise {

/// Turns each row of scores into probabilities, which sum to 1.
/// \f[ p_{ij} = e^{s_{ij} - m_i} \Big/ \sum_k e^{s_{ik} - m_i},\quad m_i = \max_k s_{ik} \f]
/// Subtracting the maximum doesn't change the result, but keeps e^s finite: e^1000 overflows.
/// @param scores  s, [rows, n]
/// @param[out] probabilities  p, [rows, n]
inline void softmax(const Matrix& scores, Matrix& probabilities)
{
    not_written("softmax", scores, probabilities);  // YOUR CODE
}

}  // namespace exercise
