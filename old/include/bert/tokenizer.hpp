/// @file
/// The tokenizer: from a text to the ids that a BERT reads, and back.
///
/// A text goes through five steps, each with a header of its own:
///   1. added tokens such as `[MASK]` are taken out (text/added_tokens.hpp);
///   2. what stands between them is normalized (text/normalizer.hpp);
///   3. and cut into words (text/pre_tokenizer.hpp);
///   4. each word is cut into pieces of the vocabulary (text/wordpiece.hpp);
///   5. special tokens are put around: `[CLS] text [SEP]`, for a pair `[CLS] text [SEP] pair [SEP]`; what is too long is cut
///      into windows, what is too short padded (text/encoding.hpp).
/// With the vocabulary of the uncased models `Hello, wor[MASK]!` is `[CLS] hello , wo ##r [MASK] ! [SEP]`.
///
/// Tokenizer::tokenize is steps 1 to 4 as they read here. Tokenizer::encode takes steps 2 to 4 in one pass
/// (text/fast_tokenizer.hpp), with the same result. io/tokenizer_json.hpp makes a Tokenizer from files.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/threads.hpp"
#include "bert/text/added_tokens.hpp"
#include "bert/text/decoder.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/fast_tokenizer.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert {

/// Texts to ids and back. It never changes, so that several threads can use one.
class Tokenizer {
public:
    /// @param options  all that makes it
    /// @throws std::invalid_argument if the vocabulary has a token twice, or lacks one that is needed
    explicit Tokenizer(TokenizerOptions options)
        : options_(std::move(options)), vocabulary_(std::move(options_.vocabulary)), wordpiece_(vocabulary_, options_.wordpiece)
    {
        base_size_ = vocabulary_.size();
        bool needs_codes = false;  // an added token with U+FFFD is found in malformed UTF-8, too, which has no such bytes
        for (std::size_t i = 0; i < options_.added_tokens.size(); ++i) {
            const AddedToken& token = options_.added_tokens[i];
            if (token.content.empty()) throw std::invalid_argument("tokenizer: an added token is empty");
            added_ids_.push_back(vocabulary_.add(token.content));
            std::u32string content;
            decode_utf8(token.content, content);
            if (token.normalized) content = normalize(content, options_.normalizer).codes;
            (token.normalized ? normalized_finder_ : original_finder_).add(encode_utf8(content), i, token);
            needs_codes |= !token.normalized && content.find(U'\uFFFD') != content.npos;
        }
        if (!needs_codes) fast_.emplace(vocabulary_, options_.normalizer, wordpiece_);
        is_special_.resize(vocabulary_.size(), 0);
        for (std::size_t i = 0; i < added_ids_.size(); ++i)
            if (options_.added_tokens[i].special) is_special_[static_cast<std::size_t>(added_ids_[i])] = 1;
        make_templates();
    }

    /// Steps 1 to 4 as the headers describe them: the definition of what `encode` does.
    /// @param text  UTF-8
    /// @param[in,out] encoding  gets the ids, offsets and word_ids of the tokens, and how much was not UTF-8
    /// @throws InputError if the text has 2^31 bytes or more
    void tokenize(std::string_view text, Encoding& encoding) const
    {
        check_size(text);
        std::u32string codes;
        encoding.replaced += decode_utf8(text, codes);
        const std::string replaced = encode_utf8(codes);  // U+FFFD stands for what isn't UTF-8
        std::int32_t word = 0;
        std::uint32_t start = 0;  // of a part, in characters
        for (const TextPart& part : original_finder_.split(replaced)) {
            decode_utf8(part.in(replaced), codes);
            const std::uint32_t end = start + static_cast<std::uint32_t>(codes.size());
            if (part.token)
                encoding.push(added_ids_[*part.token], {start, end}, word++);
            else
                tokenize_normalized(normalize(codes, options_.normalizer, start), word, encoding);
            start = end;
        }
    }

    /// Encodes a text.
    /// @param text  UTF-8; an empty one is a text
    /// @param options  special tokens, truncation, padding
    /// @return  the encoding
    /// @throws InputError if the options can't be met, or the text is not UTF-8 and options.strict is set
    Encoding encode(std::string_view text, const EncodeOptions& options = {}) const
    {
        return encode_pair(text, std::nullopt, options);
    }

    /// Encodes texts, shared among all threads.
    /// @param texts  each as encode takes it
    /// @param options  special tokens, truncation, padding
    /// @return  their encodings, in the order of the texts
    /// @throws InputError as encode, for the first text for which it does
    std::vector<Encoding> encode_batch(std::span<const std::string> texts, const EncodeOptions& options = {}) const
    {
        constexpr std::size_t piece_texts = 16;
        const std::size_t pieces = (texts.size() + piece_texts - 1) / piece_texts;
        std::vector<Encoding> encodings(texts.size());
        std::vector<std::exception_ptr> errors(pieces);  // an exception must not leave the thread in which it was thrown
        parallel_for(pieces, [&](std::size_t piece, std::size_t) {
            try {
                for (std::size_t b = piece * piece_texts; b < std::min(texts.size(), (piece + 1) * piece_texts); ++b)
                    encodings[b] = encode(texts[b], options);
            } catch (...) {
                errors[piece] = std::current_exception();
            }
        });
        for (const std::exception_ptr& error : errors)
            if (error) std::rethrow_exception(error);
        return encodings;
    }

