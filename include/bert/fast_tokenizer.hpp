/// @file
/// A tokenizer that normalizes a text and splits it into words and pieces in one pass (text/one_pass.hpp). Its result is that of
/// Tokenizer's separate steps, but it is faster. load_tokenizer returns it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/text/added_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/one_pass.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/utf8.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

/// A Tokenizer with a faster `tokenize`, which `encode` uses. `tokenizer.Tokenizer::tokenize(...)` takes the separate steps.
class FastTokenizer : public Tokenizer {
public:
    /// @param options  vocabulary, and the options of each step
    /// @throws std::invalid_argument as Tokenizer
    explicit FastTokenizer(TokenizerOptions options) : Tokenizer(std::move(options))
    {
        // Tokenizer reads malformed UTF-8 as U+FFFD, so it also finds an added token with U+FFFD there; one pass searches the
        // original bytes and would miss it.
        const auto& added = this->options().added_tokens;
        const bool finds_replaced = std::any_of(added.begin(), added.end(), [](const AddedToken& token) {
            return !token.normalized && token.content.find("\xEF\xBF\xBD") != token.content.npos;
        });
        const bool is_berts = this->options().normalizer.other_steps.empty() &&
                              this->options().pre_tokenizers == std::vector<PreTokenizer>{PreTokenizer::bert};
        if (!finds_replaced && is_berts) one_pass_.emplace(vocabulary(), this->options().normalizer, wordpiece());
    }

    /// Takes steps 1 to 4. The parts of a text that can't be processed in one pass go through the separate steps.
    /// @param text  UTF-8
    /// @param[in,out] encoding  ids, offsets and word_ids are appended, and the malformed UTF-8 sequences are counted in replaced
    /// @throws InputError if the text has 2^31 bytes or more
    void tokenize(std::string_view text, Encoding& encoding) const override
    {
        if (!one_pass_) return Tokenizer::tokenize(text, encoding);
        check_size(text);
        OnePass::Position position;
        for (const TextPart& part : original_finder().split(text)) {
            const std::string_view bytes = part.in(text);
            const bool done = !part.token && tokenize_part(bytes, position, encoding);
            if (done) continue;
            std::u32string codes;
            encoding.replaced += decode_utf8(bytes, codes);
            const std::uint32_t end = position.character + static_cast<std::uint32_t>(codes.size());
            if (part.token)
                encoding.push(added_id(*part.token), {position.character, end}, position.word++);
            else
                tokenize_normalized(normalize(codes, options().normalizer, position.character), position.word, encoding);
            position.character = end;
        }
    }

private:
    /// Tokenizes a part between added tokens of the original text. Returns false if it needs the separate steps.
    bool tokenize_part(std::string_view text, OnePass::Position& position, Encoding& encoding) const
    {
        if (normalized_finder().empty()) return one_pass_->tokenize(text, position, encoding);
        OnePass::Normalized normalized;
        if (!one_pass_->normalize(text, position, encoding.replaced, normalized)) return false;
        for (const auto& [token, span] : normalized_finder().split(normalized.bytes)) {
            if (token)
                encoding.push(added_id(*token), {normalized.sources[span.start], normalized.sources[span.end - 1] + 1},
                              position.word++);
            else
                one_pass_->tokenize(normalized, span, position.word, encoding);
        }
        return true;
    }

    std::optional<OnePass> one_pass_;  ///< empty if the separate steps are needed
};

/// A tokenizer that also lower-cases.
/// @param tokenizer  a tokenizer
/// @return  the same one if it lower-cases already, or else one that does; accents stay as they were
inline FastTokenizer lower_casing(const FastTokenizer& tokenizer)
{
    TokenizerOptions options = tokenizer.options();
    NormalizerOptions& normalizer = options.normalizer;
    const std::vector<NormalizerStep> steps = normalizer.steps();
    if (std::find(steps.begin(), steps.end(), NormalizerStep::lower_case) != steps.end()) return tokenizer;
    normalizer.strip_accents = normalizer.strips_accents();
    normalizer.lowercase = true;
    if (!normalizer.other_steps.empty())
        normalizer.other_steps.insert(normalizer.other_steps.begin(), NormalizerStep::lower_case);
    options.vocabulary = tokenizer.vocabulary().pieces();
    return FastTokenizer(std::move(options));
}

}  // namespace bert
