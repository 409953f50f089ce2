/// @file
/// The affine map of every projection: y = x Wᵀ + b.
#pragma once

#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"

namespace bert::reference {

/// The operation `linear` and what is made of it.
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
};

}  // namespace bert::reference
