/// @file
/// Exercise 5: layer normalization.
#pragma once

#include <cmath>

#include <bert/core/layer_norm.hpp>

#include "../exercise.hpp"

namespace exercise {

/// Normalizes each row of x, then scales and shifts it.
/// \f[ \mu_t = \tfrac1H \sum_h x_{th},\quad \sigma_t^2 = \tfrac1H \sum_h (x_{th}-\mu_t)^2,\quad
///     r_t = (\sigma_t^2 + \varepsilon)^{-1/2},\quad \hat{x}_{th} = (x_{th}-\mu_t)\,r_t,\quad
///     y_{th} = \gamma_h\,\hat{x}_{th} + \beta_h \f]
/// @param x  hidden states, [T, H]
/// @param norm  norm.gamma and norm.beta, [H] each
/// @param epsilon  keeps r finite for a constant row
/// @param[out] act  act.rstd, which is r, [T], act.x_hat [T, H] and act.y [T, H]; `act.resize(T, H)` sets their sizes
inline void layer_norm(const Matrix& x, const bert::LayerNorm<double>& norm, double epsilon,
                       bert::LayerNormActivations<double>& act)
{
    not_written("layer_norm", x, norm, epsilon, act);  // YOUR CODE
}

}  // namespace exercise
