/// @file
/// Models for inference alone, packed while they are read: block after block goes from the file to the layout of products, so
/// that the encoder's weights are in memory once. A program that loads BERT-base and encodes a sentence takes a quarter of a
/// second and 520 MB besides the file's own pages; with load_model and pack_weights it takes half a second and 870 MB.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "bert/body.hpp"
#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/encoder_block.hpp"
#include "bert/heads/bert_heads.hpp"
#include "bert/io/family.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/fast/packed_encoder.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert {

/// A model whose blocks are packed.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
/// @tparam Body  the model's body
/// @tparam Heads  the heads that the model can have
/// @tparam Block  the body's block
/// @tparam PackedBlock  the same block, packed
template <class Real, class Ops, template <class, class> class Body = BertBody, class Heads = BertHeads,
          template <class, class> class Block = EncoderBlock, template <class, class> class PackedBlock = PackedEncoderBlock>
struct PackedModel {
    using Arch = typename Ops::InstructionSet;  ///< the instruction set of the packed weights
    static_assert(std::is_same_v<FastOperations<Arch>, Ops>,
                  "PackedModel has Fast's own operations inside: a set that replaces one needs load_model");
    using Plain = Model<Real, Ops, Body, Heads>;                                   ///< the model, not packed
    using PlainBlock = Block<Real, Ops>;                                           ///< a block as it is read
    using EmbeddingsScratch = decltype(Body<Real, Ops>::Activations::embeddings);  ///< what the embeddings compute

    Plain model;                                    ///< embeddings and heads; its body has no blocks
    PackedBlocks<Real, Arch, PackedBlock> encoder;  ///< the blocks

    /// Packs a model.
    /// @param model  loses its blocks
    /// @return  the packed model
    /// @throws std::invalid_argument if a block doesn't have the configuration's sizes
    static PackedModel pack(Plain model)
    {
        auto& blocks = blocks_of(model.body);
        auto packed = PackedBlocks<Real, Arch, PackedBlock>::pack(blocks, model.config);
        blocks.clear();
        return {std::move(model), std::move(packed)};
    }

    /// Computes the last block's hidden states; with a norm after the last block, as in GPT-2, that norm's result.
    /// \f[ e = \mathrm{Embeddings}(\mathrm{batch}),\quad y = \mathrm{Encoder}(e) \f]
    /// or \f$y = \mathrm{LayerNorm}(\mathrm{Encoder}(e))\f$. Symbols: \f$e\f$ `embeddings.y`.
    /// @param batch  T tokens in B sequences
    /// @param[out] embeddings  what the embeddings compute; scratch memory
    /// @param[out] y  hidden states, [T, H]
    /// @param workspace  scratch memory
    /// @throws std::invalid_argument for an id, segment or position outside its table
    void infer(const Batch& batch, EmbeddingsScratch& embeddings, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        model.body.embeddings.forward(batch, {model.config, batch.sequences, workspace}, embeddings);
        encoder.forward(embeddings.y, batch.sequences, y, workspace);
        if constexpr (requires { model.body.final_norm; }) {
            const auto rows = product::output_rows_of(y);
            fast::layer_norm_rows<Arch>(rows, model.body.final_norm, Real(model.config.layer_norm_eps), rows, [](std::size_t) {});
        }
    }

private:
    /// The blocks of a body: in its encoder, or, as in GPT-2, its own.
    static std::vector<PlainBlock>& blocks_of(Body<Real, Ops>& body)
    {
        if constexpr (requires { body.encoder.layer; })
            return body.encoder.layer;
        else
            return body.layer;
    }
};

namespace detail {

/// Loads a packed model: embeddings and heads first, then each block in turn, which is packed before the next one is read.
/// @tparam Packed  a PackedModel
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @param family  what the files call the parameters
/// @param heads  the names of the heads that are wanted; std::nullopt for all
/// @return  the model
/// @throws InputError as load_model
template <class Packed>
Packed load_packed_model(const std::filesystem::path& folder, LoadReport* report, const Family& family, const WantedHeads& heads)
{
    ModelReader reader(folder, family, heads);
    const Config& config = reader.config();
    const auto read = [&](const std::string& name, auto& tensor) { reader.read(name, tensor); };
    Config without_blocks = config;
    without_blocks.num_hidden_layers = without_blocks.num_hidden_groups = 0;
    using AnyModel = typename Packed::Plain;
    using PackedBlock = typename decltype(Packed::encoder.layer)::value_type;
    Packed packed{AnyModel::make(without_blocks), {config, {}}};
    packed.model.config = config;
    AnyModel::parameters(read, "", packed.model);

    auto block = Packed::PlainBlock::make(config);  // holds one block after the other
    for (std::size_t l = 0; l < config.blocks(); ++l) {
        Packed::PlainBlock::parameters(read, Name("bert.encoder.layer.") + l, block);
        packed.encoder.layer.push_back(PackedBlock::pack(block, config));
    }
    if (report != nullptr) *report = reader.report();
    return packed;
}

}  // namespace detail

/// Loads a model for inference: BERT, RoBERTa, DistilBERT or ALBERT, whose bodies are the same.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
/// @param folder  as for load_model
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @param family  what the files call the parameters
/// @param heads  the names of the heads that are wanted, as in `masked_lm`; std::nullopt for all
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
PackedModel<Real, Ops> load_packed(const std::filesystem::path& folder, LoadReport* report = nullptr,
                                   const Family& family = bert_family, const detail::WantedHeads& heads = std::nullopt)
{
    return detail::load_packed_model<PackedModel<Real, Ops>>(folder, report, family, heads);
}

}  // namespace bert
