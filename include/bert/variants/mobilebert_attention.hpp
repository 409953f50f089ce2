/// @file
/// MobileBERT's attention: BERT's (attention.hpp), between bottlenecks. Query and key read one tensor, value another, and the
/// residual is a third, of other widths: H, that of the hidden states, or N, that of a block between its bottlenecks
/// (Config::block_width).
#pragma once

#include <cstddef>

#include "bert/add_and_norm.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_add_and_norm.hpp"

namespace bert {

/// What attention reads, or the gradients of what it reads. Some or all of the members may be the same tensor.
/// @tparam Matrix  `const Tensor<Real, 2>`; for gradients `Tensor<Real, 2>`
template <class Matrix>
struct MobileBertAttentionInputs {
    Matrix& query_and_key;  ///< read by query and key, [T, N]
    Matrix& value;          ///< read by value, [T, H], or [T, N] with use_bottleneck_attention
    Matrix& residual;       ///< added in Add & Norm, [T, N]
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
    MobileBertAddAndNorm<Real, Ops> output;  ///< mixes the heads: [N, N], [N], norm [N] each; published as output

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
        const std::size_t value_in = config.mobilebert.value().use_bottleneck_attention ? N : config.hidden_size;
        return {make_linear<Real>(N, N), make_linear<Real>(N, N), make_linear<Real>(N, value_in),
                MobileBertAddAndNorm<Real, Ops>::make(N, N)};
    }

    /// Attends, then adds and normalizes.
    /// \f[ q = x_{qk} W_q^T + b_q,\quad k = x_{qk} W_k^T + b_k,\quad v = x_v W_v^T + b_v,\quad
    ///     c = \mathrm{dropout}\Big(\mathrm{softmax}\Big(\frac{q k^T}{\sqrt D}\Big)\Big)\,v,\quad
    ///     y = \mathrm{AddAndNorm}(c, r) \f]
    /// where c is computed for each head of each sequence, in D = N / A columns (ops/reference/attention.hpp, whose tensors
    /// `act.heads` holds).
    /// Symbols: \f$x_{qk}, x_v, r\f$ `x.query_and_key`, `x.value`, `x.residual`, \f$q, k, v\f$ `act.qkv`, \f$c\f$
    /// `act.heads.context`, \f$y\f$ `act.y()`, \f$W_q, b_q\f$ `query`, k and v likewise.
    /// @param x  what is read, with the shapes of MobileBertAttentionInputs
    /// @param pass  sequences, num_attention_heads, normalization_type, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula (`Fast`: see AttentionActivations)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const MobileBertAttentionInputs<const Tensor<Real, 2>>& x, const Pass& pass,
                 MobileBertSelfAttentionActivations<Real>& act) const
    {
        const std::size_t T = x.residual.shape(0), N = x.residual.shape(1);
        require_shape("attention: x.query_and_key", x.query_and_key, {T, N});
        require_shape("attention: x.value", x.value, {T, x.value.shape(1)});
        require_linear("attention: query", query, N, N);
        require_linear("attention: key", key, N, N);
        require_linear("attention: value", value, N, x.value.shape(1));
        require_linear("attention: output.dense", output.dense, N, N);
        require_layer_norm("attention: output.LayerNorm", output.norm, N);
        require_attention_pass(pass, T, N);
        at_output(pass).dropout.place().require_valid(T);
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
    /// and \f$\delta W_q \mathrel{+}= \delta q^T x_{qk}\f$, \f$\delta b_q \mathrel{+}= \sum_t \delta q_t\f$; k and v likewise,
    /// value with \f$x_v\f$. The gradients of what was read are added to, because it can be one tensor that was read several
    /// times.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta c\f$ `d_act.heads.context`, \f$\delta s\f$, that of the sum in Add & Norm,
    /// `d_act.output.sum`, \f$\delta q, \delta k, \delta v\f$ `d_act.qkv`, \f$\delta x_{qk}, \delta x_v, \delta r\f$ `d_x`,
    /// \f$\delta W_q, \delta b_q\f$ `d_attention.query`.
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
        require_shape("attention: d_y", d_y, x.residual.shape());
        require_backward(x, pass, act, d_attention);
        require_shape("attention: d_x.query_and_key", d_x.query_and_key, x.query_and_key.shape());
        require_shape("attention: d_x.value", d_x.value, x.value.shape());
        require_shape("attention: d_x.residual", d_x.residual, x.residual.shape());
        // Parts of the gradients of what was read: [T, H] or [T, N], [T, N], [T, N].
        Tensor<Real, 2> d_by_value, d_by_key, d_by_query;
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
    static void require_backward(const MobileBertAttentionInputs<const Tensor<Real, 2>>& x, const Pass& pass,
                                 const MobileBertSelfAttentionActivations<Real>& act, const MobileBertSelfAttention& d_attention)
    {
        const std::size_t N = x.residual.shape(1);
        require_shape("attention: act.qkv.query (forward computes it)", act.qkv.query, x.residual.shape());
        require_attention_inputs(act.qkv, pass);
        require_shape("attention: act.heads.context (forward computes it)", act.heads.context, x.residual.shape());
        require_linear("attention: d_query", d_attention.query, N, N);
        require_linear("attention: d_key", d_attention.key, N, N);
        require_linear("attention: d_value", d_attention.value, N, x.value.shape(1));
    }

    /// The pass at Add & Norm. Between bottlenecks it has no dropout (the transformers library).
    static Pass at_output(const Pass& pass)
    {
        return pass.config.mobilebert.value().use_bottleneck ? without_dropout(pass) : pass.at(DropoutSite::attention);
    }
};

}  // namespace bert
