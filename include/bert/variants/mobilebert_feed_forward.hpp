/// @file
/// A feed-forward network of MobileBERT: BERT's (feed_forward.hpp) on rows of width N, that of a block between its bottlenecks
/// (Config::block_width). A block has several, one after the other.
#pragma once

#include <cstddef>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_add_and_norm.hpp"

namespace bert {

/// A linear layer, an activation, and Add & Norm. It has no fused form: `Fast` runs the statements below, too. (Sun et al. 2020,
/// section 3.2: with one network as in BERT, a block's attention, which reads the wide hidden states, would have too large a
/// share of the parameters.)
template <class Real, class Ops = Reference>
struct MobileBertFeedForward {
    Linear<Real> intermediate;               ///< widens to I, [I, N], [I]; published as intermediate.dense
    MobileBertAddAndNorm<Real, Ops> output;  ///< narrows to N, [N, I], [N]; norm [N] each; published as output

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0.ffn.0`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".intermediate.dense", selves.intermediate...);
        MobileBertAddAndNorm<Real, Ops>::parameters(visit, name + ".output", selves.output...);
    }

    /// Makes the component of a configuration.
    /// @param config  intermediate_size, and the block's width
    /// @return  the component, all zeros
    static MobileBertFeedForward make(const Config& config)
    {
        const std::size_t N = config.block_width(), I = config.intermediate_size;
        return {make_linear<Real>(I, N), MobileBertAddAndNorm<Real, Ops>::make(I, N)};
    }

    /// Widens to I, applies the activation, then narrows to N, adds and normalizes.
    /// \f[ u = x W^T + b,\quad z = f(u),\quad y = \mathrm{AddAndNorm}(z, x) \f]
    /// Symbols: \f$W, b\f$ `intermediate`, \f$u\f$ `act.pre_activation`, \f$f\f$ hidden_act, \f$z\f$ `act.activated`, \f$y\f$
    /// `act.y()`.
    /// @param x  [T, N]
    /// @param epsilon  of layer norm; NoNorm has none
    /// @param pass  hidden_act, normalization_type, workspace, and dropout, at the network's site (Pass::at)
    /// @param[out] act  every tensor of the formula: pre_activation and activated, [T, I] each; output, [T, N]
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, double epsilon, const Pass& pass, FeedForwardActivations<Real>& act) const
    {
        const std::size_t N = x.shape(1), I = intermediate.weight.shape(0);
        require_linear("feed_forward: intermediate", intermediate, I, N);
        require_linear("feed_forward: output", output.dense, N, I);
        require_layer_norm("feed_forward: output.LayerNorm", output.norm, N);
        pass.dropout.place().require_valid(x.shape(0));
        Ops::linear(x, intermediate.weight, intermediate.bias, act.pre_activation, pass.workspace);
        // Ops{} is passed so that activate calls this set's functions, which may be replaced ones.
        Ops::activate(Ops{}, pass.config.hidden_act, act.pre_activation, act.activated);
        output.forward(act.activated, x, epsilon, pass, act.output);
    }

    /// The steps of forward in reverse order: AddAndNorm' is the backward of Add & Norm, f' the derivative of f. x was used
    /// twice: as residual and by the first linear layer.
    /// \f[ (\delta z, \delta r) = \mathrm{AddAndNorm}'(\delta y),\quad \delta u = \delta z \cdot f'(u),\quad
    ///     \delta W \mathrel{+}= \delta u^T x,\quad \delta b \mathrel{+}= \sum_t \delta u_t,\quad
    ///     \delta x = \delta u\,W + \delta r \f]
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta z\f$ `d_act.activated`, \f$\delta r\f$, the residual's gradient,
    /// `d_act.output.sum`, \f$\delta u\f$ `d_act.pre_activation`, \f$\delta W, \delta b\f$ `d_feed_forward.intermediate`,
    /// \f$\delta x\f$ `d_x`.
    /// @param d_y  [T, N]; may be d_act.output.norm.y
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_feed_forward  the gradients are added to it
    /// @param[out] d_act  the gradients of pre_activation, activated, output.sum and output.projected
    /// @param[out] d_x  [T, N]
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const FeedForwardActivations<Real>& act,
                  MobileBertFeedForward& d_feed_forward, FeedForwardActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t T = x.shape(0), N = x.shape(1), I = intermediate.weight.shape(0);
        require_shape("feed_forward: d_y", d_y, {T, N});
        require_shape("feed_forward: act.pre_activation (forward computes it)", act.pre_activation, {T, I});
        require_shape("feed_forward: act.activated (forward computes it)", act.activated, {T, I});
        require_linear("feed_forward: d_intermediate", d_feed_forward.intermediate, I, N);
        output.backward(d_y, act.activated, pass, act.output, d_feed_forward.output, d_act.output, d_act.activated);
        Ops::activate_backward(Ops{}, pass.config.hidden_act, d_act.activated, act.pre_activation, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, x, intermediate.weight, d_feed_forward.intermediate.weight,
                             d_feed_forward.intermediate.bias, d_x, pass.workspace);
        add(d_act.output.sum, d_x);
    }
};

}  // namespace bert
