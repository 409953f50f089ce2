/// @file
/// Add & Norm: the end of both sub-layers. The sub-layer's result is projected to the hidden width, added to the sub-layer's
/// input, and normalized. In the paper's figure the projection belongs to attention and to the feed-forward network; here, as in
/// published models, it is stored beside the layer norm, as `output.dense` and `output.LayerNorm`.
#pragma once

#include <cstddef>

#include "bert/core/name.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fuses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What AddAndNorm::forward computes. `Fast` keeps norm only.
template <class Real>
struct AddAndNormActivations {
    Tensor<Real, 2> projected;        ///< what the sub-layer computed, after the linear layer, [T, H]
    Tensor<Real, 2> after_dropout;    ///< projected, after dropout, [T, H]
    Tensor<Real, 2> sum;              ///< with the residual added, [T, H]
    LayerNormActivations<Real> norm;  ///< of the sum: rstd [T], x_hat and y [T, H]

    /// @return  the result, [T, H]
    const Tensor<Real, 2>& y() const { return norm.y; }
};

/// A linear layer and a layer norm. (Vaswani et al. 2017, section 3.1 and figure 1, dropout section 5.4; Devlin et al. 2019,
/// appendix A.2, for its probability. BERT normalizes after the sum: post-LN.)
template <class Real, class Ops = Reference>
struct AddAndNorm {
    Linear<Real> dense;    ///< [H, in], [H]; published as dense
    LayerNorm<Real> norm;  ///< [H] each; published as LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0.output`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
        LayerNorm<Real>::parameters(visit, name + ".LayerNorm", selves.norm...);
    }

    /// @param in  width of the sub-layer's result: H for attention, I for the feed-forward network
    /// @param H  hidden width
    /// @return  the component, all zeros
    static AddAndNorm make(std::size_t in, std::size_t H) { return {make_linear<Real>(H, in), make_layer_norm<Real>(H)}; }

    /// \f[ p = x W^T + b,\quad p' = \mathrm{dropout}(p),\quad s = p' + r,\quad y = \mathrm{LayerNorm}(s) \f]
    /// Symbols: \f$W, b\f$ `dense.weight`, `dense.bias`, \f$p\f$ `act.projected`, \f$p'\f$ `act.after_dropout`, \f$r\f$
    /// `residual`, \f$s\f$ `act.sum`, \f$y\f$ `act.y()`.
    /// @param x  what the sub-layer computed, [T, in]: attention's context, or the feed-forward network's activated numbers
    /// @param residual  input of the sub-layer, [T, H]
    /// @param pass  layer_norm_eps and dropout, at the sub-layer's site (Pass::at)
    /// @param[out] act  every tensor of the formula (`Fast`: see the struct)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Tensor<Real, 2>& residual, const Pass& pass,
                 AddAndNormActivations<Real>& act) const
    {
        const std::size_t T = x.shape(0), in = x.shape(1), H = dense.weight.shape(0);
        require_linear("add_and_norm: dense", dense, H, in);
        require_layer_norm("add_and_norm: LayerNorm", norm, H);
        require_shape("add_and_norm: residual", residual, {T, H});
        if constexpr (fuses<Ops>)
            return Ops::add_and_norm(*this, x, residual, pass, act);  // as one; keeps less (ops/fast/block.hpp)
        Ops::linear(x, dense.weight, dense.bias, act.projected, pass.workspace);
        Ops::dropout(act.projected, pass.dropout.place(), act.after_dropout);
        act.sum = act.after_dropout;
        add(residual, act.sum);
        Ops::layer_norm(act.sum, norm, Real(pass.config.layer_norm_eps), act.norm);
    }

    /// The steps of forward in reverse order. A sum passes its gradient on to both of its terms: the residual's gradient is that
    /// of the sum, unchanged, a way around the sub-layer on which gradients don't fade.
    /// \f[ \delta s = \mathrm{LayerNorm}'(\delta y),\quad \delta r = \delta s,\quad \delta p = m\,\delta s,\quad
    ///     \delta W \mathrel{+}= \delta p^T x,\quad \delta b \mathrel{+}= \sum_t \delta p_t,\quad \delta x = \delta p\,W \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta s\f$ `d_act.sum`, \f$\delta p\f$ `d_act.projected`, \f$m\f$ the factors of
    /// dropout, 0 or 1 / (1 - its probability), \f$\delta W, \delta b\f$ `d_add_and_norm.dense`, \f$\delta x\f$ `d_x`;
    /// \f$\mathrm{LayerNorm}'\f$ is in ops/reference/layer_norm.hpp.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_add_and_norm  is added to
    /// @param[out] d_act  the gradients of sum, which is the residual's too, and of projected
    /// @param[out] d_x  [T, in]
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const AddAndNormActivations<Real>& act,
                  AddAndNorm& d_add_and_norm, AddAndNormActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t T = x.shape(0), in = x.shape(1), H = dense.weight.shape(0);
        require_shape("add_and_norm: d_y", d_y, {T, H});
        require_linear("add_and_norm: d_dense", d_add_and_norm.dense, H, in);
        Ops::layer_norm_backward(d_y, norm, act.norm, d_add_and_norm.norm, d_act.sum);
        Ops::dropout_backward(d_act.sum, pass.dropout.place(), d_act.projected);
        Ops::linear_backward(d_act.projected, x, dense.weight, d_add_and_norm.dense.weight, d_add_and_norm.dense.bias, d_x,
                             pass.workspace);
    }
};

}  // namespace bert
