/// @file
/// Truncation: how many tokens of each text are kept, and the windows that a long text is split into. Both are those of the
/// tokenizers library. (google-research/bert, run_classifier.py, shortens the longer text token by token to the same lengths, but
/// for the odd token, which it leaves to the first text.)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/text/span.hpp"

namespace bert {

/// Which text is truncated if both together are too long.
enum class Truncation {
    none,           ///< neither: too many tokens are an error
    longest_first,  ///< the longer one until both are equally long, then both
    only_first,     ///< the first one
    only_second     ///< the second one
};

/// A side of a text.
enum class Side { right, left };

/// The number of tokens of each text that remain after truncation.
/// @param counts  number of tokens of the first and of the second text (0 if there is none), together more than budget
/// @param budget  number of tokens of a window without the special ones, at least 1
/// @param truncation  which text is truncated
/// @return  the number of remaining tokens of each text
/// @throws InputError if truncation is none, or the text to be truncated is too short
/// @throws std::invalid_argument if nothing has to be truncated
inline std::array<std::size_t, 2> truncated_lengths(std::array<std::size_t, 2> counts, std::size_t budget, Truncation truncation)
{
    if (counts[0] + counts[1] <= budget)
        throw std::invalid_argument("truncated_lengths: counts: expected more than " + std::to_string(budget) +
                                    " tokens together, got " + std::to_string(counts[0] + counts[1]));
    const std::size_t excess = counts[0] + counts[1] - budget;
    if (truncation == Truncation::none)
        fail_input("text", "expected at most " + std::to_string(budget) + " tokens besides the special ones, got " +
                               std::to_string(counts[0] + counts[1]));
    if (truncation != Truncation::longest_first) {
        const std::size_t truncated = truncation == Truncation::only_first ? 0 : 1;
        if (counts[truncated] <= excess)
            fail_input(truncated == 0 ? "first text" : "second text", "expected more than the " + std::to_string(excess) +
                                                                          " tokens to be truncated, got " +
                                                                          std::to_string(counts[truncated]));
        counts[truncated] -= excess;
        return counts;
    }
    // The shorter text is kept whole if it is at most half of the budget; else each gets a half, and the longer one the odd token.
    const std::size_t shorter = counts[0] <= counts[1] ? 0 : 1, longer = 1 - shorter;
    if (2 * counts[shorter] > budget) counts[shorter] = budget / 2;
    counts[longer] = budget - counts[shorter];
    return counts;
}

/// Splits a text that is too long into windows: first the one that is kept, then those of the overflow. Each begins kept - stride
/// tokens after the one before, and the last reaches the text's end. For side left, the same holds in the opposite direction. If
/// nothing is kept, the second window is the whole text, however long it is, as in the tokenizers library.
/// @param count  number of tokens of the text
/// @param kept  number of tokens of a window
/// @param stride  number of tokens that a window shares with the one before; below kept, unless that is 0
/// @param side  the side on which the text is truncated
/// @return  the windows
/// @throws std::invalid_argument if the stride isn't below kept
inline std::vector<Span> windows(std::size_t count, std::size_t kept, std::size_t stride, Side side)
{
    if (kept >= count) return {{0, count}};
    if (kept == 0) return {{0, 0}, {0, count}};
    if (stride >= kept)
        throw std::invalid_argument("windows: stride: expected less than " + std::to_string(kept) + ", got " +
                                    std::to_string(stride));
    std::vector<Span> result;
    for (std::size_t begin = 0;; begin += kept - stride) {
        const std::size_t end = std::min(begin + kept, count);
        result.push_back(side == Side::right ? Span{begin, end} : Span{count - end, count - begin});
        if (end == count) return result;
    }
}

}  // namespace bert
