/// @file
/// Exercise 9: the backward of attention, one head of one sequence.
#pragma once

#include <cmath>

#include "../exercise.hpp"

namespace exercise {

/// The steps of attention from the last to the first.
/// \f[ \delta v_{jd} = \sum_i p_{ij}\,\delta c_{id},\quad \delta p_{ij} = \sum_d \delta c_{id}\,v_{jd},\quad
///     \delta s_{ij} = p_{ij}\,\Big(\delta p_{ij} - \sum_k p_{ik}\,\delta p_{ik}\Big) \f]
/// \f[ \delta q_{id} = \frac{1}{\sqrt D} \sum_j \delta s_{ij}\,k_{jd},\quad
///     \delta k_{jd} = \frac{1}{\sqrt D} \sum_i \delta s_{ij}\,q_{id} \f]
/// @param d_context  the gradient of the loss with respect to c, [n, D]
/// @param query  q, [n, D]
/// @param key  k, [n, D]
/// @param value  v, [n, D]
/// @param probabilities  p, as computed by attention, [n, n]
/// @param[out] d_query  [n, D]
/// @param[out] d_key  [n, D]
/// @param[out] d_value  [n, D]
inline void attention_backward(const Matrix& d_context, const Matrix& query, const Matrix& key, const Matrix& value,
                               const Matrix& probabilities, Matrix& d_query, Matrix& d_key, Matrix& d_value)
{
    not_written("attention_backward", d_context, query, key, value, probabilities, d_query, d_key, d_value);  // YOUR CODE
}

}  // namespace exercise
