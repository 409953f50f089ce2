/// @file
/// Exercise 3: the affine map of every projection.
#pragma once

#include "../exercise.hpp"

namespace exercise {

/// Maps every row of x to a row of y.
/// \f[ y_{to} = b_o + \sum_i x_{ti}\, W_{oi} \f]
/// A weight is published as [out, in]: row o holds what output o takes of each input.
/// @param x  rows, [T, in]
/// @param weight  W, [out, in]
/// @param bias  b, [out]
/// @param[out] y  [T, out]
inline void linear(const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y)
{
    not_written("linear", x, weight, bias, y);  // YOUR CODE
}

}  // namespace exercise
