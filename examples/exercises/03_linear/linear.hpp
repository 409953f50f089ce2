/// @file
/// Exercise 3: a linear layer, as in every projection.
#pragma once

#include "../exercise.hpp"

namespace exercise {

/// Computes a row of y from every row of x.
/// \f[ y_{to} = b_o + \sum_i x_{ti}\, W_{oi} \f]
/// A weight is published as [out, in]: row o holds the factors of all inputs for output o.
/// @param x  rows, [T, in]
/// @param weight  W, [out, in]
/// @param bias  b, [out]
/// @param[out] y  the result, [T, out]
inline void linear(const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y)
{
    not_written("linear", x, weight, bias, y);  // YOUR CODE
}

}  // namespace exercise
