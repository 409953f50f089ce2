/// @file
/// A set of operations that calls the checked function instead of the project's own.
#pragma once

#include <cstddef>

#include <bert/core/layer_norm.hpp>
#include <bert/core/pass.hpp>
#include <bert/core/sequences.hpp>
#include <bert/core/workspace.hpp>
#include <bert/ops/attention.hpp>
#include <bert/ops/reference.hpp>

#include "exercise.hpp"

namespace exercise {

/// The checked functions; if null, the project's own is called. They are global because a set of operations has no state.
struct Checked {
    void (*gelu)(const Matrix&, Matrix&) = nullptr;
    void (*gelu_backward)(const Matrix&, const Matrix&, Matrix&) = nullptr;
    void (*linear)(const Matrix&, const Matrix&, const Vector&, Matrix&) = nullptr;
    void (*linear_backward)(const Matrix&, const Matrix&, const Matrix&, Matrix&, Vector&, Matrix&) = nullptr;
    void (*layer_norm)(const Matrix&, const bert::LayerNorm<double>&, double, bert::LayerNormActivations<double>&) = nullptr;
    void (*layer_norm_backward)(const Matrix&, const bert::LayerNorm<double>&, const bert::LayerNormActivations<double>&,
                                bert::LayerNorm<double>&, Matrix&) = nullptr;
    void (*softmax)(const Matrix&, Matrix&) = nullptr;
    void (*attention)(const Matrix&, const Matrix&, const Matrix&, Matrix&, Matrix&, Matrix&) = nullptr;
    void (*attention_backward)(const Matrix&, const Matrix&, const Matrix&, const Matrix&, const Matrix&, Matrix&, Matrix&,
                               Matrix&) = nullptr;
};
inline Checked checked;

/// Rows and columns of one head of one sequence.
struct HeadBlock {
    std::size_t first_row, n, first_column, D;

    /// Copies the head out of a tensor.
    /// @param all  all tokens and heads, [T, H]
    /// @return  the head, [n, D]
    Matrix take(const Matrix& all) const
    {
        Matrix part;
        part.resize({n, D});
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t d = 0; d < D; ++d)
                part(i, d) = all(first_row + i, first_column + d);
        return part;
    }

    /// Copies the head into a tensor.
    /// @param what  name of the part, for the message
    /// @param part  the head, [n, D]
    /// @param[in,out] all  all tokens and heads, [T, H]
    /// @throws std::invalid_argument if part is not [n, D]
    void put(const char* what, const Matrix& part, Matrix& all) const
    {
        bert::require_shape(what, part, {n, D});
        for (std::size_t i = 0; i < n; ++i)
            for (std::size_t d = 0; d < D; ++d)
                all(first_row + i, first_column + d) = part(i, d);
    }
};

/// Calls visit(index, head) for each head of each sequence.
template <class Visit>
void for_each_head(const bert::Sequences& sequences, std::size_t heads, std::size_t H, const Visit& visit)
{
    for (std::size_t b = 0; b < sequences.count(); ++b)
        for (std::size_t a = 0; a < heads; ++a)
            visit(b * heads + a, HeadBlock{sequences.begin[b], sequences.length(b), a * (H / heads), H / heads});
}

/// The operations of Reference, with the checked function in place of one of them.
struct WithChecked : bert::Reference {
    static void gelu(const Matrix& x, Matrix& y) { (checked.gelu != nullptr ? checked.gelu : &Reference::gelu<double>)(x, y); }

    static void gelu_backward(const Matrix& d_y, const Matrix& x, Matrix& d_x)
    {
        (checked.gelu_backward != nullptr ? checked.gelu_backward : &Reference::gelu_backward<double>)(d_y, x, d_x);
    }

    static void linear(const Matrix& x, const Matrix& weight, const Vector& bias, Matrix& y, bert::Workspace& workspace)
    {
        if (checked.linear == nullptr) return Reference::linear(x, weight, bias, y, workspace);
        checked.linear(x, weight, bias, y);
    }

    static void linear_backward(const Matrix& d_y, const Matrix& x, const Matrix& weight, Matrix& d_weight, Vector& d_bias,
                                Matrix& d_x, bert::Workspace& workspace)
    {
        if (checked.linear_backward == nullptr)
            return Reference::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
        checked.linear_backward(d_y, x, weight, d_weight, d_bias, d_x);
    }

    static void layer_norm(const Matrix& x, const bert::LayerNorm<double>& norm, double epsilon,
                           bert::LayerNormActivations<double>& act)
    {
        (checked.layer_norm != nullptr ? checked.layer_norm : &Reference::layer_norm<double>)(x, norm, epsilon, act);
    }

    static void layer_norm_backward(const Matrix& d_y, const bert::LayerNorm<double>& norm,
                                    const bert::LayerNormActivations<double>& act, bert::LayerNorm<double>& d_norm, Matrix& d_x)
    {
        (checked.layer_norm_backward != nullptr ? checked.layer_norm_backward
                                                : &Reference::layer_norm_backward<double>)(d_y, norm, act, d_norm, d_x);
    }

    static void softmax(const Matrix& scores, Matrix& probabilities)
    {
        (checked.softmax != nullptr ? checked.softmax : &Reference::softmax<double>)(scores, probabilities);
    }

    template <class Ops>
    static void attention(Ops, const bert::QueryKeyValue<double>& qkv, const bert::Pass& pass,
                          bert::AttentionActivations<double>& act)
    {
        // The project's own always runs first: it sets the sizes of all tensors, and `dropped`, which no exercise computes.
        Reference::attention(Ops{}, qkv, pass, act);
        if (checked.attention == nullptr) return;
        for_each_head(pass.sequences, pass.config.num_attention_heads, qkv.query.shape(1),
                      [&](std::size_t index, const HeadBlock& head) {
                          Matrix context;
                          checked.attention(head.take(qkv.query), head.take(qkv.key), head.take(qkv.value), act.scores[index],
                                            act.probabilities[index], context);
                          bert::require_shape("scores", act.scores[index], {head.n, head.n});
                          bert::require_shape("probabilities", act.probabilities[index], {head.n, head.n});
                          head.put("context", context, act.context);
                      });
    }

    template <class Ops>
    static void attention_backward(Ops, const Matrix& d_context, const bert::QueryKeyValue<double>& qkv, const bert::Pass& pass,
                                   const bert::AttentionActivations<double>& act, bert::AttentionActivations<double>& d_act,
                                   bert::QueryKeyValue<double>& d_qkv)
    {
        if (checked.attention_backward == nullptr)
            return Reference::attention_backward(Ops{}, d_context, qkv, pass, act, d_act, d_qkv);
        d_qkv.query.resize(qkv.query.shape());
        d_qkv.key.resize(qkv.query.shape());
        d_qkv.value.resize(qkv.query.shape());
        for_each_head(pass.sequences, pass.config.num_attention_heads, qkv.query.shape(1),
                      [&](std::size_t index, const HeadBlock& head) {
                          Matrix d_q, d_k, d_v;
                          checked.attention_backward(head.take(d_context), head.take(qkv.query), head.take(qkv.key),
                                                     head.take(qkv.value), act.probabilities[index], d_q, d_k, d_v);
                          head.put("d_query", d_q, d_qkv.query);
                          head.put("d_key", d_k, d_qkv.key);
                          head.put("d_value", d_v, d_qkv.value);
                      });
    }
};

}  // namespace exercise
