/// @file
/// A model with its tokenizer: from texts to vectors in two lines.
/// ```cpp
/// auto model = bert::load<float, bert::Fast>("folder");
/// auto vectors = model.encode({"a sentence", "another one"});  // [2, H]
/// ```
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/core/finite.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/fast_tokenizer.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/tokenizer_json.hpp"
#include "bert/model.hpp"
#include "bert/pooler.hpp"
#include "bert/sentence_vectors.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/truncation.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// Checks that a model has a row for every token id and token type id: its tokenizer may have more of them. An encoding without
/// tokens is refused too: a tokenizer without special tokens makes one of an empty text.
/// @param encoding  a text or a pair
/// @param tokenizer  the tokenizer that made it
/// @param config  the model's configuration
/// @param place  where the text comes from, for the message
/// @throws InputError as in `text 3: token "new": expected an id below vocab_size (30522), got 30522`
inline void check_encoding(const Encoding& encoding, const Tokenizer& tokenizer, const Config& config, const std::string& place)
{
    if (encoding.size() == 0) fail_input(place, "text: expected at least one token, got none");
    for (std::size_t t = 0; t < encoding.size(); ++t) {
        const auto check = [&](const char* what, std::int64_t value, const char* key, std::size_t rows) {
            if (value >= static_cast<std::int64_t>(rows))
                fail_input(place, "token " + in_quotes(tokenizer.token(encoding.ids[t])) + ": expected " + what + " below " +
                                      key + " (" + std::to_string(rows) + "), got " + std::to_string(value));
        };
        check("an id", encoding.ids[t], "vocab_size", config.vocab_size);
        check("a token type id", encoding.type_ids[t], "type_vocab_size", config.type_vocab_size);
    }
}

/// Reports that a model's result for a text is non-finite, and why: NaN and infinity are never returned as results.
/// @param place  where the text comes from
/// @param text  the text
/// @param model  the model, whose weights are all checked
/// @throws InputError always, as in
/// `text 1: "a cat": expected finite numbers, got non-finite ones; tensor "pooler.dense.bias" of the model is non-finite`
template <class Real, class Ops>
[[noreturn]] void fail_non_finite(const std::string& place, const std::string& text, const Model<Real, Ops>& model)
{
    const std::string tensor = first_non_finite(model);
    fail_input(place, in_quotes(text) + ": expected finite numbers, got non-finite ones; " +
                          (tensor.empty() ? "all weights of the model are finite: the computation overflows"
                                          : "tensor " + in_quotes(tensor) + " of the model is non-finite"));
}

/// A model and the tokenizer that it was trained with.
template <class Real, class Ops>
struct Pretrained {
    FastTokenizer tokenizer;  ///< from text to ids
    Model<Real, Ops> model;   ///< from ids to vectors

    /// Packs texts for the model.
    /// @param texts  B texts
    /// @param truncation  of a text longer than the model's positions; with none, such a text is an error
    /// @param first  the number of the first text, for messages
    /// @return  the batch
    /// @throws InputError for a text that is too long, or has a token outside the model's tables
    Batch batch_of(const std::vector<std::string>& texts, Truncation truncation = Truncation::none, std::size_t first = 0) const
    {
        const std::size_t positions = model.config.max_position_embeddings;
        EncodeOptions options;
        options.overflow = false;
        options.truncation = truncation;
        options.truncation_side = tokenizer.options().encode.truncation_side;
        options.max_length = truncation == Truncation::none ? 0 : positions;
        std::vector<std::vector<std::int64_t>> ids, segments;  // of each text; the segments are the encodings' type_ids
        std::vector<Encoding> encodings = tokenizer.encode_batch(texts, options);
        for (std::size_t b = 0; b < texts.size(); ++b) {
            Encoding& encoding = encodings[b];
            const std::string place = "text " + std::to_string(first + b);
            if (encoding.size() > positions)
                fail_input(place,
                           "expected at most " + std::to_string(positions) + " tokens, got " + std::to_string(encoding.size()));
            check_encoding(encoding, tokenizer, model.config, place);
            ids.push_back(std::move(encoding.ids));
            segments.push_back(std::move(encoding.type_ids));
        }
        return pack(ids, segments);
    }

    /// The vectors of texts, computed with the weights as they are stored. For many texts, packing the weights once is faster
    /// (ops/fast/packed_encoder.hpp); the program `bert` does so.
    /// @param texts  B texts
    /// @param options  pooling, layers, normalization, truncation
    /// @return  [B, H], or [B, 4 H] for Layers::concat4
    /// @throws InputError for a text that is too long, and for one whose vector is non-finite
    /// @throws std::invalid_argument for a layer or a pooler that the model doesn't have
    Tensor<Real, 2> encode(const std::vector<std::string>& texts, const VectorOptions& options = {}) const
    {
        constexpr std::size_t batch_size = 32;
        const std::optional<Pooler<Real, Ops>>& pooler = model.body.pooler;
        if (options.pooling == Pooling::pooler && !pooler)
            throw std::invalid_argument("pooling: expected a model with a pooler, got " + model.config.architecture);
        const std::size_t last = model.body.encoder.layer.size();
        if (options.pooling == Pooling::pooler && (options.layers != Layers::one || options.layer.value_or(last) != last))
            throw std::invalid_argument("pooling: expected the last layer for the pooler, got other layers");
        VectorScratch<Real> scratch;
        Tensor<Real, 2> vectors;  // [B, W], W columns being H or 4 H
        vectors.resize({texts.size(), model.config.hidden_size * (options.layers == Layers::concat4 ? 4 : 1)});
        for (std::size_t first = 0; first < texts.size(); first += batch_size) {
            const auto begin = texts.begin() + static_cast<std::ptrdiff_t>(first);
            const auto end = texts.begin() + static_cast<std::ptrdiff_t>(std::min(first + batch_size, texts.size()));
            const Batch batch = batch_of({begin, end}, options.truncation, first);
            const Tensor<Real, 2> of_tokens = token_vectors(model, batch, options, scratch);  // [T, W]
            Tensor<Real, 2> of_texts;                                                         // [texts of the batch, W]
            if (options.pooling == Pooling::pooler) {
                const Pass pass{model.config, batch.sequences, scratch.workspace};
                pooler->forward(of_tokens, batch, pass, scratch.pooler);
                of_texts = scratch.pooler.pooled;
            } else {
                of_texts = pool(of_tokens, batch.sequences, options.pooling);
            }
            if (options.normalize) normalize_rows(of_texts);
            const std::size_t W = of_texts.shape(1);
            for (std::size_t b = 0; b < of_texts.shape(0); ++b)
                if (!all_finite(of_texts.data() + b * W, W))
                    fail_non_finite("text " + std::to_string(first + b), texts[first + b], model);
            std::copy(of_texts.begin(), of_texts.end(), vectors.begin() + static_cast<std::ptrdiff_t>(first * W));
        }
        return vectors;
    }
};

/// Loads a model and its tokenizer.
/// @param folder  config.json, model.safetensors and the tokenizer's files
/// @param[out] report  what was ignored; nullptr if it isn't needed
/// @return  the model and its tokenizer
/// @throws InputError for a file that is missing or broken
template <class Real, class Ops>
Pretrained<Real, Ops> load(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return {load_tokenizer(folder), load_model<Real, Ops>(folder, report)};
}

}  // namespace bert
