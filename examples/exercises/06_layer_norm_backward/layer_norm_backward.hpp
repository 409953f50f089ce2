/// @file
/// Exercise 6: the backward of layer normalization.
#pragma once

#include <bert/core/layer_norm.hpp>

#include "../exercise.hpp"

namespace exercise {

/// A number of x changes its own x_hat, the mean, and the spread, which gives three terms.
/// \f[ \delta x_{th} = r_t\,(\delta\hat{x}_{th} - s_t - \hat{x}_{th}\,a_t),\quad
///     \delta\hat{x}_{th} = \gamma_h\,\delta y_{th},\quad s_t = \tfrac1H \sum_h \delta\hat{x}_{th},\quad
///     a_t = \tfrac1H \sum_h \delta\hat{x}_{th}\,\hat{x}_{th} \f]
/// \f[ \delta\gamma_h \mathrel{+}= \sum_t \delta y_{th}\,\hat{x}_{th},\quad \delta\beta_h \mathrel{+}= \sum_t \delta y_{th} \f]
/// @param d_y  the gradient of the loss with respect to y, [T, H]
/// @param norm  norm.gamma, [H]
/// @param act  activations of layer_norm: act.rstd, which is r, [T], and act.x_hat [T, H]
/// @param[in,out] d_norm  d_norm.gamma and d_norm.beta, [H] each, are added to
/// @param[out] d_x  the gradient with respect to x, [T, H]
inline void layer_norm_backward(const Matrix& d_y, const bert::LayerNorm<double>& norm,
                                const bert::LayerNormActivations<double>& act, bert::LayerNorm<double>& d_norm, Matrix& d_x)
{
    not_written("layer_norm_backward", d_y, norm, act, d_norm, d_x);  // YOUR CODE
}

}  // namespace exercise
