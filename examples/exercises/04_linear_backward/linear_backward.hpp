/// @file
/// Exercise 4: back through the affine map.
#pragma once

#include "../exercise.hpp"

namespace exercise {

/// Three sums, one over each index of the formula that its result hasn't.
/// \f[ \delta x_{ti} = \sum_o \delta y_{to}\, W_{oi},\quad \delta W_{oi} \mathrel{+}= \sum_t \delta y_{to}\, x_{ti},\quad
///     \delta b_o \mathrel{+}= \sum_t \delta y_{to} \f]
/// The gradients of parameters are added to what is there: a weight can be used more than once, and a batch can come in pieces.
/// @param d_y  [T, out]
/// @param x  what linear was given, [T, in]
/// @param weight  W, [out, in]
/// @param[in,out] d_weight  [out, in], is added to
/// @param[in,out] d_bias  [out], is added to
/// @param[out] d_x  [T, in]
inline void linear_backward(const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias,
                            Matrix& d_x)
{
    not_written("linear_backward", d_y, x, weight, d_weight, d_bias, d_x);  // YOUR CODE
}

}  // namespace exercise
