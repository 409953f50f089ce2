/// @file
/// What a tokenizer gives: an Encoding; and how one that is too long is cut into windows, and one that is too short padded.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/text/pre_tokenizer.hpp"

namespace bert {

/// Where a token stands: from character [0] to before character [1] of the original text, in code points.
using Offsets = std::array<std::uint32_t, 2>;

/// A tokenized text or pair of texts: one entry per token in each list.
struct Encoding {
    std::vector<std::int64_t> ids;                  ///< rows of the table of embeddings
    std::vector<std::int64_t> type_ids;             ///< 0 for the first text and its special tokens, 1 for the second
    std::vector<Offsets> offsets;                   ///< places in the text that the token is from; 0, 0 for special tokens
    std::vector<std::int32_t> word_ids;             ///< which word of its text, from 0; -1 for special tokens
    std::vector<std::uint8_t> special_tokens_mask;  ///< 1 for tokens that were put in, padding too; 0 for those of the text
    std::vector<std::uint8_t> attention_mask;       ///< 0 for padding, 1 for all others
    std::vector<Encoding> overflow;                 ///< further windows, if the text had to be cut
    std::size_t replaced = 0;                       ///< malformed UTF-8 sequences of the texts that were read as U+FFFD

    /// @return  the number of tokens
    std::size_t size() const { return ids.size(); }

    /// Appends a token; its type and masks are left to whoever puts the encoding together.
    /// @param id  the token
    /// @param place  its offsets
    /// @param word  which word
    void push(std::int64_t id, Offsets place, std::int32_t word)
    {
        ids.push_back(id);
        offsets.push_back(place);
        word_ids.push_back(word);
    }
};

/// Which text is cut if both together are too long.
enum class Truncation {
    none,           ///< neither: a text that is too long is an error
    longest_first,  ///< the longer one, until both are equally long, then both
    only_first,     ///< the first one
    only_second     ///< the second one
};

/// An end of a text.
enum class Side { right, left };

/// How texts are encoded.
struct EncodeOptions {
    bool special_tokens = true;                         ///< put in `[CLS]` and `[SEP]`
    std::size_t max_length = 0;                         ///< tokens that a window may hold, special ones included; 0: any number
    Truncation truncation = Truncation::longest_first;  ///< what is cut above max_length
    Side truncation_side = Side::right;                 ///< where it is cut
    std::size_t stride = 0;                             ///< tokens that a window repeats of the one before
    bool overflow = true;                               ///< keep what is cut off, as further windows
    std::size_t pad_to = 0;                             ///< tokens that a window has at least; 0: no padding
    Side padding_side = Side::right;                    ///< where the padding goes
    bool strict = false;                                ///< refuse text that is not UTF-8
};

/// A part of what is made of a text or a pair: `[CLS] $A [SEP]` has three.
struct TemplatePiece {
    bool special;          ///< a special token; else a text
    std::int64_t id;       ///< the id of the special token; 0 for the first text, 1 for the second
    std::int64_t type_id;  ///< the type of its tokens
};

/// Puts an encoding together.
/// @param pieces  in order
/// @param append  called as append(0 or 1, encoding), appends the tokens of that text
/// @return  the encoding
inline Encoding assemble(const std::vector<TemplatePiece>& pieces, const std::function<void(std::size_t, Encoding&)>& append)
{
    Encoding encoding;
    std::vector<std::size_t> ends;
    for (const TemplatePiece& piece : pieces) {
        if (piece.special)
            encoding.push(piece.id, {0, 0}, -1);
        else
            append(static_cast<std::size_t>(piece.id), encoding);
        ends.push_back(encoding.size());
    }
    encoding.attention_mask.assign(encoding.size(), 1);
    encoding.type_ids.reserve(encoding.size());
    encoding.special_tokens_mask.reserve(encoding.size());
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        encoding.type_ids.resize(ends[i], pieces[i].type_id);
        encoding.special_tokens_mask.resize(ends[i], pieces[i].special ? 1 : 0);
    }
    return encoding;
}

/// How many tokens of each text remain.
/// @param counts  tokens of the first and of the second text (0 without one), together more than budget
/// @param budget  tokens that a window holds beside the special ones, at least 1
/// @param truncation  which text is cut
/// @return  how many remain of each
/// @throws InputError if the text that is to be cut is too short for that
inline std::array<std::size_t, 2> truncated_lengths(std::array<std::size_t, 2> counts, std::size_t budget, Truncation truncation)
{
    const std::size_t excess = counts[0] + counts[1] - budget;
    if (truncation == Truncation::none)
        fail_input("text", "expected at most " + std::to_string(budget) + " tokens beside the special ones, got " +
                               std::to_string(counts[0] + counts[1]));
    if (truncation != Truncation::longest_first) {
        const std::size_t cut = truncation == Truncation::only_first ? 0 : 1;
        if (counts[cut] <= excess)
            fail_input(cut == 0 ? "first text" : "second text", "expected more than the " + std::to_string(excess) +
                                                                    " tokens that must be cut off, got " +
                                                                    std::to_string(counts[cut]));
        counts[cut] -= excess;
        return counts;
    }
    // The shorter text is kept whole if at most half of the budget; else each gets a half, and the longer one the odd token.
    const std::size_t shorter = counts[0] <= counts[1] ? 0 : 1, longer = 1 - shorter;
    if (2 * counts[shorter] > budget) counts[shorter] = budget / 2;
    counts[longer] = budget - counts[shorter];
    return counts;
}

/// The windows of a text of which not all tokens fit: the one that is kept first, then those of the overflow.
/// Each begins (from the right: ends) kept - stride tokens after the one before, and the last one reaches the text's end.
/// @param count  tokens of the text
/// @param kept  tokens that a window holds
/// @param stride  tokens that a window repeats, below kept (if that isn't 0)
/// @param side  where the text is cut
/// @return  the windows
inline std::vector<Span> windows(std::size_t count, std::size_t kept, std::size_t stride, Side side)
{
    if (kept >= count) return {{0, count}};
    if (kept == 0) return {{0, 0}, {0, count}};
    std::vector<Span> result;
    for (std::size_t begin = 0;; begin += kept - stride) {
        const std::size_t end = std::min(begin + kept, count);
        result.push_back(side == Side::right ? Span{begin, end} : Span{count - end, count - begin});
        if (end == count) return result;
    }
}

/// Cuts an encoding that is too long.
/// @param whole  the encoding, without padding
/// @param texts  where the tokens of the first and of the second text stand in it
/// @param pieces  what it was put together of
/// @param options  max_length, not 0, truncation, truncation_side, stride and overflow
/// @return  the first window, with the others in its overflow. For a pair of which both texts are cut, each window of the
///          first text meets each of the second; those with the first text's first window come last.
/// @throws InputError if the text that is to be cut is too short, or the stride isn't below what a window holds of a text
inline Encoding cut(const Encoding& whole, const std::array<Span, 2>& texts, const std::vector<TemplatePiece>& pieces,
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
        return assemble(pieces, [&](std::size_t text, Encoding& encoding) {
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
/// @param[in,out] encoding  what is padded
/// @param length  tokens that it has at least afterwards
/// @param pad_id  the id of the padding token
/// @param side  where the padding goes
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
