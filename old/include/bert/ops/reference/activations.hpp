/// @file
/// The functions of one number: GELU in both forms, ReLU, tanh.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include "bert/core/activation.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operations `gelu`, `gelu_tanh`, `relu`, `tanh`, and `activate`, which chooses among the first three; each with its
/// backward.
struct ActivationOperations {
    /// The Gaussian error linear unit: x times the probability that a standard normal number is below x.
    /// \f[ y = x\,\Phi(x) = \tfrac12\,x\,\big(1 + \mathrm{erf}(x/\sqrt2)\big) = \tfrac12\,x\,\mathrm{erfc}(-x/\sqrt2) \f]
    /// Symbols: \f$\Phi(x)\f$ `probability`.
    /// @param x  [T, I]
    /// @param[out] y  [T, I]
    /// @see Hendrycks and Gimpel 2016, section 2; Devlin et al. 2019, appendix A.2
    template <class Real>
    static void gelu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                // erfc rather than 1 + erf: for x below -5 the sum would cancel.
                const Real probability = std::erfc(-x(t, i) / std::numbers::sqrt2_v<Real>) / 2;
                y(t, i) = x(t, i) * probability;
            }
        }
    }

    /// The product rule: Φ's derivative is φ, the density of a standard normal number.
    /// \f[ \delta x = \delta y\,\big(\Phi(x) + x\,\varphi(x)\big),\quad \varphi(x) = e^{-x^2/2} \big/ \sqrt{2\pi} \f]
    /// Symbols: \f$\Phi\f$ `probability`, \f$\varphi\f$ `density`, \f$\delta x, \delta y\f$ `d_x`, `d_y`.
    /// @param d_y  [T, I]
    /// @param x  what gelu was given, [T, I]
    /// @param[out] d_x  [T, I]; may be d_y itself
    /// @throws std::invalid_argument if d_y is not [T, I]
    template <class Real>
    static void gelu_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_x)
    {
        require_shape("gelu_backward: d_y", d_y, {x.shape(0), x.shape(1)});
        d_x.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const Real probability = std::erfc(-x(t, i) / std::numbers::sqrt2_v<Real>) / 2;
                const Real density =
                    std::exp(-x(t, i) * x(t, i) / 2) * std::numbers::inv_sqrtpi_v<Real> / std::numbers::sqrt2_v<Real>;
                d_x(t, i) = d_y(t, i) * (probability + x(t, i) * density);
            }
        }
    }

    /// The approximation of GELU with tanh.
    /// \f[ y = \tfrac12\,x\,\big(1 + \tanh u\big),\quad u = \sqrt{2/\pi}\,(x + 0.044715\,x^3) \f]
    /// @param x  [T, I]
    /// @param[out] y  [T, I]
    /// @see Hendrycks and Gimpel 2016, section 2
    template <class Real>
    static void gelu_tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        const Real c = std::sqrt(Real(2) * std::numbers::inv_pi_v<Real>);
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const Real cube = x(t, i) * x(t, i) * x(t, i);
                const Real u = c * (x(t, i) + Real(0.044715L) * cube);
                y(t, i) = x(t, i) / 2 * (1 + std::tanh(u));
            }
        }
    }

    /// The product rule, and tanh' = 1 - tanh².
    /// \f[ \delta x = \delta y\,\Big(\tfrac12\,(1 + \tanh u) + \tfrac12\,x\,(1 - \tanh^2 u)\,u'\Big),\quad
    ///     u' = \sqrt{2/\pi}\,(1 + 3 \cdot 0.044715\,x^2) \f]
    /// Symbols: \f$u'\f$ `slope`, \f$\tanh u\f$ `tanh_u`.
    /// @param d_y  [T, I]
    /// @param x  what gelu_tanh was given, [T, I]
    /// @param[out] d_x  [T, I]; may be d_y itself
    /// @throws std::invalid_argument if d_y is not [T, I]
    template <class Real>
    static void gelu_tanh_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_x)
    {
        require_shape("gelu_tanh_backward: d_y", d_y, {x.shape(0), x.shape(1)});
        const Real c = std::sqrt(Real(2) * std::numbers::inv_pi_v<Real>);
        d_x.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const Real square = x(t, i) * x(t, i);
                const Real tanh_u = std::tanh(c * (x(t, i) + Real(0.044715L) * square * x(t, i)));
                const Real slope = c * (1 + 3 * Real(0.044715L) * square);
                d_x(t, i) = d_y(t, i) * ((1 + tanh_u) / 2 + x(t, i) / 2 * (1 - tanh_u * tanh_u) * slope);
            }
        }
    }

    /// The rectified linear unit, y = max(0, x). A NaN stays a NaN.
    /// @param x  [T, I]
    /// @param[out] y  [T, I]
    template <class Real>
    static void relu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t)
            for (std::size_t i = 0; i < x.shape(1); ++i)
                y(t, i) = x(t, i) < 0 ? Real(0) : x(t, i);
    }

    /// \f[ \delta x = \delta y\ \text{where}\ x > 0,\ \text{else}\ 0 \f]
    /// At the corner x = 0, where there is no derivative, it is 0, as in the reference library.
    /// @param d_y  [T, I]
    /// @param x  what relu was given, [T, I]
    /// @param[out] d_x  [T, I]; may be d_y itself
    /// @throws std::invalid_argument if d_y is not [T, I]
    template <class Real>
    static void relu_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_x)
    {
        require_shape("relu_backward: d_y", d_y, {x.shape(0), x.shape(1)});
        d_x.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t)
            for (std::size_t i = 0; i < x.shape(1); ++i)
                d_x(t, i) = x(t, i) > 0 ? d_y(t, i) : Real(0);
    }

    /// The hyperbolic tangent, the pooler's.
    /// @param x  [B, H]
    /// @param[out] y  [B, H]
    template <class Real>
    static void tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t)
            for (std::size_t i = 0; i < x.shape(1); ++i)
                y(t, i) = std::tanh(x(t, i));
    }

    /// From the result rather than from x: tanh' = 1 - tanh².
    /// \f[ \delta x = \delta y\,(1 - y^2) \f]
    /// @param d_y  [B, H]
    /// @param y  what tanh computed, [B, H]
    /// @param[out] d_x  [B, H]; may be d_y itself
    /// @throws std::invalid_argument if d_y is not [B, H]
    template <class Real>
    static void tanh_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& y, Tensor<Real, 2>& d_x)
    {
        require_shape("tanh_backward: d_y", d_y, {y.shape(0), y.shape(1)});
        d_x.resize(y.shape());
        for (std::size_t t = 0; t < y.shape(0); ++t)
            for (std::size_t i = 0; i < y.shape(1); ++i)
                d_x(t, i) = d_y(t, i) * (1 - y(t, i) * y(t, i));
    }

    /// The function that a configuration names.
    /// @param activation  which
    /// @param x  [T, I]
    /// @param[out] y  [T, I]
    template <class Ops, class Real>
    static void activate(Ops, Activation activation, const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        switch (activation) {
            case Activation::gelu: return Ops::gelu(x, y);
            case Activation::gelu_tanh: return Ops::gelu_tanh(x, y);
            case Activation::relu: return Ops::relu(x, y);
        }
    }

    /// Its derivative times d_y.
    /// @param activation  which
    /// @param d_y  [T, I]
    /// @param x  what activate was given, [T, I]
    /// @param[out] d_x  [T, I]; may be d_y itself
    template <class Ops, class Real>
    static void activate_backward(Ops, Activation activation, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x,
                                  Tensor<Real, 2>& d_x)
    {
        switch (activation) {
            case Activation::gelu: return Ops::gelu_backward(d_y, x, d_x);
            case Activation::gelu_tanh: return Ops::gelu_tanh_backward(d_y, x, d_x);
            case Activation::relu: return Ops::relu_backward(d_y, x, d_x);
        }
    }
};

}  // namespace bert::reference
