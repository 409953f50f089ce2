/// @file
/// Scaled dot-product attention with several heads: one piece of work for each head of each sequence, in blocks of rows
/// whose scores stay in the cache. Keys and values are copied once into panels of the product kernel; scores become
/// probabilities and probabilities a mean of values before the next block begins, and neither is written out unless asked
/// for, where the reference keeps [n, n] of both.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fast/dropout.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/softmax.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product/kernel.hpp"
#include "bert/ops/reference/attention.hpp"

namespace bert::fast {

/// A count made a whole number of panels.
/// @tparam Kernel  the product
/// @param count  numbers
/// @return  as many, or more
template <class Kernel>
std::size_t padded(std::size_t count)
{
    return Kernel::panels(count) * Kernel::panel_width;
}

/// Some rows of scores: queries times keys, scaled.
/// @tparam V  the vector
/// @param queries  rows of the queries, each D wide
/// @param keys  all n keys in panels
/// @param n  how many
/// @param[out] scores  for each query padded(n) numbers, of which the last are garbage
/// @param strip  scratch of the kernel
template <class V, class Real>
void attention_scores(const product::Rows<Real>& queries, const Real* keys, std::size_t n, Real* scores, Real* strip)
{
    using Kernel = product::Kernel<V>;
    const std::size_t D = queries.width, row_size = padded<Kernel>(n);
    const V scale(1 / std::sqrt(Real(D)));
    for (std::size_t j = 0; j < n; j += Kernel::panel_width)
        Kernel::multiply(queries, keys + j * D, strip, [&](std::size_t i, const Real* sums) {
            map<V>(Kernel::panel_width, sums, scores + i * row_size + j, [&](const V& s) { return s * scale; });
        });
}

/// One head of one sequence.
/// @tparam V  the vector
template <class V>
struct AttentionHead {
    using Real = typename V::value_type;                           ///< the scalar
    using Kernel = product::Kernel<V>;                             ///< the product
    using Rows = product::Rows<Real>;                              ///< rows of a matrix
    static constexpr std::size_t block = 4 * Kernel::tile_height;  ///< rows whose scores stay in the cache

    Rows query;            ///< [n, D]
    Rows key;              ///< [n, D]
    Rows value;            ///< [n, D]
    bool causal;           ///< a token sees only what stands before it
    DropoutPlace dropout;  ///< of the probabilities, for this head and sequence
    Real* context;         ///< [n, D]
    std::size_t stride;    ///< from one row of context to the next
    Real* scores;          ///< [n, n] to keep them in, or null
    Real* probabilities;   ///< [n, n] to keep them in, or null

    /// @param n  tokens of a sequence
    /// @param D  width of a head
    /// @return  numbers of scratch that run() wants
    static std::size_t scratch_size(std::size_t n, std::size_t D)
    {
        return Kernel::strip_size + padded<Kernel>(n) * D + n * padded<Kernel>(D) + whole_lines(block * padded<Kernel>(n));
    }

    /// Computes context, and scores and probabilities if wanted.
    /// @param scratch  scratch_size() numbers
    void run(Real* scratch) const
    {
        const std::size_t n = query.count, D = query.width, row_size = padded<Kernel>(n);
        Real* strip = scratch;
        Real* block_scores = strip + Kernel::strip_size;            // [block, padded(n)]
        Real* keys = block_scores + whole_lines(block * row_size);  // [padded(n)/width][D][width]
        Real* values = keys + row_size * D;                         // [padded(D)/width][n][width]
        for (std::size_t j = 0; j < n; j += Kernel::panel_width)
            Kernel::pack(key, j, keys + j * D);
        for (std::size_t d = 0; d < D; d += Kernel::panel_width)
            Kernel::pack_columns(value, d, values + d * n);
        for (std::size_t first = 0; first < n; first += block) {
            const std::size_t rows = std::min(block, n - first);
            const Rows some_queries{query.data + first * query.stride, rows, D, query.stride};
            attention_scores<V>(some_queries, keys, n, block_scores, strip);
            for (std::size_t i = 0; i < rows; ++i)
                turn_into_probabilities(first + i, block_scores + i * row_size);
            const Rows some_probabilities{block_scores, rows, n, row_size};
            for (std::size_t d = 0; d < D; d += Kernel::panel_width)
                Kernel::multiply(some_probabilities, values + d * n, strip, [&](std::size_t i, const Real* sums) {
                    std::copy_n(sums, std::min(Kernel::panel_width, D - d), context + (first + i) * stride + d);
                });
        }
    }

private:
    /// Row i of the scores becomes row i of the probabilities; a token that is not seen has none.
    void turn_into_probabilities(std::size_t i, Real* row) const
    {
        const std::size_t n = query.count, visible = causal ? i + 1 : n;
        if (scores != nullptr) std::copy_n(row, n, scores + i * n);
        softmax_row<V>(visible, row, row);
        std::fill(row + visible, row + n, Real(0));
        if (probabilities != nullptr) std::copy_n(row, n, probabilities + i * n);
        if (dropout.probability > 0) dropout_row<V>(dropout, i, 0, visible, row, row);
    }
};

/// The backward of one head of one sequence. Probabilities are computed anew, block by block, rather than kept: [n, n] numbers a
/// head would be most of what a training step has to remember.
/// @tparam V  the vector
template <class V>
struct AttentionHeadBackward {
    using Real = typename V::value_type;                           ///< the scalar
    using Kernel = product::Kernel<V>;                             ///< the product
    using Rows = product::Rows<Real>;                              ///< rows of a matrix
    static constexpr std::size_t block = 4 * Kernel::tile_height;  ///< rows whose scores stay in the cache

