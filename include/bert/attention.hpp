/// @file
/// The attention sub-layer: every token attends to the tokens of its sequence (in a causal model, to itself and those before it),
/// and takes a weighted mean of their values.
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
#include "bert/ops/fuses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What SelfAttention::forward computes.
template <class Real>
struct SelfAttentionActivations {
    QueryKeyValue<Real> qkv;           ///< query, key and value, [T, H] each
    AttentionActivations<Real> heads;  ///< of the attention heads: scores, probabilities, after_dropout, [n, n] for each head of
                                       ///< each sequence of n tokens; context, [T, H]
    AddAndNormActivations<Real> output;  ///< activations of Add & Norm

    /// @return  the result, [T, H]
    const Tensor<Real, 2>& y() const { return output.y(); }
};

/// Three linear layers, attention, and Add & Norm. (Vaswani et al. 2017, section 3.2; Devlin et al. 2019, section 3. The paper's
/// projections have no biases; those of the published code have.)
template <class Real, class Ops = Reference>
struct SelfAttention {
    Linear<Real> query;            ///< [H, H], [H]; published as self.query
    Linear<Real> key;              ///< [H, H], [H]; published as self.key
    Linear<Real> value;            ///< [H, H], [H]; published as self.value
    AddAndNorm<Real, Ops> output;  ///< its linear layer mixes the heads: [H, H], [H], norm [H] each; published as output

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
        AddAndNorm<Real, Ops>::parameters(visit, name + ".output", selves.output...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static SelfAttention make(const Config& config)
    {
        const std::size_t H = config.hidden_size;
        return {make_linear<Real>(H, H), make_linear<Real>(H, H), make_linear<Real>(H, H), AddAndNorm<Real, Ops>::make(H, H)};
    }

    /// Attends, then adds and normalizes.
    /// \f[ q = x W_q^T + b_q,\quad k = x W_k^T + b_k,\quad v = x W_v^T + b_v,\quad
    ///     c = \mathrm{dropout}\Big(\mathrm{softmax}\Big(\frac{q k^T}{\sqrt D}\Big)\Big)\,v,\quad
    ///     y = \mathrm{AddAndNorm}(c, x) \f]
    /// where c is computed for each head of each sequence, in D = H / A columns, and in a causal model with the later tokens'
    /// scores set to -infinity (ops/reference/attention.hpp, whose tensors `act.heads` holds).
    /// Symbols: \f$q, k, v\f$ `act.qkv.query`, `act.qkv.key`, `act.qkv.value`, \f$c\f$ `act.heads.context`, \f$y\f$ `act.y()`;
    /// \f$W_q, b_q\f$ `query.weight`, `query.bias`, k and v likewise.
    /// @param x  hidden states, [T, H]
    /// @param pass  sequences, num_attention_heads, is_causal, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula (`Fast`: see AttentionActivations and AddAndNormActivations)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, SelfAttentionActivations<Real>& act) const
    {
        require_linear("attention: output.dense", output.dense, x.shape(1), x.shape(1));
        require_layer_norm("attention: output.LayerNorm", output.norm, x.shape(1));
        attend(x, pass, act);
        output.forward(act.heads.context, x, pass.at(DropoutSite::attention), act.output);
    }

    /// The steps of forward in reverse order; a prime is an operation's backward. x was used four times: as residual, by value,
    /// by key and by query.
    /// \f[ (\delta c, \delta r) = \mathrm{AddAndNorm}'(\delta y),\quad
    ///     (\delta q, \delta k, \delta v) = \mathrm{attention}'(\delta c),\quad
    ///     \delta x = \delta r + \delta q\,W_q + \delta k\,W_k + \delta v\,W_v \f]
    /// and \f$\delta W_q \mathrel{+}= \delta q^T x\f$, \f$\delta b_q \mathrel{+}= \sum_t \delta q_t\f$, k and v likewise.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$\delta c\f$ `d_act.heads.context`, \f$\delta r\f$, the residual's gradient,
    /// `d_act.output.sum`, \f$\delta q, \delta k, \delta v\f$ `d_act.qkv`, \f$\delta x\f$ `d_x`, \f$\delta W_q, \delta b_q\f$
    /// `d_attention.query`.
    /// @param d_y  [T, H]; may be d_act.output.norm.y
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_attention  the gradients are added to it
    /// @param[out] d_act  the gradients of qkv, output.sum, output.projected, and of heads' tensors (`Fast`: of heads.context)
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass,
                  const SelfAttentionActivations<Real>& act, SelfAttention& d_attention, SelfAttentionActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x) const
    {
        require_shape("attention: d_y", d_y, x.shape());
        require_backward(x, pass, act, d_attention);
        output.backward(d_y, act.heads.context, pass.at(DropoutSite::attention), act.output, d_attention.output, d_act.output,
                        d_act.heads.context);
        d_x = d_act.output.sum;
        attend_backward(x, pass, act, d_attention, d_act, d_x);
    }

