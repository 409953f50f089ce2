/// @file
/// Models for inference alone, packed while they are read: block after block goes from the file to the layout of products, so
/// that the encoder's weights are in memory once. A program that loads BERT-base and encodes a sentence takes a quarter of a
/// second and 520 MB beside the file's own pages, where load_model and pack_weights made it half a second and 870 MB.
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
#include "bert/ops/fast/packed_encoder.hpp"

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
        model.body.embeddings.forward(batch, {model.config, batch.sequences, workspace}, embeddings);
        encoder.forward(embeddings.y, batch.sequences, y, workspace);
    }
};

/// Loads a model for inference: BERT, RoBERTa, DistilBERT or ALBERT, whose bodies are the same.
/// @param folder  as for load_model
/// @param[out] report  what was ignored; nullptr: not wanted
/// @param family  what the files call the parameters
/// @param with_heads  false to load the body alone
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
PackedModel<Real, Ops> load_packed(const std::filesystem::path& folder, LoadReport* report = nullptr,
                                   const Family& family = bert_family, bool with_heads = true)
{
    detail::ModelReader reader(folder, family, with_heads);
    const Config& config = reader.config();
    const auto read = [&](const std::string& name, auto& tensor) { reader.read(name, tensor); };
    Config without_blocks = config;
    without_blocks.num_hidden_layers = without_blocks.num_hidden_groups = 0;
    PackedModel<Real, Ops> packed{Model<Real, Ops>::make(without_blocks), {config, {}}};
    packed.model.config = config;
    Model<Real, Ops>::parameters(read, "", packed.model);

    auto block = EncoderBlock<Real, Ops>::make(config);  // each in turn
    for (std::size_t l = 0; l < config.blocks(); ++l) {
        EncoderBlock<Real, Ops>::parameters(read, Name("bert.encoder.layer.") + l, block);
        packed.encoder.layer.push_back(pack_block<typename Ops::InstructionSet>(block, config));
    }
    if (report != nullptr) *report = reader.report();
    return packed;
}

}  // namespace bert
