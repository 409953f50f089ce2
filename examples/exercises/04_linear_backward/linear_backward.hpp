/// @file
/// Exercise 4: back through the affine map.
#pragma once

#include "../exercise.hpp"

namespace exercise {

/// y_to changes with x_ti by W_oi, with W_oi by x_ti, with b_o by 1; each times δy_to, summed over all y_to in which the number
/// stands.
/// \f[ \delta x_{ti} = \sum_o \delta y_{to}\, W_{oi},\quad \delta W_{oi} \mathrel{+}= \sum_t \delta y_{to}\, x_{ti},\quad
///     \delta b_o \mathrel{+}= \sum_t \delta y_{to} \f]
/// The gradients of parameters are added to what is there: a weight can be used more than once, and a batch can come in pieces.
/// @param d_y  the gradient of the loss with respect to y, [T, out]
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
