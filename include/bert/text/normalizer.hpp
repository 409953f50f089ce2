/// @file
/// BERT's normalizer, which prepares a text for being split into words.
///
/// It takes four steps, in this order; each can be switched off:
///   1. cleaning: control characters are removed, every white space character becomes a plain space;
///   2. Chinese characters: a space is inserted before and after each of them, which makes it a word of its own;
///   3. accents: every character is decomposed (e with acute into e and an acute accent), then nonspacing marks are removed;
///   4. lower case: every character is lower-cased.
/// `Crème  BRÛLÉE` becomes `creme  brulee`. For every character of the result, the index of its original character is kept.
/// (google-research/bert, tokenization.py, BasicTokenizer; there lower case comes before accents, here the tokenizers library's
/// order is followed.)
///
/// A tokenizer.json can list other steps, or these in another order: NormalizerStep.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/text/unicode.hpp"

namespace bert {

/// A step of a normalizer, as files list them.
enum class NormalizerStep {
    clean_text,        ///< step 1 of BERT's normalizer
    space_chinese,     ///< step 2
    decompose,         ///< the first half of step 3, in files `NFD`
    remove_marks,      ///< the second half
    remove_all_marks,  ///< marks of every kind, in files `StripAccents`
    lower_case,        ///< step 4, in files `Lowercase`
};

/// Which steps the normalizer takes. The defaults are those of the uncased models.
struct NormalizerOptions {
    bool clean_text = true;             ///< step 1
    bool handle_chinese_chars = true;   ///< step 2
    std::optional<bool> strip_accents;  ///< step 3; if not set, as lowercase
    bool lowercase = true;              ///< step 4; false for the cased models

    std::vector<NormalizerStep> other_steps = {};  ///< if not empty, these are taken instead of the four

    /// @return  whether accents are removed
    bool strips_accents() const { return strip_accents.value_or(lowercase); }

    /// @return  the steps, in their order
    std::vector<NormalizerStep> steps() const
    {
        if (!other_steps.empty()) return other_steps;
        std::vector<NormalizerStep> steps;
        if (clean_text) steps.push_back(NormalizerStep::clean_text);
        if (handle_chinese_chars) steps.push_back(NormalizerStep::space_chinese);
        if (strips_accents()) steps.insert(steps.end(), {NormalizerStep::decompose, NormalizerStep::remove_marks});
        if (lowercase) steps.push_back(NormalizerStep::lower_case);
        return steps;
    }
};

/// A text, and where each of its characters comes from.
struct TracedText {
    std::u32string codes;                ///< the characters
    std::vector<std::uint32_t> sources;  ///< for each, the index of the original character; never decreasing

    /// @param code  a character to append
    /// @param source  the index of the original character it comes from
    void push(char32_t code, std::uint32_t source)
    {
        codes += code;
        sources.push_back(source);
    }
    /// @return  the number of characters
    std::size_t size() const { return codes.size(); }
};

/// Step 1: removes control characters and replaces every white space character by a plain space. Tab, line feed and carriage
/// return are white space here. The other controls are removed, also vertical tab and U+0085, so that their neighbours are
/// joined.
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
    bool added;            ///< whether it isn't the first one of its decomposition
};

/// Sorts marks by their class and keeps the order of those of one class. This is a counting sort, which takes linear time.
/// @param[in,out] marks  a run of characters with classes other than 0
inline void sort_marks(std::vector<DecomposedCharacter>& marks)
{
    if (marks.size() < 2) return;
    std::array<std::size_t, 256> place{};  // first the number of marks of each class, then the index of its next one
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

/// The first half of step 3: decomposes each character canonically (NFD) and sorts the marks that follow a letter by their
/// classes. As in the tokenizers library, the sources do not move with the marks: in the sorted text, the first character of each
/// decomposition takes the next source, the others that of the character before them.
/// @param text  the text
/// @return  the decomposed text
/// @see The Unicode Standard, section 3.11
inline TracedText decompose(const TracedText& text)
{
    TracedText result;
    std::vector<detail::DecomposedCharacter> marks;  // those since the last character of class 0
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

/// Removes marks of every kind. It is no step of BERT's normalizer.
/// @param text  decomposed text
/// @return  the text without them
inline TracedText remove_all_marks(const TracedText& text)
{
    TracedText result;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (!is_combining_mark(text.codes[i])) result.push(text.codes[i], text.sources[i]);
    return result;
}

/// Step 4: converts each character to lower case by itself.
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

/// Normalizes a text: takes the steps that the options select.
/// @param codes  a text, or a part of one
/// @param options  which steps to take
/// @param start  the index of its first character in the whole text
/// @return  the normalized text
inline TracedText normalize(std::u32string_view codes, const NormalizerOptions& options, std::size_t start = 0)
{
    TracedText text;
    for (std::size_t i = 0; i < codes.size(); ++i)
        text.push(codes[i], static_cast<std::uint32_t>(start + i));
    for (const NormalizerStep step : options.steps()) {
        switch (step) {
            case NormalizerStep::clean_text: text = clean_text(text); break;
            case NormalizerStep::space_chinese: text = space_chinese(text); break;
            case NormalizerStep::decompose: text = decompose(text); break;
            case NormalizerStep::remove_marks: text = remove_marks(text); break;
            case NormalizerStep::remove_all_marks: text = remove_all_marks(text); break;
            case NormalizerStep::lower_case: text = lower_case(text); break;
        }
    }
    return text;
}

}  // namespace bert
