/// @file
/// MobileBERT's Add & Norm: BERT's (add_and_norm.hpp) with the norm of the configuration. It ends attention and each feed-forward
/// network, and as output bottleneck it leads from the block's width back to H.
#pragma once

#include <cstddef>

#include "bert/add_and_norm.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/no_norm.hpp"

namespace bert {

/// The pass of a linear layer that isn't followed by dropout.
/// @param pass  a pass
/// @return  the same pass without dropout
inline Pass without_dropout(const Pass& pass)
{
    Pass without = pass;
    without.dropout = {};
    return without;
}

/// A linear layer, the residual, and a norm: BERT's parameters, with the norm of the configuration. It has no fused form: `Fast`
/// runs the statements below, too. (Sun et al. 2020, section 3.3 and figure 1c.)
template <class Real, class Ops = Reference>
struct MobileBertAddAndNorm : AddAndNorm<Real, Ops> {
    using AddAndNorm<Real, Ops>::dense;  ///< [out, in], [out]; published as dense
    using AddAndNorm<Real, Ops>::norm;   ///< [out] each; published as LayerNorm

    /// Makes the component of two widths.
    /// @param in  width of the sub-layer's result
    /// @param out  width of the residual
    /// @return  the component, all zeros
    static MobileBertAddAndNorm make(std::size_t in, std::size_t out) { return {AddAndNorm<Real, Ops>::make(in, out)}; }

    /// Projects what the sub-layer computed, adds the residual, and normalizes.
    /// \f[ p = z W^T + b,\quad s = \mathrm{dropout}(p) + r,\quad y = \mathrm{Norm}(s) \f]
    /// where Norm is NoNorm or layer norm (no_norm.hpp).
    /// Symbols: \f$W, b\f$ `dense`, \f$p\f$ `act.projected`, dropout(p) `act.after_dropout`, \f$r\f$ `residual`, \f$s\f$
    /// `act.sum`, \f$y\f$ `act.y()`.
    /// @param z  what the sub-layer computed, [T, in]
    /// @param residual  what is added, [T, out]
    /// @param epsilon  of layer norm; NoNorm has none
    /// @param pass  normalization_type, workspace, and dropout, at the sub-layer's site (Pass::at)
    /// @param[out] act  every tensor of the formula, [T, out] each; with layer norm, rstd [T] and x_hat [T, out] too
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& z, const Tensor<Real, 2>& residual, double epsilon, const Pass& pass,
                 AddAndNormActivations<Real>& act) const
    {
        const std::size_t T = z.shape(0), out = dense.weight.shape(0);
        require_linear("add_and_norm: dense", dense, out, z.shape(1));
        require_layer_norm("add_and_norm: LayerNorm", norm, out);
        require_shape("add_and_norm: residual", residual, {T, out});
        pass.dropout.place().require_valid(T);
        Ops::linear(z, dense.weight, dense.bias, act.projected, pass.workspace);
        Ops::dropout(act.projected, pass.dropout.place(), act.after_dropout);
        act.sum = act.after_dropout;
        add(residual, act.sum);
        normalize<Ops>(act.sum, norm, epsilon, pass.config, act.norm);
    }

    /// The steps of forward in reverse order; Norm' is the backward of Norm. The residual's gradient is that of the sum.
    /// \f[ \delta s = \mathrm{Norm}'(\delta y),\quad \delta r = \delta s,\quad \delta p = m\,\delta s,\quad
    ///     \delta W \mathrel{+}= \delta p^T z,\quad \delta b \mathrel{+}= \sum_t \delta p_t,\quad \delta z = \delta p\,W \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta s\f$ and \f$\delta r\f$ `d_act.sum`, \f$\delta p\f$ `d_act.projected`, \f$m\f$
    /// the factors of dropout, 0 or 1 / (1 - dropout's probability), \f$\delta W, \delta b\f$ `d_add_and_norm.dense`,
    /// \f$\delta z\f$ `d_z`.
    /// @param d_y  [T, out]; may be d_act.norm.y
    /// @param z  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_add_and_norm  the gradients are added to it
    /// @param[out] d_act  the gradients of sum, which is the residual's too, and of projected
    /// @param[out] d_z  [T, in]
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& z, const Pass& pass, const AddAndNormActivations<Real>& act,
                  MobileBertAddAndNorm& d_add_and_norm, AddAndNormActivations<Real>& d_act, Tensor<Real, 2>& d_z) const
    {
        const std::size_t T = z.shape(0), out = dense.weight.shape(0);
        require_shape("add_and_norm: act.sum (forward computes it)", act.sum, {T, out});
        require_shape("add_and_norm: d_y", d_y, {T, out});
        require_linear("add_and_norm: d_dense", d_add_and_norm.dense, out, z.shape(1));
        require_layer_norm("add_and_norm: d_LayerNorm", d_add_and_norm.norm, out);
        pass.dropout.place().require_valid(T);
        normalize_backward<Ops>(d_y, act.sum, norm, pass.config, act.norm, d_add_and_norm.norm, d_act.sum);
        Ops::dropout_backward(d_act.sum, pass.dropout.place(), d_act.projected);
        Ops::linear_backward(d_act.projected, z, dense.weight, d_add_and_norm.dense.weight, d_add_and_norm.dense.bias, d_z,
                             pass.workspace);
    }
};

}  // namespace bert
