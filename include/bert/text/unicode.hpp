/// @file
/// Kinds and conversions of code points: look-ups in the generated tables.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "bert/text/unicode_tables.hpp"

namespace bert {

namespace detail {

/// Finds the entry of a sorted table whose range contains a code point.
/// @param table  entries with `first` and `last`
/// @param code  the code point
/// @return  the entry; nullptr if there is none
template <class Entry, std::size_t size>
const Entry* find_range(const Entry (&table)[size], char32_t code)
{
    const Entry* entry = std::upper_bound(std::begin(table), std::end(table), code,
                                          [](char32_t value, const Entry& range) { return value < range.first; });
    return entry != std::begin(table) && code <= (entry - 1)->last ? entry - 1 : nullptr;
}

}  // namespace detail

/// Whether a code point is white space, which separates words.
/// @param code  a code point
/// @return  true if it is
inline bool is_whitespace(char32_t code) { return detail::find_range(detail::whitespace_ranges, code) != nullptr; }

/// Whether cleaning removes a code point: controls (but not tab, line feed, carriage return), formats such as U+200B, private
/// use, U+0000 and U+FFFD, by the categories of Unicode 8.
/// @param code  a code point
/// @return  true if it does
inline bool is_removed_by_cleaning(char32_t code) { return detail::find_range(detail::removed_ranges, code) != nullptr; }

/// Whether a code point is punctuation, by the categories of Unicode 8 and, in ASCII, also `$+<=>^`, the back quote and `|~`.
/// Other symbols (the euro sign, emoji) are not punctuation.
/// @param code  a code point
/// @return  true if it is
inline bool is_punctuation(char32_t code) { return detail::find_range(detail::punctuation_ranges, code) != nullptr; }

/// Whether a code point is part of a word in the sense of regular expressions (`\w`): letters, marks, digits, connectors.
/// @param code  a code point
/// @return  true if it is
inline bool is_word_character(char32_t code) { return detail::find_range(detail::word_ranges, code) != nullptr; }

/// Whether a code point is a nonspacing mark, such as an accent, by the categories of Unicode 8.
/// @param code  a code point
/// @return  true if it is
inline bool is_nonspacing_mark(char32_t code) { return detail::find_range(detail::mark_ranges, code) != nullptr; }

/// Whether a code point is a mark of any kind, nonspacing, spacing or enclosing, by the categories of Unicode 9.
/// @param code  a code point
/// @return  true if it is
inline bool is_combining_mark(char32_t code) { return detail::find_range(detail::combining_mark_ranges, code) != nullptr; }

/// Whether a code point is a Chinese character (kana and Hangul are not). The published models were trained with U+2B820 to
/// U+2CEAF as extension E; the tokenizers library begins it at U+2B920, and so do we.
/// @param code  a code point
/// @return  true if it is
inline bool is_chinese(char32_t code)
{
    return (0x4E00 <= code && code <= 0x9FFF) ||    // unified ideographs
           (0x3400 <= code && code <= 0x4DBF) ||    // extension A
           (0x20000 <= code && code <= 0x2A6DF) ||  // extension B
           (0x2A700 <= code && code <= 0x2B73F) ||  // extension C
           (0x2B740 <= code && code <= 0x2B81F) ||  // extension D
           (0x2B920 <= code && code <= 0x2CEAF) ||  // extension E
           (0xF900 <= code && code <= 0xFAFF) ||    // compatibility ideographs
           (0x2F800 <= code && code <= 0x2FA1F);    // their supplement
}

/// The canonical combining class, by which the marks that follow a letter are sorted.
/// @param code  a code point
/// @return  1 to 254 for a mark that is sorted, 0 for all others
inline unsigned combining_class(char32_t code)
{
    const detail::ClassRange* range = detail::find_range(detail::class_ranges, code);
    return range ? range->value : 0;
}

/// One to four code points.
struct ShortText {
    std::array<char32_t, 4> codes{};  ///< the code points, then zeros
    std::size_t size = 0;             ///< the number of code points

    /// @return  the first one
    const char32_t* begin() const { return codes.data(); }
    /// @return  one past the last
    const char32_t* end() const { return codes.data() + size; }
};

/// The full canonical decomposition: U+00E9 (e with acute) becomes U+0065 U+0301. A Hangul syllable is decomposed into two or
/// three letters by arithmetic.
/// @param code  a code point
/// @return  its parts; the code point itself if it is not composed
/// @see The Unicode Standard, section 3.12, for Hangul
inline ShortText decomposition(char32_t code)
{
    if (0xAC00 <= code && code <= 0xD7A3) {
        const char32_t syllable = code - 0xAC00;
        const char32_t lead = 0x1100 + syllable / (21 * 28), vowel = 0x1161 + syllable / 28 % 21, trail = 0x11A7 + syllable % 28;
        return {{lead, vowel, trail == 0x11A7 ? 0 : trail}, trail == 0x11A7 ? 2u : 3u};
    }
    const detail::Decomposition* entry =
        std::lower_bound(std::begin(detail::decompositions), std::end(detail::decompositions), code,
                         [](const detail::Decomposition& candidate, char32_t value) { return candidate.code < value; });
    if (entry == std::end(detail::decompositions) || entry->code != code) return {{code}, 1};
    ShortText text;
    while (text.size < 4 && entry->to[text.size] != 0) {
        text.codes[text.size] = entry->to[text.size];
        ++text.size;
    }
    return text;
}

/// Lower case of one character, regardless of its neighbours: a sigma at a word's end is treated like any other.
/// @param code  a code point
/// @return  one code point, or two for U+0130 (I with a dot above: i, U+0307)
inline ShortText lower_case(char32_t code)
{
    if (code == 0x130) return {{U'i', 0x307}, 2};
    const detail::CodeMapping* mapping = detail::find_range(detail::lower_mappings, code);
    if (!mapping || (code - mapping->first) % mapping->step != 0) return {{code}, 1};
    return {{static_cast<char32_t>(static_cast<std::int32_t>(code) + mapping->delta)}, 1};
}

}  // namespace bert