    /// Encodes a pair of texts.
    /// @param text  the first text
    /// @param pair  the second; an empty one is a text, no one makes this the same as encode
    /// @param options  special tokens, truncation, padding
    /// @return  the encoding
    /// @throws InputError if the options can't be met, or a text is not UTF-8 and options.strict is set
    Encoding encode_pair(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options = {}) const
    {
        std::vector<TemplatePiece> pieces = pair ? options_.pair : options_.single;
        if (!options.special_tokens) std::erase_if(pieces, [](const TemplatePiece& piece) { return piece.special; });
        check(options, pieces, pair.has_value());
        if (options.strict) require_utf8("text", text);
        if (options.strict && pair) require_utf8("pair", *pair);

        std::array<Span, 2> texts{};  // where the tokens of both stand
        Encoding encoding = assemble(pieces, [&](std::size_t i, Encoding& whole) {
            texts[i].start = whole.size();
            tokenize_fast(i == 0 ? text : *pair, whole);
            texts[i].end = whole.size();
        });
        if (options.max_length > 0 && encoding.size() > options.max_length) encoding = cut(encoding, texts, pieces, options);
        if (options.pad_to > 0) pad(encoding, options.pad_to, pad_id(), options.padding_side);
        return encoding;
    }

    /// Puts tokens together again (text/decoder.hpp).
    /// @param ids  the tokens
    /// @param skip_special_tokens  leave out `[CLS]`, `[SEP]` and the like
    /// @return  the text, in UTF-8
    /// @throws InputError if an id is not in the vocabulary
    std::string decode(const std::vector<std::int64_t>& ids, bool skip_special_tokens = false) const
    {
        std::string text;
        bool first = true;
        for (const std::int64_t id : ids) {
            const std::string_view piece = token(id);
            if (skip_special_tokens && is_special(id)) continue;
            append_token(piece, options_.wordpiece.continuing_prefix, first, options_.decode_cleanup, text);
            first = false;
        }
        return text;
    }

    /// @param id  a token's id
    /// @return  the token
    /// @throws InputError if the vocabulary has no such id
    std::string_view token(std::int64_t id) const
    {
        const std::string_view found = vocabulary_.token(id);
        if (found.empty())
            fail_input("id " + std::to_string(id), "expected an id of the vocabulary, which has " + std::to_string(vocab_size()));
        return found;
    }
    /// @param encoding  an encoding of this tokenizer
    /// @return  its tokens
    /// @throws InputError if the vocabulary lacks one of its ids
    std::vector<std::string_view> tokens(const Encoding& encoding) const
    {
        std::vector<std::string_view> result;
        for (const std::int64_t id : encoding.ids)
            result.push_back(token(id));
        return result;
    }
    /// @param token  a token
    /// @return  its id, or nothing
    std::optional<std::int64_t> id(std::string_view token) const { return vocabulary_.id(token); }
    /// @return  one more than the largest id, added tokens included
    std::size_t vocab_size() const { return vocabulary_.size(); }
    /// @return  the same without the ids that only added tokens have
    std::size_t base_vocab_size() const { return base_size_; }
    /// @param id  a token's id
    /// @return  whether it is a special token
    bool is_special(std::int64_t id) const
    {
        return id >= 0 && static_cast<std::size_t>(id) < is_special_.size() && is_special_[static_cast<std::size_t>(id)] != 0;
    }

    /// @return  the id of `[CLS]`
    std::int64_t cls_id() const { return required(options_.special.cls); }
    /// @return  the id of `[SEP]`
    std::int64_t sep_id() const { return required(options_.special.sep); }
    /// @return  the id of `[PAD]`
    std::int64_t pad_id() const { return required(options_.special.pad); }
    /// @return  the id of `[MASK]`
    std::int64_t mask_id() const { return required(options_.special.mask); }
    /// @return  the id of `[UNK]`
    std::int64_t unk_id() const { return wordpiece_.unknown(); }

    /// @return  the tokens and their ids, added ones included
    const Vocabulary& vocabulary() const { return vocabulary_; }
    /// @return  all that made it, but for the vocabulary
    const TokenizerOptions& options() const { return options_; }

private:
    /// What is made of a text and of a pair, if the options don't say so.
    void make_templates()
    {
        const auto special = [&](const std::string& token, std::int64_t type_id) {
            const auto found = id(token);
            if (!found) throw std::invalid_argument("tokenizer: the vocabulary lacks " + token);
            return TemplatePiece{true, *found, type_id};
        };
        const std::string &cls = options_.special.cls, &sep = options_.special.sep;
        const TemplatePiece first{false, 0, 0}, second{false, 1, 1};
        if (options_.single.empty()) options_.single = {special(cls, 0), first, special(sep, 0)};
        if (options_.pair.empty()) options_.pair = {special(cls, 0), first, special(sep, 0), second, special(sep, 1)};
    }