    /// Three linear layers, then attention: c of the formula above.
    /// @param x  hidden states, [T, H]
    /// @param pass  as in forward
    /// @param[out] act  qkv and heads
    /// @throws std::invalid_argument if a shape doesn't fit
    void attend(const Tensor<Real, 2>& x, const Pass& pass, SelfAttentionActivations<Real>& act) const
    {
        require_linear("attention: query", query, x.shape(1), x.shape(1));
        require_linear("attention: key", key, x.shape(1), x.shape(1));
        require_linear("attention: value", value, x.shape(1), x.shape(1));
        require_attention_pass(pass, x.shape(0), x.shape(1));
        // `Fast` and `FastBf16` leave here, with the three products as one (ops/fast/block.hpp); every other set of
        // operations goes on below.
        if constexpr (fuses<Ops>) return Ops::attend(*this, x, pass, act);
        Ops::linear(x, query.weight, query.bias, act.qkv.query, pass.workspace);
        Ops::linear(x, key.weight, key.bias, act.qkv.key, pass.workspace);
        Ops::linear(x, value.weight, value.bias, act.qkv.value, pass.workspace);
        // Ops{} is passed so that attention calls this set's softmax and dropout, which may be replaced ones.
        Ops::attention(Ops{}, act.qkv, pass, act.heads);
    }

    /// The backward of attend.
    /// @param x  as in attend
    /// @param pass  as in attend
    /// @param act  what attend computed
    /// @param[in,out] d_attention  the gradients of query, key and value are added to it
    /// @param[in,out] d_act  d_act.heads.context is read; the gradients of qkv are written, and those of heads' other tensors
    ///     (`Fast`: not these)
    /// @param[in,out] d_x  [T, H]; is added to: by query, by key, by value
    /// @throws std::invalid_argument if a shape doesn't fit
    void attend_backward(const Tensor<Real, 2>& x, const Pass& pass, const SelfAttentionActivations<Real>& act,
                         SelfAttention& d_attention, SelfAttentionActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        require_backward(x, pass, act, d_attention);
        require_shape("attention: d_context", d_act.heads.context, x.shape());
        require_shape("attention: d_x", d_x, x.shape());
        if constexpr (fuses<Ops>) return Ops::attend_backward(*this, x, pass, act, d_attention, d_act, d_x);  // as in attend
        Tensor<Real, 2> d_by_value, d_by_key, d_by_query;  // parts of the gradient of x, [T, H] each
        Ops::attention_backward(Ops{}, d_act.heads.context, act.qkv, pass, act.heads, d_act.heads, d_act.qkv);
        Ops::linear_backward(d_act.qkv.value, x, value.weight, d_attention.value.weight, d_attention.value.bias, d_by_value,
                             pass.workspace);
        Ops::linear_backward(d_act.qkv.key, x, key.weight, d_attention.key.weight, d_attention.key.bias, d_by_key,
                             pass.workspace);
        Ops::linear_backward(d_act.qkv.query, x, query.weight, d_attention.query.weight, d_attention.query.bias, d_by_query,
                             pass.workspace);
        add(d_by_query, d_x);  // the order of summation determines the last bit: that of the fused form
        add(d_by_key, d_x);
        add(d_by_value, d_x);
    }

private:
    static void require_backward(const Tensor<Real, 2>& x, const Pass& pass, const SelfAttentionActivations<Real>& act,
                                 const SelfAttention& d_attention)
    {
        const std::size_t H = x.shape(1);
        require_attention_pass(pass, x.shape(0), H);
        require_shape("attention: act.qkv.query (forward computes it)", act.qkv.query, x.shape());
        require_attention_inputs(act.qkv, pass);
        require_shape("attention: act.heads.context (forward computes it)", act.heads.context, x.shape());
        require_linear("attention: d_query", d_attention.query, H, H);
        require_linear("attention: d_key", d_attention.key, H, H);
        require_linear("attention: d_value", d_attention.value, H, H);
    }
};

}  // namespace bert
