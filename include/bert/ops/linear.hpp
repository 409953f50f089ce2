/// @file
/// Checks of the linear layer's operations, shared by ops/reference/linear.hpp, which has the formulas, and ops/fast/linear.hpp.
#pragma once

#include <cstddef>
#include <stdexcept>

#include "bert/core/tensor.hpp"

namespace bert {

/// Checks the inputs of linear.
/// @param x  rows, [T, in]
/// @param weight  W, [out, in]
/// @param bias  b, [out]
/// @param y  what will be computed
/// @throws std::invalid_argument if weight's or bias's shape doesn't fit, or y is x
template <class Real>
void require_linear_inputs(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias,
                           const Tensor<Real, 2>& y)
{
    const std::size_t in = x.shape(1), out = weight.shape(0);
    require_shape("linear: weight", weight, {out, in});
    require_shape("linear: bias", bias, {out});
    if (&y == &x) throw std::invalid_argument("linear: y: expected another tensor than x, got the same");
}

/// Checks the shapes of linear_backward.
/// @param d_y  [T, out]
/// @param x  [T, in]
/// @param weight  W, [out, in]
/// @param d_weight  [out, in]
/// @param d_bias  [out]
/// @throws std::invalid_argument if a shape doesn't fit
template <class Real>
void require_linear_gradients(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                              const Tensor<Real, 2>& d_weight, const Tensor<Real, 1>& d_bias)
{
    const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
    require_shape("linear_backward: d_y", d_y, {T, out});
    require_shape("linear_backward: weight", weight, {out, in});
    require_shape("linear_backward: d_weight", d_weight, {out, in});
    require_shape("linear_backward: d_bias", d_bias, {out});
}

/// Checks that linear_backward's result has a tensor of its own.
/// @param d_x  what will be computed
/// @param d_y  the gradient that is read
/// @param x  the input that is read
/// @throws std::invalid_argument if d_x is d_y or x
template <class Real>
void require_own_gradient(const Tensor<Real, 2>& d_x, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x)
{
    if (&d_x == &d_y || &d_x == &x)
        throw std::invalid_argument("linear_backward: d_x: expected another tensor than d_y and x, got the same");
}

}  // namespace bert
