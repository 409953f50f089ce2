/// @file
/// An Encoding is the result of a tokenizer. One that is too long is split into windows (text/truncation.hpp), one that is too
/// short is padded. Templates, windows and padding are those of the tokenizers library.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/text/span.hpp"
#include "bert/text/truncation.hpp"

namespace bert {

/// The characters of the original text that a token covers: from [0] to before [1], in code points.
using Offsets = std::array<std::uint32_t, 2>;

/// A tokenized text or pair of texts: one entry per token in each list. Outside a text are the template's special tokens and
/// padding.
struct Encoding {
    std::vector<std::int64_t> ids;                  ///< rows of the table of word embeddings
    std::vector<std::int64_t> type_ids;             ///< token types: 0 for the first text (with special tokens), 1 for the second
    std::vector<Offsets> offsets;                   ///< in the text that the token comes from; {0, 0} outside a text
    std::vector<std::int32_t> word_ids;             ///< index of the word in its text, from 0; -1 outside a text
    std::vector<std::uint8_t> special_tokens_mask;  ///< 1 outside a text, 0 for its tokens, even a [MASK] in it
    std::vector<std::uint8_t> attention_mask;       ///< 0 for padding, 1 for all others
    std::vector<Encoding> overflow;                 ///< further windows, if a text was truncated
    std::size_t replaced = 0;                       ///< number of malformed UTF-8 sequences that were read as U+FFFD

    /// @return  the number of tokens
    std::size_t size() const { return ids.size(); }

