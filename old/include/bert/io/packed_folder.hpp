/// @file
/// Models for inference alone, packed while they are read: block after block goes from the file to the layout of products, so
/// that the encoder's weights are in memory once. A program that loads BERT-base and encodes a sentence takes a quarter of a second
/// and 520 MB beside the file's own pages, where load_model and pack_weights made it half a second and 870 MB.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <type_traits>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/encoder_block.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/packed_encoder.hpp"

namespace bert {

/// A model whose encoder is packed.
/// @tparam Real  the scalar
/// @tparam Ops  `Fast` or `FastBf16`
template <class Real, class Ops>
struct PackedModel {
    static_assert(std::is_same_v<FastOperations<typename Ops::InstructionSet>, Ops>,
                  "PackedModel has Fast's own operations inside: a set that replaces one needs load_model");
    Model<Real, Ops> model;                                     ///< embeddings and heads; its encoder has no blocks
    PackedEncoder<Real, typename Ops::InstructionSet> encoder;  ///< the blocks

    /// The last block's hidden states.
    /// @param batch  T tokens in B sequences
    /// @param embeddings  scratch: what the embeddings compute
    /// @param[out] y  [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument for an id, segment or position outside its table
    void infer(const Batch& batch, EmbeddingsActivations<Real>& embeddings, Tensor<Real, 2>& y, Workspace& workspace) const
    {
        model.embeddings.forward(batch, model.config, embeddings);
        encoder.forward(embeddings.norm.y, batch.sequences, y, workspace);
    }
};

/// Loads a model for inference.
/// @param folder  as for load_model
/// @param[out] report  what was ignored; nullptr: not wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
PackedModel<Real, Ops> load_packed(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    using Block = EncoderBlock<Real, Ops>;
    detail::ModelReader reader(folder);
    const auto read = [&](const std::string& name, auto& tensor) { reader.read(name, tensor); };
    PackedModel<Real, Ops> packed{reader.make<Real, Ops>(0), {reader.config(), {}}};
    Model<Real, Ops>::parameters(read, "", packed.model);
    const std::string base = reader.config().architecture == "BertModel" ? "" : "bert.";
    auto block = Block::make(reader.config());  // each in turn
    for (std::size_t l = 0; l < reader.config().num_hidden_layers; ++l) {
        Block::parameters(read, base + "encoder.layer." + std::to_string(l), block);
        packed.encoder.layer.push_back(pack_block<typename Ops::InstructionSet>(block, reader.config()));
    }
    if (report != nullptr) *report = reader.report();
    return packed;
}

}  // namespace bert
