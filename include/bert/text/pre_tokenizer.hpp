/// @file
/// BERT's pre-tokenizer, which splits normalized text into words.
///
/// White space separates words and belongs to none; a punctuation character is a word by itself. `don't stop...` becomes
/// `don`, `'`, `t`, `stop`, `.`, `.`, `.`. (google-research/bert, tokenization.py, BasicTokenizer.)
///
/// A tokenizer.json can name other pre-tokenizers (PreTokenizer), also several, each of which splits the words of the one before.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/text/span.hpp"
#include "bert/text/unicode.hpp"

namespace bert {

/// A pre-tokenizer, as files name them.
enum class PreTokenizer {
    bert,              ///< BERT's: splits at white space and around punctuation; in files `BertPreTokenizer`
    whitespace,        ///< runs of word characters and of others: `can't!?` becomes `can`, `'`, `t`, `!?`; `Whitespace`
    whitespace_split,  ///< splits at white space alone; `WhitespaceSplit`
    punctuation,       ///< splits around punctuation alone, so that words contain white space; `Punctuation`
};

namespace detail {

/// What a character is to a pre-tokenizer.
enum class CharacterKind {
    separator,  ///< separates words
    word,       ///< a word by itself
    letter,     ///< belongs to a run of letters
    symbol,     ///< belongs to a run of symbols
};

/// @param pre_tokenizer  which one
/// @param code  a character
/// @return  what it is to that pre-tokenizer
inline CharacterKind kind_of(PreTokenizer pre_tokenizer, char32_t code)
{
    const bool splits_at_space = pre_tokenizer != PreTokenizer::punctuation;
    if (splits_at_space && is_whitespace(code)) return CharacterKind::separator;
    const bool isolates = pre_tokenizer == PreTokenizer::bert || pre_tokenizer == PreTokenizer::punctuation;
    if (isolates && is_punctuation(code)) return CharacterKind::word;
    const bool runs = pre_tokenizer == PreTokenizer::whitespace;
    return runs && !is_word_character(code) ? CharacterKind::symbol : CharacterKind::letter;
}

}  // namespace detail

/// Splits a text into words.
/// @param codes  normalized text
/// @param visit  called with the Span of each word, in characters, in order; no word is empty
/// @param pre_tokenizer  where to split
template <class Visit>
void for_each_word(std::u32string_view codes, Visit visit, PreTokenizer pre_tokenizer = PreTokenizer::bert)
{
    using Kind = detail::CharacterKind;
    std::size_t start = 0;          // of the current word
    Kind before = Kind::separator;  // the kind of the character before
    for (std::size_t i = 0; i < codes.size(); ++i) {
        const Kind kind = detail::kind_of(pre_tokenizer, codes[i]);
        if (start < i && (kind != before || kind == Kind::word)) {
            visit(Span{start, i});
            start = i;
        }
        if (kind == Kind::separator) start = i + 1;
        before = kind;
    }
    if (start < codes.size()) visit(Span{start, codes.size()});
}

/// Splits a text into words.
/// @param codes  normalized text
/// @param pre_tokenizers  applied one after the other
/// @return  its words, in order
inline std::vector<Span> pre_tokenize(std::u32string_view codes,
                                      const std::vector<PreTokenizer>& pre_tokenizers = {PreTokenizer::bert})
{
    std::vector<Span> words;
    if (!codes.empty()) words.push_back({0, codes.size()});
    for (const PreTokenizer pre_tokenizer : pre_tokenizers) {
        std::vector<Span> parts;
        for (const Span& word : words)
            for_each_word(
                codes.substr(word.start, word.end - word.start),
                [&](Span part) {
                    parts.push_back({word.start + part.start, word.start + part.end});
                },
                pre_tokenizer);
        words = std::move(parts);
    }
    return words;
}

}  // namespace bert
