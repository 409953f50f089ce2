/// @file
/// The functions of one number: GELU in both forms, ReLU, tanh.
#pragma once

#include <cmath>
#include <cstddef>
#include <numbers>

#include "bert/core/activation.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operations `gelu`, `gelu_tanh`, `relu`, `tanh`, and `activate`, which chooses among the first three.
struct ActivationOperations {
    /// The Gaussian error linear unit: x times the probability that a standard normal number is below x.
    /// \f[ y = x\,\Phi(x) = \tfrac12\,x\,\big(1 + \mathrm{erf}(x/\sqrt2)\big) \f]
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
};

}  // namespace bert::reference
