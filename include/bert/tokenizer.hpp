/// @file
/// The tokenizer: converts a text to the token ids that BERT reads, and token ids back to a text.
///
/// A text goes through five steps, each with a header of its own:
///   1. added tokens such as `[MASK]` are found (text/added_tokens.hpp);
///   2. the text between them is normalized (text/normalizer.hpp);
///   3. the normalized text is split into words (text/pre_tokenizer.hpp);
///   4. each word is split into pieces of the vocabulary (text/wordpiece.hpp);
///   5. special tokens are added: `[CLS] text [SEP]`, for a pair `[CLS] text [SEP] pair [SEP]`; an encoding that is too long is
///      split into windows, one that is too short is padded (text/encoding.hpp).
/// With the vocabulary of the uncased models, `Hello, wor[MASK]!` becomes `[CLS] hello , wo ##r [MASK] ! [SEP]`. (Devlin et al.
/// 2019, section 3, Input/Output Representations. Steps 2 to 4 are google-research/bert's tokenization.py; where it differs, as
/// in the longest word, 200 characters there and 100 here, the tokenizers library is followed, with which all results are
/// compared.)
///
/// Tokenizer::tokenize takes steps 1 to 4 one after the other. FastTokenizer (fast_tokenizer.hpp), which load_tokenizer
/// (io/tokenizer_folder.hpp) returns, takes steps 2 to 4 in one pass, with the same result.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
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
#include "bert/text/normalizer.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/span.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/utf8.hpp"
#include "bert/text/vocabulary.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert {

/// Converts texts to token ids and back. No const function changes it, so several threads can share one.
class Tokenizer {
public:
    /// @param options  vocabulary, and the options of each step
    /// @throws std::invalid_argument if the vocabulary has a token twice or lacks one that is needed, an added token is empty,
    ///     or a template names a text that isn't there
    explicit Tokenizer(TokenizerOptions options)
        // In the order of the members below: the vocabulary is moved out of options_ before wordpiece_ looks into it.
        : options_(std::move(options)),
          vocabulary_(std::move(options_.vocabulary), options_.first_new_id),
          wordpiece_(vocabulary_, options_.wordpiece)
    {
        for (std::size_t i = 0; i < options_.added_tokens.size(); ++i) {
            const AddedToken& token = options_.added_tokens[i];
            if (token.content.empty()) throw std::invalid_argument("tokenizer: an added token is empty");
            added_ids_.push_back(vocabulary_.add(token.content));
            if (token.special && options_.split_special_tokens) continue;
            std::u32string content;
            decode_utf8(token.content, content);
            if (token.normalized) content = normalize(content, options_.normalizer).codes;
            AddedTokenFinder& finder = token.normalized ? normalized_finder_ : original_finder_;
            finder.add(encode_utf8(content), i, token);
        }
        is_special_.resize(vocabulary_.size(), 0);
        for (std::size_t i = 0; i < added_ids_.size(); ++i)
            if (options_.added_tokens[i].special) is_special_[static_cast<std::size_t>(added_ids_[i])] = 1;
        make_templates();
    }

    /// @cond  A declared destructor suppresses the implicit moves, so all are written out.
    virtual ~Tokenizer() = default;
    Tokenizer(const Tokenizer&) = default;
    Tokenizer(Tokenizer&&) = default;
    Tokenizer& operator=(const Tokenizer&) = default;
    Tokenizer& operator=(Tokenizer&&) = default;
    /// @endcond

    /// Takes steps 1 to 4 one after the other.
    /// @param text  UTF-8
    /// @param[in,out] encoding  ids, offsets and word_ids are appended, and the malformed UTF-8 sequences are counted in replaced
    /// @throws InputError if the text has 2^31 bytes or more
    virtual void tokenize(std::string_view text, Encoding& encoding) const
    {
        check_size(text);
        std::u32string codes;
        encoding.replaced += decode_utf8(text, codes);
        const std::string valid_text = encode_utf8(codes);  // with U+FFFD in place of malformed UTF-8
        std::int32_t word = 0;
        std::uint32_t start = 0;  // of the part, in characters
        for (const TextPart& part : original_finder_.split(valid_text)) {
            decode_utf8(part.in(valid_text), codes);
            const std::uint32_t end = start + static_cast<std::uint32_t>(codes.size());
            if (part.token) {
                encoding.push(added_ids_[*part.token], {start, end}, word++);
            } else {
                const TracedText normalized = normalize(codes, options_.normalizer, start);
                tokenize_normalized(normalized, word, encoding);
            }
            start = end;
        }
    }

