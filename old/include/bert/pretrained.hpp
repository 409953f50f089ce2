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
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/tokenizer_json.hpp"
#include "bert/model.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// How the vectors of a text's tokens become the text's.
enum class Pooling {
    mean,    ///< their mean, special tokens included, as sentence encoders are trained
    cls,     ///< the first token's
    max,     ///< the largest of each column; NaN if one is NaN
    pooler,  ///< the model's own: trained on next sentences, no general sentence vector
};

/// Which of the encoder's layers are taken.
enum class Layers {
    one,      ///< a single one
    sum4,     ///< the sum of the last four
    concat4,  ///< the last four side by side, [T, 4 H]
};

/// What encode makes of a text.
struct VectorOptions {
    Pooling pooling = Pooling::mean;  ///< tokens to text
    Layers layers = Layers::one;      ///< which layers
    std::optional<std::size_t> layer =
        std::nullopt;                          ///< for Layers::one: 0 the embeddings, l the l-th block's; none: the last block's
    bool normalize = false;                    ///< to length 1
    Truncation truncation = Truncation::none;  ///< of a text that is longer than the model's positions; none: it is refused
};

/// The vectors of a batch's tokens.
/// @param model  the model
/// @param batch  T tokens
/// @param options  layers, layer
/// @param act  scratch
/// @param workspace  scratch
/// @return  [T, H], or [T, 4 H]
/// @throws std::invalid_argument for a layer that the model doesn't have
/// @see Devlin et al. 2019, section 5.3
template <class Real, class Ops>
Tensor<Real, 2> token_vectors(const Model<Real, Ops>& model, const Batch& batch, const VectorOptions& options,
                              ModelActivations<Real>& act, Workspace& workspace)
{
    const std::size_t count = model.encoder.layer.size(), T = batch.sequences.tokens(), H = model.config.hidden_size;
    const bool is_one = options.layers == Layers::one, side_by_side = options.layers == Layers::concat4;
    if (!is_one && count < 4) throw std::invalid_argument("layers: expected a model of at least 4, got " + std::to_string(count));
    if (options.layer.value_or(0) > count)
        throw std::invalid_argument("layer: expected 0 to " + std::to_string(count) + ", got " + std::to_string(*options.layer));
    auto four = zeros<Real, 2>({is_one ? 0 : T, side_by_side ? 4 * H : H});
    const auto add = [&](std::size_t l, const Tensor<Real, 2>& y) {
        if (is_one || l + 4 < count) return;
        const std::size_t first_column = side_by_side ? (l + 4 - count) * H : 0;
        for (std::size_t t = 0; t < T; ++t)
            for (std::size_t h = 0; h < H; ++h)
                four(t, first_column + h) += y(t, h);
    };
    act.embeddings.dropout = Dropout{};
    model.embeddings.forward(batch, model.config, act.embeddings);
    const std::size_t blocks = is_one ? options.layer.value_or(count) : count;
    const Tensor<Real, 2>& one =
        model.encoder.infer(act.embeddings.norm.y, batch.sequences, model.config, blocks, act.encoder, workspace, add);
    if (is_one) return one;
    return four;
}

/// One vector for each text.
/// @param vectors  of its tokens, [T, W]
/// @param sequences  where each text begins; none is empty
/// @param pooling  mean, cls or max
/// @return  [B, W]
/// @throws std::invalid_argument if vectors is not [T, W], for an empty sequence, and for Pooling::pooler, which takes a model
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

/// Scales each row to length 1; a row of zeros stays, one whose length is infinite becomes NaN.
/// @param[in,out] rows  [B, W]
template <class Real>
void normalize_rows(Tensor<Real, 2>& rows)
{
    for (std::size_t b = 0; b < rows.shape(0); ++b) {
        Real squares = 0;
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            squares += rows(b, w) * rows(b, w);
        if (squares == 0) continue;
        // Divided by an infinite length, numbers would be zeros, which look like a result.
        const Real length = std::isfinite(squares) ? std::sqrt(squares) : std::numeric_limits<Real>::quiet_NaN();
        for (std::size_t w = 0; w < rows.shape(1); ++w)
            rows(b, w) /= length;
    }
}

