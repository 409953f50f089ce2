/// @file
/// Vectors of texts, for the commands that compare or print them.
#pragma once

#include <cmath>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>
#include <bert/core/sequences.hpp>
#include <bert/core/tensor.hpp>
#include <bert/fast_tokenizer.hpp>
#include <bert/io/family.hpp>
#include <bert/model.hpp>
#include <bert/ops/fast/packed_encoder.hpp>
#include <bert/pretrained.hpp>
#include <bert/sentence_pipeline.hpp>
#include <bert/sentence_vectors.hpp>
#include <bert/tokenizer.hpp>

#include "hidden_states.hpp"
#include "input.hpp"
#include "options.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

/// Number of texts in a batch.
inline constexpr std::size_t texts_together = 32;

/// The length of a text's vector, for a cosine. A vector of zeros has no direction, and that of a vector of infinite length can't
/// be computed.
/// @param text  text of the vector, for the message
/// @param squares  the sum of the squares of its numbers
/// @return  the length
/// @throws bert::InputError as in `argument 1: "a": expected a vector of finite length above 0, got length 0`
template <class Real>
Real length_of(const Text& text, Real squares)
{
    if (!(squares > 0 && std::isfinite(squares)))
        bert::fail_input(text.place, bert::in_quotes(text.text) + ": expected a vector of finite length above 0, got length " +
                                         number_text(std::sqrt(squares)));
    return std::sqrt(squares);
}

/// Turns texts into vectors, with a model, its tokenizer and the options.
template <class Real, class Ops>
class Vectorizer {
public:
    /// Loads the model.
    /// @param common  --model, --quiet
    /// @param options  pooling, layers, length; what they leave open is as the folder says
    /// @param may_be_ids  whether texts may be ids: then a tokenizer that can't be loaded is an error at the first text
    /// @throws bert::InputError for a file that is missing or broken, and for options that don't fit the model
    Vectorizer(const CommonOptions& common, const VectorOptions& options, bool may_be_ids = false);
    Vectorizer(const Vectorizer&) = delete;
    Vectorizer& operator=(const Vectorizer&) = delete;
    /// Warns if texts were truncated as the folder says.
    ~Vectorizer();

    /// Chooses what is put in front of texts from now on.
    /// @param options  --prompt or --prompt-name; without them, the folder's default prompt
    /// @throws bert::InputError for a name that the folder doesn't have
    void use_prompt(const VectorOptions& options);

    /// @return  the ways of pooling, given or the folder's
    const std::vector<bert::Pooling>& pooling() const { return options_.pooling; }
    /// @return  the model's tokenizer; nullptr if it has none that can be loaded
    const bert::Tokenizer* tokenizer() const { return tokenizer_ ? &*tokenizer_ : nullptr; }

    /// Packs texts for the model.
    /// @param texts  B texts
    /// @return  the batch
    /// @throws bert::InputError for a text that is too long
    bert::Batch batch_of(const std::vector<Text>& texts);

    /// The vectors of texts, or of their tokens, as the options say.
    /// @param texts  B texts
    /// @param batch  the result of batch_of for these texts, T tokens
    /// @return  [B, W] or [T, W]
    /// @throws bert::InputError for a text with non-finite vectors; the message names the non-finite tensor of the model
    bert::Tensor<Real, 2> vectors_of(const std::vector<Text>& texts, const bert::Batch& batch);
    /// @copydoc vectors_of
    bert::Tensor<Real, 2> vectors_of(const std::vector<Text>& texts) { return vectors_of(texts, batch_of(texts)); }

    /// The width of a vector.
    /// @return  W: H, 4 H for concat4, as many times as there are ways of pooling, or as the folder's modules say
    std::size_t width() const;

private:
    bert::Tensor<Real, 2> of_tokens(const bert::Batch& batch);
    bert::Model<Real, Ops> unpacked(bert::LoadReport* report) const;
    void load(const CommonOptions& common);
    [[noreturn]] void fail_non_finite(const Text& text);

    bool quiet_;
    bool every_token_;
    bert::SentencePipeline<Real> pipeline_;
    std::string no_tokenizer_;  ///< why the tokenizer couldn't be loaded
    std::optional<bert::FastTokenizer> tokenizer_;
    const bert::Family* family_ = nullptr;
    bert::VectorOptions options_;    ///< completed
    bool truncates_ = false;         ///< whether the folder, not an option, says that texts are truncated
    std::size_t prompt_tokens_ = 0;  ///< how many tokens of each text aren't pooled
    std::size_t truncated_ = 0;      ///< number of texts that were truncated
    bert::Model<Real, Ops> model_;   ///< without the encoder's blocks if they are packed; only its config if other_ is used
    std::unique_ptr<HiddenStates<Real>> other_;  ///< MobileBERT or GPT-2
    std::optional<bert::PackedEncoder<Real, typename PackedFor<Ops>::InstructionSet>>
        packed_;  ///< packed weights of the encoder, if only its result is needed
    bert::VectorScratch<Real> scratch_;
};

extern template class Vectorizer<float, bert::Fast>;
extern template class Vectorizer<float, bert::FastBf16>;
extern template class Vectorizer<double, bert::Fast>;
extern template class Vectorizer<float, bert::Reference>;
extern template class Vectorizer<double, bert::Reference>;
extern template class Vectorizer<long double, bert::Reference>;

}  // namespace program
