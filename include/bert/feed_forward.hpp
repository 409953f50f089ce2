/// @file
/// The feed-forward sub-layer: the same small network, applied to each token separately.
#pragma once

#include <cstddef>

#include "bert/add_and_norm.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/fuses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What FeedForward::forward computes.
template <class Real>
struct FeedForwardActivations {
    Tensor<Real, 2> pre_activation;      ///< before the activation, [T, I]
    Tensor<Real, 2> activated;           ///< after it, [T, I]; `Fast` writes it with keep_all only
    AddAndNormActivations<Real> output;  ///< activations of Add & Norm

    /// @return  the result, [T, H]
    const Tensor<Real, 2>& y() const { return output.y(); }
};

/// A linear layer, an activation, and Add & Norm. (Vaswani et al. 2017, section 3.3, with ReLU; Devlin et al. 2019, appendix A.2,
/// for GELU, which is computed as `config.hidden_act` says: ops/reference/activations.hpp.)
template <class Real, class Ops = Reference>
struct FeedForward {
    Linear<Real> intermediate;     ///< widens to I, [I, H], [I]; published as intermediate.dense
    AddAndNorm<Real, Ops> output;  ///< its linear layer narrows to H, [H, I], [H]; norm [H] each; published as output

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".intermediate.dense", selves.intermediate...);
        AddAndNorm<Real, Ops>::parameters(visit, name + ".output", selves.output...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static FeedForward make(const Config& config)
    {
        const std::size_t H = config.hidden_size, I = config.intermediate_size;
        return {make_linear<Real>(I, H), AddAndNorm<Real, Ops>::make(I, H)};
    }

    /// Widens to I, applies the activation, then narrows to H, adds and normalizes.
    /// \f[ u = x W^T + b,\quad z = f(u),\quad y = \mathrm{AddAndNorm}(z, x) \f]
    /// Symbols: \f$W, b\f$ `intermediate.weight`, `intermediate.bias`, \f$u\f$ `act.pre_activation`, \f$f\f$
    /// `pass.config.hidden_act`, \f$z\f$ `act.activated`, \f$y\f$ `act.y()`.
    /// @param x  hidden states, [T, H]
    /// @param pass  hidden_act, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula (`Fast`: see the structs)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, FeedForwardActivations<Real>& act) const
    {
        const std::size_t H = x.shape(1), I = intermediate.weight.shape(0);
        require_linear("feed_forward: intermediate", intermediate, I, H);
        require_linear("feed_forward: output", output.dense, H, I);
        // `Fast` and `FastBf16` leave here, with the same steps fused, which keeps fewer tensors (ops/fast/block.hpp); every
        // other set of operations goes on below.
        if constexpr (fuses<Ops>) return Ops::feed_forward(*this, x, pass, act);
        Ops::linear(x, intermediate.weight, intermediate.bias, act.pre_activation, pass.workspace);
        // Ops{} is passed so that activate calls this set's functions, which may be replaced ones.
        Ops::activate(Ops{}, pass.config.hidden_act, act.pre_activation, act.activated);
        output.forward(act.activated, x, pass.at(DropoutSite::feed_forward), act.output);
    }

    /// The steps of forward in reverse order: AddAndNorm' is the backward of Add & Norm, f' the derivative of f. x was used
    /// twice: as residual and by the first linear layer.
    /// \f[ (\delta z, \delta r) = \mathrm{AddAndNorm}'(\delta y),\quad \delta u = \delta z \cdot f'(u),\quad
    ///     \delta W \mathrel{+}= \delta u^T x,\quad \delta b \mathrel{+}= \sum_t \delta u_t,\quad
    ///     \delta x = \delta u\,W + \delta r \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta z\f$ `d_act.activated`, \f$\delta r\f$, the residual's gradient,
    /// `d_act.output.sum`, \f$\delta u\f$ `d_act.pre_activation`, \f$\delta W, \delta b\f$ `d_feed_forward.intermediate`,
    /// \f$\delta x\f$ `d_x`.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_feed_forward  the gradients are added to it
    /// @param[out] d_act  the gradients of pre_activation, activated (not by `Fast`), output.sum and output.projected
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const FeedForwardActivations<Real>& act,
                  FeedForward& d_feed_forward, FeedForwardActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t T = x.shape(0), H = x.shape(1), I = intermediate.weight.shape(0);
        require_shape("feed_forward: d_y", d_y, x.shape());
        require_shape("feed_forward: act.pre_activation (forward computes it)", act.pre_activation, {T, I});
        require_linear("feed_forward: d_intermediate", d_feed_forward.intermediate, I, H);
        if constexpr (fuses<Ops>) {  // as in forward; d_y is read from d_x, which is overwritten
            if (&d_x != &d_y) d_x = d_y;
            return Ops::feed_forward_backward(*this, x, pass, act, d_feed_forward, d_act, d_x);
        }
        require_shape("feed_forward: act.activated (forward computes it)", act.activated, {T, I});
        output.backward(d_y, act.activated, pass.at(DropoutSite::feed_forward), act.output, d_feed_forward.output, d_act.output,
                        d_act.activated);
        Ops::activate_backward(Ops{}, pass.config.hidden_act, d_act.activated, act.pre_activation, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, x, intermediate.weight, d_feed_forward.intermediate.weight,
                             d_feed_forward.intermediate.bias, d_x, pass.workspace);
        add(d_act.output.sum, d_x);
    }
};

}  // namespace bert
