/// @file
/// Layer normalization.
#pragma once

#include <cmath>
#include <cstddef>

#include "bert/core/layer_norm.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `layer_norm` and its backward.
struct LayerNormOperations {
    /// Normalizes each row of x, then scales and shifts it. (The paper has no epsilon; published code adds one.)
    /// \f[ \mu_t = \tfrac1H \sum_h x_{th},\quad \sigma_t^2 = \tfrac1H \sum_h (x_{th}-\mu_t)^2,\quad
    ///     r_t = (\sigma_t^2 + \varepsilon)^{-1/2},\quad \hat{x}_{th} = (x_{th}-\mu_t)\,r_t,\quad
    ///     y_{th} = \gamma_h\,\hat{x}_{th} + \beta_h \f]
    /// Symbols: \f$\mu\f$ `mean`, \f$\sigma^2\f$ `variance`, \f$\varepsilon\f$ `epsilon`, \f$r\f$ `rstd`, \f$\hat{x}\f$ `x_hat`,
    /// \f$\gamma, \beta\f$ `norm.gamma`, `norm.beta`, \f$y\f$ `act.y`; `correction` is the mean of \f$x - \mu\f$, which is 0 but
    /// for rounding.
    /// @param x  hidden states, [T, H]; may alias act.x_hat
    /// @param norm  gamma and beta, [H] each
    /// @param epsilon  keeps r finite for a constant row; 1e-12 in BERT, 1e-5 in RoBERTa
    /// @param[out] act  rstd [T], x_hat [T, H] and y [T, H]; layer_norm_backward reads rstd and x_hat
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
            // The first mean is rounded. Adding the mean of the deviations from it removes most of that error, so that a constant
            // row gives x_hat = 0 even in float.
            Real correction = 0;
            for (std::size_t h = 0; h < H; ++h)
                correction += (x(t, h) - mean) / Real(H);
            mean += correction;
            Real variance = 0;
            // A separate pass: in float, E[x^2] - mean^2 has no correct digit once |mean| is 4000 sigma.
            for (std::size_t h = 0; h < H; ++h)
                variance += (x(t, h) - mean) * (x(t, h) - mean) / Real(H);
            act.rstd(t) = 1 / std::sqrt(variance + epsilon);
            for (std::size_t h = 0; h < H; ++h) {
                act.x_hat(t, h) = (x(t, h) - mean) * act.rstd(t);
                act.y(t, h) = norm.gamma(h) * act.x_hat(t, h) + norm.beta(h);
            }
        }
    }

    /// Each number of x affects its own \f$\hat{x}\f$, the mean, and the variance; hence three terms.
    /// \f[ \delta x_{th} = r_t\,(\delta\hat{x}_{th} - s_t - \hat{x}_{th}\,a_t),\quad
    ///     \delta\hat{x}_{th} = \gamma_h\,\delta y_{th},\quad s_t = \tfrac1H \sum_h \delta\hat{x}_{th},\quad
    ///     a_t = \tfrac1H \sum_h \delta\hat{x}_{th}\,\hat{x}_{th} \f]
    /// \f[ \delta\gamma_h \mathrel{+}= \sum_t \delta y_{th}\,\hat{x}_{th},\quad
    ///     \delta\beta_h \mathrel{+}= \sum_t \delta y_{th} \f]
    /// Term by term, where [k = h] is 1 for k = h and 0 elsewhere:
    ///   - \f$\partial\mu_t/\partial x_{th} = 1/H\f$;
    ///   - \f$\partial\sigma_t^2/\partial x_{th} = \tfrac2H \sum_k (x_{tk}-\mu_t)([k=h] - \tfrac1H)
    ///     = \tfrac2H\,(x_{th}-\mu_t)\f$: the change of the mean has no effect, because the deviations from it sum to 0;
    ///   - \f$\partial r_t/\partial\sigma_t^2 = -\tfrac12\,r_t^3\f$, so
    ///     \f$\partial r_t/\partial x_{th} = -r_t^3\,(x_{th}-\mu_t)/H = -r_t^2\,\hat{x}_{th}/H\f$;
    ///   - \f$\partial\hat{x}_{tk}/\partial x_{th} = r_t\,([k=h] - \tfrac1H) + (x_{tk}-\mu_t)\,\partial r_t/\partial x_{th} =
    ///     r_t\,([k=h] - \tfrac1H - \tfrac1H\,\hat{x}_{tk}\,\hat{x}_{th})\f$.
    ///
    /// Multiplied by \f$\delta\hat{x}_{tk}\f$ and summed over k, these are the three terms. \f$\delta x_t\f$ is orthogonal to
    /// the row of ones, because shifting x doesn't change y; and, if epsilon is 0, to \f$\hat{x}_t\f$, because scaling x doesn't
    /// change y. Symbols: \f$\delta\hat{x}\f$ `d_x_hat`, \f$s_t\f$ `s`, the mean of d_x_hat, \f$a_t\f$ `a`, the component of
    /// d_x_hat along x_hat;
    /// \f$\delta x, \delta y\f$ `d_x`, `d_y`, \f$\delta\gamma, \delta\beta\f$ `d_norm.gamma`, `d_norm.beta`.
    /// @param d_y  [T, H]
    /// @param norm  gamma, [H]
    /// @param act  result of layer_norm: rstd [T], x_hat [T, H]
    /// @param[in,out] d_norm  gamma and beta, [H] each; added to
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static void layer_norm_backward(const Tensor<Real, 2>& d_y, const LayerNorm<Real>& norm,
                                    const LayerNormActivations<Real>& act, LayerNorm<Real>& d_norm, Tensor<Real, 2>& d_x)
    {
        const std::size_t T = act.x_hat.shape(0), H = act.x_hat.shape(1);
        require_shape("layer_norm_backward: d_y", d_y, {T, H});
        require_shape("layer_norm_backward: act.rstd", act.rstd, {T});
        require_shape("layer_norm_backward: gamma", norm.gamma, {H});
        require_shape("layer_norm_backward: d_norm.gamma", d_norm.gamma, {H});
        require_shape("layer_norm_backward: d_norm.beta", d_norm.beta, {H});
        d_x.resize({T, H});
        for (std::size_t t = 0; t < T; ++t) {
            Real s = 0, a = 0;
            for (std::size_t h = 0; h < H; ++h) {
                d_norm.gamma(h) += d_y(t, h) * act.x_hat(t, h);
                d_norm.beta(h) += d_y(t, h);
                const Real d_x_hat = norm.gamma(h) * d_y(t, h);
                s += d_x_hat / Real(H);
                a += d_x_hat * act.x_hat(t, h) / Real(H);
            }
            for (std::size_t h = 0; h < H; ++h) {
                const Real d_x_hat = norm.gamma(h) * d_y(t, h);
                d_x(t, h) = act.rstd(t) * (d_x_hat - s - act.x_hat(t, h) * a);
            }
        }
    }
};

}  // namespace bert::reference
