/// @file
/// Layer normalization, a vector of a row at a time. As in the reference the variance is taken in a second pass, about the
/// mean; the sums run in as many lanes as a vector has, which makes them more accurate than one long sum.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fast/vector.hpp"

namespace bert::fast {

/// What one row is normalized with.
template <class Real>
struct RowStatistics {
    Real mean;  ///< of the row
    Real rstd;  ///< one over its standard deviation
};

/// @param H  how many numbers @param x  a row, [H] @param epsilon  added to the variance @return  mean and rstd
template <class V, class Real>
RowStatistics<Real> row_statistics(std::size_t H, const Real* x, Real epsilon)
{
    V sums(Real(0));
    for_each_vector<V>(H, x, Real(0), [&](const V& v) { sums = sums + v; });
    const Real mean = sum_of(sums) / Real(H);
    V squares(Real(0));
    // Padding with the mean adds nothing to the squares.
    for_each_vector<V>(H, x, mean, [&](const V& v) { squares = multiply_add(v - V(mean), v - V(mean), squares); });
    return {mean, 1 / std::sqrt(sum_of(squares) / Real(H) + epsilon)};
}

/// Layer norm of one row, the normalized row not kept.
/// @param H  how many numbers
/// @param x  a row, [H]
/// @param gamma  scale, [H]
/// @param beta  shift, [H]
/// @param epsilon  added to the variance
/// @param y  [H]; may be x
/// @return  mean and rstd
template <class V, class Real>
RowStatistics<Real> layer_norm_row(std::size_t H, const Real* x, const Real* gamma, const Real* beta, Real epsilon, Real* y)
{
    const RowStatistics<Real> statistics = row_statistics<V>(H, x, epsilon);
    const V mean(statistics.mean), rstd(statistics.rstd);
    map<V>(H, x, gamma, y, [&](const V& v, const V& scale) { return scale * ((v - mean) * rstd); });
    map<V>(H, y, beta, y, [&](const V& v, const V& shift) { return v + shift; });
    return statistics;
}

/// The operation `layer_norm`.
/// @tparam Arch  the instruction set
template <class Arch>
struct LayerNormOperation {
    /// @copydoc bert::reference::LayerNormOperation::layer_norm
    template <class Real>
    static void layer_norm(const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, Real epsilon, LayerNormActivations<Real>& act)
    {
        using V = Vector<Real, Arch>;
        constexpr std::size_t piece_rows = 8;
        const std::size_t T = x.shape(0), H = x.shape(1);
        require_shape("layer_norm: gamma", norm.gamma, {H});
        require_shape("layer_norm: beta", norm.beta, {H});
        act.resize(T, H);
        parallel_for((T + piece_rows - 1) / piece_rows, [&](std::size_t piece, std::size_t) {
            for (std::size_t t = piece * piece_rows; t < std::min(T, (piece + 1) * piece_rows); ++t) {
                const Real* row = x.data() + t * H;
                const RowStatistics<Real> statistics =
                    layer_norm_row<V>(H, row, norm.gamma.data(), norm.beta.data(), epsilon, act.y.data() + t * H);
                const V mean(statistics.mean), rstd(statistics.rstd);
                map<V>(H, row, act.x_hat.data() + t * H, [&](const V& v) { return (v - mean) * rstd; });
                act.rstd(t) = statistics.rstd;
            }
        });
    }
};

}  // namespace bert::fast
