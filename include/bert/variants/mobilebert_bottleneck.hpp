/// @file
/// MobileBERT's bottleneck: the way from the hidden states, H wide, into a block, which is narrower: N wide
/// (Config::block_width). A block has two: what one computes is attention's residual, what the other computes is read by query
/// and key. (The way out is an Add & Norm, mobilebert_add_and_norm.hpp.)
#pragma once

#include <cstddef>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/no_norm.hpp"

namespace bert {

/// What Bottleneck::forward computes.
template <class Real>
struct BottleneckActivations {
    Tensor<Real, 2> projected;        ///< after the linear layer, [T, N]
    LayerNormActivations<Real> norm;  ///< norm.y, [T, N]; with layer norm, rstd and x_hat too

    /// @return  the result, [T, N]
    const Tensor<Real, 2>& y() const { return norm.y; }
};

/// A linear layer and a norm. (Sun et al. 2020, section 3.1 and figure 1c.)
template <class Real, class Ops = Reference>
struct Bottleneck {
    Linear<Real> dense;    ///< [N, H], [N]; published as dense
    LayerNorm<Real> norm;  ///< [N] each; published as LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0.bottleneck.input`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
        LayerNorm<Real>::parameters(visit, name + ".LayerNorm", selves.norm...);
    }

    /// Makes the component of a configuration.
    /// @param config  hidden_size and intra_bottleneck_size
    /// @return  the component, all zeros
    static Bottleneck make(const Config& config)
    {
        const std::size_t H = config.hidden_size, N = config.block_width();
        return {make_linear<Real>(N, H), make_layer_norm<Real>(N)};
    }

    /// Narrows the hidden states.
    /// \f[ p = x W^T + b,\quad y = \mathrm{Norm}(p) \f]
    /// where Norm is NoNorm or layer norm (no_norm.hpp).
    /// Symbols: \f$W, b\f$ `dense`, \f$p\f$ `act.projected`, \f$y\f$ `act.y()`.
    /// @param x  hidden states, [T, H]
    /// @param pass  normalization_type, layer_norm_eps, workspace
    /// @param[out] act  every tensor of the formula, [T, N] each; with layer norm, rstd [T] and x_hat [T, N] too
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, BottleneckActivations<Real>& act) const
    {
        const std::size_t N = dense.weight.shape(0);
        require_linear("bottleneck: dense", dense, N, x.shape(1));
        require_layer_norm("bottleneck: LayerNorm", norm, N);
        Ops::linear(x, dense.weight, dense.bias, act.projected, pass.workspace);
        normalize<Ops>(act.projected, norm, pass.config.layer_norm_eps, pass.config, act.norm);
    }

    /// The steps of forward in reverse order; Norm' is the backward of Norm.
    /// \f[ \delta p = \mathrm{Norm}'(\delta y),\quad \delta W \mathrel{+}= \delta p^T x,\quad
    ///     \delta b \mathrel{+}= \sum_t \delta p_t,\quad \delta x = \delta p\,W \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta p\f$ `d_act.projected`, \f$\delta W, \delta b\f$ `d_bottleneck.dense`,
    /// \f$\delta x\f$ `d_x`.
    /// @param d_y  [T, N]; may be d_act.norm.y
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_bottleneck  the gradients are added to it
    /// @param[out] d_act  the gradient of projected
    /// @param[out] d_x  [T, H]
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const BottleneckActivations<Real>& act,
                  Bottleneck& d_bottleneck, BottleneckActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t N = dense.weight.shape(0);
        require_shape("bottleneck: act.projected (forward computes it)", act.projected, {x.shape(0), N});
        require_shape("bottleneck: d_y", d_y, act.projected.shape());
        require_linear("bottleneck: d_dense", d_bottleneck.dense, N, x.shape(1));
        require_layer_norm("bottleneck: d_LayerNorm", d_bottleneck.norm, N);
        normalize_backward<Ops>(d_y, act.projected, norm, pass.config, act.norm, d_bottleneck.norm, d_act.projected);
        Ops::linear_backward(d_act.projected, x, dense.weight, d_bottleneck.dense.weight, d_bottleneck.dense.bias, d_x,
                             pass.workspace);
    }
};

}  // namespace bert
