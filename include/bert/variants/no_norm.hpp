/// @file
/// NoNorm, which takes the place of layer norm in MobileBERT: scale and shift remain, mean and deviation are left out. So each
/// number depends on one number of the row, where a layer norm needs all of them first; on a phone this saves time. Below, the
/// choice between the two.
#pragma once

#include <cstddef>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"

namespace bert {

/// Scales and shifts each column.
/// \f[ y_{tw} = \gamma_w\,x_{tw} + \beta_w \f]
/// Symbols: \f$\gamma, \beta\f$ `norm.gamma`, `norm.beta`; W is the width of the rows, H or that of a block.
/// @param x  rows, [T, W]
/// @param norm  gamma and beta, [W] each
/// @param[out] y  [T, W]
/// @throws std::invalid_argument if gamma or beta is not [W]
/// @see Sun et al. 2020, section 3.3, operational optimizations
template <class Real>
void no_norm(const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, Tensor<Real, 2>& y)
{
    const std::size_t T = x.shape(0), W = x.shape(1);
    require_layer_norm("no_norm", norm, W);
    y.resize({T, W});
    const Chunks rows(T, 32);
    parallel_for(rows.count, [&](std::size_t chunk, std::size_t) {
        for (std::size_t t = rows.begin(chunk); t < rows.end(chunk); ++t)
            for (std::size_t w = 0; w < W; ++w)
                y(t, w) = norm.gamma(w) * x(t, w) + norm.beta(w);
    });
}

/// The backward of no_norm.
/// \f[ \delta\gamma_w \mathrel{+}= \sum_t \delta y_{tw}\,x_{tw},\quad \delta\beta_w \mathrel{+}= \sum_t \delta y_{tw},\quad
///     \delta x_{tw} = \gamma_w\,\delta y_{tw} \f]
/// Symbols: \f$\delta y, \delta x\f$ `d_y`, `d_x`, \f$\delta\gamma, \delta\beta\f$ `d_norm.gamma`, `d_norm.beta`. The columns are
/// divided among threads, so that each sum has one order.
/// @param d_y  [T, W]
/// @param x  as in no_norm
/// @param norm  as in no_norm
/// @param[in,out] d_norm  the gradients are added to it, [W] each
/// @param[out] d_x  [T, W]; may alias d_y
/// @throws std::invalid_argument if a shape doesn't fit
template <class Real>
void no_norm_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, LayerNorm<Real>& d_norm,
                      Tensor<Real, 2>& d_x)
{
    const std::size_t T = x.shape(0), W = x.shape(1);
    require_shape("no_norm_backward: d_y", d_y, {T, W});
    require_layer_norm("no_norm_backward", norm, W);
    require_layer_norm("no_norm_backward: d_norm", d_norm, W);
    d_x.resize({T, W});
    const Chunks columns(W, 32);
    parallel_for(columns.count, [&](std::size_t chunk, std::size_t) {
        for (std::size_t t = 0; t < T; ++t) {
            for (std::size_t w = columns.begin(chunk); w < columns.end(chunk); ++w) {
                d_norm.gamma(w) += d_y(t, w) * x(t, w);
                d_norm.beta(w) += d_y(t, w);
                d_x(t, w) = norm.gamma(w) * d_y(t, w);
            }
        }
    });
}

/// Two norms have PyTorch's own epsilon, whatever the configuration says: those of the embeddings and of a block's last
/// feed-forward network (the transformers library; it matters with layer norms alone).
inline constexpr double pytorch_layer_norm_eps = 1e-5;

/// The norm of a configuration: NoNorm, or layer norm (ops/reference/layer_norm.hpp). The formulas call it Norm.
/// @tparam Ops  the set of operations that has the layer norm
/// @param x  rows, [T, W]
/// @param norm  gamma and beta, [W] each
/// @param epsilon  of layer norm; NoNorm has none
/// @param config  normalization_type; a configuration of MobileBERT
/// @param[out] act  y, [T, W]; with layer norm, rstd and x_hat too
/// @throws std::invalid_argument if a shape doesn't fit
template <class Ops, class Real>
void normalize(const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, double epsilon, const Config& config,
               LayerNormActivations<Real>& act)
{
    if (config.mobilebert.value().normalization_type == "layer_norm")
        Ops::layer_norm(x, norm, Real(epsilon), act);
    else
        no_norm(x, norm, act.y);
}

/// The backward of normalize. The formulas call it Norm'.
/// @tparam Ops  as in normalize
/// @param d_y  [T, W]
/// @param x  as in normalize
/// @param norm  as in normalize
/// @param config  as in normalize
/// @param act  what normalize computed; not read with NoNorm
/// @param[in,out] d_norm  the gradients are added to it, [W] each
/// @param[out] d_x  [T, W]
/// @throws std::invalid_argument if a shape doesn't fit
template <class Ops, class Real>
void normalize_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, const Config& config,
                        const LayerNormActivations<Real>& act, LayerNorm<Real>& d_norm, Tensor<Real, 2>& d_x)
{
    if (config.mobilebert.value().normalization_type == "layer_norm")
        Ops::layer_norm_backward(d_y, norm, act, d_norm, d_x);
    else
        no_norm_backward(d_y, x, norm, d_norm, d_x);
}

}  // namespace bert
