/// @file
/// A model with its tokenizer: from texts to vectors in two lines.
/// ```cpp
/// auto bert = bert::load<float, bert::Fast>("folder");
/// auto vectors = bert.encode({"a sentence", "another one"});  // [2, H]
/// ```
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
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
#include "bert/core/workspace.hpp"
#include "bert/fast_tokenizer.hpp"
#include "bert/inference.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/tokenizer_json.hpp"
#include "bert/model.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// How the vectors of a text's tokens are combined into one vector.
enum class Pooling {
    mean,    ///< their mean, special tokens included, as sentence encoders are trained
    cls,     ///< the first token's vector
    max,     ///< the maximum of each column; NaN if one of its numbers is NaN
    pooler,  ///< the model's pooler: trained on next-sentence prediction, it gives no general sentence vector
};

/// Which of the encoder's layers give the vectors.
enum class Layers {
    one,      ///< a single layer
    sum4,     ///< the sum of the last four
    concat4,  ///< the last four side by side, [T, 4 H]
};

/// Options of encode.
struct VectorOptions {
    Pooling pooling = Pooling::mean;                  ///< from token vectors to a text's vector
    Layers layers = Layers::one;                      ///< which layers
    std::optional<std::size_t> layer = std::nullopt;  ///< for Layers::one: 0 the embeddings, l the l-th block; if empty, the last
    bool normalize = false;                           ///< whether vectors are scaled to length 1
    Truncation truncation = Truncation::none;         ///< of a text longer than the model's positions; none refuses it
};

/// Scratch memory of token_vectors, reused between batches.
template <class Real>
struct EncodeScratch {
    EmbeddingsActivations<Real> embeddings;  ///< activations of the embeddings
    InferenceActivations<Real> blocks;       ///< activations of two blocks, used alternately
    PoolerActivations<Real> pooler;          ///< activations of the pooler
    Workspace workspace;                     ///< scratch memory of the operations
};

/// The vectors of a batch's tokens.
/// @param model  the model
/// @param batch  T tokens
/// @param options  layers and layer
/// @param scratch  memory, reused between calls
/// @return  [T, H], or [T, 4 H]
/// @throws std::invalid_argument for a layer that the model doesn't have
/// @see Devlin et al. 2019, section 5.3
template <class Real, class Ops>
Tensor<Real, 2> token_vectors(const Model<Real, Ops>& model, const Batch& batch, const VectorOptions& options,
                              EncodeScratch<Real>& scratch)
{
    const Encoder<Real, Ops>& encoder = model.body.encoder;
    const std::size_t count = encoder.layer.size(), T = batch.sequences.tokens(), H = model.config.hidden_size;
    const bool is_one = options.layers == Layers::one, side_by_side = options.layers == Layers::concat4;
    if (!is_one && count < 4)
        throw std::invalid_argument("layers: expected a model with at least 4 layers, got " + std::to_string(count));
    if (options.layer.value_or(0) > count)
        throw std::invalid_argument("layer: expected 0 to " + std::to_string(count) + ", got " + std::to_string(*options.layer));
    auto four = zeros<Real, 2>({is_one ? 0 : T, side_by_side ? 4 * H : H});
    const auto add_layer = [&](std::size_t l, const Tensor<Real, 2>& y) {
        if (is_one || l + 4 < count) return;
        const std::size_t first_column = side_by_side ? (l + 4 - count) * H : 0;
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                four(t, first_column + h) += y(t, h);
    };
    const Pass pass{model.config, batch.sequences, scratch.workspace};
    model.body.embeddings.forward(batch, pass, scratch.embeddings);
    const std::size_t blocks = is_one ? options.layer.value_or(count) : count;
    const Tensor<Real, 2>& one = infer(encoder, scratch.embeddings.y, pass, blocks, scratch.blocks, add_layer);
    if (is_one) return one;
    return four;
}

