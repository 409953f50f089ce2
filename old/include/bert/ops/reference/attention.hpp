/// @file
/// Scaled dot-product attention with several heads, one sequence at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/dropout.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"

namespace bert::reference {

/// Checks what attention is given.
/// @param query  [T, H]
/// @param key  [T, H]
/// @param value  [T, H]
/// @param sequences  of T tokens
/// @param options  heads
/// @throws std::invalid_argument if a shape doesn't fit
template <class Real>
void require_attention_shapes(const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const Tensor<Real, 2>& value,
                              const Sequences& sequences, const AttentionOptions& options)
{
    const std::size_t T = query.shape(0), H = query.shape(1);
    require_shape("attention: key", key, {T, H});
    require_shape("attention: value", value, {T, H});
    require_sequences("attention: sequences", sequences, T);
    if (options.heads == 0 || H % options.heads != 0)
        throw std::invalid_argument("attention: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                    std::to_string(options.heads));
    options.dropout.require_valid(T);
}

/// Checks that tensors of heads, one for each head of each sequence, are there.
/// @param what  which, and what to do about it, for the message
/// @param heads  the tensors
/// @param sequences  of T tokens
/// @param A  heads
/// @throws std::invalid_argument if one is missing or isn't [n, n]
template <class Real>
void require_heads(const char* what, const std::vector<Tensor<Real, 2>>& heads, const Sequences& sequences, std::size_t A)
{
    if (heads.size() != sequences.count() * A)
        throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(sequences.count() * A) + " heads, got " +
                                    std::to_string(heads.size()));
    for (std::size_t head = 0; head < heads.size(); ++head) {
        const std::size_t n = sequences.length(head / A);
        require_shape(what, heads[head], {n, n});
    }
}

/// The dropout of one head of one sequence.
/// @param options  dropout
/// @param a  the head
/// @param first_row  where the sequence begins
/// @return  the place
inline DropoutPlace dropout_of_head(const AttentionOptions& options, std::size_t a, std::size_t first_row)
{
    DropoutPlace place = options.dropout;
    place.head = static_cast<std::uint32_t>(a);
    place.first_row = static_cast<std::uint32_t>(first_row);
    return place;
}

/// The operation `attention`, its three steps, and their backward.
struct AttentionOperations {
    /// Every token of a sequence asks every token of the same sequence, head by head, and takes a mean of their values.
    /// For the rows i and j of one sequence, and d over the D = H/A columns of one head:
    /// \f[ s_{ij} = \frac{1}{\sqrt D} \sum_d q_{id}\,k_{jd},\quad p_{ij} = \mathrm{softmax}_j(s_{ij}),\quad
    ///     c_{id} = \sum_j p_{ij}\,v_{jd} \f]
    /// Symbols: \f$q, k, v\f$ `query`, `key`, `value`, \f$s\f$ `scores`, \f$p\f$ `probabilities`, \f$c\f$ `context`. In training
    /// some probabilities are dropped (`dropped`) before they meet the values. With options.causal the softmax runs over j ≤ i
    /// only (section 3.2.3). In the code a sequence's rows begin at `head.first_row` and a head's columns at `head.first_column`;
    /// D is `head.D`, A `options.heads`, and head a of sequence b has the index b A + a.
    /// @param query  [T, H]
    /// @param key  [T, H]
    /// @param value  [T, H]
    /// @param sequences  where each sequence begins
    /// @param options  how many heads, whether a token may look ahead, and dropout
    /// @param[out] act  scores, probabilities, dropped and context; this set of operations keeps them all, asked for or not
    /// @throws std::invalid_argument if a shape doesn't fit
    /// @see Vaswani et al. 2017, sections 3.2.1 and 3.2.2
    template <class Ops, class Real>
    static void attention(Ops, const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const Tensor<Real, 2>& value,
                          const Sequences& sequences, const AttentionOptions& options, AttentionActivations<Real>& act,
                          Workspace&)
    {
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        require_attention_shapes(query, key, value, sequences, options);
        act.scores.resize(B * A);
        act.probabilities.resize(B * A);
        act.dropped.resize(B * A);
        act.context.resize({T, H});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t a = 0; a < A; ++a) {
                const HeadOfSequence head{sequences.begin[b], sequences.length(b), a * (H / A), H / A};
                Tensor<Real, 2>& scores = act.scores[b * A + a];
                Tensor<Real, 2>& probabilities = act.probabilities[b * A + a];
                Tensor<Real, 2>& dropped = act.dropped[b * A + a];
                attention_scores(query, key, head, scores);
                if (options.causal) {
                    Tensor<Real, 2> visible_scores = scores;
                    hide_what_follows(visible_scores);
                    Ops::softmax(visible_scores, probabilities);
                } else {
                    Ops::softmax(scores, probabilities);
                }
                Ops::dropout(probabilities, dropout_of_head(options, a, head.first_row), dropped);
                attention_context(dropped, value, head, act.context);
            }
        }
    }

    /// The same steps from the last to the first. Of one head, p' = m p being the probabilities after dropout:
    /// \f[ \delta v_{jd} = \sum_i p'_{ij}\,\delta c_{id},\quad \delta p'_{ij} = \sum_d \delta c_{id}\,v_{jd},\quad
    ///     \delta p_{ij} = m_{ij}\,\delta p'_{ij} \f]
    /// \f[ \delta s_{ij} = p_{ij}\,\Big(\delta p_{ij} - \sum_k p_{ik}\,\delta p_{ik}\Big),\quad
    ///     \delta q_{id} = \frac{1}{\sqrt D} \sum_j \delta s_{ij}\,k_{jd},\quad
    ///     \delta k_{jd} = \frac{1}{\sqrt D} \sum_i \delta s_{ij}\,q_{id} \f]
    /// Symbols: \f$p'\f$ `dropped`, \f$\delta p'\f$ `d_dropped`, \f$m\f$ what dropout multiplies each number by.
    /// A token that may not be seen has the probability 0, and with it softmax_backward gives its score the gradient 0: the
    /// causal mask needs no line of its own here.
    /// @param d_context  [T, H]
    /// @param query  as in forward, [T, H]
    /// @param key  as in forward, [T, H]
    /// @param value  as in forward, [T, H]
    /// @param sequences  as in forward
    /// @param options  as in forward
    /// @param act  what forward computed
    /// @param[out] d_act  the gradients of dropped, probabilities and scores, which Fast doesn't keep
    /// @param[out] d_query  [T, H]
    /// @param[out] d_key  [T, H]
    /// @param[out] d_value  [T, H]
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Ops, class Real>
    static void attention_backward(Ops, const Tensor<Real, 2>& d_context, const Tensor<Real, 2>& query,
                                   const Tensor<Real, 2>& key, const Tensor<Real, 2>& value, const Sequences& sequences,
                                   const AttentionOptions& options, const AttentionActivations<Real>& act,
                                   AttentionActivations<Real>& d_act, Tensor<Real, 2>& d_query, Tensor<Real, 2>& d_key,
                                   Tensor<Real, 2>& d_value, Workspace&)
    {
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        require_attention_shapes(query, key, value, sequences, options);
        require_shape("attention_backward: d_context", d_context, {T, H});
        require_heads("attention_backward: act.probabilities (forward computes them)", act.probabilities, sequences, A);
        require_heads("attention_backward: act.dropped (forward computes them)", act.dropped, sequences, A);
        d_act.scores.resize(B * A);
        d_act.probabilities.resize(B * A);
        d_act.dropped.resize(B * A);
        d_query.resize({T, H});
        d_key.resize({T, H});
        d_value.resize({T, H});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t a = 0; a < A; ++a) {
                const HeadOfSequence head{sequences.begin[b], sequences.length(b), a * (H / A), H / A};
                const Tensor<Real, 2>& probabilities = act.probabilities[b * A + a];
                const Tensor<Real, 2>& dropped = act.dropped[b * A + a];
                Tensor<Real, 2>& d_dropped = d_act.dropped[b * A + a];
                Tensor<Real, 2>& d_probabilities = d_act.probabilities[b * A + a];
                Tensor<Real, 2>& d_scores = d_act.scores[b * A + a];
                attention_context_backward(d_context, dropped, value, head, d_dropped, d_value);
                Ops::dropout_backward(d_dropped, dropout_of_head(options, a, head.first_row), d_probabilities);
                Ops::softmax_backward(d_probabilities, probabilities, d_scores);
                attention_scores_backward(d_scores, query, key, head, d_query, d_key);
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

    /// How well each token's query fits each token's key. A sum of D products of independent numbers of mean 0 and variance 1 has
    /// the variance D; the scale makes it 1.
    template <class Real>
    static void attention_scores(const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const HeadOfSequence& head,
                                 Tensor<Real, 2>& scores)
    {
        const Real scale = 1 / std::sqrt(Real(head.D));
        scores.resize({head.n, head.n});
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t j = 0; j < head.n; ++j) {
                Real product = 0;
                for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d)
                    product += query(head.first_row + i, d) * key(head.first_row + j, d);
                scores(i, j) = product * scale;
            }
        }
    }

    template <class Real>
    static void attention_scores_backward(const Tensor<Real, 2>& d_scores, const Tensor<Real, 2>& query,
                                          const Tensor<Real, 2>& key, const HeadOfSequence& head, Tensor<Real, 2>& d_query,
                                          Tensor<Real, 2>& d_key)
    {
        const Real scale = 1 / std::sqrt(Real(head.D));
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d) {
                Real sum = 0;
                for (std::size_t j = 0; j < head.n; ++j)
                    sum += d_scores(i, j) * key(head.first_row + j, d);
                d_query(head.first_row + i, d) = sum * scale;
            }
        }
        for (std::size_t j = 0; j < head.n; ++j) {
            for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d) {
                Real sum = 0;
                for (std::size_t i = 0; i < head.n; ++i)
                    sum += d_scores(i, j) * query(head.first_row + i, d);
                d_key(head.first_row + j, d) = sum * scale;
            }
        }
    }

    /// The causal mask: token i doesn't see the tokens j > i.
    template <class Real>
    static void hide_what_follows(Tensor<Real, 2>& scores)
    {
        for (std::size_t i = 0; i < scores.shape(0); ++i)
            for (std::size_t j = i + 1; j < scores.shape(1); ++j)
                scores(i, j) = -std::numeric_limits<Real>::infinity();
    }

    /// What each token takes: the mean of the values, weighted with its probabilities.
    template <class Real>
    static void attention_context(const Tensor<Real, 2>& dropped, const Tensor<Real, 2>& value, const HeadOfSequence& head,
                                  Tensor<Real, 2>& context)
    {
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d) {
                Real sum = 0;
                for (std::size_t j = 0; j < head.n; ++j)
                    sum += dropped(i, j) * value(head.first_row + j, d);
                context(head.first_row + i, d) = sum;
            }
        }
    }

    template <class Real>
    static void attention_context_backward(const Tensor<Real, 2>& d_context, const Tensor<Real, 2>& dropped,
                                           const Tensor<Real, 2>& value, const HeadOfSequence& head, Tensor<Real, 2>& d_dropped,
                                           Tensor<Real, 2>& d_value)
    {
        d_dropped.resize({head.n, head.n});
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t j = 0; j < head.n; ++j) {
                Real sum = 0;
                for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d)
                    sum += d_context(head.first_row + i, d) * value(head.first_row + j, d);
                d_dropped(i, j) = sum;
            }
        }
        for (std::size_t j = 0; j < head.n; ++j) {
            for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d) {
                Real sum = 0;
                for (std::size_t i = 0; i < head.n; ++i)
                    sum += dropped(i, j) * d_context(head.first_row + i, d);
                d_value(head.first_row + j, d) = sum;
            }
        }
    }
};

}  // namespace bert::reference
