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
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/core/finite.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/fast_tokenizer.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/sentence_folder.hpp"
#include "bert/io/tokenizer_folder.hpp"
#include "bert/model.hpp"
#include "bert/sentence_pipeline.hpp"
#include "bert/sentence_vectors.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/truncation.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// A text, or a pair of texts.
struct TextOrPair {
    /// @param first  the text, or the first one of a pair
    /// @param second  the second one of a pair
    TextOrPair(std::string first, std::optional<std::string> second = std::nullopt)
        : text(std::move(first)), pair(std::move(second))
    {
    }

    std::string text;                 ///< UTF-8
    std::optional<std::string> pair;  ///< UTF-8
};

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
        if (config.type_vocab_size > 0)  // otherwise the model knows no segments, and reads none
            check("a token type id", encoding.type_ids[t], "type_vocab_size", config.type_vocab_size);
    }
}

/// Reports that a model's result for a text is non-finite, and why: NaN and infinity are never returned as results.
/// @param place  where the text comes from
/// @param text  the text
/// @param tensor  the name of a non-finite tensor of the model; empty if there is none
/// @throws InputError always, as in
/// `text 1: "a cat": expected finite numbers, got non-finite ones; tensor "pooler.dense.bias" of the model is non-finite`
[[noreturn]] inline void fail_non_finite(const std::string& place, const std::string& text, const std::string& tensor)
{
    fail_input(place, in_quotes(text) + ": expected finite numbers, got non-finite ones; " +
                          (tensor.empty() ? "all weights of the model are finite: the computation overflows"
                                          : "tensor " + in_quotes(tensor) + " of the model is non-finite"));
}

/// Reports that a model's result for a text is non-finite, and why.
/// @param place  where the text comes from
/// @param text  the text
/// @param model  the model, whose weights are all checked
/// @throws InputError always
template <class Real, class Ops>
[[noreturn]] void fail_non_finite(const std::string& place, const std::string& text, const Model<Real, Ops>& model)
{
    fail_non_finite(place, text, first_non_finite(model));
}

/// A model, the tokenizer that it was trained with, and how texts become vectors.
template <class Real, class Ops>
struct Pretrained {
    FastTokenizer tokenizer;               ///< from text to ids
    Model<Real, Ops> model;                ///< from ids to token vectors
    SentencePipeline<Real> pipeline = {};  ///< from token vectors to a text's vector

    /// Packs texts for the model.
    /// @param texts  B texts
    /// @param options  truncation, max_length, prompt; what they leave open is as the folder says
    /// @return  the batch
    /// @throws InputError for a text that is too long, or has a token outside the model's tables
    Batch batch_of(const std::vector<std::string>& texts, const VectorOptions& options = {}) const
    {
        const VectorOptions complete = completed(options, pipeline, tokenizer.options().model_max_length, model.config);
        return batch_of(std::vector<TextOrPair>(texts.begin(), texts.end()), complete, 0, nullptr);
    }

    /// Packs texts for the model.
    /// @param texts  B texts, each with a second one if it is a pair
    /// @param options  completed: truncation, max_length, prompt
    /// @param first  the number of the first text, for messages
    /// @param[in,out] truncated  if not nullptr, the number of texts that were truncated is added
    /// @return  the batch
    /// @throws InputError for a text that is too long, or has a token outside the model's tables
    Batch batch_of(std::span<const TextOrPair> texts, const VectorOptions& options, std::size_t first,
                   std::size_t* truncated) const
    {
        EncodeOptions encode;
        encode.truncation = options.truncation;
        encode.truncation_side = tokenizer.options().encode.truncation_side;
        encode.max_length = options.truncation == Truncation::none ? 0 : options.max_length;
        std::vector<Encoding> encodings(texts.size());
        parallel_for(texts.size(), [&](std::size_t b, std::size_t) {
            encodings[b] = tokenizer.encode_pair(options.prompt.value_or("") + texts[b].text, texts[b].pair, encode);
        });
        std::vector<std::vector<std::int64_t>> ids, segments;  // of each text; the segments are the encodings' type_ids
        for (std::size_t b = 0; b < texts.size(); ++b) {
            Encoding& encoding = encodings[b];
            const std::string place = "text " + std::to_string(first + b);
            if (encoding.size() > options.max_length)
                fail_input(place, "expected at most " + std::to_string(options.max_length) + " tokens, got " +
                                      std::to_string(encoding.size()));
            if (truncated != nullptr && !encoding.overflow.empty()) ++*truncated;
            check_encoding(encoding, tokenizer, model.config, place);
            ids.push_back(std::move(encoding.ids));
            segments.push_back(std::move(encoding.type_ids));
        }
        return pack(ids, segments);
    }

