/// @file
/// BERT's normalizer: what happens to a text before it is cut into words.
///
/// Four steps in this order, each of which can be switched off:
///   1. cleaning: control characters go, every white space becomes a plain space;
///   2. a space before and after each Chinese character, so that it becomes a word of its own;
///   3. accents: every character is decomposed (e with acute: e and an acute accent), then nonspacing marks go;
///   4. lower case.
/// `Crème  BRÛLÉE` becomes `creme  brulee`. Every character remembers its place in the original text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/text/unicode.hpp"

namespace bert {

/// What the normalizer does. The defaults are those of the uncased models.
struct NormalizerOptions {
    bool clean_text = true;             ///< step 1
    bool handle_chinese_chars = true;   ///< step 2
    std::optional<bool> strip_accents;  ///< step 3; not given: as lowercase
    bool lowercase = true;              ///< step 4; false for the cased models

    /// @return  whether accents are removed
    bool strips_accents() const { return strip_accents.value_or(lowercase); }
};

/// A text whose characters know where they come from.
struct TracedText {
    std::u32string codes;                ///< the characters
    std::vector<std::uint32_t> sources;  ///< for each, the index of the original character it comes from; never decreasing

    /// @param code  a character to append
    /// @param source  the index of the original character it comes from
    void push(char32_t code, std::uint32_t source)
    {
        codes += code;
        sources.push_back(source);
    }
    /// @return  how many characters there are
    std::size_t size() const { return codes.size(); }
};

/// Step 1: removes control characters and makes every white space a plain one. Tab, line feed and carriage return are white
/// space here; the other controls are removed, vertical tab and U+0085 too, which glues their neighbours together.
/// @param text  the text
/// @return  the cleaned text
inline TracedText clean_text(const TracedText& text)
{
    TracedText result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (is_removed_by_cleaning(text.codes[i])) continue;
        result.push(is_whitespace(text.codes[i]) ? U' ' : text.codes[i], text.sources[i]);
    }
    return result;
}

/// Step 2: puts a space before and after each Chinese character.
/// @param text  the text
/// @return  the text with the spaces
inline TracedText space_chinese(const TracedText& text)
{
    TracedText result;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool chinese = is_chinese(text.codes[i]);
        if (chinese) result.push(U' ', text.sources[i]);
        result.push(text.codes[i], text.sources[i]);
        if (chinese) result.push(U' ', text.sources[i]);
    }
    return result;
}

namespace detail {

/// A character of decomposed text.
struct DecomposedCharacter {
    char32_t code;         ///< the character
    std::uint8_t marking;  ///< its combining class
    bool added;            ///< not the first one of its decomposition
};

/// Sorts marks by their class and keeps the order of those of one class. Counting takes linear time however many there are.
/// @param[in,out] marks  a run of characters with classes other than 0
inline void sort_marks(std::vector<DecomposedCharacter>& marks)
{
    if (marks.size() < 2) return;
    std::array<std::size_t, 256> place{};  // first how many there are of each class, then where the next one goes
    for (const DecomposedCharacter& mark : marks)
        ++place[mark.marking];
    std::size_t before = 0;
    for (std::size_t& count : place) {
        const std::size_t next = before + count;
        count = before;
        before = next;
    }
    std::vector<DecomposedCharacter> sorted(marks.size());
    for (const DecomposedCharacter& mark : marks)
        sorted[place[mark.marking]++] = mark;
    marks.swap(sorted);
}

}  // namespace detail

/// The first half of step 3: decomposes each character canonically (NFD) and puts the marks that follow a letter in the order of
/// their classes. The sources do not move with the marks: of what comes out, the first character of each decomposition takes the
/// next source, the others that of the character before them. (So does the reference.)
/// @param text  the text
/// @return  the decomposed text
/// @see The Unicode Standard, section 3.11
inline TracedText decompose(const TracedText& text)
{
    TracedText result;
    std::vector<detail::DecomposedCharacter> marks;  // since the last character of class 0
    std::size_t next = 0;
    const auto put = [&](char32_t code, bool added) {
        result.push(code, text.sources[added && next > 0 ? next - 1 : next]);
        if (!added) ++next;
    };
    const auto put_marks = [&] {
        detail::sort_marks(marks);
        for (const detail::DecomposedCharacter& mark : marks)
            put(mark.code, mark.added);
        marks.clear();
    };
    for (const char32_t composed : text.codes) {
        bool added = false;
        for (const char32_t code : decomposition(composed)) {
            const unsigned marking = combining_class(code);
            if (marking == 0) {
                put_marks();
                put(code, added);
            } else {
                marks.push_back({code, static_cast<std::uint8_t>(marking), added});
            }
            added = true;
        }
    }
    put_marks();
    return result;
}

/// The second half of step 3: removes nonspacing marks.
/// @param text  decomposed text
/// @return  the text without them
inline TracedText remove_marks(const TracedText& text)
{
    TracedText result;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!is_nonspacing_mark(text.codes[i])) result.push(text.codes[i], text.sources[i]);
    return result;
}

/// Step 4: lower case, each character by itself.
/// @param text  the text
/// @return  the text in lower case
inline TracedText lower_case(const TracedText& text)
{
    TracedText result;
    for (std::size_t i = 0; i < text.size(); ++i)
        for (const char32_t code : lower_case(text.codes[i]))
            result.push(code, text.sources[i]);
    return result;
}

/// The whole normalizer.
/// @param codes  a text, or a part of one
/// @param options  which steps to take
/// @param start  the index of its first character in the whole text
/// @return  the normalized text
inline TracedText normalize(std::u32string_view codes, const NormalizerOptions& options, std::size_t start = 0)
{
    TracedText text;
    for (std::size_t i = 0; i < codes.size(); ++i)
        text.push(codes[i], static_cast<std::uint32_t>(start + i));
    if (options.clean_text) text = clean_text(text);
    if (options.handle_chinese_chars) text = space_chinese(text);
    if (options.strips_accents()) text = remove_marks(decompose(text));
    if (options.lowercase) text = lower_case(text);
    return text;
}

}  // namespace bert
