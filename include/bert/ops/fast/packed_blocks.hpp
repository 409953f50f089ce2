/// @file
/// What the packed encoders of BERT and of its variants share: scratch memory, and blocks that run one after the other for groups
/// of sequences. A block is packed by its own header (packed_encoder.hpp for BERT's).
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/layer_norm.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/product/packed_linear.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

namespace fast {

/// A packed linear layer, y = x Wᵀ + b.
/// @param x  [T, in], as elements (ops/product/format.hpp)
/// @param dense  W, [out, in], and b, [out]
/// @param y  [T, out]
/// @param workspace  scratch memory
template <class Real, class Arch>
void linear_packed(const product::Rows<typename PackedLinear<Real, Arch>::Element>& x, const PackedLinear<Real, Arch>& dense,
                   const product::OutputRows<Real>& y, Workspace& workspace)
{
    product::multiply_packed(x, dense, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
        product::fetch_ahead(product::Rows<Real>(y), t, column, count);
        add<Vector<Real, Arch>>(count, sums, dense.bias.data() + column, y.row(t) + column);
    });
}

/// Some columns of rows, as value in query, key and value side by side.
/// @param rows  [T, any width]
/// @param first  the first column
/// @param width  number of columns
/// @return  [T, width]
template <class Real>
product::Rows<Real> columns_of(const product::OutputRows<Real>& rows, std::size_t first, std::size_t width)
{
    return {rows.data + first, rows.count, width, rows.stride};
}

/// y = LayerNorm(x), row by row.
/// @param x  [T, H]
/// @param norm  gamma and beta, [H] each
/// @param epsilon  added to each row's variance
/// @param y  [T, H]; may be x
/// @param visit  called as visit(t) by several threads when row t of y is written
template <class Arch, class Real, class Visit>
void layer_norm_rows(const product::OutputRows<Real>& x, const LayerNorm<Real>& norm, Real epsilon,
                     const product::OutputRows<Real>& y, const Visit& visit)
{
    constexpr std::size_t rows_at_once = 8;
    const std::size_t T = x.count, H = x.width;
    parallel_for((T + rows_at_once - 1) / rows_at_once, [&](std::size_t item, std::size_t) {
        for (std::size_t t = item * rows_at_once; t < std::min(T, (item + 1) * rows_at_once); ++t) {
            layer_norm_row<Vector<Real, Arch>>(H, x.row(t), norm.gamma.data(), norm.beta.data(), epsilon, y.row(t));
            visit(t);
        }
    });
}

}  // namespace fast

/// The scratch memory of packed blocks for the rows of one group, apart from that of the products.
template <class Real, class Arch>
struct PackedBuffers {
    using Format = typename product::KernelOf<Real, Arch>::Format;  ///< format of the products' operands
    using Output = product::OutputRows<Real>;                       ///< rows of numbers
    using Operand = product::OutputRows<typename Format::Element>;  ///< rows of elements

    Output hidden;           ///< the hidden states, [T, H]: a block's input and its result
    Operand operand;         ///< hidden as the operand of products: the same memory, or a copy in bfloat16
    Output query_key_value;  ///< query, key and value side by side, [T, 3 width]
    Output context;          ///< of attention, [T, width]
    Operand intermediate;    ///< the activated tensor of the feed-forward network, read by products only, [T, elements(I)]

    /// Takes memory for a group.
    /// @param T  its tokens
    /// @param width  of attention: H in BERT
    /// @param config  sizes
    /// @param workspace  holds the memory
    PackedBuffers(std::size_t T, std::size_t width, const Config& config, Workspace& workspace)
        : hidden(fast::scratch_rows<Format, Real>(Scratch::hidden, T, config.hidden_size, workspace)),
          query_key_value(fast::scratch_rows<Format, Real>(Scratch::query_key_value, T, 3 * width, workspace)),
          context(fast::scratch_rows<Format, Real>(Scratch::context, T, width, workspace)),
          intermediate(fast::scratch_rows<Format, typename Format::Element>(
              Scratch::intermediate, T, Format::elements(config.intermediate_size), workspace))
    {
        if constexpr (Format::is_converted)
            operand = fast::scratch_rows<Format, typename Format::Element>(Scratch::hidden_operand, T,
                                                                           Format::elements(config.hidden_size), workspace);
        else
            operand = hidden;
    }

