/// @file
/// Scaled dot-product attention with several heads: one piece of work for each head of each sequence, in blocks of rows
/// whose scores stay in the cache. Keys and values are copied once into panels of the product kernel; scores become
/// probabilities and probabilities a mean of values before the next block begins, and neither is written out unless asked
/// for, where the reference keeps [n, n] of both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/softmax.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product/kernel.hpp"

namespace bert::fast {

/// One head of one sequence.
/// @tparam V  the vector
template <class V>
struct AttentionHead {
    using Real = typename V::value_type;                           ///< the scalar
    using Kernel = product::Kernel<V>;                             ///< the product
    using Rows = product::Rows<Real>;                              ///< rows of a matrix
    static constexpr std::size_t block = 4 * Kernel::tile_height;  ///< rows whose scores stay in the cache

    Rows query;           ///< [n, D]
    Rows key;             ///< [n, D]
    Rows value;           ///< [n, D]
    bool causal;          ///< a token sees only what stands before it
    Real* context;        ///< [n, D]
    std::size_t stride;   ///< from one row of context to the next
    Real* scores;         ///< [n, n] to keep them in, or null
    Real* probabilities;  ///< [n, n] to keep them in, or null

    /// @param n  tokens of a sequence @param D  width of a head @return  numbers of scratch that run() wants
    static std::size_t scratch_size(std::size_t n, std::size_t D)
    {
        return Kernel::strip_size + padded(n) * D + n * padded(D) + whole_lines(block * padded(n));
    }

    /// Computes context, and scores and probabilities if wanted.
    /// @param scratch  scratch_size() numbers
    void run(Real* scratch) const
    {
        const std::size_t n = query.count, D = query.width, row_size = padded(n);
        Real* strip = scratch;
        Real* block_scores = strip + Kernel::strip_size;            // [block, padded(n)]
        Real* keys = block_scores + whole_lines(block * row_size);  // [padded(n)/width][D][width]
        Real* values = keys + row_size * D;                         // [padded(D)/width][n][width]
        for (std::size_t j = 0; j < n; j += Kernel::panel_width)
            Kernel::pack(key, j, keys + j * D);
        for (std::size_t d = 0; d < D; d += Kernel::panel_width)
            Kernel::pack_columns(value, d, values + d * n);
        const Real scale = 1 / std::sqrt(Real(D));
        for (std::size_t first = 0; first < n; first += block) {
            const std::size_t rows = std::min(block, n - first);
            const Rows some_queries{query.data + first * query.stride, rows, D, query.stride};
            for (std::size_t j = 0; j < n; j += Kernel::panel_width)
                Kernel::multiply(some_queries, keys + j * D, strip, [&](std::size_t i, const Real* sums) {
                    map<V>(Kernel::panel_width, sums, block_scores + i * row_size + j, [&](const V& s) { return s * V(scale); });
                });
            for (std::size_t i = 0; i < rows; ++i)
                turn_into_probabilities(first + i, block_scores + i * row_size);
            const Rows some_probabilities{block_scores, rows, n, row_size};
            for (std::size_t d = 0; d < D; d += Kernel::panel_width)
                Kernel::multiply(some_probabilities, values + d * n, strip, [&](std::size_t i, const Real* sums) {
                    copy(std::min(Kernel::panel_width, D - d), sums, context + (first + i) * stride + d);
                });
        }
    }

private:
    static std::size_t padded(std::size_t count) { return Kernel::panels(count) * Kernel::panel_width; }

    static void copy(std::size_t count, const Real* from, Real* to) { std::copy_n(from, count, to); }

    /// Row i of the scores becomes row i of the probabilities; a token that is not seen has none.
    void turn_into_probabilities(std::size_t i, Real* row) const
    {
        const std::size_t n = query.count, visible = causal ? i + 1 : n;
        if (scores != nullptr) copy(n, row, scores + i * n);
        softmax_row<V>(visible, row, row);
        std::fill(row + visible, row + n, Real(0));
        if (probabilities != nullptr) copy(n, row, probabilities + i * n);
    }
};

/// The operation `attention`.
/// @tparam Arch  the instruction set
template <class Arch>
struct AttentionOperation {
    /// @copydoc bert::reference::AttentionOperations::attention
    /// @param workspace  scratch
    template <class Ops, class Real>
    static void attention(Ops, const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const Tensor<Real, 2>& value,
                          const Sequences& sequences, const AttentionOptions& options, AttentionActivations<Real>& act,
                          Workspace& workspace)
    {
        using Head = AttentionHead<Vector<Real, Arch>>;
        static_assert(same_function<&Ops::template softmax<Real>, &SoftmaxOperation<Arch>::template softmax<Real>>,
                      "Fast::attention has softmax inside: whoever replaces softmax replaces attention too");
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        require_shape("attention: key", key, {T, H});
        require_shape("attention: value", value, {T, H});
        if (sequences.tokens() != T)
            throw std::invalid_argument("attention: sequences: expected " + std::to_string(T) + " tokens, got " +
                                        std::to_string(sequences.tokens()));
        if (A == 0 || H % A != 0)
            throw std::invalid_argument("attention: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                        std::to_string(A));
        act.context.resize({T, H});
        act.scores.resize(options.keep_scores ? B * A : 0);
        act.probabilities.resize(options.keep_scores ? B * A : 0);
        for (std::size_t head = 0; head < act.scores.size(); ++head) {
            const std::size_t n = sequences.length(head / A);
            act.scores[head].resize({n, n});
            act.probabilities[head].resize({n, n});
        }
        workspace.prepare_threads();
        parallel_for(B * A, [&](std::size_t piece, std::size_t thread) {
            const std::size_t b = piece / A, D = H / A, n = sequences.length(b);
            const std::size_t place = sequences.begin[b] * H + piece % A * D;
            const Head head{{query.data() + place, n, D, H},
                            {key.data() + place, n, D, H},
                            {value.data() + place, n, D, H},
                            options.causal,
                            act.context.data() + place,
                            H,
                            options.keep_scores ? act.scores[piece].data() : nullptr,
                            options.keep_scores ? act.probabilities[piece].data() : nullptr};
            head.run(workspace.template of_thread<Real>(thread, Head::scratch_size(n, D)));
        });
    }
};

}  // namespace bert::fast
