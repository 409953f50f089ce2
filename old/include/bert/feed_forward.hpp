/// @file
/// The feed-forward sub-layer: the same small network for every token, by itself.
#pragma once

#include <cstddef>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What FeedForward::forward computes.
template <class Real>
struct FeedForwardActivations {
    Dropout dropout;                   ///< set by the caller: none in inference
    Tensor<Real, 2> pre_activation;    ///< before the activation, [T, I]
    Tensor<Real, 2> intermediate;      ///< after it, [T, I]; backward computes it again rather than have it kept
    ResidualActivations<Real> output;  ///< output.norm.y, [T, H], is the block's output
};

/// Two affine maps with an activation between them, and a layer norm. (Vaswani et al. 2017, section 3.3.)
template <class Real, class Ops = Reference>
struct FeedForward {
    Linear<Real> intermediate;  ///< widens, [I, H], [I]; published as intermediate.dense
    Linear<Real> output;        ///< narrows again, [H, I], [H]; published as output.dense
    LayerNorm<Real> norm;       ///< [H] each; published as output.LayerNorm

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".intermediate.dense", selves.intermediate...);
        Linear<Real>::parameters(visit, name + ".output.dense", selves.output...);
        LayerNorm<Real>::parameters(visit, name + ".output.LayerNorm", selves.norm...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static FeedForward make(const Config& config)
    {
        const std::size_t H = config.hidden_size, I = config.intermediate_size;
        return {make_linear<Real>(I, H), make_linear<Real>(H, I), make_layer_norm<Real>(H)};
    }

    /// Widens to I, applies the activation, narrows to H, adds the input and normalizes.
    /// \f[ y = \mathrm{LayerNorm}\big(x + f(x W_1^T + b_1)\,W_2^T + b_2\big) \f]
    /// Symbols: \f$W_1, b_1\f$ `intermediate`, \f$W_2, b_2\f$ `output`, \f$f\f$ config.hidden_act, \f$y\f$ `act.output.norm.y`.
    /// @param x  hidden states, [T, H]
    /// @param config  hidden_act and layer_norm_eps
    /// @param[in,out] act  every tensor of the formula; dropout is read
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, const Config& config, FeedForwardActivations<Real>& act, Workspace& workspace) const
    {
        Ops::linear_activation(Ops{}, x, intermediate, config.hidden_act, act.pre_activation, act.intermediate, workspace);
        Ops::linear_residual_layer_norm(Ops{}, act.intermediate, output, x, norm, Real(config.layer_norm_eps),
                                        act.dropout.at(DropoutSite::feed_forward), act.output, workspace);
    }

    /// The same steps from the last to the first. x was used twice: by the residual, and by the first map. f(u) is computed once
    /// more: the time of a hundredth of a step, for a quarter of the memory that a block keeps between forward and backward.
    /// \f[ \delta x = \delta a + \delta u\,W_1,\quad u = x W_1^T + b_1,\quad a = x + f(u)\,W_2^T + b_2 \f]
    /// Symbols: \f$u\f$ `act.pre_activation`, \f$\delta a\f$ `d_act.output.sum`, what the layer norm's backward makes of δy.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param config  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_feed_forward  is added to
    /// @param[out] d_act  the gradients of pre_activation, intermediate, output.sum and output.projected; that of output.dropped
    ///     is output.sum's, that of output.norm.y is d_y
    /// @param[out] d_x  [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Config& config,
                  const FeedForwardActivations<Real>& act, FeedForward& d_feed_forward, FeedForwardActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x, Workspace& workspace) const
    {
        Tensor<Real, 2>& intermediate_again = d_act.pre_activation;  // [T, I], until its place's own gradient comes
        Ops::activate(Ops{}, config.hidden_act, act.pre_activation, intermediate_again);
        Ops::linear_residual_layer_norm_backward(Ops{}, d_y, intermediate_again, output, norm,
                                                 act.dropout.at(DropoutSite::feed_forward), act.output, d_feed_forward.output,
                                                 d_feed_forward.norm, d_act.output, d_act.intermediate, workspace);
        d_x = d_act.output.sum;  // by the residual
        Ops::linear_activation_backward(Ops{}, d_act.intermediate, x, intermediate, config.hidden_act, act.pre_activation,
                                        d_feed_forward.intermediate, d_act.pre_activation, d_x, workspace);
    }
};

}  // namespace bert