    Rows query;            ///< [n, D]
    Rows key;              ///< [n, D]
    Rows value;            ///< [n, D]
    Rows d_context;        ///< [n, D]
    bool causal;           ///< a token sees only what stands before it
    DropoutPlace dropout;  ///< of the probabilities, for this head and sequence
    Real* d_query;         ///< [n, D]
    Real* d_key;           ///< [n, D]
    Real* d_value;         ///< [n, D]
    std::size_t stride;    ///< from one row of these to the next

    /// @param n  tokens of a sequence
    /// @param D  width of a head
    /// @return  numbers of scratch that run() wants
    static std::size_t scratch_size(std::size_t n, std::size_t D)
    {
        return Kernel::strip_size + 2 * padded<Kernel>(n) * D + n * padded<Kernel>(D) +
               2 * whole_lines(block * padded<Kernel>(n)) + block * padded<Kernel>(D);
    }

    /// Computes d_query, d_key and d_value.
    /// @param scratch  scratch_size() numbers
    void run(Real* scratch) const
    {
        const std::size_t n = query.count, D = query.width, row_size = padded<Kernel>(n);
        Real* const strip = scratch;
        Real* const probabilities = strip + Kernel::strip_size;                // [block, padded(n)]
        Real* const d_scores = probabilities + whole_lines(block * row_size);  // [block, padded(n)]
        Real* const keys = d_scores + whole_lines(block * row_size);           // [padded(n)/width][D][width]
        Real* const values = keys + row_size * D;                              // [padded(n)/width][D][width]
        Real* const key_columns = values + row_size * D;                       // [padded(D)/width][n][width]
        Real* const some_columns = key_columns + n * padded<Kernel>(D);        // [padded(D)/width][block][width]
        for (std::size_t j = 0; j < n; j += Kernel::panel_width) {
            Kernel::pack(key, j, keys + j * D);
            Kernel::pack(value, j, values + j * D);
        }
        for (std::size_t d = 0; d < D; d += Kernel::panel_width)
            Kernel::pack_columns(key, d, key_columns + d * n);
        const Real scale = 1 / std::sqrt(Real(D));
        for (std::size_t first = 0; first < n; first += block) {
            const std::size_t rows = std::min(block, n - first);
            const Rows some_queries{query.data + first * query.stride, rows, D, query.stride};
            const Rows some_contexts{d_context.data + first * d_context.stride, rows, D, d_context.stride};
            attention_scores<V>(some_queries, keys, n, probabilities, strip);
            for (std::size_t j = 0; j < n; j += Kernel::panel_width)
                Kernel::multiply(some_contexts, values + j * D, strip, [&](std::size_t i, const Real* sums) {
                    std::copy_n(sums, Kernel::panel_width, d_scores + i * row_size + j);
                });
            for (std::size_t i = 0; i < rows; ++i)
                row_backward(first + i, probabilities + i * row_size, scale, d_scores + i * row_size);
            const Rows some_d_scores{d_scores, rows, n, row_size};
            for (std::size_t d = 0; d < D; d += Kernel::panel_width)
                Kernel::multiply(some_d_scores, key_columns + d * n, strip, [&](std::size_t i, const Real* sums) {
                    std::copy_n(sums, std::min(Kernel::panel_width, D - d), d_query + (first + i) * stride + d);
                });
            add_transposed({probabilities, rows, n, row_size}, some_contexts, first == 0, some_columns, strip, d_value);
            add_transposed(some_d_scores, some_queries, first == 0, some_columns, strip, d_key);
        }
    }

private:
    /// Row i: scores become probabilities after dropout, and the gradient of these becomes the scores', times scale.
    void row_backward(std::size_t i, Real* probabilities, Real scale, Real* d_scores) const
    {
        const std::size_t n = query.count, visible = causal ? i + 1 : n;
        softmax_row<V>(visible, probabilities, probabilities);
        std::fill(probabilities + visible, probabilities + n, Real(0));
        if (dropout.probability > 0) dropout_row<V>(dropout, i, 0, visible, d_scores, d_scores);
        softmax_row_backward<V>(visible, d_scores, probabilities, scale, d_scores);
        std::fill(d_scores + visible, d_scores + n, Real(0));
        if (dropout.probability > 0) dropout_row<V>(dropout, i, 0, visible, probabilities, probabilities);
    }

