/// @file
/// Add & Norm: the end of both sub-layers. The sub-layer's result is projected to the hidden width, added to the sub-layer's
/// input, and normalized. In the paper's figure the projection belongs to attention and to the feed-forward network; here, as in
/// published models, it is stored beside the layer norm, as `output.dense` and `output.LayerNorm`.
#pragma once

#include <cstddef>

#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
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

/// A linear layer and a layer norm: the paper's Add & Norm, together with the linear layer in front of it, which ends attention
/// and the feed-forward network. (Vaswani et al. 2017, sections 3.1 and 5.4 and figure 1; Devlin et al. 2019, appendix A.2, for
/// the probability of dropout. As in the paper, the norm comes after the sum: post-LN. Attention's linear layer has a bias in the
/// published code, but not in the paper.)
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

    /// Makes the component of two widths.
    /// @param in  width of the sub-layer's result: H for attention, I for the feed-forward network
    /// @param H  hidden width
    /// @return  the component, all zeros
    static AddAndNorm make(std::size_t in, std::size_t H) { return {make_linear<Real>(H, in), make_layer_norm<Real>(H)}; }

    /// Projects what the sub-layer computed, adds the sub-layer's input, and normalizes.
    /// \f[ p = z W^T + b,\quad s = \mathrm{dropout}(p) + x,\quad y = \mathrm{LayerNorm}(s) \f]
    /// Symbols: \f$W, b\f$ `dense.weight`, `dense.bias`, \f$p\f$ `act.projected`, dropout(p) `act.after_dropout`, \f$x\f$
    /// `residual`, \f$s\f$ `act.sum`, \f$y\f$ `act.y()`.
    /// @param z  what the sub-layer computed, [T, in]: attention's context, or the feed-forward network's activations
    /// @param residual  input of the sub-layer, [T, H]
    /// @param pass  layer_norm_eps and dropout, at the sub-layer's site (Pass::at)
    /// @param[out] act  every tensor of the formula (`Fast`: see the struct)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& z, const Tensor<Real, 2>& residual, const Pass& pass,
                 AddAndNormActivations<Real>& act) const
    {
        const std::size_t T = z.shape(0), in = z.shape(1), H = dense.weight.shape(0);
        require_linear("add_and_norm: dense", dense, H, in);
        require_layer_norm("add_and_norm: LayerNorm", norm, H);
        require_shape("add_and_norm: residual", residual, {T, H});
        pass.dropout.place().require_valid(T);
        // `Fast` and `FastBf16` leave here, with the same steps in one pass, which keeps fewer tensors (ops/fast/block.hpp);
        // every other set of operations goes on below.
        if constexpr (fuses<Ops>) return Ops::add_and_norm(*this, z, residual, pass, act);
        Ops::linear(z, dense.weight, dense.bias, act.projected, pass.workspace);
        Ops::dropout(act.projected, pass.dropout.place(), act.after_dropout);
        act.sum = act.after_dropout;
        add(residual, act.sum);
        Ops::layer_norm(act.sum, norm, Real(pass.config.layer_norm_eps), act.norm);
    }

    /// The steps of forward in reverse order. A sum passes its gradient on to both of its terms. The residual's gradient is
    /// that of the sum, unchanged: a path around the sub-layer.
    /// \f[ \delta s = \mathrm{LayerNorm}'(\delta y),\quad \delta x = \delta s,\quad \delta p = m\,\delta s,\quad
    ///     \delta W \mathrel{+}= \delta p^T z,\quad \delta b \mathrel{+}= \sum_t \delta p_t,\quad \delta z = \delta p\,W \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta s\f$ `d_act.sum`, \f$\delta p\f$ `d_act.projected`, \f$m\f$ the factors of
    /// dropout, 0 or 1 / (1 - dropout's probability), \f$\delta W, \delta b\f$ `d_add_and_norm.dense`, \f$\delta z\f$ `d_z`;
    /// \f$\delta x\f$, the residual's gradient, has no variable of its own;
    /// \f$\mathrm{LayerNorm}'\f$, its backward, is in ops/reference/layer_norm.hpp.
    /// @param d_y  [T, H]; may be d_act.norm.y
    /// @param z  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_add_and_norm  the gradients are added to it
    /// @param[out] d_act  the gradients of sum, which is the residual's too, and of projected
    /// @param[out] d_z  [T, in]
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& z, const Pass& pass, const AddAndNormActivations<Real>& act,
                  AddAndNorm& d_add_and_norm, AddAndNormActivations<Real>& d_act, Tensor<Real, 2>& d_z) const
    {
        const std::size_t T = z.shape(0), in = z.shape(1), H = dense.weight.shape(0);
        require_shape("add_and_norm: act.norm.x_hat (forward computes it)", act.norm.x_hat, {T, H});
        require_shape("add_and_norm: d_y", d_y, {T, H});
        require_linear("add_and_norm: d_dense", d_add_and_norm.dense, H, in);
        require_layer_norm("add_and_norm: d_LayerNorm", d_add_and_norm.norm, H);
        pass.dropout.place().require_valid(T);
        Ops::layer_norm_backward(d_y, norm, act.norm, d_add_and_norm.norm, d_act.sum);
        Ops::dropout_backward(d_act.sum, pass.dropout.place(), d_act.projected);
        Ops::linear_backward(d_act.projected, z, dense.weight, d_add_and_norm.dense.weight, d_add_and_norm.dense.bias, d_z,
                             pass.workspace);
    }
};

}  // namespace bert