/// Refuses what a model has no row for: its tokenizer can know more tokens, and number more texts, than the model does. Refuses
/// no tokens at all, too, which a tokenizer without special ones makes of an empty text.
/// @param encoding  a text or a pair
/// @param tokenizer  what it comes from
/// @param config  the model's
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
        check("a type", encoding.type_ids[t], "type_vocab_size", config.type_vocab_size);
    }
}

/// Says that a model has no finite result for a text, and why: NaN or an infinity is never given as an answer.
/// @param place  where the text comes from
/// @param text  the text
/// @param model  the model, of which every weight is looked at
/// @throws InputError always, as in `text 1: "a cat": expected finite numbers, got others; tensor "pooler.dense.bias" isn't finite`
template <class Real, class Ops>
[[noreturn]] void fail_non_finite(const std::string& place, const std::string& text, const Model<Real, Ops>& model)
{
    const std::string tensor = first_non_finite(model);
    fail_input(place, in_quotes(text) + ": expected finite numbers, got others; " +
                          (tensor.empty() ? "every weight of the model is finite: its numbers overflow"
                                          : "tensor " + in_quotes(tensor) + " of the model isn't finite"));
}

/// A model and the tokenizer that it was trained with.
template <class Real, class Ops>
struct Pretrained {
    Tokenizer tokenizer;     ///< text to ids
    Model<Real, Ops> model;  ///< ids to vectors

    /// Packs texts for the model.
    /// @param texts  B texts
    /// @param truncation  of a text that is longer than the model's positions; none: it is refused
    /// @param first  the number of the first text, for messages
    /// @return  the batch
    /// @throws InputError for a text that is too long, or has a token that the model doesn't have
    Batch batch_of(const std::vector<std::string>& texts, Truncation truncation = Truncation::none, std::size_t first = 0) const
    {
        const std::size_t positions = model.config.max_position_embeddings;
        EncodeOptions options;
        options.overflow = false;
        options.truncation = truncation;
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

    /// The vectors of texts, by the model as it stands. Whoever encodes much of it packs its weights once
    /// (packed_encoder.hpp), as the program `bert` does.
    /// @param texts  B texts
    /// @param options  pooling, layers, length
    /// @return  [B, H], or [B, 4 H] for Layers::concat4
    /// @throws InputError for a text that is too long, and for one whose vector isn't finite
    /// @throws std::invalid_argument for a layer or a pooler that the model doesn't have
    Tensor<Real, 2> encode(const std::vector<std::string>& texts, const VectorOptions& options = {}) const
    {
        constexpr std::size_t batch_size = 32;
        if (options.pooling == Pooling::pooler && !model.pooler)
            throw std::invalid_argument("pooling: expected a model with a pooler, got " + model.config.architecture);
        const std::size_t last = model.encoder.layer.size();
        if (options.pooling == Pooling::pooler && (options.layers != Layers::one || options.layer.value_or(last) != last))
            throw std::invalid_argument("pooling: expected the last layer for the pooler, got another choice of layers");
        ModelActivations<Real> act;
        Workspace workspace;
        Tensor<Real, 2> vectors;
        vectors.resize({texts.size(), model.config.hidden_size * (options.layers == Layers::concat4 ? 4 : 1)});
        for (std::size_t first = 0; first < texts.size(); first += batch_size) {
            const auto begin = texts.begin() + static_cast<std::ptrdiff_t>(first);
            const auto end = texts.begin() + static_cast<std::ptrdiff_t>(std::min(first + batch_size, texts.size()));
            const Batch batch = batch_of({begin, end}, options.truncation, first);
            const Tensor<Real, 2> of_tokens = token_vectors(model, batch, options, act, workspace);
            Tensor<Real, 2> of_texts;
            if (options.pooling == Pooling::pooler) {
                model.pooler->forward(of_tokens, batch, act.pooler, workspace);
                of_texts = act.pooler.pooled;
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
/// @param[out] report  what was ignored; nullptr: not wanted
/// @return  both
/// @throws InputError for a file that is missing or broken
template <class Real, class Ops>
Pretrained<Real, Ops> load(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return {load_tokenizer(folder), load_model<Real, Ops>(folder, report)};
}

}  // namespace bert
