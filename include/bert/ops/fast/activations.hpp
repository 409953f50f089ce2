/// @file
/// GELU in both forms, ReLU and tanh, a vector of numbers at a time.
///
/// Differs from the reference in two ways. GELU takes 1 + erf where the reference takes erfc, so that for x below -2 the
/// result has the absolute error of a number near 1, times x, and not its own. GELU with tanh is written with one
/// exponential, x / (1 + exp(-2u)), which is the same function.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "bert/core/activation.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/reference/activations.hpp"

namespace bert::fast {

/// The functions of a vector of numbers, and of rows.
/// @tparam V  the vector
template <class V>
struct Activations {
    using Real = typename V::value_type;  ///< the scalar

    /// @param x  numbers @return  x/2 (1 + erf(x/√2))
    static V gelu(const V& x)
    {
        const V half_x = x * V(Real(0.5));
        return multiply_add(half_x, erf(x * V(1 / std::numbers::sqrt2_v<Real>)), half_x);
    }

    /// @param x  numbers @return  x/2 (1 + tanh u) = x / (1 + exp(-2u)), u = √(2/π) (x + 0.044715 x³)
    static V gelu_tanh(const V& x)
    {
        const Real c = -2 * std::sqrt(2 * std::numbers::inv_pi_v<Real>);
        const V minus_two_u = x * multiply_add(x * x, V(c * Real(0.044715L)), V(c));
        return x / (V(Real(1)) + exp(minus_two_u));
    }

    /// @param x  numbers @return  max(0, x), NaN for NaN
    static V relu(const V& x) { return select(x < V(Real(0)), V(Real(0)), x); }

    /// A row of any activation.
    /// @param activation  which
    /// @param n  how many numbers
    /// @param x  [n]
    /// @param y  [n]; may be x
    static void row(Activation activation, std::size_t n, const Real* x, Real* y)
    {
        switch (activation) {
            case Activation::gelu: return map<V>(n, x, y, [](const V& v) { return gelu(v); });
            case Activation::gelu_tanh: return map<V>(n, x, y, [](const V& v) { return gelu_tanh(v); });
            case Activation::relu: return map<V>(n, x, y, [](const V& v) { return relu(v); });
        }
    }
};

/// The operations `gelu`, `gelu_tanh`, `relu`, `tanh`; `activate` is the reference's choice among them.
/// @tparam Arch  the instruction set
template <class Arch>
struct ActivationOperations : reference::ActivationOperations {
    /// @copydoc bert::reference::ActivationOperations::gelu
    template <class Real>
    static void gelu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        using V = Vector<Real, Arch>;
        on_all_threads(x, y,
                       [](std::size_t n, const Real* from, Real* to) { Activations<V>::row(Activation::gelu, n, from, to); });
    }

    /// @copydoc bert::reference::ActivationOperations::gelu_tanh
    template <class Real>
    static void gelu_tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        using V = Vector<Real, Arch>;
        on_all_threads(
            x, y, [](std::size_t n, const Real* from, Real* to) { Activations<V>::row(Activation::gelu_tanh, n, from, to); });
    }

    /// @copydoc bert::reference::ActivationOperations::relu
    template <class Real>
    static void relu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        using V = Vector<Real, Arch>;
        on_all_threads(x, y,
                       [](std::size_t n, const Real* from, Real* to) { Activations<V>::row(Activation::relu, n, from, to); });
    }

    /// @copydoc bert::reference::ActivationOperations::tanh
    template <class Real>
    static void tanh(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        using V = Vector<Real, Arch>;
        on_all_threads(x, y, [](std::size_t n, const Real* from, Real* to) {
            using xsimd::tanh;
            map<V>(n, from, to, [](const V& v) { return tanh(v); });
        });
    }

private:
    /// Cuts all numbers into pieces for the threads.
    template <class Real, class Function>
    static void on_all_threads(const Tensor<Real, 2>& x, Tensor<Real, 2>& y, const Function& function)
    {
        constexpr std::size_t piece_size = 8192;
        y.resize(x.shape());
        const std::size_t size = x.size();
        parallel_for((size + piece_size - 1) / piece_size, [&](std::size_t piece, std::size_t) {
            const std::size_t first = piece * piece_size;
            function(std::min(piece_size, size - first), x.data() + first, y.data() + first);
        });
    }
};

}  // namespace bert::fast
