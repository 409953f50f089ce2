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
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/encoder.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/product/left_operand.hpp"
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

    /// Block after block; the bits of Encoder<Real, Fast>::forward. A large batch goes through all blocks in groups of sequences.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param[out] y  the last block's result, [T, H]; may be x
    /// @param workspace  scratch: five rows of hidden width (x, query, key, value, context) and one of intermediate width for
    ///     each token of a group; with products in bfloat16 that one takes half, and copies of x and context come on top
    /// @throws std::invalid_argument if x is not [T, H], or the sequences are not of T tokens
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        const std::size_t T = x.shape(0), H = config.hidden_size;
        require_sequences("packed_encoder: sequences", sequences, T);
        require_shape("packed_encoder: x", x, {T, H});
        y.resize({T, H});
        const std::size_t groups = std::max<std::size_t>(1, T / product::group_size);
        Group group{sequences, 0, 0};
        while (group.last < sequences.count()) {
            group.first = group.last++;
            while (group.last < sequences.count() && group.tokens() < (T + groups - 1) / groups)
                ++group.last;
            forward_group(x.data() + group.begin() * H, group, y.data() + group.begin() * H, workspace);
        }
    }

private:
    using V = fast::Vector<Real, Arch>;
    using Kernel = product::KernelOf<Real, Arch>;
    using Format = typename Kernel::Format;
    using Element = typename Kernel::Element;
    using Operand = product::Rows<Element>;

    /// Some of a batch's sequences.
    struct Group {
        const Sequences& sequences;
        std::size_t first, last;  // of them: from first on, below last

        std::size_t begin() const { return sequences.begin[first]; }  // its first token in the batch
        std::size_t tokens() const { return sequences.begin[last] - begin(); }
    };

    /// A matrix of scratch.
    template <class Value>
    struct Buffer {
        Value* data;
        std::size_t count, width, stride;

        product::Rows<Value> rows() const { return {data, count, width, stride}; }
        Value* row(std::size_t t) const { return data + t * stride; }
    };

    /// All scratch of a block, beside that of the products.
    struct Buffers {
        Buffer<Real> hidden, query_key_value, context;
        Buffer<Element> operand;       // hidden as products take it: the same memory, or its copy in bfloat16
        Buffer<Element> intermediate;  // only products take it

        Buffers(std::size_t T, const Config& config, Workspace& workspace)
            : hidden(make<Real>(Scratch::hidden, T, config.hidden_size, workspace)),
              query_key_value(make<Real>(Scratch::query_key_value, T, 3 * config.hidden_size, workspace)),
              context(make<Real>(Scratch::context, T, config.hidden_size, workspace)),
              intermediate(make<Element>(Scratch::intermediate, T, Format::elements(config.intermediate_size), workspace))
        {
            if constexpr (Format::is_converted)
                operand = make<Element>(Scratch::hidden_operand, T, Format::elements(config.hidden_size), workspace);
            else
                operand = hidden;
        }

        template <class Value>
        static Buffer<Value> make(Scratch name, std::size_t T, std::size_t width, Workspace& workspace)
        {
            const std::size_t stride = product::LeftOperand<Format>::stride(width);
            return {workspace.shared<Value>(name, T * stride), T, width, stride};
        }
    };

    /// From x to y, the group's rows of a batch.
    void forward_group(const Real* x, const Group& group, Real* y, Workspace& workspace) const
    {
        const std::size_t T = group.tokens(), H = config.hidden_size;
        const Buffers buffers(T, config, workspace);
        for (std::size_t t = 0; t < T; ++t) {
            std::copy_n(x + t * H, H, buffers.hidden.row(t));
            if constexpr (Format::is_converted) Format::write(buffers.hidden.row(t), H, buffers.operand.row(t));
        }
        for (const PackedEncoderBlock<Real, Arch>& block : layer)
            forward_block(block, group, buffers, workspace);
        for (std::size_t t = 0; t < T; ++t)
            std::copy_n(buffers.hidden.row(t), H, y + t * H);
    }

    /// hidden becomes the block's result.
    void forward_block(const PackedEncoderBlock<Real, Arch>& block, const Group& group, const Buffers& buffers,
                       Workspace& workspace) const
    {
        const Operand hidden = buffers.operand.rows();
        linear(hidden, block.query_key_value, buffers.query_key_value, workspace);
        attention(buffers.query_key_value, group, buffers.context, workspace);
        add_linear(product::left_operand<Format>(buffers.context.rows(), workspace), block.projection, buffers.hidden, workspace);
        layer_norm(block.attention_norm, buffers);
        linear_activation(hidden, block.intermediate, buffers.intermediate, workspace);
        add_linear(buffers.intermediate.rows(), block.output, buffers.hidden, workspace);
        layer_norm(block.output_norm, buffers);
    }

    /// y = x Wᵀ + b
    static void linear(const Operand& x, const PackedLinear<Real, Arch>& map, const Buffer<Real>& y, Workspace& workspace)
    {
        product::multiply_packed(x, map, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
            product::fetch_ahead(y.rows(), t, column, count);
            fast::add<V>(count, sums, map.bias.data() + column, y.row(t) + column);
        });
    }

    /// y = f(x Wᵀ + b)
    void linear_activation(const Operand& x, const PackedLinear<Real, Arch>& map, const Buffer<Element>& y,
                           Workspace& workspace) const
    {
        constexpr std::size_t most = 64;  // numbers at a time, in the first-level cache
        product::multiply_packed(x, map, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
            product::fetch_ahead(y.rows(), t, column / Format::per_element, count / Format::per_element);
            for (std::size_t first = 0; first < count; first += most) {
                const std::size_t some = std::min(most, count - first);
                Real part[most];
                fast::add<V>(some, sums + first, map.bias.data() + column + first, part);
                fast::Activations<V>::row(config.hidden_act, some, part, part);
                Format::write(part, some, y.row(t) + (column + first) / Format::per_element);
            }
        });
    }

    /// y = y + (x Wᵀ + b)
    static void add_linear(const Operand& x, const PackedLinear<Real, Arch>& map, const Buffer<Real>& y, Workspace& workspace)
    {
        product::multiply_packed(x, map, workspace, [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
            product::fetch_ahead(y.rows(), t, column, count);
            fast::add_biased<V>(count, sums, map.bias.data() + column, y.row(t) + column);
        });
    }

    /// hidden = LayerNorm(hidden)
    void layer_norm(const LayerNorm<Real>& norm, const Buffers& buffers) const
    {
        constexpr std::size_t piece_rows = 8;
        const std::size_t T = buffers.hidden.count, H = buffers.hidden.width;
        parallel_for((T + piece_rows - 1) / piece_rows, [&](std::size_t piece, std::size_t) {
            for (std::size_t t = piece * piece_rows; t < std::min(T, (piece + 1) * piece_rows); ++t) {
                Real* const row = buffers.hidden.row(t);
                fast::layer_norm_row<V>(H, row, norm.gamma.data(), norm.beta.data(), Real(config.layer_norm_eps), row);
                if constexpr (Format::is_converted) Format::write(row, H, buffers.operand.row(t));
            }
        });
    }

    /// context = attention(q, k, v), q, k and v being thirds of a row.
    void attention(const Buffer<Real>& query_key_value, const Group& group, const Buffer<Real>& context,
                   Workspace& workspace) const
    {
        using Head = fast::AttentionHead<Real, Arch>;
        const std::size_t A = config.num_attention_heads, H = config.hidden_size, D = H / A;
        Head::prepare(group.sequences.longest(group.first, group.last), D, workspace);
        parallel_for((group.last - group.first) * A, [&](std::size_t piece, std::size_t thread) {
            const std::size_t b = group.first + piece / A, n = group.sequences.length(b), column = piece % A * D;
            const std::size_t first = group.sequences.begin[b] - group.begin();
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

/// Packs one block.
/// @tparam Arch  the instruction set
/// @param block  its parameters are copied
/// @param config  its sizes
/// @return  the packed block
/// @throws std::invalid_argument if a parameter has another size
template <class Arch = fast::DefaultArch, class Real, class Ops>
PackedEncoderBlock<Real, Arch> pack_block(const EncoderBlock<Real, Ops>& block, const Config& config)
{
    const std::size_t H = config.hidden_size, I = config.intermediate_size, A = config.num_attention_heads;
    if (A == 0 || H % A != 0)
        throw std::invalid_argument("pack_block: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                    std::to_string(A));
    const SelfAttention<Real, Ops>& attention = block.attention;
    for (const Linear<Real>* map : {&attention.query, &attention.key, &attention.value, &attention.output})
        require_shape("pack_block: attention", map->weight, {H, H});
    require_shape("pack_block: intermediate", block.feed_forward.intermediate.weight, {I, H});
    require_shape("pack_block: output", block.feed_forward.output.weight, {H, I});
    return {pack_linear<Arch>(std::array{&attention.query, &attention.key, &attention.value}),
            pack_linear<Arch>(std::array{&attention.output}),
            attention.norm,
            pack_linear<Arch>(std::array{&block.feed_forward.intermediate}),
            pack_linear<Arch>(std::array{&block.feed_forward.output}),
            block.feed_forward.norm};
}

/// Packs an encoder for inference.
/// @tparam Arch  the instruction set: `FastBf16::InstructionSet` packs weights in bfloat16
/// @param encoder  its parameters are copied, packed for the engine in use
/// @param config  its sizes, heads, activation and epsilon
/// @return  the packed encoder
/// @throws std::invalid_argument if a block doesn't have the configuration's sizes
template <class Arch = fast::DefaultArch, class Real, class Ops>
PackedEncoder<Real, Arch> pack_weights(const Encoder<Real, Ops>& encoder, const Config& config)
{
    PackedEncoder<Real, Arch> packed{config, {}};
    for (const EncoderBlock<Real, Ops>& block : encoder.layer)
        packed.layer.push_back(pack_block<Arch>(block, config));
    return packed;
}

}  // namespace bert
