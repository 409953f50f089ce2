/// @file
/// Normalizer, pre-tokenizer and WordPiece in one pass over UTF-8: steps 2 to 4 of Tokenizer::tokenize with the same result, but
/// faster.
///
/// A table, made from the tables and rules of the steps, gives the action for each character. A word of ASCII is read in
/// position; any other is assembled in a buffer. The pieces are found in a tree of bytes. Text with marks that are kept and may
/// have to be sorted is left to the separate steps.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/piece_trie.hpp"
#include "bert/text/utf8.hpp"
#include "bert/text/vocabulary.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert {

/// Tokenizes text between added tokens.
class OnePass {
public:
    /// @param vocabulary  the pieces
    /// @param normalizer  which steps to take
    /// @param wordpiece  unknown token, prefix and longest word
    OnePass(const Vocabulary& vocabulary, const NormalizerOptions& normalizer, const WordPiece& wordpiece)
        : normalizer_(normalizer),
          unknown_(wordpiece.unknown()),
          max_characters_(wordpiece.options().max_characters_per_word),
          actions_(make_actions(normalizer))
    {
        std::vector<std::pair<std::string_view, std::int32_t>> first, later;
        const std::string& prefix = wordpiece.options().continuing_prefix;
        for (std::size_t id = 0; id < vocabulary.pieces().size(); ++id) {
            const std::string_view token = vocabulary.pieces()[id];
            if (!token.empty()) first.emplace_back(token, static_cast<std::int32_t>(id));
            if (token.size() > prefix.size() && token.starts_with(prefix))
                later.emplace_back(token.substr(prefix.size()), static_cast<std::int32_t>(id));
        }
        first_pieces_ = PieceTrie(std::move(first));
        later_pieces_ = PieceTrie(std::move(later));
        for (char32_t code = 0; code < 128; ++code)
            ascii_[code] = static_cast<std::uint8_t>(normalizer.lowercase ? lower_case(code).codes[0] : code);
    }

    /// A position in the whole text: the beginning of a part and, once it is processed, its end.
    struct Position {
        std::uint32_t character = 0;  ///< number of code points before it
        std::int32_t word = 0;        ///< number of words before it
    };

    /// Normalized text in UTF-8.
    struct Normalized {
        std::string bytes;                   ///< the text
        std::vector<std::uint32_t> sources;  ///< for each byte, the index of the original character
    };

    /// Normalizes a part of a text without splitting it, so that added tokens can be found in it.
    /// @param text  UTF-8
    /// @param[in,out] position  beginning of the part; character moves to its end, word stays
    /// @param[in,out] replaced  the number of malformed UTF-8 sequences is added
    /// @param[out] normalized  the result
    /// @return  false if the part needs the separate steps; position and replaced are then unchanged
    bool normalize(std::string_view text, Position& position, std::size_t& replaced, Normalized& normalized) const
    {
        normalized.bytes.clear();
        normalized.sources.clear();
        std::size_t malformed = 0;
        std::uint32_t source = position.character;
        const auto put = [&](char32_t code) {
            append_utf8(code, normalized.bytes);
            normalized.sources.resize(normalized.bytes.size(), source);
        };
        for (std::size_t i = 0; i < text.size(); ++source) {
            const Utf8Character character = read_utf8(text, i);
            i += character.length;
            malformed += character.valid ? 0 : 1;
            switch (actions_[character.code]) {
                case removed: break;
                case steps: return false;
                case mapped: map(character.code, put); break;
                case isolated:
                    put(U' ');
                    map(character.code, put);
                    put(U' ');
                    break;
                case space: put(normalizer_.clean_text ? U' ' : character.code); break;
                default: put(character.code);
            }
        }
        position.character = source;
        replaced += malformed;
        return true;
    }

    /// Tokenizes a part of normalized text.
    /// @param text  result of normalize
    /// @param part  a range of its bytes that contains no added token
    /// @param[in,out] word  number of words before the part; its words are added
    /// @param[in,out] encoding  the tokens are appended
    void tokenize(const Normalized& text, Span part, std::int32_t& word, Encoding& encoding) const
    {
        std::size_t start = part.start, characters = 0;  // of the current word
        const auto end_word = [&](std::size_t end) {
            if (start < end)
                split([&](std::size_t k) { return static_cast<std::uint8_t>(text.bytes[start + k]); },
                      [&](std::size_t k) { return text.sources[start + k]; }, end - start, characters, word++, encoding);
            start = end;
            characters = 0;
        };
        for (std::size_t i = part.start; i < part.end;) {
            const Utf8Character character = read_utf8(text.bytes, i);
            const Action action = kind(character.code);
            if (action != letter) end_word(i);
            i += character.length;
            ++characters;
            if (action == punctuation) end_word(i);
            if (action == space) {
                start = i;
                characters = 0;
            }
        }
        end_word(part.end);
    }

