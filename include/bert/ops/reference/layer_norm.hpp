/// @file
/// Layer normalization.
#pragma once

#include <cmath>
#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/activations.hpp"

namespace bert::reference {

/// The operation `layer_norm`.
struct LayerNormOperation {
    /// Normalizes each row of x, then scales and shifts it.
    /// \f[ \mu_t = \tfrac1H \sum_h x_{th},\quad r_t = \big(\tfrac1H \sum_h (x_{th}-\mu_t)^2 + \varepsilon\big)^{-1/2},\quad
    ///     \hat{x}_{th} = (x_{th}-\mu_t)\,r_t,\quad y_{th} = \gamma_h\,\hat{x}_{th} + \beta_h \f]
    /// Symbols: \f$\mu\f$ `mean`, \f$r\f$ `rstd`, \f$\hat{x}\f$ `x_hat`.
    /// @param x  hidden states, [T, H]
    /// @param norm  gamma and beta, [H] each
    /// @param epsilon  keeps r finite for a constant row; 1e-12 in BERT, 1e-5 in RoBERTa
    /// @param[out] act  rstd [T], x_hat [T, H] and y [T, H]
    /// @throws std::invalid_argument if gamma or beta is not [H]
    /// @see Ba, Kiros and Hinton 2016, section 3
    template <class Real>
    static void layer_norm(const Tensor<Real, 2>& x, const LayerNorm<Real>& norm, Real epsilon, LayerNormActivations<Real>& act)
    {
        const std::size_t T = x.shape(0), H = x.shape(1);
        require_shape("layer_norm: gamma", norm.gamma, {H});
        require_shape("layer_norm: beta", norm.beta, {H});
        act.resize(T, H);
        for (std::size_t t = 0; t < T; ++t) {
            Real mean = 0;
            for (std::size_t h = 0; h < H; ++h)
                mean += x(t, h) / Real(H);
            Real variance = 0;
            // A second pass: in float, E[x^2] - mean^2 has no correct digit once |mean| is 1000 sigma.
            for (std::size_t h = 0; h < H; ++h)
                variance += (x(t, h) - mean) * (x(t, h) - mean) / Real(H);
            act.rstd(t) = 1 / std::sqrt(variance + epsilon);
            for (std::size_t h = 0; h < H; ++h) {
                act.x_hat(t, h) = (x(t, h) - mean) * act.rstd(t);
                act.y(t, h) = norm.gamma(h) * act.x_hat(t, h) + norm.beta(h);
            }
        }
    }
};

}  // namespace bert::reference
