/// @file
/// What a fast set computes in one pass, as compositions of the small operations: so each formula stands once.
#pragma once

#include <cstddef>

#include "bert/core/activation.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"

namespace bert::reference {

/// The operations `linear_activation` and `linear_residual_layer_norm`.
struct FusedOperations {
    /// The first half of a feed-forward network, y = f(x Wᵀ + b).
    /// @param x  [T, H]
    /// @param map  W [I, H] and b [I]
    /// @param activation  f
    /// @param[out] pre_activation  x Wᵀ + b, [T, I]
    /// @param[out] y  [T, I]
    /// @param workspace  scratch
    template <class Ops, class Real>
    static void linear_activation(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map, Activation activation,
                                  Tensor<Real, 2>& pre_activation, Tensor<Real, 2>& y, Workspace& workspace)
    {
        Ops::linear(x, map.weight, map.bias, pre_activation, workspace);
        Ops::activate(Ops{}, activation, pre_activation, y);
    }

    /// The end of every sub-layer: y = LayerNorm(residual + x Wᵀ + b).
    /// @param x  [T, in]
    /// @param map  W [H, in] and b [H]
    /// @param residual  what went into the sub-layer, [T, H]
    /// @param norm  gamma and beta, [H] each
    /// @param epsilon  the layer norm's
    /// @param[out] act  projected, sum and norm; norm.y is y
    /// @param workspace  scratch
    /// @throws std::invalid_argument if residual is not [T, H]
    /// @see Vaswani et al. 2017, section 3.1
    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           const Tensor<Real, 2>& residual, const LayerNorm<Real>& norm, Real epsilon,
                                           ResidualActivations<Real>& act, Workspace& workspace)
    {
        const std::size_t T = x.shape(0), H = map.weight.shape(0);
        require_shape("linear_residual_layer_norm: residual", residual, {T, H});
        Ops::linear(x, map.weight, map.bias, act.projected, workspace);
        act.sum.resize({T, H});
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                act.sum(t, h) = act.projected(t, h) + residual(t, h);
        Ops::layer_norm(act.sum, norm, epsilon, act.norm);
    }
};

}  // namespace bert::reference
