/// @file
/// The encoder for inference: the same blocks and the same bits as Encoder<Real, Fast>, with weights packed once.
///
/// What it does differently: a weight is in memory once, in the layout of the product engine; query, key and value are one
/// product; nothing that only backward or a trace would read is written (the activation's input, the projection, the
/// normalized row); rows of scratch are padded by a cache line, so that rows of 3,072 numbers don't fall on each other in the
/// first-level cache.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/encoder.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/product/packed_linear.hpp"

namespace bert {

/// One block, packed.
template <class Real, class Arch = fast::DefaultArch>
struct PackedEncoderBlock {
    PackedLinear<Real, Arch> query_key_value;  ///< [3H, H]
    PackedLinear<Real, Arch> projection;       ///< mixes the heads, [H, H]
    LayerNorm<Real> attention_norm;            ///< [H] each
    PackedLinear<Real, Arch> intermediate;     ///< widens, [I, H]
    PackedLinear<Real, Arch> output;           ///< narrows again, [H, I]
    LayerNorm<Real> output_norm;               ///< [H] each
};

/// A packed encoder: made by pack_weights(encoder, config), after which the encoder may go.
/// @tparam Real  the scalar
/// @tparam Arch  the instruction set, `Fast::InstructionSet` or `FastBf16::InstructionSet`
template <class Real, class Arch = fast::DefaultArch>
struct PackedEncoder {
    Config config;                                      ///< heads, activation, epsilon and sizes
    std::vector<PackedEncoderBlock<Real, Arch>> layer;  ///< the blocks

    /// Block after block; the bits of Encoder<Real, Fast>::forward.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param[out] y  the last block's result, [T, H]; may be x
    /// @param workspace  scratch: five rows of hidden width (x, query, key, value, context) and one of intermediate
    ///     width for each token
    /// @throws std::invalid_argument if x is not [T, H]
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        const std::size_t T = sequences.tokens(), H = config.hidden_size;
        require_shape("packed_encoder: x", x, {T, H});
        Buffers buffers(T, config, workspace);
        copy_rows({x.data(), T, H, H}, buffers.hidden.data, buffers.hidden.stride);
        for (const PackedEncoderBlock<Real, Arch>& block : layer)
            forward_block(block, sequences, buffers, workspace);
        y.resize({T, H});
        copy_rows(buffers.hidden.rows(), y.data(), H);
    }

private:
    using V = fast::Vector<Real, Arch>;
    using Rows = product::Rows<Real>;

    /// A matrix of scratch.
    struct Buffer {
        Real* data;
        std::size_t count, width, stride;

        Rows rows() const { return {data, count, width, stride}; }
        Real* row(std::size_t t) const { return data + t * stride; }
    };

    /// All scratch of a block; a slot of the workspace each, beside those of the products.
    struct Buffers {
        Buffer hidden, query_key_value, context, intermediate;

        Buffers(std::size_t T, const Config& config, Workspace& workspace)
            : hidden(make(2, T, config.hidden_size, workspace)),
              query_key_value(make(3, T, 3 * config.hidden_size, workspace)),
              context(make(4, T, config.hidden_size, workspace)),
              intermediate(make(5, T, config.intermediate_size, workspace))
        {
        }

        static Buffer make(std::size_t slot, std::size_t T, std::size_t width, Workspace& workspace)
        {
            constexpr std::size_t line = 64 / sizeof(Real);
            const std::size_t stride = (width + line - 1) / line * line + line;
            return {workspace.shared<Real>(slot, T * stride), T, width, stride};
        }
    };

    static void copy_rows(const Rows& from, Real* to, std::size_t stride)
    {
        for (std::size_t t = 0; t < from.count; ++t)
            std::copy_n(from.data + t * from.stride, from.width, to + t * stride);
    }

    /// hidden becomes the block's result.
    void forward_block(const PackedEncoderBlock<Real, Arch>& block, const Sequences& sequences, const Buffers& buffers,
                       Workspace& workspace) const
    {
        linear(buffers.hidden, block.query_key_value, buffers.query_key_value, workspace);
        attention(buffers.query_key_value, sequences, buffers.context, workspace);
        add_linear(buffers.context, block.projection, buffers.hidden, workspace);
        layer_norm(block.attention_norm, buffers.hidden);
        linear_activation(buffers.hidden, block.intermediate, buffers.intermediate, workspace);
        add_linear(buffers.intermediate, block.output, buffers.hidden, workspace);
        layer_norm(block.output_norm, buffers.hidden);
    }