    /// Appends a token. Its type and masks are set by assemble.
    /// @param id  the token
    /// @param range  its offsets
    /// @param word  index of its word
    void push(std::int64_t id, Offsets range, std::int32_t word)
    {
        ids.push_back(id);
        offsets.push_back(range);
        word_ids.push_back(word);
    }
};

/// Options of encoding.
struct EncodeOptions {
    bool special_tokens = true;  ///< whether to add `[CLS]` and `[SEP]`
    std::size_t max_length = 0;  ///< maximum length of a window, special tokens included (see windows); 0 for none
    Truncation truncation = Truncation::longest_first;  ///< which text is truncated above max_length
    Side truncation_side = Side::right;                 ///< the side on which it is truncated
    std::size_t stride = 0;                             ///< number of tokens that a window shares with the one before
    bool overflow = true;                               ///< whether to keep the truncated tokens, as further windows
    std::size_t pad_to = 0;                             ///< minimum length of a window; 0 for no padding
    Side padding_side = Side::right;                    ///< the side on which padding is added
    bool strict = false;                                ///< whether to refuse text that is not UTF-8
};

/// An element of a template, which gives the order of special tokens and texts in an encoding: `[CLS] $A [SEP]` has three.
struct TemplateElement {
    bool special;          ///< whether it is a special token, not a text
    std::int64_t id;       ///< of a special token, its id; of a text, 0 for the first, 1 for the second
    std::int64_t type_id;  ///< token type of its tokens
};

/// Checks that options can be satisfied.
/// @param options  max_length, stride, truncation
/// @param elements  the template
/// @param has_pair  whether there are two texts
/// @throws InputError as in `stride: expected less than 3, the tokens of a window without the special ones, got 3`
inline void require_encode_options(const EncodeOptions& options, const std::vector<TemplateElement>& elements, bool has_pair)
{
    if (options.max_length == 0) return;
    std::size_t special = 0;
    for (const TemplateElement& element : elements)
        special += element.special ? 1 : 0;
    if (options.max_length <= special)
        fail_input("max_length", "expected at least " + std::to_string(special + 1) + ", room for one token besides " +
                                     std::to_string(special) + " special ones, got " + std::to_string(options.max_length));
    if (options.stride >= options.max_length - special)
        fail_input("stride", "expected less than " + std::to_string(options.max_length - special) +
                                 ", the tokens of a window without the special ones, got " + std::to_string(options.stride));
    if (options.truncation == Truncation::only_second && !has_pair)
        fail_input("truncation", "only_second: expected a pair, got one text");
}

/// Assembles an encoding from special tokens and texts.
/// @param elements  elements of the template, in order
/// @param append  called as append(text, encoding) with text 0 or 1; appends the tokens of that text
/// @return  the encoding
inline Encoding assemble(const std::vector<TemplateElement>& elements, const std::function<void(std::size_t, Encoding&)>& append)
{
    Encoding encoding;
    std::vector<std::size_t> ends;
    for (const TemplateElement& element : elements) {
        if (element.special)
            encoding.push(element.id, {0, 0}, -1);
        else
            append(static_cast<std::size_t>(element.id), encoding);
        ends.push_back(encoding.size());
    }
    encoding.attention_mask.assign(encoding.size(), 1);
    encoding.type_ids.reserve(encoding.size());
    encoding.special_tokens_mask.reserve(encoding.size());
    for (std::size_t i = 0; i < elements.size(); ++i) {
        encoding.type_ids.resize(ends[i], elements[i].type_id);
        encoding.special_tokens_mask.resize(ends[i], elements[i].special ? 1 : 0);
    }
    return encoding;
}

/// Truncates an encoding that is too long; the rest forms further windows.
/// @param whole  the encoding, without padding
/// @param texts  the tokens of the first and of the second text in the encoding
/// @param elements  the template from which it was assembled
/// @param options  max_length, not 0, truncation, truncation_side, stride and overflow
/// @return  the first window, with the others in its overflow. If both texts of a pair are truncated, each window of the first
///          is combined with each of the second; those with the first text's first window come last.
/// @throws InputError if the text to be truncated is too short, or the stride isn't below a window's number of tokens of a text
inline Encoding truncate(const Encoding& whole, const std::array<Span, 2>& texts, const std::vector<TemplateElement>& elements,
                         const EncodeOptions& options)
{
    const std::array<std::size_t, 2> counts{texts[0].end - texts[0].start, texts[1].end - texts[1].start};
    const std::size_t special = whole.size() - counts[0] - counts[1];
    const std::array<std::size_t, 2> kept = truncated_lengths(counts, options.max_length - special, options.truncation);

    std::array<std::vector<Span>, 2> spans;
    for (std::size_t i = 0; i < 2; ++i) {
        if (kept[i] < counts[i] && kept[i] > 0 && options.stride >= kept[i])
            fail_input("stride", "expected less than the " + std::to_string(kept[i]) + " tokens that a window holds of the " +
                                     (i == 0 ? "first" : "second") + " text, got " + std::to_string(options.stride));
        spans[i] = windows(counts[i], kept[i], options.stride, options.truncation_side);
    }

    const auto window = [&](Span first, Span second) {
        return assemble(elements, [&](std::size_t text, Encoding& encoding) {
            const Span span = text == 0 ? first : second;
            const auto append = [&](const auto& from, auto& to) {
                const auto begin = from.begin() + static_cast<std::ptrdiff_t>(texts[text].start);
                to.insert(to.end(), begin + static_cast<std::ptrdiff_t>(span.start),
                          begin + static_cast<std::ptrdiff_t>(span.end));
            };
            append(whole.ids, encoding.ids);
            append(whole.offsets, encoding.offsets);
            append(whole.word_ids, encoding.word_ids);
        });
    };
    Encoding result = window(spans[0][0], spans[1][0]);
    result.replaced = whole.replaced;
    if (!options.overflow) return result;
    for (std::size_t i = 1; i < spans[0].size(); ++i)
        for (std::size_t j = 0; j < spans[1].size(); ++j)
            result.overflow.push_back(window(spans[0][i], spans[1][j]));
    for (std::size_t j = 1; j < spans[1].size(); ++j)
        result.overflow.push_back(window(spans[0][0], spans[1][j]));
    return result;
}

/// Pads an encoding and its overflow.
/// @param[in,out] encoding  the encoding
/// @param length  minimum number of tokens of each window
/// @param pad_id  the id of the padding token
/// @param side  the side on which padding is added
inline void pad(Encoding& encoding, std::size_t length, std::int64_t pad_id, Side side)
{
    const std::size_t missing = length > encoding.size() ? length - encoding.size() : 0;
    const auto fill = [&](auto& list, auto value) {
        list.insert(side == Side::right ? list.end() : list.begin(), missing, value);
    };
    fill(encoding.ids, pad_id);
    fill(encoding.type_ids, std::int64_t{0});
    fill(encoding.offsets, Offsets{0, 0});
    fill(encoding.word_ids, std::int32_t{-1});
    fill(encoding.special_tokens_mask, std::uint8_t{1});
    fill(encoding.attention_mask, std::uint8_t{0});
    for (Encoding& window : encoding.overflow)
        pad(window, length, pad_id, side);
}

}  // namespace bert
