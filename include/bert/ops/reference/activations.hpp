/// @file
/// The activation functions: GELU in both forms, ReLU, and tanh.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>

#include "bert/core/activation.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operations `gelu`, `gelu_tanh`, `relu`, `tanh`, and `activate`, which chooses among the first three; each with its
/// backward.
struct ActivationOperations {
    /// The Gaussian error linear unit: x times the probability that a standard normal variable is below x.
    /// \f[ y = x\,\Phi(x) = \tfrac12\,x\,\big(1 + \mathrm{erf}(x/\sqrt2)\big) = \tfrac12\,x\,\mathrm{erfc}(-x/\sqrt2) \f]
    /// Symbols: \f$\Phi(x)\f$ `probability`.
    /// @param x  [T, I]
    /// @param[out] y  [T, I]; may alias x
    /// @see Hendrycks and Gimpel 2016, section 2; Devlin et al. 2019, appendix A.2. Where a configuration says "gelu", the
    /// transformers library means this form, and so do we; google-research/bert, modeling.py, in its last version means gelu_tanh
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

    /// The product rule; the derivative of Φ is φ, the density of the standard normal distribution.
    /// \f[ \delta x = \delta y\,\big(\Phi(x) + x\,\varphi(x)\big),\quad \varphi(x) = e^{-x^2/2} \big/ \sqrt{2\pi} \f]
    /// Symbols: \f$\Phi\f$ `probability`, \f$\varphi\f$ `density`, \f$\delta x, \delta y\f$ `d_x`, `d_y`.
    /// @param d_y  [T, I]
    /// @param x  the input of gelu, [T, I]
    /// @param[out] d_x  [T, I]; may alias d_y
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
    /// Symbols: \f$u\f$ `u`, \f$\sqrt{2/\pi}\f$ `root_two_over_pi`, 0.044715 `gelu_cubic`, \f$x^3\f$ `cube`.
    /// @param x  [T, I]
    /// @param[out] y  [T, I]; may alias x
    /// @see Hendrycks and Gimpel 2016, section 2
    template <class Real>
    static void gelu_tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        const Real root_two_over_pi = std::sqrt(Real(2) * std::numbers::inv_pi_v<Real>);
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const Real cube = x(t, i) * x(t, i) * x(t, i);
                const Real u = root_two_over_pi * (x(t, i) + Real(gelu_cubic) * cube);
                y(t, i) = x(t, i) / 2 * (1 + std::tanh(u));
            }
        }
    }

    /// The product rule, with tanh' = 1 - tanh².
    /// \f[ \delta x = \delta y\,\Big(\tfrac12\,(1 + \tanh u) + \tfrac12\,x\,(1 - \tanh^2 u)\,u'\Big),\quad
    ///     u' = \sqrt{2/\pi}\,(1 + 3 \cdot 0.044715\,x^2) \f]
    /// Symbols: \f$u\f$ `u`, as in gelu_tanh, \f$u'\f$ `slope`, \f$\tanh u\f$ `tanh_u`, \f$x^2\f$ `square`.
    /// @param d_y  [T, I]
    /// @param x  the input of gelu_tanh, [T, I]
    /// @param[out] d_x  [T, I]; may alias d_y
    /// @throws std::invalid_argument if d_y is not [T, I]
    template <class Real>
    static void gelu_tanh_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_x)
    {
        require_shape("gelu_tanh_backward: d_y", d_y, {x.shape(0), x.shape(1)});
        const Real root_two_over_pi = std::sqrt(Real(2) * std::numbers::inv_pi_v<Real>);
        d_x.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t i = 0; i < x.shape(1); ++i) {
                const Real square = x(t, i) * x(t, i);
                const Real u = root_two_over_pi * (x(t, i) + Real(gelu_cubic) * square * x(t, i));
                const Real tanh_u = std::tanh(u);
                const Real slope = root_two_over_pi * (1 + 3 * Real(gelu_cubic) * square);
                d_x(t, i) = d_y(t, i) * ((1 + tanh_u) / 2 + x(t, i) / 2 * (1 - tanh_u * tanh_u) * slope);
            }
        }
    }

    /// The rectified linear unit. A NaN stays a NaN.
    /// \f[ y = \max(0, x) \f]
    /// @param x  [T, I]
    /// @param[out] y  [T, I]; may alias x
    /// @see Nair and Hinton 2010; Vaswani et al. 2017, section 3.3
    template <class Real>
    static void relu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t)
            for (std::size_t i = 0; i < x.shape(1); ++i)
                y(t, i) = x(t, i) < 0 ? Real(0) : x(t, i);
    }

    /// \f[ \delta x = \delta y\ \text{where}\ x > 0,\ \text{else}\ 0 \f]
    /// At x = 0, where the derivative doesn't exist, the gradient is 0, as in PyTorch.
    /// @param d_y  [T, I]
    /// @param x  the input of relu, [T, I]
    /// @param[out] d_x  [T, I]; may alias d_y
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

    /// The hyperbolic tangent, the activation of the pooler (google-research/bert, modeling.py).
    /// @param x  [B, H]
    /// @param[out] y  [B, H]; may alias x
    template <class Real>
    static void tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        y.resize(x.shape());
        for (std::size_t b = 0; b < x.shape(0); ++b)
            for (std::size_t h = 0; h < x.shape(1); ++h)
                y(b, h) = std::tanh(x(b, h));
    }

    /// Computed from the result instead of x, with tanh' = 1 - tanh².
    /// \f[ \delta x = \delta y\,(1 - y^2) \f]
    /// @param d_y  [B, H]
    /// @param y  the result of tanh, [B, H]
    /// @param[out] d_x  [B, H]; may alias d_y
    /// @throws std::invalid_argument if d_y is not [B, H]
    template <class Real>
    static void tanh_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& y, Tensor<Real, 2>& d_x)
    {
        require_shape("tanh_backward: d_y", d_y, {y.shape(0), y.shape(1)});
        d_x.resize(y.shape());
        for (std::size_t b = 0; b < y.shape(0); ++b)
            for (std::size_t h = 0; h < y.shape(1); ++h)
                d_x(b, h) = d_y(b, h) * (1 - y(b, h) * y(b, h));
    }

    /// Applies the activation function that a configuration names. The unnamed first argument is the set whose functions it calls
    /// (ops/reference.hpp).
    /// @param activation  the function
    /// @param x  [T, I]
    /// @param[out] y  [T, I]; may alias x
    /// @throws std::invalid_argument if activation is not one of the enumerators
    template <class Ops, class Real>
    static void activate(Ops, Activation activation, const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        switch (activation) {
            case Activation::gelu: Ops::gelu(x, y); return;
            case Activation::gelu_tanh: Ops::gelu_tanh(x, y); return;
            case Activation::relu: Ops::relu(x, y); return;
        }
        throw std::invalid_argument("activate: expected one of Activation, got another number");
    }

    /// The backward of activate: multiplies d_y by the derivative.
    /// @param activation  the function
    /// @param d_y  [T, I]
    /// @param x  the input of activate, [T, I]
    /// @param[out] d_x  [T, I]; may alias d_y
    /// @throws std::invalid_argument if d_y is not [T, I], or if activation is not one of the enumerators
    template <class Ops, class Real>
    static void activate_backward(Ops, Activation activation, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x,
                                  Tensor<Real, 2>& d_x)
    {
        switch (activation) {
            case Activation::gelu: Ops::gelu_backward(d_y, x, d_x); return;
            case Activation::gelu_tanh: Ops::gelu_tanh_backward(d_y, x, d_x); return;
            case Activation::relu: Ops::relu_backward(d_y, x, d_x); return;
        }
        throw std::invalid_argument("activate_backward: expected one of Activation, got another number");
    }

private:
    static constexpr long double gelu_cubic = 0.044715L;  // long double, so that no scalar type gets a less exact constant
};

}  // namespace bert::reference