    /// Encodes a text.
    /// @param text  UTF-8; may be empty
    /// @param options  special tokens, truncation, padding
    /// @return  the encoding
    /// @throws InputError if the options can't be satisfied, or the text is not UTF-8 and options.strict is set
    Encoding encode(std::string_view text, const EncodeOptions& options = {}) const
    {
        return encode_pair(text, std::nullopt, options);
    }

    /// Encodes texts on all threads.
    /// @param texts  each as in encode
    /// @param options  special tokens, truncation, padding
    /// @return  their encodings, in the order of the texts
    /// @throws InputError as encode; if several texts fail, for the first of them
    std::vector<Encoding> encode_batch(std::span<const std::string> texts, const EncodeOptions& options = {}) const
    {
        constexpr std::size_t chunk_texts = 16;
        const std::size_t chunks = (texts.size() + chunk_texts - 1) / chunk_texts;
        std::vector<Encoding> encodings(texts.size());
        parallel_for(chunks, [&](std::size_t chunk, std::size_t) {
            for (std::size_t b = chunk * chunk_texts; b < std::min(texts.size(), (chunk + 1) * chunk_texts); ++b)
                encodings[b] = encode(texts[b], options);
        });
        return encodings;
    }

    /// Encodes a pair of texts.
    /// @param text  the first text
    /// @param pair  the second text, which may be empty; with std::nullopt the result is that of encode
    /// @param options  special tokens, truncation, padding
    /// @return  the encoding
    /// @throws InputError if the options can't be satisfied, or a text is not UTF-8 and options.strict is set
    Encoding encode_pair(std::string_view text, std::optional<std::string_view> pair, const EncodeOptions& options = {}) const
    {
        std::vector<TemplateElement> elements = pair ? options_.pair : options_.single;
        if (!options.special_tokens) std::erase_if(elements, [](const TemplateElement& element) { return element.special; });
        require_encode_options(options, elements, pair.has_value());
        if (options.strict) require_utf8("text", text);
        if (options.strict && pair) require_utf8("pair", *pair);

        std::array<Span, 2> texts{};  // the tokens of each text in the encoding
        Encoding encoding = assemble(elements, [&](std::size_t i, Encoding& whole) {
            texts[i].start = whole.size();
            tokenize(i == 0 ? text : *pair, whole);
            texts[i].end = whole.size();
        });
        if (options.max_length > 0 && encoding.size() > options.max_length)
            encoding = truncate(encoding, texts, elements, options);
        if (options.pad_to > 0) pad(encoding, options.pad_to, pad_id(), options.padding_side);
        return encoding;
    }

    /// Joins tokens to a text (text/decoder.hpp).
    /// @param ids  the tokens
    /// @param skip_special_tokens  whether to leave out `[CLS]`, `[SEP]` and the like
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

    /// The token of an id.
    /// @param id  a token's id
    /// @return  the token; a view that lives as long as the tokenizer
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
    /// @return  its id; std::nullopt if the vocabulary lacks it
    std::optional<std::int64_t> id(std::string_view token) const { return vocabulary_.id(token); }
    /// @return  one more than the largest id, added tokens included
    std::size_t vocab_size() const { return vocabulary_.size(); }
    /// @return  the size of the vocabulary before the added tokens were appended
    std::size_t base_vocab_size() const { return vocabulary_.pieces().size(); }
    /// @param id  a token's id
    /// @return  whether it is an added token that is special
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