    /// The vectors of texts, computed with the weights as they are stored. For many texts, packing the weights once is faster
    /// (ops/fast/packed_encoder.hpp); the program `bert` does so.
    /// @param texts  B texts
    /// @param options  pooling, layers, normalization, truncation; what they leave open is as the folder says
    /// @param[in,out] truncated  if not nullptr, the number of texts that were truncated is added
    /// @return  [B, width]: H, 4 H for Layers::concat4, or as the folder's modules say
    /// @throws InputError for a text that is too long, and for one whose vector is non-finite
    /// @throws std::invalid_argument for a layer or a pooler that the model doesn't have
    Tensor<Real, 2> encode(const std::vector<std::string>& texts, const VectorOptions& options = {},
                           std::size_t* truncated = nullptr) const
    {
        return encode_pairs(std::vector<TextOrPair>(texts.begin(), texts.end()), options, truncated);
    }

    /// The vectors of texts or pairs of texts.
    /// @param texts  B texts, each with a second one if it is a pair
    /// @param options  as in encode
    /// @param[in,out] truncated  as in encode
    /// @return  as encode
    /// @throws InputError as encode
    /// @throws std::invalid_argument as encode
    Tensor<Real, 2> encode_pairs(const std::vector<TextOrPair>& texts, const VectorOptions& options = {},
                                 std::size_t* truncated = nullptr) const
    {
        constexpr std::size_t batch_size = 32;
        const VectorOptions complete = completed(options, pipeline, tokenizer.options().model_max_length, model.config);
        const bool pooler = std::count(complete.pooling.begin(), complete.pooling.end(), Pooling::pooler) > 0;
        if (pooler && !model.body.pooler)
            throw std::invalid_argument("pooling: expected a model with a pooler, got " + model.config.architecture);
        const std::size_t last = model.body.encoder.runs(model.config);
        if (pooler && (complete.layers != Layers::one || complete.layer.value_or(last) != last))
            throw std::invalid_argument("pooling: expected the last layer for the pooler, got other layers");
        const std::size_t skipped = pipeline.includes_prompt ? 0 : prompt_tokens(tokenizer, *complete.prompt);
        VectorScratch<Real> scratch;
        Tensor<Real, 2> vectors;  // [B, W]
        for (std::size_t first = 0; first < texts.size(); first += batch_size) {
            const std::size_t count = std::min(batch_size, texts.size() - first);
            const Batch batch = batch_of(std::span(texts).subspan(first, count), complete, first, truncated);
            const Tensor<Real, 2> of_tokens = token_vectors(model, batch, complete, scratch);  // [T, H] or [T, 4 H]
            const Tensor<Real, 2> of_texts = text_vectors(of_tokens, batch, model, pipeline, complete, skipped, scratch);
            const std::size_t W = of_texts.shape(1);
            if (first == 0) vectors.resize({texts.size(), W});
            for (std::size_t b = 0; b < count; ++b)
                if (!all_finite(of_texts.data() + b * W, W))
                    fail_non_finite("text " + std::to_string(first + b), texts[first + b].text, model);
            std::copy(of_texts.begin(), of_texts.end(), vectors.begin() + static_cast<std::ptrdiff_t>(first * W));
        }
        return vectors;
    }
};

/// Loads a model, its tokenizer, and how its texts become vectors.
/// @param folder  a model folder, or a sentence-transformers folder
/// @param[out] report  what was ignored or isn't followed; nullptr if it isn't needed
/// @return  the model and its tokenizer
/// @throws InputError for a file that is missing or broken
template <class Real, class Ops>
Pretrained<Real, Ops> load(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    std::vector<std::string> warnings;
    SentencePipeline<Real> pipeline = load_pipeline<Real>(folder, &warnings);
    FastTokenizer tokenizer = load_tokenizer(pipeline.tokenizer, std::nullopt, &warnings);
    if (pipeline.lowercase) tokenizer = lower_casing(tokenizer);
    auto model = load_model<Real, Ops>(pipeline.transformer, report);
    if (report != nullptr) report->warnings.insert(report->warnings.begin(), warnings.begin(), warnings.end());
    return {std::move(tokenizer), std::move(model), std::move(pipeline)};
}

}  // namespace bert
