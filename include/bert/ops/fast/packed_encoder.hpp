/// @file
/// Encoders for inference: the same blocks and the same bits as with `Fast`, with weights packed once.
///
/// They differ in three ways: each weight is in memory once, in the layout of the product engine; query, key and value are one
/// product; and tensors that only backward or a trace would read are not written. The blocks use the functions of block.hpp, as
/// do the fused forms of training.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/packed_blocks.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/packed_linear.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

/// One packed block of BERT: the parameters of EncoderBlock.
template <class Real, class Arch = simd::DefaultArch>
struct PackedEncoderBlock {
    PackedLinear<Real, Arch> query_key_value;  ///< query, key and value, [3H, H]
    PackedLinear<Real, Arch> projection;       ///< mixes the heads, [H, H]
    LayerNorm<Real> attention_norm;            ///< of attention's Add & Norm, [H] each
    PackedLinear<Real, Arch> intermediate;     ///< widens, [I, H]
    PackedLinear<Real, Arch> output;           ///< narrows again, [H, I]
    LayerNorm<Real> output_norm;               ///< of the feed-forward network's, [H] each

    using Buffers = PackedBuffers<Real, Arch>;  ///< scratch memory

    /// Packs a block.
    /// @param block  its parameters are copied
    /// @param config  its sizes
    /// @return  the packed block
    /// @throws std::invalid_argument if a parameter doesn't have the configuration's size
    template <class Block>
    static PackedEncoderBlock pack(const Block& block, const Config& config)
    {
        const std::size_t H = config.hidden_size, I = config.intermediate_size, A = config.num_attention_heads;
        if (A == 0 || H % A != 0)
            throw std::invalid_argument("pack_block: heads: expected a divisor of " + std::to_string(H) + ", got " +
                                        std::to_string(A));
        const auto& attention = block.attention;
        const auto& feed_forward = block.feed_forward;
        for (const Linear<Real>* dense : {&attention.query, &attention.key, &attention.value, &attention.output.dense})
            require_linear("pack_block: attention", *dense, H, H);
        require_layer_norm("pack_block: attention.output.LayerNorm", attention.output.norm, H);
        require_linear("pack_block: intermediate", feed_forward.intermediate, I, H);
        require_linear("pack_block: output", feed_forward.output.dense, H, I);
        require_layer_norm("pack_block: output.LayerNorm", feed_forward.output.norm, H);
        return {pack_linear<Arch>(std::array{&attention.query, &attention.key, &attention.value}),
                pack_linear<Arch>(std::array{&attention.output.dense}),
                attention.output.norm,
                pack_linear<Arch>(std::array{&feed_forward.intermediate}),
                pack_linear<Arch>(std::array{&feed_forward.output.dense}),
                feed_forward.output.norm};
    }

    /// Takes the blocks' scratch memory.
    /// @param T  tokens of a group
    /// @param config  sizes
    /// @param workspace  holds the memory
    /// @return  the scratch memory of the blocks
    static Buffers buffers(std::size_t T, const Config& config, Workspace& workspace)
    {
        return Buffers(T, config.hidden_size, config, workspace);
    }

    /// Computes the block for the rows of one group: EncoderBlock::forward.
    /// \f[ [q,\ k,\ v] = x W_{qkv}^T + b_{qkv},\quad c = \mathrm{softmax}\Big(\frac{q k^T}{\sqrt D}\Big)\,v,\quad
    ///     a = \mathrm{LayerNorm}_1(c W_o^T + b_o + x) \f]
    /// \f[ z = f(a W_1^T + b_1),\quad y = \mathrm{LayerNorm}_2(z W_2^T + b_2 + a) \f]
    /// where c is computed for each head of each sequence, in D = H / A columns.
    /// Symbols: \f$x\f$, then \f$a\f$, then \f$y\f$ `buffers.hidden`, and as elements `buffers.operand`; \f$q, k, v\f$ thirds of
    /// `buffers.query_key_value`, \f$c\f$ `buffers.context`, \f$z\f$ `buffers.intermediate`; \f$W_{qkv}, b_{qkv}\f$
    /// `query_key_value`, \f$W_o, b_o\f$ `projection`, \f$W_1, b_1\f$ `intermediate`, \f$W_2, b_2\f$ `output`, \f$f\f$
    /// hidden_act.
    /// @param pass  sequences, num_attention_heads, is_causal, hidden_act, layer_norm_eps, workspace; no dropout
    /// @param group  which sequences; row 0 of the buffers is the first row of their first one
    /// @param[in,out] buffers  hidden, and its operand, is the input, and then the result
    void forward(const Pass& pass, const fast::SequenceRange& group, const Buffers& buffers) const
    {
        using Format = typename Buffers::Format;
        const product::Rows<Real> hidden = buffers.hidden;
        const product::Rows<typename Format::Element> x = buffers.operand;  // the input; after the first norm, attention's result
        const DropoutPlace none = pass.dropout.place();
        const auto epsilon = Real(pass.config.layer_norm_eps);
        const auto convert = [&](std::size_t t) { buffers.write_operand(t); };
        fast::linear_packed(x, query_key_value, buffers.query_key_value, pass.workspace);
        fast::attend_in_heads<Arch>(buffers.third(0), buffers.third(1), buffers.third(2), pass, group, buffers.context,
                                    static_cast<AttentionActivations<Real>*>(nullptr));
        fast::project_and_add<Arch>(product::left_operand<Format>(product::Rows<Real>(buffers.context), pass.workspace),
                                    projection, none, hidden, buffers.hidden, pass.workspace);
        fast::layer_norm_rows<Arch>(buffers.hidden, attention_norm, epsilon, buffers.hidden, convert);
        fast::widen_and_activate<Arch>(x, intermediate, pass.config.hidden_act, product::OutputRows<Real>{}, buffers.intermediate,
                                       pass.workspace);
        fast::project_and_add<Arch>(product::Rows<typename Format::Element>(buffers.intermediate), output, none, hidden,
                                    buffers.hidden, pass.workspace);
        fast::layer_norm_rows<Arch>(buffers.hidden, output_norm, epsilon, buffers.hidden, convert);
    }
};

/// BERT's encoder, packed.
template <class Real, class Arch = simd::DefaultArch>
using PackedEncoder = PackedBlocks<Real, Arch, PackedEncoderBlock>;

/// Packs an encoder for inference.
/// @tparam Arch  the instruction set: `FastBf16::InstructionSet` packs weights in bfloat16
/// @param encoder  its parameters are copied, packed for the engine in use
/// @param config  its sizes, heads, activation and epsilon
/// @return  the packed encoder
/// @throws std::invalid_argument if a block doesn't have the configuration's sizes
template <class Arch = simd::DefaultArch, template <class, class> class Encoder, class Real, class Ops>
PackedEncoder<Real, Arch> pack_weights(const Encoder<Real, Ops>& encoder, const Config& config)
{
    return PackedEncoder<Real, Arch>::pack(encoder.layer, config);
}

}  // namespace bert