    /// Tokenizes a part of a text without a search for added tokens in normalized text.
    /// @param text  UTF-8, without added tokens
    /// @param[in,out] position  beginning of the part; moves to its end
    /// @param[in,out] encoding  the tokens are appended
    /// @return  false if the part needs the separate steps; position and encoding are then unchanged
    bool tokenize(std::string_view text, Position& position, Encoding& encoding) const
    {
        const std::size_t size_before = encoding.size(), replaced_before = encoding.replaced;
        Word word;
        Position now = position;
        reserve(encoding, text.size());
        for (std::size_t i = 0; i < text.size();) {
            if (text[i] == ' ') {  // the most frequent character needs no look-up
                ++now.character;
                ++i;
                continue;
            }
            if (const std::size_t end = ascii_word(text, i); end > i) {
                const auto length = end - i;
                const auto byte = [&](std::size_t k) { return ascii_[static_cast<std::uint8_t>(text[i + k])]; };
                const auto source = [&](std::size_t k) { return now.character + static_cast<std::uint32_t>(k); };
                split(byte, source, length, length, now.word++, encoding);
                now.character += static_cast<std::uint32_t>(length);
                i = end;
                continue;
            }
            // One character and, if it belongs to a word, the following ones up to the word's end.
            do {
                const Utf8Character character = read_utf8(text, i);
                encoding.replaced += character.valid ? 0 : 1;
                if (!take(character.code, now.character, word, now.word, encoding)) {
                    truncate(encoding, size_before);
                    encoding.replaced = replaced_before;
                    return false;
                }
                ++now.character;
                i += character.length;
            } while (i < text.size() && word.characters > 0);
        }
        finish(word, now.word, encoding);
        position = now;
        return true;
    }

private:
    /// The action for a character.
    enum Action : std::uint8_t {
        letter,       ///< kept, as part of a word
        space,        ///< ends a word
        punctuation,  ///< a word of its own
        removed,      ///< left out
        mapped,       ///< decomposed, stripped of marks, lower-cased; the resulting characters are classified again
        isolated,     ///< a Chinese character: mapped, and a word of its own
        steps         ///< a mark that is kept and may have to be sorted: left to the separate steps
    };

    /// A word that isn't entirely ASCII.
    struct Word {
        std::string bytes;                   ///< its characters, up to the length of the longest word
        std::vector<std::uint32_t> sources;  ///< for each byte, the index of the original character
        std::size_t characters = 0;          ///< number of its characters
        std::uint32_t last = 0;              ///< source of the last character
    };

    static std::vector<Action> make_actions(const NormalizerOptions& options)
    {
        std::vector<Action> actions(0x110000, letter);
        const auto paint = [&](std::span<const detail::CodeRange> ranges, Action action) {
            for (const detail::CodeRange& range : ranges)
                for (char32_t code = range.first; code <= range.last; ++code)
                    actions[code] = action;
        };
        paint(detail::whitespace_ranges, space);
        paint(detail::punctuation_ranges, punctuation);
        if (options.lowercase) {
            for (const detail::CodeMapping& range : detail::lower_mappings)
                for (char32_t code = range.first; code <= range.last; code += range.step)
                    actions[code] = mapped;
            actions[0x130] = mapped;
        }
        if (options.strips_accents()) {
            const auto stays = [](char32_t code) { return combining_class(code) != 0 && !is_nonspacing_mark(code); };
            for (const detail::ClassRange& range : detail::class_ranges)
                for (char32_t code = range.first; code <= range.last; ++code)
                    actions[code] = stays(code) ? steps : letter;
            for (const detail::Decomposition& entry : detail::decompositions)
                actions[entry.code] = std::any_of(std::begin(entry.to), std::end(entry.to), stays) ? steps : mapped;
            for (char32_t code = 0xAC00; code <= 0xD7A3; ++code)
                actions[code] = mapped;
            paint(detail::mark_ranges, removed);
        }
        if (options.handle_chinese_chars) {
            for (const auto& [first, last] : {std::pair(0x3400, 0x9FFF), std::pair(0xF900, 0xFAFF), std::pair(0x20000, 0x2FA1F)})
                for (auto code = static_cast<char32_t>(first); code <= static_cast<char32_t>(last); ++code)
                    if (is_chinese(code)) actions[code] = isolated;
        }
        if (options.clean_text) {
            // Cleaning comes first and takes precedence; it keeps tab, line feed and carriage return, which are white space.
            paint(detail::removed_ranges, removed);
        }
        return actions;
    }

    /// Finds the end of a word of ASCII that ends before an ASCII character or at the text's end.
    /// @return  the end; start if there is no such word
    std::size_t ascii_word(std::string_view text, std::size_t start) const
    {
        for (std::size_t i = start; i < text.size(); ++i) {
            const auto byte = static_cast<std::uint8_t>(text[i]);
            const Action action = byte < 0x80 ? actions_[byte] : steps;
            if (action == letter || action == mapped) continue;
            return action == space || action == punctuation ? i : start;
        }
        return text.size();
    }

