/// @file
/// The affine map of every projection: y = x Wᵀ + b.
#pragma once

#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"

namespace bert::reference {

/// The operation `linear`, what is made of it, and their backward.
struct LinearOperations {
    /// Maps every row of x to a row of y.
    /// \f[ y_{to} = b_o + \sum_i x_{ti}\, W_{oi} \f]
    /// Symbols: \f$W\f$ `weight`, \f$b\f$ `bias`, \f$t\f$ a row (a token), \f$i\f$ an input, \f$o\f$ an output.
    /// @param x  rows, [T, in]
    /// @param weight  W, [out, in]
    /// @param bias  b, [out]
    /// @param[out] y  [T, out]; not x itself
    /// @throws std::invalid_argument if weight's or bias's shape doesn't fit
    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace&)
    {
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        require_shape("linear: weight", weight, {out, in});
        require_shape("linear: bias", bias, {out});
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

    /// The chain rule. Of the formula, y_to changes with x_ti by W_oi, with W_oi by x_ti, with b_o by 1; each times δy_to, summed
    /// over all y_to in which the number stands: x_ti is in every o of its row, W_oi and b_o in every t.
    /// \f[ \delta x_{ti} = \sum_o \delta y_{to}\, W_{oi},\quad \delta W_{oi} \mathrel{+}= \sum_t \delta y_{to}\, x_{ti},\quad
    ///     \delta b_o \mathrel{+}= \sum_t \delta y_{to} \f]
    /// Symbols: \f$\delta x\f$, in the code `d_x`, is the gradient of the loss with respect to x, of x's shape; likewise
    /// \f$\delta y\f$ `d_y`, \f$\delta W\f$ `d_weight`, \f$\delta b\f$ `d_bias`.
    /// @param d_y  [T, out]
    /// @param x  what linear was given, [T, in]
    /// @param weight  W, [out, in]
    /// @param[in,out] d_weight  [out, in], is added to
    /// @param[in,out] d_bias  [out], is added to
    /// @param[out] d_x  [T, in]; neither d_y nor x itself
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static void linear_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                                Tensor<Real, 2>& d_weight, Tensor<Real, 1>& d_bias, Tensor<Real, 2>& d_x, Workspace&)
    {
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        require_shape("linear_backward: d_y", d_y, {T, out});
        require_shape("linear_backward: weight", weight, {out, in});
        require_shape("linear_backward: d_weight", d_weight, {out, in});
        require_shape("linear_backward: d_bias", d_bias, {out});
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

    /// Three maps of the same rows: what attention asks of, what it is found by, and what it takes.
    /// @param x  hidden states, [T, H]
    /// @param query_map  [H, H] and [H]
    /// @param key_map  [H, H] and [H]
    /// @param value_map  [H, H] and [H]
    /// @param[out] query  [T, H]
    /// @param[out] key  [T, H]
    /// @param[out] value  [T, H]
    /// @param workspace  scratch
    /// @see Vaswani et al. 2017, section 3.2.2
    template <class Ops, class Real>
    static void query_key_value(Ops, const Tensor<Real, 2>& x, const Linear<Real>& query_map, const Linear<Real>& key_map,
                                const Linear<Real>& value_map, Tensor<Real, 2>& query, Tensor<Real, 2>& key,
                                Tensor<Real, 2>& value, Workspace& workspace)
    {
        Ops::linear(x, query_map.weight, query_map.bias, query, workspace);
        Ops::linear(x, key_map.weight, key_map.bias, key, workspace);
        Ops::linear(x, value_map.weight, value_map.bias, value, workspace);
    }

    /// x was used three times, so three gradients are added up.
    /// @param d_query  [T, H]
    /// @param d_key  [T, H]
    /// @param d_value  [T, H]
    /// @param x  as in forward, [T, H]
    /// @param query_map  as in forward
    /// @param key_map  as in forward
    /// @param value_map  as in forward
    /// @param[in,out] d_query_map  is added to
    /// @param[in,out] d_key_map  is added to
    /// @param[in,out] d_value_map  is added to
    /// @param[in,out] d_x  [T, H], is added to: what has come by the residual is in it already
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Ops, class Real>
    static void query_key_value_backward(Ops, const Tensor<Real, 2>& d_query, const Tensor<Real, 2>& d_key,
                                         const Tensor<Real, 2>& d_value, const Tensor<Real, 2>& x, const Linear<Real>& query_map,
                                         const Linear<Real>& key_map, const Linear<Real>& value_map, Linear<Real>& d_query_map,
                                         Linear<Real>& d_key_map, Linear<Real>& d_value_map, Tensor<Real, 2>& d_x,
                                         Workspace& workspace)
    {
        const std::size_t T = x.shape(0), H = x.shape(1);
        require_shape("query_key_value_backward: d_x", d_x, {T, H});
        Tensor<Real, 2> by_query, by_key, by_value;  // [T, H] each
        Ops::linear_backward(d_query, x, query_map.weight, d_query_map.weight, d_query_map.bias, by_query, workspace);
        Ops::linear_backward(d_key, x, key_map.weight, d_key_map.weight, d_key_map.bias, by_key, workspace);
        Ops::linear_backward(d_value, x, value_map.weight, d_value_map.weight, d_value_map.bias, by_value, workspace);
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                d_x(t, h) += by_query(t, h) + by_key(t, h) + by_value(t, h);
    }
};

}  // namespace bert::reference
