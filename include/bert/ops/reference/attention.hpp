/// @file
/// Scaled dot-product attention with several heads, one sequence at a time.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"

namespace bert::reference {

/// The operation `attention` and its three steps.
struct AttentionOperations {
    /// Every token of a sequence asks every token of the same sequence, head by head, and takes a mean of their values.
    /// For the rows i and j of one sequence, and d over the D = H/A columns of one head:
    /// \f[ s_{ij} = \frac{1}{\sqrt D} \sum_d q_{id}\,k_{jd},\quad p_{ij} = \mathrm{softmax}_j(s_{ij}),\quad
    ///     c_{id} = \sum_j p_{ij}\,v_{jd} \f]
    /// Symbols: \f$q, k, v\f$ `query`, `key`, `value`, \f$s\f$ `scores`, \f$p\f$ `probabilities`, \f$c\f$ `context`.
    /// @param query  [T, H]
    /// @param key  [T, H]
    /// @param value  [T, H]
    /// @param sequences  where each sequence begins
    /// @param options  how many heads, and whether a token may look ahead
    /// @param[out] act  scores, probabilities and context; this set of operations keeps them all, asked for or not
    /// @throws std::invalid_argument if a shape doesn't fit
    /// @see Vaswani et al. 2017, sections 3.2.1 and 3.2.2
    template <class Ops, class Real>
    static void attention(Ops, const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const Tensor<Real, 2>& value,
                          const Sequences& sequences, const AttentionOptions& options, AttentionActivations<Real>& act,
                          Workspace&)
    {
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        require_shape("attention: key", key, {T, H});
        require_shape("attention: value", value, {T, H});
        if (sequences.tokens() != T)
            throw std::invalid_argument("attention: sequences: expected " + std::to_string(T) + " tokens, got " +
                                        std::to_string(sequences.tokens()));
        if (A == 0 || H % A != 0)
            throw std::invalid_argument("attention: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                        std::to_string(A));
        act.scores.resize(B * A);
        act.probabilities.resize(B * A);
        act.context.resize({T, H});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t a = 0; a < A; ++a) {
                const HeadOfSequence head{sequences.begin[b], sequences.length(b), a * (H / A), H / A};
                Tensor<Real, 2>& scores = act.scores[b * A + a];
                Tensor<Real, 2>& probabilities = act.probabilities[b * A + a];
                attention_scores(query, key, head, scores);
                Tensor<Real, 2> visible_scores = scores;
                if (options.causal) hide_what_follows(visible_scores);
                Ops::softmax(visible_scores, probabilities);
                attention_context(probabilities, value, head, act.context);
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

    /// How well each token's query fits each token's key. The scale keeps the variance of a score at 1 if q's and k's is.
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
    static void attention_context(const Tensor<Real, 2>& probabilities, const Tensor<Real, 2>& value, const HeadOfSequence& head,
                                  Tensor<Real, 2>& context)
    {
        for (std::size_t i = 0; i < head.n; ++i) {
            for (std::size_t d = head.first_column; d < head.first_column + head.D; ++d) {
                Real sum = 0;
                for (std::size_t j = 0; j < head.n; ++j)
                    sum += probabilities(i, j) * value(head.first_row + j, d);
                context(head.first_row + i, d) = sum;
            }
        }
    }
};

}  // namespace bert::reference
