/// @file
/// From texts to vectors, as a folder describes it: a prompt, the longest text, pooling and what follows it. io/sentence_folder.hpp
/// reads a pipeline; options given by hand win.
#pragma once

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/model.hpp"
#include "bert/pooler.hpp"
#include "bert/sentence_modules.hpp"
#include "bert/sentence_vectors.hpp"
#include "bert/text/truncation.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// How texts become vectors.
template <class Real>
struct SentencePipeline {
    std::filesystem::path transformer = {};  ///< the folder of the model
    std::filesystem::path tokenizer = {};    ///< the folder of its tokenizer
    std::size_t max_length = 0;              ///< most tokens of a text; 0: as the tokenizer and the model say
    bool truncates = false;                  ///< whether longer texts are truncated, not refused
    bool lowercase = false;                  ///< whether texts are lower-cased, whatever the tokenizer does

    std::vector<Pooling> pooling = {Pooling::mean};  ///< side by side if several
    bool includes_prompt = true;                     ///< whether a prompt's tokens are pooled, too
    std::vector<SentenceModule<Real>> modules = {};  ///< what becomes of the pooled vectors
    std::size_t dimension = 0;                       ///< the vectors' first so many numbers are taken; 0: all

    std::map<std::string, std::string> prompts = {};  ///< by name; put in front of texts
    std::string prompt = {};                          ///< that of the default name; usually empty
};

/// Fills in what options leave open.
/// @param options  as given
/// @param pipeline  what the folder says
/// @param of_tokenizer  most tokens of a text as the tokenizer's files say; 0 if they don't
/// @param config  the model's configuration
/// @return  options with pooling, prompt and max_length
/// @throws std::invalid_argument for a length above the model's positions
template <class Real>
VectorOptions completed(VectorOptions options, const SentencePipeline<Real>& pipeline, std::size_t of_tokenizer,
                        const Config& config)
{
    const std::size_t positions = config.longest_sequence();
    if (options.max_length > positions)
        throw std::invalid_argument("max_length: expected at most the model's " + std::to_string(positions) + " positions, got " +
                                    std::to_string(options.max_length));
    if (options.pooling.empty()) options.pooling = pipeline.pooling;
    if (!options.prompt) options.prompt = pipeline.prompt;
    if (pipeline.truncates && options.truncation == Truncation::none) options.truncation = Truncation::longest_first;
    if (options.max_length == 0) {
        const std::size_t of_files = pipeline.truncates ? of_tokenizer : 0;
        const std::size_t length = pipeline.max_length > 0 ? pipeline.max_length : of_files;
        options.max_length = length > 0 ? std::min(length, positions) : positions;
    }
    return options;
}

/// How many tokens of each text a prompt takes, `[CLS]` included.
/// @param tokenizer  the model's tokenizer
/// @param prompt  the prompt
/// @return  their number; 0 without a prompt
inline std::size_t prompt_tokens(const Tokenizer& tokenizer, std::string_view prompt)
{
    if (prompt.empty()) return 0;
    const Encoding encoding = tokenizer.encode(prompt);
    const bool ends_special = encoding.size() > 0 && tokenizer.is_special(encoding.ids.back());
    return encoding.size() - (ends_special ? 1 : 0);
}

/// @param rows  [B, W]
/// @param W  how many columns are taken
/// @return  the first of them, [B, W]
template <class Real>
Tensor<Real, 2> first_columns(const Tensor<Real, 2>& rows, std::size_t W)
{
    Tensor<Real, 2> first;
    first.resize({rows.shape(0), W});
    for (std::size_t b = 0; b < rows.shape(0); ++b)
        std::copy_n(rows.data() + b * rows.shape(1), W, first.data() + b * W);
    return first;
}

/// The vectors of texts from those of their tokens: pooling, then the pipeline's modules, then the length if the options say so.
/// @param of_tokens  the result of token_vectors, [T, W]
/// @param batch  the texts' tokens
/// @param model  whose pooler is used
/// @param pipeline  what follows pooling
/// @param options  completed
/// @param skipped  number of tokens of each text that aren't pooled
/// @param scratch  memory, reused between calls
/// @return  [B, width]
/// @throws std::invalid_argument if a module has another width, or there is no pooler
template <class Real, class Ops>
Tensor<Real, 2> text_vectors(const Tensor<Real, 2>& of_tokens, const Batch& batch, const Model<Real, Ops>& model,
                             const SentencePipeline<Real>& pipeline, const VectorOptions& options, std::size_t skipped,
                             VectorScratch<Real>& scratch)
{
    const std::size_t B = batch.sequences.count(), W = of_tokens.shape(1), ways = options.pooling.size();
    Tensor<Real, 2> side_by_side;  // [B, ways W]
    side_by_side.resize({B, ways * W});
    for (std::size_t i = 0; i < ways; ++i) {
        Tensor<Real, 2> pooled;  // [B, W]
        if (options.pooling[i] == Pooling::pooler) {
            model.body.pooler->forward(of_tokens, batch, {model.config, batch.sequences, scratch.workspace}, scratch.pooler);
            pooled = scratch.pooler.pooled;
        } else {
            pooled = pool(of_tokens, batch.sequences, options.pooling[i], skipped);
        }
        for (std::size_t b = 0; b < B; ++b)
            std::copy_n(pooled.data() + b * W, W, side_by_side.data() + (b * ways + i) * W);
    }
    Tensor<Real, 2> vectors = std::move(side_by_side);
    for (const SentenceModule<Real>& module : pipeline.modules) {
        const bool scales = std::holds_alternative<NormalizeModule>(module);
        if (scales && options.normalize == false) continue;
        vectors = apply_any(module, vectors);
    }
    if (pipeline.dimension > 0 && pipeline.dimension < vectors.shape(1)) vectors = first_columns(vectors, pipeline.dimension);
    if (options.normalize == true) normalize_rows(vectors);
    return vectors;
}

}  // namespace bert
