/// @file
/// The training target of question answering: where each answer begins and ends in its sequence.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// The positions of answers. As in the transformers library, a negative position counts as 0, which is [CLS], and one at or
/// beyond the batch's padded length is ignored.
struct QuestionAnsweringTarget {
    IndexTensor<1> starts;  ///< the first position of each sequence's answer, [B]
    IndexTensor<1> ends;    ///< its last position, [B]
};

/// Whether a position takes no part in the loss.
/// @param batch  the tokens
/// @param position  of an answer's start or end
/// @return  whether it is at or beyond the padded length
inline bool is_ignored_position(const Batch& batch, std::int64_t position)
{
    return position >= static_cast<std::int64_t>(batch.padded_length);
}

/// The index, within a sequence, of the token at a position: padding that was left out shifts it.
/// @param batch  the tokens
/// @param b  the sequence
/// @param position  of the token; a negative one counts as 0
/// @return  the index; the sequence's length if the position holds padding
inline std::int64_t index_of_token(const Batch& batch, std::size_t b, std::int64_t position)
{
    const std::int64_t wanted = std::max<std::int64_t>(position, 0);
    const auto begin = batch.positions.begin() + static_cast<std::ptrdiff_t>(batch.sequences.begin[b]);
    const auto end = batch.positions.begin() + static_cast<std::ptrdiff_t>(batch.sequences.begin[b + 1]);
    return std::find(begin, end, wanted) - begin;
}

/// Checks a target.
/// @param batch  the tokens of B sequences
/// @param target  positions of the answers
/// @throws std::invalid_argument for a wrong number of sequences, or a position that holds padding
inline void require_answer_positions(const Batch& batch, const QuestionAnsweringTarget& target)
{
    const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count();
    require_sequences("question_answering: sequences", batch.sequences, T);
    require_shape("question_answering: positions", batch.positions, {T});
    require_shape("question_answering: starts", target.starts, {B});
    require_shape("question_answering: ends", target.ends, {B});
    const auto require_token = [&](const char* what, std::size_t b, std::int64_t position) {
        if (is_ignored_position(batch, position)) return;
        if (index_of_token(batch, b, position) == static_cast<std::int64_t>(batch.sequences.length(b)))
            throw std::invalid_argument("question_answering: " + std::string(what) + "[" + std::to_string(b) +
                                        "]: expected a real token, got padding at position " +
                                        std::to_string(std::max<std::int64_t>(position, 0)));
    };
    for (std::size_t b = 0; b < B; ++b) {
        require_token("starts", b, target.starts(b));
        require_token("ends", b, target.ends(b));
    }
}

}  // namespace bert
