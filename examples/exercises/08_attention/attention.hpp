/// @file
/// Exercise 8: scaled dot-product attention, one head of one sequence.
#pragma once

#include <cmath>

#include <bert/ops/reference.hpp>

#include "../exercise.hpp"

namespace exercise {

/// Every token takes a mean of all tokens' values, weighted by how well its query fits their keys.
/// \f[ s_{ij} = \frac{1}{\sqrt D} \sum_d q_{id}\,k_{jd},\quad p_{ij} = \mathrm{softmax}_j(s_{ij}),\quad
///     c_{id} = \sum_j p_{ij}\,v_{jd} \f]
/// You can use `bert::Reference::softmax(scores, probabilities)`, or include ../07_softmax/softmax.hpp for your own.
/// @param query  q, [n, D]
/// @param key  k, [n, D]
/// @param value  v, [n, D]
/// @param[out] scores  s, [n, n]
/// @param[out] probabilities  p, [n, n]
/// @param[out] context  c, [n, D]
inline void attention(const Matrix& query, const Matrix& key, const Matrix& value, Matrix& scores, Matrix& probabilities,
                      Matrix& context)
{
    not_written("attention", query, key, value, scores, probabilities, context);  // YOUR CODE
}

}  // namespace exercise