    /// sum (+)= leftᵀ right: left [rows, n], right [rows, D].
    void add_transposed(const Rows& left, const Rows& right, bool is_first, Real* columns, Real* strip, Real* sum) const
    {
        const std::size_t n = left.width, rows = left.count, D = right.width;
        const Rows transposed{left.data, n, rows, 1, left.stride};
        for (std::size_t d = 0; d < D; d += Kernel::panel_width) {
            Kernel::pack_columns(right, d, columns + d * rows);
            Kernel::multiply(transposed, columns + d * rows, strip, [&](std::size_t j, const Real* sums) {
                Real* const to = sum + j * stride + d;
                const std::size_t count = std::min(Kernel::panel_width, D - d);
                if (is_first)
                    std::copy_n(sums, count, to);
                else
                    add<V>(count, sums, to, to);
            });
        }
    }
};

/// The operation `attention` and its backward.
/// @tparam Arch  the instruction set
template <class Arch>
struct AttentionOperations {
    /// @copydoc bert::reference::AttentionOperations::attention
    /// @param workspace  scratch
    template <class Ops, class Real>
    static void attention(Ops, const Tensor<Real, 2>& query, const Tensor<Real, 2>& key, const Tensor<Real, 2>& value,
                          const Sequences& sequences, const AttentionOptions& options, AttentionActivations<Real>& act,
                          Workspace& workspace)
    {
        using Head = AttentionHead<Vector<Real, Arch>>;
        static_assert(same_function<&Ops::template softmax<Real>, &SoftmaxOperations<Arch>::template softmax<Real>> &&
                          same_function<&Ops::template dropout<Real>, &DropoutOperations<Arch>::template dropout<Real>>,
                      "Fast::attention has softmax and dropout inside: whoever replaces one replaces attention too");
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        reference::require_attention_shapes(query, key, value, sequences, options);
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
                            reference::dropout_of_head(options, piece % A, sequences.begin[b]),
                            act.context.data() + place,
                            H,
                            options.keep_scores ? act.scores[piece].data() : nullptr,
                            options.keep_scores ? act.probabilities[piece].data() : nullptr};
            head.run(workspace.template of_thread<Real>(thread, Head::scratch_size(n, D)));
        });
    }

    /// @copydoc bert::reference::AttentionOperations::attention_backward
    /// @param workspace  scratch
    template <class Ops, class Real>
    static void attention_backward(Ops, const Tensor<Real, 2>& d_context, const Tensor<Real, 2>& query,
                                   const Tensor<Real, 2>& key, const Tensor<Real, 2>& value, const Sequences& sequences,
                                   const AttentionOptions& options, [[maybe_unused]] const AttentionActivations<Real>& act,
                                   [[maybe_unused]] AttentionActivations<Real>& d_act, Tensor<Real, 2>& d_query,
                                   Tensor<Real, 2>& d_key, Tensor<Real, 2>& d_value, Workspace& workspace)
    {
        using Head = AttentionHeadBackward<Vector<Real, Arch>>;
        static_assert(
            same_function<&Ops::template softmax_backward<Real>, &SoftmaxOperations<Arch>::template softmax_backward<Real>> &&
                same_function<&Ops::template dropout_backward<Real>, &DropoutOperations<Arch>::template dropout_backward<Real>>,
            "Fast::attention_backward has softmax_backward and dropout_backward inside: whoever replaces one replaces it too");
        const std::size_t T = query.shape(0), H = query.shape(1), A = options.heads, B = sequences.count();
        reference::require_attention_shapes(query, key, value, sequences, options);
        require_shape("attention_backward: d_context", d_context, {T, H});
        d_query.resize({T, H});
        d_key.resize({T, H});
        d_value.resize({T, H});
        workspace.prepare_threads();
        parallel_for(B * A, [&](std::size_t piece, std::size_t thread) {
            const std::size_t b = piece / A, D = H / A, n = sequences.length(b);
            const std::size_t place = sequences.begin[b] * H + piece % A * D;
            const Head head{{query.data() + place, n, D, H},
                            {key.data() + place, n, D, H},
                            {value.data() + place, n, D, H},
                            {d_context.data() + place, n, D, H},
                            options.causal,
                            reference::dropout_of_head(options, piece % A, sequences.begin[b]),
                            d_query.data() + place,
                            d_key.data() + place,
                            d_value.data() + place,
                            H};
            head.run(workspace.template of_thread<Real>(thread, Head::scratch_size(n, D)));
        });
    }
};

}  // namespace bert::fast