/// Combines token vectors into one vector for each text.
/// @param vectors  of the texts' tokens, [T, W]
/// @param sequences  where each text begins; none is empty
/// @param pooling  mean, cls or max
/// @return  [B, W]
/// @throws std::invalid_argument if vectors is not [T, W], for an empty sequence, and for Pooling::pooler, which needs a model
template <class Real>
Tensor<Real, 2> pool(const Tensor<Real, 2>& vectors, const Sequences& sequences, Pooling pooling)
{
    const std::size_t B = sequences.count(), W = vectors.shape(1);
    require_shape("pool: vectors", vectors, {sequences.tokens(), W});
    if (pooling == Pooling::pooler) throw std::invalid_argument("pool: pooling: expected mean, cls or max, got pooler");
    Tensor<Real, 2> pooled;
    pooled.resize({B, W});
    for (std::size_t b = 0; b < B; ++b) {
        const std::size_t first = sequences.begin[b], n = sequences.length(b);
        if (n == 0) throw std::invalid_argument("pool: sequence " + std::to_string(b) + ": expected a token, got none");
        for (std::size_t w = 0; w < W; ++w)
            pooled(b, w) = vectors(first, w);
        if (pooling == Pooling::cls) continue;
        for (std::size_t t = first + 1; t < first + n; ++t) {
            for (std::size_t w = 0; w < W; ++w) {
                const Real value = vectors(t, w);
                if (pooling == Pooling::mean)
                    pooled(b, w) += value;
                else if (value > pooled(b, w) || std::isnan(value))  // std::max would pass over a NaN
                    pooled(b, w) = value;
            }
        }
        if (pooling == Pooling::mean)
            for (std::size_t w = 0; w < W; ++w)
                pooled(b, w) /= Real(n);
    }
    return pooled;
}

/// Scales each row to length 1; a row of zeros stays unchanged, one of infinite length becomes NaN.
/// @param[in,out] rows  [B, W]
template <class Real>
void normalize_rows(Tensor<Real, 2>& rows)
{
    for (std::size_t b = 0; b < rows.shape(0); ++b) {
        Real squares = 0;
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            squares += rows(b, w) * rows(b, w);
        if (squares == 0) continue;
        // Division by an infinite length would give zeros, which look like a result.
        const Real length = std::isfinite(squares) ? std::sqrt(squares) : std::numeric_limits<Real>::quiet_NaN();
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            rows(b, w) /= length;
    }
}

/// Checks that a model has a row for every token id and token type id: its tokenizer may have more of them. An encoding without
/// tokens is refused too: a tokenizer without special tokens makes one of an empty text.
/// @param encoding  a text or a pair
/// @param tokenizer  the tokenizer that made it
/// @param config  the model's configuration
/// @throws InputError as in `token "new": expected an id below vocab_size (30522), got 30522`
inline void check_encoding(const Encoding& encoding, const Tokenizer& tokenizer, const Config& config)
{
    if (encoding.size() == 0) fail_input("text", "expected at least one token, got none");
    for (std::size_t t = 0; t < encoding.size(); ++t) {
        const auto check = [&](const char* what, std::int64_t value, const char* key, std::size_t rows) {
            if (value >= static_cast<std::int64_t>(rows))
                fail_input("token " + in_quotes(tokenizer.token(encoding.ids[t])), std::string("expected ") + what + " below " +
                                                                                       key + " (" + std::to_string(rows) +
                                                                                       "), got " + std::to_string(value));
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
    /// @param truncation  of a text longer than the model's positions; none refuses it
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
        std::vector<std::vector<std::int64_t>> ids, segments;
        std::vector<Encoding> encodings = tokenizer.encode_batch(texts, options);
        for (std::size_t b = 0; b < texts.size(); ++b) {
            Encoding& encoding = encodings[b];
            if (encoding.size() > positions)
                fail_input("text " + std::to_string(first + b),
                           "expected at most " + std::to_string(positions) + " tokens, got " + std::to_string(encoding.size()));
            check_encoding(encoding, tokenizer, model.config);
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
        EncodeScratch<Real> scratch;
        Tensor<Real, 2> vectors;
        vectors.resize({texts.size(), model.config.hidden_size * (options.layers == Layers::concat4 ? 4 : 1)});
        for (std::size_t first = 0; first < texts.size(); first += batch_size) {
            const auto begin = texts.begin() + static_cast<std::ptrdiff_t>(first);
            const auto end = texts.begin() + static_cast<std::ptrdiff_t>(std::min(first + batch_size, texts.size()));
            const Batch batch = batch_of({begin, end}, options.truncation, first);
            const Tensor<Real, 2> of_tokens = token_vectors(model, batch, options, scratch);
            Tensor<Real, 2> of_texts;
            if (options.pooling == Pooling::pooler) {
                pooler->forward(of_tokens, batch, {model.config, batch.sequences, scratch.workspace}, scratch.pooler);
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