    /// y = x Wᵀ + b
    static void linear(const Buffer& x, const PackedLinear<Real, Arch>& map, const Buffer& y, Workspace& workspace)
    {
        product::multiply_packed(x.rows(), map, workspace,
                                 [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                     fast::add<V>(count, sums, map.bias.data() + column, y.row(t) + column);
                                 });
    }

    /// y = f(x Wᵀ + b)
    void linear_activation(const Buffer& x, const PackedLinear<Real, Arch>& map, const Buffer& y, Workspace& workspace) const
    {
        product::multiply_packed(x.rows(), map, workspace,
                                 [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                     fast::add<V>(count, sums, map.bias.data() + column, y.row(t) + column);
                                     fast::Activations<V>::row(config.hidden_act, count, y.row(t) + column, y.row(t) + column);
                                 });
    }

    /// y = y + (x Wᵀ + b)
    static void add_linear(const Buffer& x, const PackedLinear<Real, Arch>& map, const Buffer& y, Workspace& workspace)
    {
        product::multiply_packed(x.rows(), map, workspace,
                                 [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                     fast::add_biased<V>(count, sums, map.bias.data() + column, y.row(t) + column);
                                 });
    }

    /// y = LayerNorm(y)
    void layer_norm(const LayerNorm<Real>& norm, const Buffer& y) const
    {
        constexpr std::size_t piece_rows = 8;
        parallel_for((y.count + piece_rows - 1) / piece_rows, [&](std::size_t piece, std::size_t) {
            for (std::size_t t = piece * piece_rows; t < std::min(y.count, (piece + 1) * piece_rows); ++t)
                fast::layer_norm_row<V>(y.width, y.row(t), norm.gamma.data(), norm.beta.data(), Real(config.layer_norm_eps),
                                        y.row(t));
        });
    }

    /// context = attention(q, k, v), q, k and v being thirds of a row.
    void attention(const Buffer& query_key_value, const Sequences& sequences, const Buffer& context, Workspace& workspace) const
    {
        using Head = fast::AttentionHead<Real, Arch>;
        const std::size_t A = config.num_attention_heads, H = config.hidden_size, D = H / A;
        workspace.prepare_threads();
        parallel_for(sequences.count() * A, [&](std::size_t piece, std::size_t thread) {
            const std::size_t first = sequences.begin[piece / A], n = sequences.length(piece / A), column = piece % A * D;
            const Real* query = query_key_value.row(first) + column;
            const std::size_t stride = query_key_value.stride;
            const Head head{{query, n, D, stride},
                            {query + H, n, D, stride},
                            {query + 2 * H, n, D, stride},
                            false,
                            DropoutPlace{},
                            context.row(first) + column,
                            context.stride,
                            nullptr,
                            nullptr};
            head.run(workspace, thread);
        });
    }
};

/// Packs an encoder for inference.
/// @tparam Arch  the instruction set: `FastBf16::InstructionSet` packs weights in bfloat16
/// @param encoder  its parameters are copied, packed for the engine in use
/// @param config  its sizes, heads, activation and epsilon
/// @return  the packed encoder
template <class Arch = fast::DefaultArch, class Real, class Ops>
PackedEncoder<Real, Arch> pack_weights(const Encoder<Real, Ops>& encoder, const Config& config)
{
    PackedEncoder<Real, Arch> packed{config, {}};
    for (const EncoderBlock<Real, Ops>& block : encoder.layer) {
        const SelfAttention<Real, Ops>& attention = block.attention;
        packed.layer.push_back({pack_linear<Arch>(std::array{&attention.query, &attention.key, &attention.value}),
                                pack_linear<Arch>(std::array{&attention.output}), attention.norm,
                                pack_linear<Arch>(std::array{&block.feed_forward.intermediate}),
                                pack_linear<Arch>(std::array{&block.feed_forward.output}), block.feed_forward.norm});
    }
    return packed;
}

}  // namespace bert
