/// @file
/// Inputs, results and checks of attention, shared by ops/reference/attention.hpp, which has the formulas, and
/// ops/fast/attention.hpp. Gradients have the type of what they belong to: `d_act.scores` are those of `act.scores`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/dropout.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// The inputs of attention, or their gradients; each has one row per token.
template <class Real>
struct QueryKeyValue {
    Tensor<Real, 2> query;  ///< what a token looks for, [T, H]
    Tensor<Real, 2> key;    ///< what the queries are compared with, [T, H]
    Tensor<Real, 2> value;  ///< what a token passes on to those that attend to it, [T, H]
};

/// Results of attention with A heads on B sequences: B·A tensors each of scores, probabilities and after_dropout. Head a of
/// sequence b has the index b·A + a, and n is the number of that sequence's tokens.
template <class Real>
struct AttentionActivations {
    std::vector<Tensor<Real, 2>> scores;         ///< scaled, before a causal mask, [n, n] each, n the sequence's length
    std::vector<Tensor<Real, 2>> probabilities;  ///< their softmax, [n, n] each: row i holds the weights of token i
    std::vector<Tensor<Real, 2>> after_dropout;  ///< the probabilities after dropout, [n, n] each
    Tensor<Real, 2> context;                     ///< sums of the values with these weights, the heads side by side, [T, H]

    /// The scores of one head. (`Fast` keeps scores and probabilities only with keep_all, and after_dropout never.)
    /// @param index  b·A + a: head a of sequence b
    /// @return  [n, n]
    /// @throws std::out_of_range if they were not kept
    const Tensor<Real, 2>& scores_of(std::size_t index) const { return kept("scores", scores, index); }

    /// The probabilities of one head, as scores_of.
    /// @param index  b·A + a: head a of sequence b
    /// @return  [n, n]
    /// @throws std::out_of_range if they were not kept
    const Tensor<Real, 2>& probabilities_of(std::size_t index) const { return kept("probabilities", probabilities, index); }

private:
    static const Tensor<Real, 2>& kept(const char* what, const std::vector<Tensor<Real, 2>>& heads, std::size_t head)
    {
        if (head >= heads.size())
            throw std::out_of_range(std::string("attention: ") + what + ": expected a head below " +
                                    std::to_string(heads.size()) + ", got " + std::to_string(head) +
                                    (heads.empty() ? " (a fast set keeps none unless keep_all is set before forward)" : ""));
        return heads[head];
    }
};

/// Checks what attention reads of a pass.
/// @param pass  sequences of T tokens, num_attention_heads, dropout
/// @param T  number of tokens
/// @param H  hidden width
/// @throws std::invalid_argument if the sequences don't have T tokens, H is no multiple of the number of heads, there are more
///     than 4096 of them, or the probability of dropout is not in [0, 1)
inline void require_attention_pass(const Pass& pass, std::size_t T, std::size_t H)
{
    const std::size_t A = pass.config.num_attention_heads;
    require_sequences("attention: sequences", pass.sequences, T);
    if (A == 0 || H % A != 0)
        throw std::invalid_argument("attention: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                    std::to_string(A));
    DropoutPlace place = pass.at(DropoutSite::probabilities).dropout.place();
    place.head = static_cast<std::uint32_t>(A - 1);  // the last one
    place.require_valid(T);
}

/// Checks the inputs of attention.
/// @param qkv  query, key and value, [T, H] each
/// @param pass  sequences of T tokens, num_attention_heads, dropout
/// @throws std::invalid_argument if a shape doesn't fit, or as require_attention_pass
template <class Real>
void require_attention_inputs(const QueryKeyValue<Real>& qkv, const Pass& pass)
{
    const std::size_t T = qkv.query.shape(0), H = qkv.query.shape(1);
    require_shape("attention: key", qkv.key, {T, H});
    require_shape("attention: value", qkv.value, {T, H});
    require_attention_pass(pass, T, H);
}

/// Checks that there is one tensor for each head of each sequence.
/// @param what  for the message: the tensors' name, and what computes them
/// @param heads  the tensors: that of head a of sequence b has the index b A + a
/// @param sequences  of T tokens
/// @param A  number of heads
/// @throws std::invalid_argument if one is missing or isn't [n, n]
template <class Real>
void require_heads(const char* what, const std::vector<Tensor<Real, 2>>& heads, const Sequences& sequences, std::size_t A)
{
    if (heads.size() != sequences.count() * A)
        throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(sequences.count() * A) + " heads, got " +
                                    std::to_string(heads.size()));
    for (std::size_t index = 0; index < heads.size(); ++index) {
        const std::size_t n = sequences.length(index / A);
        require_shape(what, heads[index], {n, n});
    }
}

/// The dropout of one head of one sequence.
/// @param pass  dropout and sequences
/// @param b  index of the sequence
/// @param a  index of the head
/// @return  its DropoutPlace
inline DropoutPlace dropout_of_head(const Pass& pass, std::size_t b, std::size_t a)
{
    DropoutPlace place = pass.at(DropoutSite::probabilities).dropout.place();
    place.head = static_cast<std::uint32_t>(a);
    place.first_row += static_cast<std::uint32_t>(pass.sequences.begin[b]);
    return place;
}

}  // namespace bert
