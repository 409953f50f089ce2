/// @file
/// Softmax, a vector of a row at a time: the maximum, exponentials and their sum, then one multiplication by its inverse
/// where the reference divides each number.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>

#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/ops/fast/functions.hpp"
#include "bert/ops/fast/vector.hpp"

namespace bert::fast {

/// Softmax of one row.
/// @param n  how many scores
/// @param scores  [n]
/// @param probabilities  [n]; may be scores
template <class V, class Real>
void softmax_row(std::size_t n, const Real* scores, Real* probabilities)
{
    constexpr Real infinity = std::numeric_limits<Real>::infinity();
    V largest(-infinity);
    for_each_vector<V>(n, scores, -infinity, [&](const V& s) { largest = max(largest, s); });
    const V row_maximum(largest_of(largest));
    map<V>(n, scores, probabilities, [&](const V& s) { return exp_of_negative(s - row_maximum); });
    V sums(Real(0));
    for_each_vector<V>(n, probabilities, Real(0), [&](const V& p) { sums = sums + p; });
    const V inverse(1 / sum_of(sums));
    map<V>(n, probabilities, probabilities, [&](const V& p) { return p * inverse; });
}

/// The operation `softmax`.
/// @tparam Arch  the instruction set
template <class Arch>
struct SoftmaxOperation {
    /// @copydoc bert::reference::SoftmaxOperation::softmax
    template <class Real>
    static void softmax(const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        constexpr std::size_t piece_rows = 16;
        const std::size_t rows = scores.shape(0), n = scores.shape(1);
        probabilities.resize({rows, n});
        parallel_for((rows + piece_rows - 1) / piece_rows, [&](std::size_t piece, std::size_t) {
            for (std::size_t i = piece * piece_rows; i < std::min(rows, (piece + 1) * piece_rows); ++i)
                softmax_row<Vector<Real, Arch>>(n, scores.data() + i * n, probabilities.data() + i * n);
        });
    }
};

}  // namespace bert::fast
