/// @file
/// GPT-2 for inference, with packed weights: the bits of Gpt2Body with `Fast`. The blocks are those of
/// ops/fast/packed_encoder.hpp, with the norms in front of the sub-layers.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/workspace.hpp"
#include "bert/io/families/gpt2.hpp"
#include "bert/io/packed_folder.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/packed_encoder.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/rows.hpp"
#include "bert/variants/gpt2.hpp"
#include "bert/variants/pre_norm_block.hpp"

namespace bert {

/// The scratch memory of packed pre-norm blocks. `operand` has memory of its own, for normalized rows: the hidden states are
/// kept, because the sub-layer's result is added to them.
template <class Real, class Arch>
struct PackedPreNormBuffers : PackedBuffers<Real, Arch> {
    using typename PackedBuffers<Real, Arch>::Format;  ///< format of the products' operands

    /// Takes memory for a group.
    /// @param T  its tokens
    /// @param config  sizes
    /// @param workspace  holds the memory
    PackedPreNormBuffers(std::size_t T, const Config& config, Workspace& workspace)
        : PackedBuffers<Real, Arch>(T, config.hidden_size, config, workspace)
    {
        this->operand = fast::scratch_rows<Format, typename Format::Element>(Scratch::hidden_operand, T,
                                                                             Format::elements(config.hidden_size), workspace);
    }

    /// Does nothing, since each block writes the operand itself, when it normalizes.
    void write_operand(std::size_t) const {}
};

/// One packed block of GPT-2: the parameters of BERT's. `attention_norm` is the norm in front of attention, `output_norm` that in
/// front of the feed-forward network.
template <class Real, class Arch>
struct PackedPreNormBlock : PackedEncoderBlock<Real, Arch> {
    using Buffers = PackedPreNormBuffers<Real, Arch>;  ///< scratch memory

    /// Packs a block.
    /// @param block  its parameters are copied
    /// @param config  its sizes
    /// @return  the packed block
    /// @throws std::invalid_argument if a parameter doesn't have the configuration's size
    template <class Ops>
    static PackedPreNormBlock pack(const PreNormBlock<Real, Ops>& block, const Config& config)
    {
        return {PackedEncoderBlock<Real, Arch>::pack(block, config)};
    }

    /// Takes the blocks' scratch memory.
    /// @param T  tokens of a group
    /// @param config  sizes
    /// @param workspace  holds the memory
    /// @return  the scratch memory of the blocks
    static Buffers buffers(std::size_t T, const Config& config, Workspace& workspace) { return Buffers(T, config, workspace); }

    /// Computes the block for the rows of one group: PreNormBlock::forward.
    /// \f[ c = \mathrm{attention}(\mathrm{LayerNorm}_1(x)),\quad a = x + c W_o^T + b_o \f]
    /// \f[ z = f(\mathrm{LayerNorm}_2(a) W_1^T + b_1),\quad y = a + z W_2^T + b_2 \f]
    /// Symbols: \f$x\f$, then \f$a\f$, then \f$y\f$ `buffers.hidden`, LayerNorm(x) and LayerNorm(a) `normalized`, \f$c\f$
    /// `buffers.context`, \f$z\f$ `buffers.intermediate`, \f$W_o, b_o\f$ `projection`, \f$W_1, b_1\f$ `intermediate`, \f$W_2,
    /// b_2\f$ `output`, \f$f\f$ hidden_act.
    /// @param pass  sequences, num_attention_heads, is_causal, hidden_act, layer_norm_eps, workspace; no dropout
    /// @param group  which sequences; row 0 of the buffers is the first row of their first one
    /// @param[in,out] buffers  hidden is the input, and then the result
    void forward(const Pass& pass, const fast::SequenceRange& group, const Buffers& buffers) const
    {
        using Format = typename Buffers::Format;
        const product::Rows<Real> hidden = buffers.hidden;
        const product::Rows<typename Format::Element> normalized = buffers.operand;
        const DropoutPlace none = pass.dropout.place();
        normalize(this->attention_norm, pass, buffers);
        fast::linear_packed(normalized, this->query_key_value, buffers.query_key_value, pass.workspace);
        fast::attend_in_heads<Arch>(buffers.third(0), buffers.third(1), buffers.third(2), pass, group, buffers.context,
                                    static_cast<AttentionActivations<Real>*>(nullptr));
        fast::project_and_add<Arch>(product::left_operand<Format>(product::Rows<Real>(buffers.context), pass.workspace),
                                    this->projection, none, hidden, buffers.hidden, pass.workspace);
        normalize(this->output_norm, pass, buffers);
        fast::widen_and_activate<Arch>(normalized, this->intermediate, pass.config.hidden_act, product::OutputRows<Real>{},
                                       buffers.intermediate, pass.workspace);
        fast::project_and_add<Arch>(product::Rows<typename Format::Element>(buffers.intermediate), this->output, none, hidden,
                                    buffers.hidden, pass.workspace);
    }

private:
    /// operand = LayerNorm(hidden). On its way to bfloat16 a row is held in context, whose contents nobody needs then.
    static void normalize(const LayerNorm<Real>& norm, const Pass& pass, const Buffers& buffers)
    {
        using Format = typename Buffers::Format;
        const auto epsilon = Real(pass.config.layer_norm_eps);
        if constexpr (Format::is_converted) {
            const auto convert = [&](std::size_t t) {
                Format::write(buffers.context.row(t), buffers.context.width, buffers.operand.row(t));
            };
            fast::layer_norm_rows<Arch>(buffers.hidden, norm, epsilon, buffers.context, convert);
        } else {
            fast::layer_norm_rows<Arch>(buffers.hidden, norm, epsilon, buffers.operand, [](std::size_t) {});
        }
    }
};

/// GPT-2 with packed blocks.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
template <class Real, class Ops>
using PackedGpt2 = PackedModel<Real, Ops, Gpt2Body, Gpt2Heads, PreNormBlock, PackedPreNormBlock>;

/// Loads a GPT-2 for inference.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @param heads  the names of the heads that are wanted, as in `causal_lm`; std::nullopt for all
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
PackedGpt2<Real, Ops> load_packed_gpt2(const std::filesystem::path& folder, LoadReport* report = nullptr,
                                       const detail::WantedHeads& heads = std::nullopt)
{
    return detail::load_packed_model<PackedGpt2<Real, Ops>>(folder, report, gpt2_family, heads);
}

}  // namespace bert
