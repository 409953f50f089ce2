/// @file
/// Scaled dot-product attention with several heads, one sequence at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/ops/attention.hpp"

namespace bert::reference {

/// The operation `attention` and its backward.
struct AttentionOperations {
    /// In each head, every token attends to all tokens of its sequence, and takes a weighted mean of their values.
    /// For the rows i and j of one sequence, and d over the D = H/A columns of one head:
    /// \f[ s_{ij} = \frac{1}{\sqrt D} \sum_d q_{id}\,k_{jd},\quad p_{ij} = \mathrm{softmax}_j(s_{ij}),\quad
    ///     p' = \mathrm{dropout}(p),\quad c_{id} = \sum_j p'_{ij}\,v_{jd} \f]
    /// In a causal model the softmax is that of `masked_scores`, which are \f$s_{ij}\f$ for j ≤ i and -infinity for the later
    /// tokens (Vaswani et al. 2017, section 3.2.3). The unnamed first argument is the set whose softmax and dropout are called
    /// (ops/reference.hpp).
    /// Symbols: \f$q, k, v\f$ `qkv.query`, `qkv.key`, `qkv.value`, \f$s\f$ `scores`, \f$p\f$ `probabilities`, \f$p'\f$
    /// `after_dropout`, \f$c\f$ `context`, A num_attention_heads. Head a of sequence b has the index b·A + a; a sequence's rows
    /// begin at `head.first_row`, a head's columns at `head.first_column`, so that row i of the formula is row first_row + i of
    /// the tensor, and column d is `column` = first_column + d.
    /// Padding isn't masked, since sequences are packed (core/sequences.hpp); published code adds a large negative number to its
    /// scores. Dropout on the probabilities is not in the paper either, but in published code.
    /// @param qkv  query, key and value, [T, H] each
    /// @param pass  the sequences, T tokens in all, n is the length of one; num_attention_heads, is_causal, dropout
    /// @param[out] act  B·A tensors scores, probabilities and after_dropout, [n, n] each, and context, [T, H]
    /// @throws std::invalid_argument if a shape doesn't fit
    /// @see Vaswani et al. 2017, sections 3.2.1 and 3.2.2
    template <class Ops, class Real>
    static void attention(Ops, const QueryKeyValue<Real>& qkv, const Pass& pass, AttentionActivations<Real>& act)
    {
        require_attention_inputs(qkv, pass);
        const std::size_t T = qkv.query.shape(0), H = qkv.query.shape(1), A = pass.config.num_attention_heads;
        const std::size_t B = pass.sequences.count();
        act.scores.resize(B * A);
        act.probabilities.resize(B * A);
        act.after_dropout.resize(B * A);
        act.context.resize({T, H});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t a = 0; a < A; ++a) {
                const HeadOfSequence head{
                    .first_row = pass.sequences.begin[b], .n = pass.sequences.length(b), .first_column = a * (H / A), .D = H / A};
                Tensor<Real, 2>& scores = act.scores[b * A + a];                // [n, n]
                Tensor<Real, 2>& probabilities = act.probabilities[b * A + a];  // [n, n]
                Tensor<Real, 2>& after_dropout = act.after_dropout[b * A + a];  // [n, n]
                attention_scores(qkv.query, qkv.key, head, scores);
                if (pass.config.is_causal) {
                    Tensor<Real, 2> masked_scores = scores;  // [n, n]
                    apply_causal_mask(masked_scores);
                    Ops::softmax(masked_scores, probabilities);
                } else {
                    Ops::softmax(scores, probabilities);
                }
                Ops::dropout(probabilities, dropout_of_head(pass, b, a), after_dropout);
                attention_context(after_dropout, qkv.value, head, act.context);
            }
        }
    }

    /// The steps of forward in reverse order. For one head, where p' = m p are the probabilities after dropout:
    /// \f[ \delta v_{jd} = \sum_i p'_{ij}\,\delta c_{id},\quad \delta p'_{ij} = \sum_d \delta c_{id}\,v_{jd},\quad
    ///     \delta p_{ij} = m_{ij}\,\delta p'_{ij} \f]
    /// \f[ \delta s_{ij} = p_{ij}\,\Big(\delta p_{ij} - \sum_l p_{il}\,\delta p_{il}\Big),\quad
    ///     \delta q_{id} = \frac{1}{\sqrt D} \sum_j \delta s_{ij}\,k_{jd},\quad
    ///     \delta k_{jd} = \frac{1}{\sqrt D} \sum_i \delta s_{ij}\,q_{id} \f]
    /// Symbols: \f$\delta c\f$ `d_context`, \f$p'\f$ `after_dropout`, \f$\delta p'\f$ `d_after_dropout`, \f$m\f$ the factors of
    /// dropout, \f$\delta p\f$ `d_probabilities`, \f$\delta s\f$ `d_scores`, \f$\delta q, \delta k, \delta v\f$ `d_qkv`.
    /// A masked token has the probability 0, so softmax_backward gives its score the gradient 0: the causal mask needs no
    /// statement of its own here.
    /// @param d_context  [T, H]; may be d_act.context itself, which is only read
    /// @param qkv  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[out] d_act  the gradients of after_dropout, probabilities and scores, [n, n] each; `Fast` doesn't keep them
    /// @param[out] d_qkv  the gradients of query, key and value, [T, H] each
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Ops, class Real>
    static void attention_backward(Ops, const Tensor<Real, 2>& d_context, const QueryKeyValue<Real>& qkv, const Pass& pass,
                                   const AttentionActivations<Real>& act, AttentionActivations<Real>& d_act,
                                   QueryKeyValue<Real>& d_qkv)
    {
        require_attention_inputs(qkv, pass);
        const std::size_t T = qkv.query.shape(0), H = qkv.query.shape(1), A = pass.config.num_attention_heads;
        const std::size_t B = pass.sequences.count();
        require_shape("attention_backward: d_context", d_context, {T, H});
        require_heads("attention_backward: act.probabilities (forward computes them)", act.probabilities, pass.sequences, A);
        require_heads("attention_backward: act.after_dropout (forward computes them)", act.after_dropout, pass.sequences, A);
        d_act.scores.resize(B * A);
        d_act.probabilities.resize(B * A);
        d_act.after_dropout.resize(B * A);
        d_qkv.query.resize({T, H});
        d_qkv.key.resize({T, H});
        d_qkv.value.resize({T, H});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t a = 0; a < A; ++a) {
                const HeadOfSequence head{
                    .first_row = pass.sequences.begin[b], .n = pass.sequences.length(b), .first_column = a * (H / A), .D = H / A};
                const Tensor<Real, 2>& probabilities = act.probabilities[b * A + a];  // [n, n]
                const Tensor<Real, 2>& after_dropout = act.after_dropout[b * A + a];  // [n, n]
                Tensor<Real, 2>& d_after_dropout = d_act.after_dropout[b * A + a];    // [n, n]
                Tensor<Real, 2>& d_probabilities = d_act.probabilities[b * A + a];    // [n, n]
                Tensor<Real, 2>& d_scores = d_act.scores[b * A + a];                  // [n, n]
                attention_context_backward(d_context, after_dropout, qkv.value, head, d_after_dropout, d_qkv.value);
                Ops::dropout_backward(d_after_dropout, dropout_of_head(pass, b, a), d_probabilities);
                Ops::softmax_backward(d_probabilities, probabilities, d_scores);
                attention_scores_backward(d_scores, qkv, head, d_qkv);
            }
        }
    }

