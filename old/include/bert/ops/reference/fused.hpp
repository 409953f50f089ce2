/// @file
/// What a fast set computes in one pass, as compositions of the small operations: so each formula stands once.
#pragma once

#include <cstddef>

#include "bert/core/activation.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"

namespace bert::reference {

/// The operations `linear_activation` and `linear_residual_layer_norm`, each with its backward.
struct FusedOperations {
    /// The first half of a feed-forward network, y = f(x Wᵀ + b). (Vaswani et al. 2017, section 3.3.)
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

    /// The same steps from the last to the first.
    /// @param d_y  [T, I]
    /// @param x  as in forward, [T, H]
    /// @param map  as in forward
    /// @param activation  as in forward
    /// @param pre_activation  what forward computed, [T, I]
    /// @param[in,out] d_map  is added to
    /// @param[out] d_pre_activation  [T, I]; may be d_y itself
    /// @param[in,out] d_x  [T, H], is added to: what has come by the residual is in it already
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Ops, class Real>
    static void linear_activation_backward(Ops, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           Activation activation, const Tensor<Real, 2>& pre_activation, Linear<Real>& d_map,
                                           Tensor<Real, 2>& d_pre_activation, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        const std::size_t T = x.shape(0), H = x.shape(1);
        require_shape("linear_activation_backward: d_x", d_x, {T, H});
        Ops::activate_backward(Ops{}, activation, d_y, pre_activation, d_pre_activation);
        Tensor<Real, 2> by_map;  // [T, H]
        Ops::linear_backward(d_pre_activation, x, map.weight, d_map.weight, d_map.bias, by_map, workspace);
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                d_x(t, h) += by_map(t, h);
    }

    /// The end of every sub-layer: y = LayerNorm(residual + dropout(x Wᵀ + b)).
    /// @param x  [T, in]
    /// @param map  W [H, in] and b [H]
    /// @param residual  what went into the sub-layer, [T, H]
    /// @param norm  gamma and beta, [H] each
    /// @param epsilon  the layer norm's
    /// @param place  of the dropout; its probability is 0 in inference
    /// @param[out] act  projected, dropped, sum and norm; norm.y is y
    /// @param workspace  scratch
    /// @throws std::invalid_argument if residual is not [T, H]
    /// @see Vaswani et al. 2017, section 3.1
    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           const Tensor<Real, 2>& residual, const LayerNorm<Real>& norm, Real epsilon,
                                           const DropoutPlace& place, ResidualActivations<Real>& act, Workspace& workspace)
    {
        const std::size_t T = x.shape(0), H = map.weight.shape(0);
        require_shape("linear_residual_layer_norm: residual", residual, {T, H});
        Ops::linear(x, map.weight, map.bias, act.projected, workspace);
        Ops::dropout(act.projected, place, act.dropped);
        act.sum.resize({T, H});
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                act.sum(t, h) = act.dropped(t, h) + residual(t, h);
        Ops::layer_norm(act.sum, norm, epsilon, act.norm);
    }

    /// The same steps from the last to the first. A sum hands its gradient on to both its terms, so that of the residual is
    /// d_act.sum as it is: a way past the sub-layer on which no gradient gets lost.
    /// @param d_y  [T, H]
    /// @param x  as in forward, [T, in]
    /// @param map  as in forward
    /// @param norm  as in forward
    /// @param place  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_map  is added to
    /// @param[in,out] d_norm  is added to
    /// @param[out] d_act  the gradients of sum and projected, [T, H] each; that of the residual is d_act.sum
    /// @param[out] d_x  [T, in]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Ops, class Real>
    static void linear_residual_layer_norm_backward(Ops, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x,
                                                    const Linear<Real>& map, const LayerNorm<Real>& norm,
                                                    const DropoutPlace& place, const ResidualActivations<Real>& act,
                                                    Linear<Real>& d_map, LayerNorm<Real>& d_norm,
                                                    ResidualActivations<Real>& d_act, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        Ops::layer_norm_backward(d_y, norm, act.norm, d_norm, d_act.sum);
        Ops::dropout_backward(d_act.sum, place, d_act.projected);  // what is dropped has the gradient of the sum
        Ops::linear_backward(d_act.projected, x, map.weight, d_map.weight, d_map.bias, d_x, workspace);
    }
};

}  // namespace bert::reference