    /// Writes a row of hidden as operand, if that isn't the same memory.
    /// @param t  the row
    void write_operand(std::size_t t) const
    {
        if constexpr (Format::is_converted) Format::write(hidden.row(t), hidden.width, operand.row(t));
    }

    /// Query, key or value.
    /// @param which  0, 1 or 2
    /// @return  its columns of query_key_value, [T, width]
    product::Rows<Real> third(std::size_t which) const
    {
        const std::size_t width = query_key_value.width / 3;
        return fast::columns_of(query_key_value, which * width, width);
    }
};

/// Packed blocks, one after the other. pack_weights(encoder, config) makes them from BERT's encoder, which is not needed
/// afterwards.
/// @tparam Real  the scalar
/// @tparam Arch  the instruction set, `Fast::InstructionSet` or `FastBf16::InstructionSet`
/// @tparam Block  the blocks' type, with the members pack, buffers and forward, as PackedEncoderBlock
template <class Real, class Arch, template <class, class> class Block>
struct PackedBlocks {
    Config config;                         ///< heads, activation, epsilon and sizes
    std::vector<Block<Real, Arch>> layer;  ///< the blocks that have parameters of their own

    /// Packs blocks.
    /// @param blocks  their parameters are copied, packed for the engine in use
    /// @param config  their sizes
    /// @return  the packed blocks
    /// @throws std::invalid_argument if a block doesn't have the configuration's sizes
    template <class Plain>
    static PackedBlocks pack(const std::vector<Plain>& blocks, const Config& config)
    {
        PackedBlocks packed{config, {}};
        for (const Plain& block : blocks)
            packed.layer.push_back(Block<Real, Arch>::pack(block, config));
        return packed;
    }

    /// Computes the blocks, with the bits of the same blocks with `Fast`. A large batch is computed in groups of sequences, each
    /// of which passes through all blocks before the next one begins.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param[out] y  the last block's result, [T, H]; may alias x
    /// @param workspace  scratch memory: for BERT, five rows of hidden width (x, query, key, value, context) and one of
    ///     intermediate width for each token of a group; with products in bfloat16 half of the latter, and copies of x and
    ///     context in addition
    /// @throws std::invalid_argument if x is not [T, H], or the sequences don't have T tokens
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        const std::size_t T = x.shape(0), H = config.hidden_size;
        require_sequences("packed_encoder: sequences", sequences, T);
        require_shape("packed_encoder: x", x, {T, H});
        y.resize({T, H});
        const std::size_t groups = std::max<std::size_t>(1, T / product::group_size);
        const std::size_t enough = (T + groups - 1) / groups;  // tokens after which a group takes no other sequence
        const Pass pass{config, sequences, workspace};
        fast::SequenceRange group{0, 0};
        while (group.last < sequences.count()) {
            const std::size_t begin = sequences.begin[group.last];
            group.first = group.last++;
            while (group.last < sequences.count() && sequences.begin[group.last] - begin < enough)
                ++group.last;
            const std::size_t tokens = sequences.begin[group.last] - begin;
            forward_group({x.data() + begin * H, tokens, H, H}, pass, group, {y.data() + begin * H, tokens, H, H});
        }
    }

private:
    /// Computes all blocks for the rows of one group.
    void forward_group(const product::Rows<Real>& x, const Pass& pass, const fast::SequenceRange& group,
                       const product::OutputRows<Real>& y) const
    {
        const auto buffers = Block<Real, Arch>::buffers(x.count, config, pass.workspace);
        for (std::size_t t = 0; t < x.count; ++t) {
            std::copy_n(x.data + t * x.stride, x.width, buffers.hidden.row(t));
            buffers.write_operand(t);
        }
        // In ALBERT, layers share blocks.
        const std::size_t runs = config.num_hidden_groups == 0 ? layer.size() : config.block_runs();
        for (std::size_t l = 0; l < runs; ++l)
            layer[config.block_of(l)].forward(pass, group, buffers);
        for (std::size_t t = 0; t < x.count; ++t)
            std::copy_n(buffers.hidden.row(t), x.width, y.row(t));
    }
};

}  // namespace bert
