/// @file
/// The encoder for inference: the same blocks and the same bits as Encoder<Real, Fast>, with weights packed once.
///
/// It differs in three ways: each weight is in memory once, in the layout of the product engine; query, key and value are one
/// product; and tensors that only backward or a trace would read are not written. Its blocks use the functions of block.hpp, as
/// do the fused forms of training.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/layer_norm.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/packed_linear.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

/// One packed block.
template <class Real, class Arch = simd::DefaultArch>
struct PackedEncoderBlock {
    PackedLinear<Real, Arch> query_key_value;  ///< [3H, H]
    PackedLinear<Real, Arch> projection;       ///< mixes the heads, [H, H]
    LayerNorm<Real> attention_norm;            ///< [H] each
    PackedLinear<Real, Arch> intermediate;     ///< widens, [I, H]
    PackedLinear<Real, Arch> output;           ///< narrows again, [H, I]
    LayerNorm<Real> output_norm;               ///< [H] each
};

/// A packed encoder. pack_weights(encoder, config) makes one from an encoder, which is not needed afterwards.
/// @tparam Real  the scalar
/// @tparam Arch  the instruction set, `Fast::InstructionSet` or `FastBf16::InstructionSet`
template <class Real, class Arch = simd::DefaultArch>
struct PackedEncoder {
    Config config;                                      ///< heads, activation, epsilon and sizes
    std::vector<PackedEncoderBlock<Real, Arch>> layer;  ///< the blocks

    /// Computes the blocks, with the bits of Encoder<Real, Fast>::forward. A large batch passes all blocks in groups of
    /// sequences.
    /// @param x  embeddings, [T, H]
    /// @param sequences  where each sequence begins
    /// @param[out] y  the last block's result, [T, H]; may alias x
    /// @param workspace  scratch memory: five rows of hidden width (x, query, key, value, context) and one of intermediate width
    ///     for each token of a group; with products in bfloat16 half of the latter, and copies of x and context in addition
    /// @throws std::invalid_argument if x is not [T, H], or the sequences don't have T tokens
    void forward(const Tensor<Real, 2>& x, const Sequences& sequences, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        const std::size_t T = x.shape(0), H = config.hidden_size;
        require_sequences("packed_encoder: sequences", sequences, T);
        require_shape("packed_encoder: x", x, {T, H});
        y.resize({T, H});
        const std::size_t groups = std::max<std::size_t>(1, T / product::group_size);
        const std::size_t most = (T + groups - 1) / groups;  // tokens of a group, without its last sequence
        const Pass pass{config, sequences, workspace};
        fast::SequenceRange group{0, 0};
        while (group.last < sequences.count()) {
            const std::size_t begin = sequences.begin[group.last];
            group.first = group.last++;
            while (group.last < sequences.count() && sequences.begin[group.last] - begin < most)
                ++group.last;
            const std::size_t tokens = sequences.begin[group.last] - begin;
            forward_group({x.data() + begin * H, tokens, H, H}, pass, group, {y.data() + begin * H, tokens, H, H});
        }
    }

private:
    using V = simd::Vector<Real, Arch>;
    using Format = typename product::KernelOf<Real, Arch>::Format;
    using Element = typename Format::Element;
    using Rows = product::Rows<Real>;
    using Output = product::OutputRows<Real>;
    using Operand = product::OutputRows<Element>;

    /// The scratch memory of a block, apart from that of the products.
    struct Buffers {
        Output hidden, query_key_value, context;
        Operand operand;       // hidden as the operand of products: the same memory, or a copy in bfloat16
        Operand intermediate;  // read by products only

        Buffers(std::size_t T, const Config& config, Workspace& workspace)
            : hidden(fast::scratch_rows<Format, Real>(Scratch::hidden, T, config.hidden_size, workspace)),
              query_key_value(fast::scratch_rows<Format, Real>(Scratch::query_key_value, T, 3 * config.hidden_size, workspace)),
              context(fast::scratch_rows<Format, Real>(Scratch::context, T, config.hidden_size, workspace)),
              intermediate(fast::scratch_rows<Format, Element>(Scratch::intermediate, T,
                                                               Format::elements(config.intermediate_size), workspace))
        {
            if constexpr (Format::is_converted)
                operand = fast::scratch_rows<Format, Element>(Scratch::hidden_operand, T, Format::elements(config.hidden_size),
                                                              workspace);
            else
                operand = hidden;
        }
    };

    /// Computes all blocks for the rows of one group.
    void forward_group(const Rows& x, const Pass& pass, const fast::SequenceRange& group, const Output& y) const
    {
        const Buffers buffers(x.count, config, pass.workspace);
        for (std::size_t t = 0; t < x.count; ++t) {
            std::copy_n(x.data + t * x.stride, x.width, buffers.hidden.row(t));
            if constexpr (Format::is_converted) Format::write(buffers.hidden.row(t), x.width, buffers.operand.row(t));
        }
        const std::size_t runs = config.num_hidden_groups == 0 ? layer.size() : config.block_runs();
        for (std::size_t l = 0; l < runs; ++l)
            forward_block(layer[config.block_of(l)], pass, group, buffers);
        for (std::size_t t = 0; t < x.count; ++t)
            std::copy_n(buffers.hidden.row(t), x.width, y.row(t));
    }