private:
    /// One head of one sequence: n rows from first_row, D columns from first_column.
    struct HeadOfSequence {
        std::size_t first_row;
        std::size_t n;
        std::size_t first_column;
        std::size_t D;
    };

    /// How well each token's query fits each token's key: query and key are [T, H], scores [n, n]. A sum of D products of
    /// independent variables with mean 0 and variance 1 has the variance D; the scale makes it 1.
    template <class Real>
    static void attention_scores(const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const HeadOfSequence& head,
                                 Tensor<Real, 2>& scores)
    {
        const Real scale = 1 / std::sqrt(Real(head.D));
        scores.resize({head.n, head.n});
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t j = 0; j < head.n; ++j) {
                Real product = 0;
                for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column)
                    product += query(head.first_row + i, column) * key(head.first_row + j, column);
                scores(i, j) = product * scale;
            }
        }
    }

    /// Reads qkv.query and qkv.key, writes d_qkv.query and d_qkv.key, [T, H] each; d_scores is [n, n].
    template <class Real>
    static void attention_scores_backward(const Tensor<Real, 2>& d_scores, const QueryKeyValue<Real>& qkv,
                                          const HeadOfSequence& head, QueryKeyValue<Real>& d_qkv)
    {
        const Real scale = 1 / std::sqrt(Real(head.D));
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column) {
                Real sum = 0;
                for (std::size_t j = 0; j < head.n; ++j)
                    sum += d_scores(i, j) * qkv.key(head.first_row + j, column);
                d_qkv.query(head.first_row + i, column) = sum * scale;
            }
        }
        for (std::size_t j = 0; j < head.n; ++j) {
            for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column) {
                Real sum = 0;
                for (std::size_t i = 0; i < head.n; ++i)
                    sum += d_scores(i, j) * qkv.query(head.first_row + i, column);
                d_qkv.key(head.first_row + j, column) = sum * scale;
            }
        }
    }

    /// The causal mask on scores, [n, n]: token i doesn't attend to the tokens j > i.
    template <class Real>
    static void apply_causal_mask(Tensor<Real, 2>& scores)
    {
        for (std::size_t i = 0; i < scores.shape(0); ++i)
            for (std::size_t j = i + 1; j < scores.shape(1); ++j)
                scores(i, j) = -std::numeric_limits<Real>::infinity();
    }

    /// For each token the sum of the values, weighted with its probabilities, [n, n]; value and context are [T, H].
    template <class Real>
    static void attention_context(const Tensor<Real, 2>& after_dropout, const Tensor<Real, 2>& value, const HeadOfSequence& head,
                                  Tensor<Real, 2>& context)
    {
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column) {
                Real sum = 0;
                for (std::size_t j = 0; j < head.n; ++j)
                    sum += after_dropout(i, j) * value(head.first_row + j, column);
                context(head.first_row + i, column) = sum;
            }
        }
    }

    /// d_context, value and d_value are [T, H], after_dropout and d_after_dropout [n, n].
    template <class Real>
    static void attention_context_backward(const Tensor<Real, 2>& d_context, const Tensor<Real, 2>& after_dropout,
                                           const Tensor<Real, 2>& value, const HeadOfSequence& head,
                                           Tensor<Real, 2>& d_after_dropout, Tensor<Real, 2>& d_value)
    {
        d_after_dropout.resize({head.n, head.n});
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t j = 0; j < head.n; ++j) {
                Real sum = 0;
                for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column)
                    sum += d_context(head.first_row + i, column) * value(head.first_row + j, column);
                d_after_dropout(i, j) = sum;
            }
        }
        for (std::size_t j = 0; j < head.n; ++j) {
            for (std::size_t column = head.first_column; column < head.first_column + head.D; ++column) {
                Real sum = 0;
                for (std::size_t i = 0; i < head.n; ++i)
                    sum += after_dropout(i, j) * d_context(head.first_row + i, column);
                d_value(head.first_row + j, column) = sum;
            }
        }
    }
};

}  // namespace bert::reference
