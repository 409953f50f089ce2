/// @file
/// Exercise 4: the backward of a linear layer.
#pragma once

#include "../exercise.hpp"

namespace exercise {

/// The slope of y_to is W_oi for x_ti, x_ti for W_oi, and 1 for b_o. Each slope is multiplied by δy_to and summed over all y_to
/// that depend on the number.
/// \f[ \delta x_{ti} = \sum_o \delta y_{to}\, W_{oi},\quad \delta W_{oi} \mathrel{+}= \sum_t \delta y_{to}\, x_{ti},\quad
///     \delta b_o \mathrel{+}= \sum_t \delta y_{to} \f]
/// Gradients of parameters are added to: a weight can be used more than once, and a batch can be divided into micro-batches.
/// @param d_y  the gradient of the loss with respect to y, [T, out]
/// @param x  as in linear, [T, in]
/// @param weight  W, [out, in]
/// @param[in,out] d_weight  [out, in], is added to
/// @param[in,out] d_bias  [out], is added to
/// @param[out] d_x  the gradient with respect to x, [T, in]
inline void linear_backward(const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias,
                            Matrix& d_x)
{
    not_written("linear_backward", d_y, x, weight, d_weight, d_bias, d_x);  // YOUR CODE
}

}  // namespace exercise
