/// @file
/// The linear layer y = x Wᵀ + b, used for every projection.
#pragma once

#include <cstddef>

#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/linear.hpp"

namespace bert::reference {

/// The operation `linear` and its backward.
struct LinearOperations {
    /// Computes a row of y from each row of x. The weight is stored as in PyTorch; TensorFlow files hold its transpose. The
    /// unnamed last argument is scratch memory, which only the fast sets use.
    /// \f[ y_{to} = b_o + \sum_i x_{ti}\, W_{oi} \f]
    /// Symbols: \f$W\f$ `weight`, \f$b\f$ `bias`, \f$t\f$ a row (a token), \f$i\f$ an input, \f$o\f$ an output.
    /// @param x  rows, [T, in]
    /// @param weight  W, [out, in]
    /// @param bias  b, [out]
    /// @param[out] y  [T, out]; must not alias x
    /// @throws std::invalid_argument if weight's or bias's shape doesn't fit, or y is x
    /// @see Vaswani et al. 2017, sections 3.2.2 and 3.3; attention's projections have no bias there, but have one in BERT's code
    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace&)
    {
        require_linear_inputs(x, weight, bias, y);
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        y.resize({T, out});
        for (std::size_t t = 0; t < T; ++t) {
            for (std::size_t o = 0; o < out; ++o) {
                Real sum = 0;
                for (std::size_t i = 0; i < in; ++i)
                    sum += x(t, i) * weight(o, i);
                y(t, o) = bias(o) + sum;
            }
        }
    }

    /// The chain rule. The derivative of y_to is W_oi with respect to x_ti, x_ti with respect to W_oi, 1 with respect to b_o.
    /// Each is multiplied by δy_to and summed over all y_to that depend on the variable: over o for x_ti, over t for W_oi and
    /// b_o.
    /// \f[ \delta x_{ti} = \sum_o \delta y_{to}\, W_{oi},\quad \delta W_{oi} \mathrel{+}= \sum_t \delta y_{to}\, x_{ti},\quad
    ///     \delta b_o \mathrel{+}= \sum_t \delta y_{to} \f]
    /// Symbols: \f$\delta x\f$, in the code `d_x`, is the gradient of the loss with respect to x, of x's shape; likewise
    /// \f$\delta y\f$ `d_y`, \f$\delta W\f$ `d_weight`, \f$\delta b\f$ `d_bias`.
    /// @param d_y  [T, out]
    /// @param x  the input of linear, [T, in]
    /// @param weight  W, [out, in]
    /// @param[in,out] d_weight  [out, in]; added to
    /// @param[in,out] d_bias  [out]; added to
    /// @param[out] d_x  [T, in]; must alias neither d_y nor x
    /// @throws std::invalid_argument if a shape doesn't fit, or d_x is d_y or x
    template <class Real>
    static void linear_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                                Tensor<Real, 2>& d_weight, Tensor<Real, 1>& d_bias, Tensor<Real, 2>& d_x, Workspace&)
    {
        require_linear_gradients(d_y, x, weight, d_weight, d_bias);
        require_own_gradient(d_x, d_y, x);
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        d_x.resize({T, in});
        for (std::size_t t = 0; t < T; ++t) {
            for (std::size_t i = 0; i < in; ++i) {
                Real sum = 0;
                for (std::size_t o = 0; o < out; ++o)
                    sum += d_y(t, o) * weight(o, i);
                d_x(t, i) = sum;
            }
        }
        for (std::size_t o = 0; o < out; ++o) {
            for (std::size_t i = 0; i < in; ++i) {
                Real sum = 0;
                for (std::size_t t = 0; t < T; ++t)
                    sum += d_y(t, o) * x(t, i);
                d_weight(o, i) += sum;
            }
        }
        for (std::size_t o = 0; o < out; ++o) {
            Real sum = 0;
            for (std::size_t t = 0; t < T; ++t)
                sum += d_y(t, o);
            d_bias(o) += sum;
        }
    }
};

}  // namespace bert::reference