    /// Processes one character of the original text.
    /// @return  false if it needs the separate steps
    bool take(char32_t code, std::uint32_t source, Word& word, std::int32_t& index, Encoding& encoding) const
    {
        const Action action = actions_[code];
        const auto put_mapped = [&](char32_t mapped_code) { put(mapped_code, kind(mapped_code), source, word, index, encoding); };
        switch (action) {
            case removed: break;
            case steps: return false;
            case mapped: map(code, put_mapped); break;
            case isolated:
                finish(word, index, encoding);
                map(code, put_mapped);
                finish(word, index, encoding);
                break;
            default: put(code, action, source, word, index, encoding);
        }
        return true;
    }

    /// Takes steps 3 and 4 of the normalizer for one character whose decomposition has no marks that are kept.
    /// @param put  called with each resulting character
    template <class Put>
    void map(char32_t composed, Put put) const
    {
        const bool strips = normalizer_.strips_accents();
        for (const char32_t code : strips ? decomposition(composed) : ShortText{{composed}, 1}) {
            if (strips && is_nonspacing_mark(code)) continue;
            if (!normalizer_.lowercase) {
                put(code);
                continue;
            }
            for (const char32_t lower : lower_case(code))
                put(lower);
        }
    }

    /// The kind of a character of normalized text for the pre-tokenizer.
    /// @return  letter, space or punctuation
    Action kind(char32_t code) const
    {
        if (actions_[code] <= punctuation) return actions_[code];
        return is_whitespace(code) ? space : is_punctuation(code) ? punctuation : letter;
    }

    /// Applies the pre-tokenizer to one character of normalized text.
    void put(char32_t code, Action action, std::uint32_t source, Word& word, std::int32_t& index, Encoding& encoding) const
    {
        if (action != letter) finish(word, index, encoding);
        if (action == space) return;
        if (word.characters++ == 0 || word.characters <= max_characters_) {
            append_utf8(code, word.bytes);
            word.sources.resize(word.bytes.size(), source);
        }
        word.last = source;
        if (action == punctuation) finish(word, index, encoding);
    }

    /// Ends the word in the buffer, if there is one.
    void finish(Word& word, std::int32_t& index, Encoding& encoding) const
    {
        if (word.characters == 0) return;
        if (word.characters > max_characters_) word.sources.back() = word.last;
        split([&](std::size_t k) { return static_cast<std::uint8_t>(word.bytes[k]); },
              [&](std::size_t k) { return word.sources[k]; }, word.bytes.size(), word.characters, index++, encoding);
        word.bytes.clear();
        word.sources.clear();
        word.characters = 0;
    }

    /// WordPiece: splits a word into pieces.
    template <class Byte, class Source>
    void split(Byte byte, Source source, std::size_t size, std::size_t characters, std::int32_t index, Encoding& encoding) const
    {
        const std::size_t size_before = encoding.size();
        std::size_t start = 0;
        while (start < size && characters <= max_characters_) {
            const PieceTrie& pieces = start == 0 ? first_pieces_ : later_pieces_;
            const PieceTrie::Match match = pieces.longest([&](std::size_t k) { return byte(start + k); }, size - start);
            if (match.id < 0) break;
            encoding.push(match.id, {source(start), source(start + match.length - 1) + 1}, index);
            start += match.length;
        }
        if (start == size) return;
        truncate(encoding, size_before);
        encoding.push(unknown_, {source(0), source(size - 1) + 1}, index);
    }

    /// Reserves memory for the tokens of a text of usual length. English has one token per 4 to 5 bytes.
    static void reserve(Encoding& encoding, std::size_t bytes)
    {
        const std::size_t size = encoding.size() + std::min<std::size_t>(bytes / 4, 4096) + 2;
        if (encoding.ids.capacity() >= size || encoding.size() > 4096) return;  // longer lists grow by doubling
        encoding.ids.reserve(size);
        encoding.offsets.reserve(size);
        encoding.word_ids.reserve(size);
    }

    static void truncate(Encoding& encoding, std::size_t size)
    {
        encoding.ids.resize(size);
        encoding.offsets.resize(size);
        encoding.word_ids.resize(size);
    }

    NormalizerOptions normalizer_;
    std::int64_t unknown_;
    std::size_t max_characters_;
    std::vector<Action> actions_;            ///< for each code point
    std::array<std::uint8_t, 128> ascii_{};  ///< ASCII characters of a word, lower-cased if the options say so
    PieceTrie first_pieces_;                 ///< pieces that begin a word
    PieceTrie later_pieces_;                 ///< pieces that continue a word, without their prefix
};

}  // namespace bert