    /// Computes one block and writes its result to hidden.
    void forward_block(const PackedEncoderBlock<Real, Arch>& block, const Pass& pass, const fast::SequenceRange& group,
                       const Buffers& buffers) const
    {
        const product::Rows<Element> x = buffers.operand;  // the block's input; after the first norm, the result of attention
        const DropoutPlace none = pass.dropout.place();
        linear(x, block.query_key_value, buffers.query_key_value, pass.workspace);
        fast::attend_in_heads<Arch>(third(0, buffers), third(1, buffers), third(2, buffers), pass, group, buffers.context,
                                    static_cast<AttentionActivations<Real>*>(nullptr));
        fast::project_and_add<Arch>(product::left_operand<Format>(Rows(buffers.context), pass.workspace), block.projection, none,
                                    Rows(buffers.hidden), buffers.hidden, pass.workspace);
        layer_norm(block.attention_norm, buffers);
        fast::widen_and_activate<Arch>(x, block.intermediate, config.hidden_act, Output{}, buffers.intermediate, pass.workspace);
        fast::project_and_add<Arch>(product::Rows<Element>(buffers.intermediate), block.output, none, Rows(buffers.hidden),
                                    buffers.hidden, pass.workspace);
        layer_norm(block.output_norm, buffers);
    }

    /// y = x Wᵀ + b
    static void linear(const product::Rows<Element>& x, const PackedLinear<Real, Arch>& dense, const Output& y,
                       Workspace& workspace)
    {
        product::multiply_packed(x, dense, workspace,
                                 [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                     product::fetch_ahead(Rows(y), t, column, count);
                                     fast::add<V>(count, sums, dense.bias.data() + column, y.row(t) + column);
                                 });
    }

    /// Query, key or value, each a third of a row.
    static Rows third(std::size_t which, const Buffers& buffers)
    {
        const Output& all = buffers.query_key_value;
        const std::size_t H = all.width / 3;
        return {all.data + which * H, all.count, H, all.stride};
    }

    /// hidden = LayerNorm(hidden)
    void layer_norm(const LayerNorm<Real>& norm, const Buffers& buffers) const
    {
        constexpr std::size_t rows_at_once = 8;
        const std::size_t T = buffers.hidden.count, H = buffers.hidden.width;
        parallel_for((T + rows_at_once - 1) / rows_at_once, [&](std::size_t item, std::size_t) {
            for (std::size_t t = item * rows_at_once; t < std::min(T, (item + 1) * rows_at_once); ++t) {
                Real* const row = buffers.hidden.row(t);
                fast::layer_norm_row<V>(H, row, norm.gamma.data(), norm.beta.data(), Real(config.layer_norm_eps), row);
                if constexpr (Format::is_converted) Format::write(row, H, buffers.operand.row(t));
            }
        });
    }
};

/// Packs one block.
/// @tparam Arch  the instruction set
/// @param block  its parameters are copied
/// @param config  its sizes
/// @return  the packed block
/// @throws std::invalid_argument if a parameter doesn't have the configuration's size
template <class Arch = simd::DefaultArch, class Block>
auto pack_block(const Block& block, const Config& config)
{
    using Real = typename std::decay_t<decltype(block.attention.query.weight)>::value_type;
    const std::size_t H = config.hidden_size, I = config.intermediate_size, A = config.num_attention_heads;
    if (A == 0 || H % A != 0)
        throw std::invalid_argument("pack_block: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                    std::to_string(A));
    const auto& attention = block.attention;
    for (const Linear<Real>* dense : {&attention.query, &attention.key, &attention.value, &attention.output.dense})
        require_shape("pack_block: attention", dense->weight, {H, H});
    require_shape("pack_block: intermediate", block.feed_forward.intermediate.weight, {I, H});
    require_shape("pack_block: output", block.feed_forward.output.dense.weight, {H, I});
    return PackedEncoderBlock<Real, Arch>{pack_linear<Arch>(std::array{&attention.query, &attention.key, &attention.value}),
                                          pack_linear<Arch>(std::array{&attention.output.dense}),
                                          attention.output.norm,
                                          pack_linear<Arch>(std::array{&block.feed_forward.intermediate}),
                                          pack_linear<Arch>(std::array{&block.feed_forward.output.dense}),
                                          block.feed_forward.output.norm};
}

/// Packs an encoder for inference.
/// @tparam Arch  the instruction set: `FastBf16::InstructionSet` packs weights in bfloat16
/// @param encoder  its parameters are copied, packed for the engine in use
/// @param config  its sizes, heads, activation and epsilon
/// @return  the packed encoder
/// @throws std::invalid_argument if a block doesn't have the configuration's sizes
template <class Arch = simd::DefaultArch, template <class, class> class Encoder, class Real, class Ops>
PackedEncoder<Real, Arch> pack_weights(const Encoder<Real, Ops>& encoder, const Config& config)
{
    PackedEncoder<Real, Arch> packed{config, {}};
    for (const auto& block : encoder.layer)
        packed.layer.push_back(pack_block<Arch>(block, config));
    return packed;
}

}  // namespace bert