    static void check_size(std::string_view text)
    {
        if (text.size() > std::numeric_limits<std::int32_t>::max())  // offsets and word ids would not hold it
            fail_input("text", "expected less than 2147483648 bytes, got " + std::to_string(text.size()));
    }

    /// The same as tokenize. Parts that the fast form can't do go through the steps.
    void tokenize_fast(std::string_view text, Encoding& encoding) const
    {
        if (!fast_) return tokenize(text, encoding);
        check_size(text);
        FastTokenizer::Place place;
        for (const TextPart& part : original_finder_.split(text)) {
            const std::string_view bytes = part.in(text);
            if (!part.token && tokenize_part(bytes, place, encoding)) continue;
            std::u32string codes;
            encoding.replaced += decode_utf8(bytes, codes);
            const std::uint32_t end = place.character + static_cast<std::uint32_t>(codes.size());
            if (part.token)
                encoding.push(added_ids_[*part.token], {place.character, end}, place.word++);
            else
                tokenize_normalized(normalize(codes, options_.normalizer, place.character), place.word, encoding);
            place.character = end;
        }
    }

    /// A part without added tokens that are searched in the original text.
    bool tokenize_part(std::string_view text, FastTokenizer::Place& place, Encoding& encoding) const
    {
        if (normalized_finder_.empty()) return fast_->tokenize(text, place, encoding);
        FastTokenizer::Normalized normalized;
        if (!fast_->normalize(text, place, encoding.replaced, normalized)) return false;
        for (const auto& [token, span] : normalized_finder_.split(normalized.bytes)) {
            if (token)
                encoding.push(added_ids_[*token], {normalized.sources[span.start], normalized.sources[span.end - 1] + 1},
                              place.word++);
            else
                fast_->tokenize(normalized, span, place.word, encoding);
        }
        return true;
    }

    void tokenize_normalized(const TracedText& text, std::int32_t& word, Encoding& encoding) const
    {
        const auto push = [&](std::int64_t id, Span span) {
            encoding.push(id, {text.sources[span.start], text.sources[span.end - 1] + 1}, word);
        };
        const std::string bytes = encode_utf8(text.codes);
        std::size_t start = 0;  // of a part, in characters
        for (const TextPart& part : normalized_finder_.split(bytes)) {
            std::u32string codes;
            decode_utf8(part.in(bytes), codes);
            if (part.token) {
                push(added_ids_[*part.token], {start, start + codes.size()});
                ++word;
            } else {
                for_each_word(codes, [&](Span span) {
                    const std::u32string_view letters = std::u32string_view(codes).substr(span.start, span.end - span.start);
                    for (const Piece& piece : wordpiece_.cut(vocabulary_, letters))
                        push(piece.id, {start + span.start + piece.span.start, start + span.start + piece.span.end});
                    ++word;
                });
            }
            start += codes.size();
        }
    }

    void check(const EncodeOptions& options, const std::vector<TemplatePiece>& pieces, bool pair) const
    {
        if (options.max_length == 0) return;
        std::size_t special = 0;
        for (const TemplatePiece& piece : pieces)
            special += piece.special ? 1 : 0;
        if (options.max_length <= special)
            fail_input("max_length", "expected at least " + std::to_string(special + 1) + ", room for one token beside " +
                                         std::to_string(special) + " special ones, got " + std::to_string(options.max_length));
        if (options.stride >= options.max_length - special)
            fail_input("stride", "expected less than the " + std::to_string(options.max_length - special) +
                                     " tokens that a window holds beside the special ones, got " +
                                     std::to_string(options.stride));
        if (options.truncation == Truncation::only_second && !pair)
            fail_input("truncation", "only_second: expected a pair, got one text");
    }

    std::int64_t required(const std::string& token) const
    {
        const auto found = id(token);
        if (!found) fail_input("tokenizer", "expected the token " + token + " in the vocabulary, got none");
        return *found;
    }

    TokenizerOptions options_;
    Vocabulary vocabulary_;
    WordPiece wordpiece_;
    std::size_t base_size_ = 0;             ///< ids below it are not those of added tokens
    std::vector<std::int64_t> added_ids_;   ///< of options_.added_tokens
    std::vector<std::uint8_t> is_special_;  ///< for each id, 1 or 0
    AddedTokenFinder original_finder_;      ///< for the original text
    AddedTokenFinder normalized_finder_;    ///< for normalized text
    std::optional<FastTokenizer> fast_;     ///< unless an added token could match malformed UTF-8
};

}  // namespace bert
