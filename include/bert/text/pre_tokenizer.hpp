/// @file
/// BERT's pre-tokenizer, which splits normalized text into words.
///
/// White space separates words and belongs to none; a punctuation character is a word by itself. `don't stop...` becomes
/// `don`, `'`, `t`, `stop`, `.`, `.`, `.`. (google-research/bert, tokenization.py, BasicTokenizer.)
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "bert/text/span.hpp"
#include "bert/text/unicode.hpp"

namespace bert {

/// Splits a text into words.
/// @param codes  normalized text
/// @param visit  called with the Span of each word, in characters, in order; no word is empty
template <class Visit>
void for_each_word(std::u32string_view codes, Visit visit)
{
    std::size_t start = 0;  // of the current word
    for (std::size_t i = 0; i < codes.size(); ++i) {
        const bool punctuation = is_punctuation(codes[i]);
        if (!punctuation && !is_whitespace(codes[i])) continue;
        if (start < i) visit(Span{start, i});
        if (punctuation) visit(Span{i, i + 1});
        start = i + 1;
    }
    if (start < codes.size()) visit(Span{start, codes.size()});
}

/// Splits a text into words.
/// @param codes  normalized text
/// @return  its words, in order
inline std::vector<Span> pre_tokenize(std::u32string_view codes)
{
    std::vector<Span> words;
    for_each_word(codes, [&](Span word) { words.push_back(word); });
    return words;
}

}  // namespace bert
