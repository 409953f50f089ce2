/// @file
/// What operations leave behind: the tensors of their formulas, for backward, for the debugger and for verification.
///
/// The gradients of these tensors are such structs too: in a `d_act`, `d_act.sum` is the gradient of `act.sum`.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/dropout.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// What a layer norm computes.
template <class Real>
struct LayerNormActivations {
    Tensor<Real, 1> rstd;   ///< one over the standard deviation of each row, [T]
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

/// What attention computes from query, key and value. The scores of head a in sequence b are at index b A + a.
template <class Real>
struct AttentionActivations {
    std::vector<Tensor<Real, 2>> scores;         ///< scaled, before a causal mask, [n, n] each, n the sequence's length
    std::vector<Tensor<Real, 2>> probabilities;  ///< their softmax, [n, n] each: row i is what token i takes from each token j
    std::vector<Tensor<Real, 2>> dropped;        ///< the probabilities after dropout, [n, n] each
    Tensor<Real, 2> context;                     ///< the mean of the values under these probabilities, heads joined, [T, H]

    /// The scores of one head, if they were kept.
    /// @param head  b A + a: head a of sequence b
    /// @return  [n, n]
    /// @throws std::out_of_range if they were not
    const Tensor<Real, 2>& scores_of(std::size_t head) const { return kept("scores", scores, head); }

    /// The probabilities of one head, if they were kept.
    /// @param head  b A + a: head a of sequence b
    /// @return  [n, n]
    /// @throws std::out_of_range if they were not
    const Tensor<Real, 2>& probabilities_of(std::size_t head) const { return kept("probabilities", probabilities, head); }

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

/// How attention is run.
struct AttentionOptions {
    std::size_t heads = 1;      ///< A; H is a multiple of it
    bool causal = false;        ///< a token sees only itself and what stands before it (GPT), not both sides (BERT)
    bool keep_scores = true;    ///< false: scores and probabilities are not wanted, and a fast set doesn't write them out
    DropoutPlace dropout = {};  ///< of the probabilities; head and first_row are set by the operation
};

/// What the end of a sub-layer computes: projection, residual, layer norm. A fast set keeps norm alone, as backward needs no more.
template <class Real>
struct ResidualActivations {
    Tensor<Real, 2> projected;        ///< the sub-layer's output, [T, H]
    Tensor<Real, 2> dropped;          ///< after dropout, [T, H]
    Tensor<Real, 2> sum;              ///< with the residual added, [T, H]
    LayerNormActivations<Real> norm;  ///< norm.y is what goes on
};

}  // namespace bert