    /// @return  the tokens and their ids, added tokens included
    const Vocabulary& vocabulary() const { return vocabulary_; }
    /// @return  the options without the vocabulary, which vocabulary() returns
    const TokenizerOptions& options() const { return options_; }

protected:
    /// Checks that the offsets and word ids of a text fit 31 bits.
    /// @param text  UTF-8
    /// @throws InputError if it has 2^31 bytes or more
    static void check_size(std::string_view text)
    {
        if (text.size() > std::numeric_limits<std::int32_t>::max())
            fail_input("text", "expected less than 2147483648 bytes, got " + std::to_string(text.size()));
    }

    /// Finds the added tokens of a normalized text, and takes steps 3 and 4 between them.
    /// @param text  normalized text
    /// @param[in,out] word  index of the next word; increased by the number of words
    /// @param[in,out] encoding  the tokens are appended
    void tokenize_normalized(const TracedText& text, std::int32_t& word, Encoding& encoding) const
    {
        const auto push = [&](std::int64_t id, Span span) {
            encoding.push(id, {text.sources[span.start], text.sources[span.end - 1] + 1}, word);
        };
        const std::string bytes = encode_utf8(text.codes);
        std::size_t start = 0;  // of the part, in characters
        for (const TextPart& part : normalized_finder_.split(bytes)) {
            std::u32string codes;
            decode_utf8(part.in(bytes), codes);
            if (part.token) {
                push(added_ids_[*part.token], {start, start + codes.size()});
                ++word;
            } else {
                const std::vector<Span> words = pre_tokenize(codes, options_.pre_tokenizers);
                for (const Span& span : words) {
                    const std::u32string_view letters = std::u32string_view(codes).substr(span.start, span.end - span.start);
                    const std::vector<Piece> pieces = wordpiece_.split(vocabulary_, letters);
                    for (const Piece& piece : pieces)
                        push(piece.id, {start + span.start + piece.span.start, start + span.start + piece.span.end});
                    ++word;
                }
            }
            start += codes.size();
        }
    }

    /// @param i  index of an added token in options().added_tokens
    /// @return  its id
    std::int64_t added_id(std::size_t i) const { return added_ids_[i]; }
    /// @return  finds added tokens in the original text
    const AddedTokenFinder& original_finder() const { return original_finder_; }
    /// @return  finds added tokens in normalized text
    const AddedTokenFinder& normalized_finder() const { return normalized_finder_; }
    /// @return  splits words into pieces (step 4)
    const WordPiece& wordpiece() const { return wordpiece_; }

private:
    /// Sets the templates that the options leave empty.
    void make_templates()
    {
        const auto special = [&](const std::string& token, std::int64_t type_id) {
            const auto found = id(token);
            if (!found) throw std::invalid_argument("tokenizer: the vocabulary lacks " + token);
            return TemplateElement{true, *found, type_id};
        };
        const std::string &cls = options_.special.cls, &sep = options_.special.sep;
        const TemplateElement first{false, 0, 0}, second{false, 1, 1};
        if (options_.single.empty()) options_.single = {special(cls, 0), first, special(sep, 0)};
        if (options_.pair.empty()) options_.pair = {special(cls, 0), first, special(sep, 0), second, special(sep, 1)};
        require_texts("single", options_.single, 1);
        require_texts("pair", options_.pair, 2);
    }

    /// Checks that a template names no text that isn't there.
    static void require_texts(const char* name, const std::vector<TemplateElement>& elements, std::int64_t texts)
    {
        for (const TemplateElement& element : elements)
            if (!element.special && (element.id < 0 || element.id >= texts))
                throw std::invalid_argument(std::string("tokenizer: ") + name + ": expected a text below " +
                                            std::to_string(texts) + ", got " + std::to_string(element.id));
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
    std::vector<std::int64_t> added_ids_;   ///< ids of options_.added_tokens
    std::vector<std::uint8_t> is_special_;  ///< for each id, 1 or 0
    AddedTokenFinder original_finder_;      ///< searches the original text
    AddedTokenFinder normalized_finder_;    ///< searches normalized text
};

}  // namespace bert
