/// @file
/// What a sentence encoder does with a text's pooled vector: linear layers, layer norms, scaling to length 1, in any order. The
/// modules are those of the sentence-transformers library (6.2); io/sentence_folder.hpp reads them.
#pragma once

#include <cmath>
#include <cstddef>
#include <optional>
#include <variant>

#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/reference.hpp"
#include "bert/sentence_vectors.hpp"

namespace bert {

/// The function of a dense module.
enum class DenseActivation { identity, tanh, relu, gelu, sigmoid, silu };

/// A linear layer and a function.
/// \f[ y = f(x W^T + b) + r,\quad r = 0,\ x \text{ or } x W_r^T \f]
/// Symbols: \f$f\f$ `activation`, \f$W, b\f$ `linear`, \f$W_r\f$ `residual`; r is 0 unless `adds_residual` is set.
template <class Real>
struct DenseModule {
    Linear<Real> linear;                                     ///< [out, in] and [out]; a bias that files lack is 0
    DenseActivation activation = DenseActivation::tanh;      ///< of each number
    bool adds_residual = false;                              ///< whether x is added to the result
    std::optional<Tensor<Real, 2>> residual = std::nullopt;  ///< what x is multiplied by before that, [out, in]; empty: nothing
};

/// A layer norm, with the epsilon 1e-5.
template <class Real>
struct LayerNormModule {
    LayerNorm<Real> norm;  ///< [W]
};

/// Scales to length 1.
struct NormalizeModule {};

/// What follows pooling.
template <class Real>
using SentenceModule = std::variant<DenseModule<Real>, LayerNormModule<Real>, NormalizeModule>;

/// @param activation  the function
/// @param x  a number
/// @return  its value
template <class Real>
Real activate(DenseActivation activation, Real x)
{
    switch (activation) {
        case DenseActivation::identity: return x;
        case DenseActivation::tanh: return std::tanh(x);
        case DenseActivation::relu: return x > 0 ? x : Real(0);
        case DenseActivation::gelu: return x / 2 * (1 + std::erf(x / std::sqrt(Real(2))));
        case DenseActivation::sigmoid: return 1 / (1 + std::exp(-x));
        case DenseActivation::silu: return x / (1 + std::exp(-x));
    }
    return x;
}

/// Applies a module.
/// @param module  the module
/// @param x  a row for each text, [B, in]
/// @return  [B, out]
/// @throws std::invalid_argument if x has another width
template <class Real>
Tensor<Real, 2> apply_module(const DenseModule<Real>& module, const Tensor<Real, 2>& x)
{
    Workspace workspace;
    Tensor<Real, 2> y;  // [B, out]
    Reference::linear(x, module.linear.weight, module.linear.bias, y, workspace);
    for (Real& value : y)
        value = activate(module.activation, value);
    if (!module.adds_residual) return y;
    Tensor<Real, 2> r = x;  // [B, out]
    if (module.residual) {
        const auto no_bias = zeros<Real, 1>({module.residual->shape(0)});
        Reference::linear(x, *module.residual, no_bias, r, workspace);
    }
    add(r, y);
    return y;
}

/// @copydoc apply_module(const DenseModule<Real>&, const Tensor<Real, 2>&)
template <class Real>
Tensor<Real, 2> apply_module(const LayerNormModule<Real>& module, const Tensor<Real, 2>& x)
{
    LayerNormActivations<Real> act;
    Reference::layer_norm(x, module.norm, Real(1e-5), act);
    return act.y;
}

/// Scales to length 1.
/// @param x  a row for each text, [B, W]
/// @return  [B, W]
template <class Real>
Tensor<Real, 2> apply_module(const NormalizeModule&, const Tensor<Real, 2>& x)
{
    Tensor<Real, 2> y = x;
    normalize_rows(y);
    return y;
}

/// Applies a module of any kind.
/// @param module  the module
/// @param x  a row for each text, [B, in]
/// @return  [B, out]
/// @throws std::invalid_argument if x has another width
template <class Real>
Tensor<Real, 2> apply_any(const SentenceModule<Real>& module, const Tensor<Real, 2>& x)
{
    return std::visit([&](const auto& known) { return apply_module<Real>(known, x); }, module);
}

}  // namespace bert
