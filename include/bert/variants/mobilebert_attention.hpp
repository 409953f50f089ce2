/// @file
/// MobileBERT's attention: BERT's (attention.hpp), between bottlenecks. Query and key, value, and the residual can come from
/// different places, which don't have the same width.
#pragma once

#include <cstddef>

#include "bert/add_and_norm.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_add_and_norm.hpp"

namespace bert {

/// What attention reads, or the gradients of it. Some or all of them may be the same tensor.
/// @tparam Matrix  `const Tensor<Real, 2>`; for gradients `Tensor<Real, 2>`
template <class Matrix>
struct MobileBertAttentionInputs {
    Matrix& query_and_key;  ///< [T, N]
    Matrix& value;          ///< [T, H], or [T, N] with use_bottleneck_attention
    Matrix& residual;       ///< [T, N]
};

/// What MobileBertSelfAttention::forward computes.
template <class Real>
struct MobileBertSelfAttentionActivations {
    QueryKeyValue<Real> qkv;             ///< query, key and value, [T, N] each
    AttentionActivations<Real> heads;    ///< of the attention heads, D = N / A wide; context, [T, N]
    AddAndNormActivations<Real> output;  ///< activations of Add & Norm

    /// @return  the result, [T, N]
    const Tensor<Real, 2>& y() const { return output.y(); }
};

/// Three linear layers, attention, and Add & Norm. (Sun et al. 2020, section 3.1, figure 1c and table 1.)
template <class Real, class Ops = Reference>
struct MobileBertSelfAttention {
    Linear<Real> query;                      ///< [N, N], [N]; published as self.query
    Linear<Real> key;                        ///< [N, N], [N]; published as self.key
    Linear<Real> value;                      ///< [N, H], or [N, N] with use_bottleneck_attention, [N]; published as self.value
    MobileBertAddAndNorm<Real, Ops> output;  ///< [N, N], [N], norm [N] each; published as output

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0.attention`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".self.query", selves.query...);
        Linear<Real>::parameters(visit, name + ".self.key", selves.key...);
        Linear<Real>::parameters(visit, name + ".self.value", selves.value...);
        MobileBertAddAndNorm<Real, Ops>::parameters(visit, name + ".output", selves.output...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes, use_bottleneck_attention
    /// @return  the component, all zeros
    static MobileBertSelfAttention make(const Config& config)
    {
        const std::size_t N = config.block_width();
        const std::size_t of_value = config.mobilebert.value().use_bottleneck_attention ? N : config.hidden_size;
        return {make_linear<Real>(N, N), make_linear<Real>(N, N), make_linear<Real>(N, of_value),
                MobileBertAddAndNorm<Real, Ops>::make(N, N)};
    }

    /// Attends, then adds and normalizes.
    /// \f[ q = x_{qk} W_q^T + b_q,\quad k = x_{qk} W_k^T + b_k,\quad v = x_v W_v^T + b_v,\quad
    ///     c = \mathrm{attention}(q, k, v),\quad y = \mathrm{AddAndNorm}(c, r) \f]
    /// where attention is BERT's, with heads of D = N / A columns (ops/reference/attention.hpp).
    /// Symbols: \f$x_{qk}, x_v, r\f$ `x.query_and_key`, `x.value`, `x.residual`, \f$q, k, v\f$ `act.qkv`, \f$c\f$
    /// `act.heads.context`, \f$y\f$ `act.y()`, \f$W_q, b_q\f$ `query`, k and v likewise.
    /// @param x  what is read
    /// @param pass  sequences, num_attention_heads, normalization_type, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const MobileBertAttentionInputs<const Tensor<Real, 2>>& x, const Pass& pass,
                 MobileBertSelfAttentionActivations<Real>& act) const
    {
        require_attention_pass(pass, x.residual.shape(0), query.weight.shape(0));
        Ops::linear(x.query_and_key, query.weight, query.bias, act.qkv.query, pass.workspace);
        Ops::linear(x.query_and_key, key.weight, key.bias, act.qkv.key, pass.workspace);
        Ops::linear(x.value, value.weight, value.bias, act.qkv.value, pass.workspace);
        // Ops{} is passed so that attention calls this set's softmax and dropout, which may be replaced ones.
        Ops::attention(Ops{}, act.qkv, pass, act.heads);
        output.forward(act.heads.context, x.residual, pass.config.layer_norm_eps, at_output(pass), act.output);
    }

    /// The steps of forward in reverse order; a prime is an operation's backward.
    /// \f[ (\delta c, \delta s) = \mathrm{AddAndNorm}'(\delta y),\quad
    ///     (\delta q, \delta k, \delta v) = \mathrm{attention}'(\delta c) \f]
    /// \f[ \delta r \mathrel{+}= \delta s,\quad \delta x_v \mathrel{+}= \delta v\,W_v,\quad
    ///     \delta x_{qk} \mathrel{+}= \delta q\,W_q + \delta k\,W_k \f]
    /// and \f$\delta W_q \mathrel{+}= \delta q^T x_{qk}\f$, \f$\delta b_q \mathrel{+}= \sum_t \delta q_t\f$, k and v likewise. The
    /// gradients of what was read are added to, because it can be one tensor that was read several times.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta c\f$ `d_act.heads.context`, \f$\delta s\f$ `d_act.output.sum`, \f$\delta q,
    /// \delta k, \delta v\f$ `d_act.qkv`, \f$\delta x_{qk}, \delta x_v, \delta r\f$ `d_x`, \f$\delta W_q, \delta b_q\f$
    /// `d_attention.query`.
    /// @param d_y  [T, N]; may be d_act.output.norm.y
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_attention  the gradients are added to it
    /// @param[out] d_act  the gradients of qkv, output.sum, output.projected, and of heads' tensors (`Fast`: of heads.context)
    /// @param[in,out] d_x  the gradients of what was read; added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const MobileBertAttentionInputs<const Tensor<Real, 2>>& x, const Pass& pass,
                  const MobileBertSelfAttentionActivations<Real>& act, MobileBertSelfAttention& d_attention,
                  MobileBertSelfAttentionActivations<Real>& d_act, const MobileBertAttentionInputs<Tensor<Real, 2>>& d_x) const
    {
        require_shape("attention: act.heads.context (forward computes it)", act.heads.context, x.residual.shape());
        Tensor<Real, 2> d_by_value, d_by_key, d_by_query;  // parts of the gradients of what was read
        output.backward(d_y, act.heads.context, at_output(pass), act.output, d_attention.output, d_act.output,
                        d_act.heads.context);
        Ops::attention_backward(Ops{}, d_act.heads.context, act.qkv, pass, act.heads, d_act.heads, d_act.qkv);
        Ops::linear_backward(d_act.qkv.value, x.value, value.weight, d_attention.value.weight, d_attention.value.bias, d_by_value,
                             pass.workspace);
        Ops::linear_backward(d_act.qkv.key, x.query_and_key, key.weight, d_attention.key.weight, d_attention.key.bias, d_by_key,
                             pass.workspace);
        Ops::linear_backward(d_act.qkv.query, x.query_and_key, query.weight, d_attention.query.weight, d_attention.query.bias,
                             d_by_query, pass.workspace);
        add(d_act.output.sum, d_x.residual);
        add(d_by_value, d_x.value);
        add(d_by_key, d_x.query_and_key);
        add(d_by_query, d_x.query_and_key);
    }

private:
    /// The pass at Add & Norm. Between bottlenecks it has no dropout (the transformers library).
    static Pass at_output(const Pass& pass)
    {
        return pass.config.mobilebert.value().use_bottleneck ? without_dropout(pass) : pass.at(DropoutSite::attention);
    }
};

}  // namespace bert
