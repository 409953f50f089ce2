/// @file
/// Inputs and results of layer norm and attention: the tensors of their formulas, for backward, for the debugger and for
/// verification.
///
/// The gradients of these tensors have the same types: `d_act.scores` are the gradients of `act.scores`.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/tensor.hpp"

namespace bert {

/// Results of a layer norm.
template <class Real>
struct LayerNormActivations {
    Tensor<Real, 1> rstd;   ///< (variance + epsilon)^(-1/2) of each row, [T]
    Tensor<Real, 2> x_hat;  ///< the normalized rows, [T, H]
    Tensor<Real, 2> y;      ///< scaled and shifted, [T, H]

    /// @param T  rows
    /// @param H  width
    void resize(std::size_t T, std::size_t H)
    {
        rstd.resize({T});
        x_hat.resize({T, H});
        y.resize({T, H});
    }
};

/// The inputs of attention, or their gradients; each has one row per token.
template <class Real>
struct QueryKeyValue {
    Tensor<Real, 2> query;  ///< what a token looks for, [T, H]
    Tensor<Real, 2> key;    ///< what a token is found by, [T, H]
    Tensor<Real, 2> value;  ///< what a token passes on to those that attend to it, [T, H]
};

/// Results of attention with A heads on B sequences: B A tensors each of scores, probabilities and after_dropout. Head a of
/// sequence b has the index b A + a, and n is the number of that sequence's tokens.
template <class Real>
struct AttentionActivations {
    std::vector<Tensor<Real, 2>> scores;         ///< scaled, before a causal mask, [n, n] each, n the sequence's length
    std::vector<Tensor<Real, 2>> probabilities;  ///< their softmax, [n, n] each: row i holds the weights of token i
    std::vector<Tensor<Real, 2>> after_dropout;  ///< the probabilities after dropout, [n, n] each
    Tensor<Real, 2> context;                     ///< sums of the values with these weights, the heads side by side, [T, H]

    /// The scores of one head, if they were kept.
    /// @param index  b A + a: head a of sequence b
    /// @return  [n, n]
    /// @throws std::out_of_range if they were not kept
    const Tensor<Real, 2>& scores_of(std::size_t index) const { return kept("scores", scores, index); }

    /// The probabilities of one head, if they were kept.
    /// @param index  b A + a: head a of sequence b
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

}  // namespace bert
