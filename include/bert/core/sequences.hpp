/// @file
/// Packed sequences: the real tokens of a batch, one after the other, without padding and without a mask.
///
/// Outside, a batch is a rectangle: [B, L] ids and a mask of the real tokens. Inside the model there are T rows:
/// ```
/// ids  101 7592  102    0   mask 1 1 1 0      ids        101 7592  102  101 2129 2024  102
///      101 2129 2024  102        1 1 1 1      positions    0    1    2    0    1    2    3
///                                             begin        0              3                   7
/// ```
/// where the 7 is the number of tokens, one past the last. Every operation but attention works on rows and never sees where a
/// sequence ends; attention runs from `begin[b]` to `begin[b + 1]`. So padding costs nothing and cannot leak into a result.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/tensor.hpp"

namespace bert {

/// Where each sequence of a packed batch begins.
struct Sequences {
    std::vector<std::size_t> begin{0};  ///< [B + 1]: sequence b has the rows begin[b] up to, not including, begin[b + 1]

    /// @return  B, the number of sequences
    std::size_t count() const { return begin.empty() ? 0 : begin.size() - 1; }
    /// @return  T, the number of real tokens of all sequences
    std::size_t tokens() const { return begin.empty() ? 0 : begin.back(); }
    /// @param b  a sequence
    /// @return  how many tokens it has
    std::size_t length(std::size_t b) const { return begin[b + 1] - begin[b]; }
    /// @param first  the first of some sequences
    /// @param last  one more than their last
    /// @return  how many tokens the longest of them has
    std::size_t longest(std::size_t first, std::size_t last) const
    {
        std::size_t most = 0;
        for (std::size_t b = first; b < last; ++b)
            most = std::max(most, length(b));
        return most;
    }
};

/// Checks that sequences lie end to end over T rows.
/// @param what  beginning of the message, as in `attention: sequences`
/// @param sequences  where each begins
/// @param T  number of rows
/// @throws std::invalid_argument `attention: sequences: begin[2]: expected 9 or more, got 4`
inline void require_sequences(std::string_view what, const Sequences& sequences, std::size_t T)
{
    const std::vector<std::size_t>& begin = sequences.begin;
    const auto fail = [&](const std::string& message) { throw std::invalid_argument(std::string(what) + ": " + message); };
    if (begin.empty()) fail("begin: expected at least the number 0, got none");
    if (begin[0] != 0) fail("begin[0]: expected 0, got " + std::to_string(begin[0]));
    for (std::size_t b = 1; b < begin.size(); ++b)
        if (begin[b] < begin[b - 1])
            fail("begin[" + std::to_string(b) + "]: expected " + std::to_string(begin[b - 1]) + " or more, got " +
                 std::to_string(begin[b]));
    if (begin.back() != T) fail("expected " + std::to_string(T) + " tokens, got " + std::to_string(begin.back()));
}

/// A packed batch: what goes into a model.
struct Batch {
    IndexTensor<1> ids;             ///< [T], token ids
    IndexTensor<1> segments;        ///< [T], 0 or 1: which of two texts the token belongs to
    IndexTensor<1> positions;       ///< [T], the token's position in its padded sequence, from 0: padding in front is counted
    Sequences sequences;            ///< where each sequence begins
    std::size_t padded_length = 0;  ///< L of the padded form
    IndexTensor<2> padded_ids;      ///< ids of the padded form, [B, L], where a mask hides some; otherwise empty. RoBERTa counts
                                    ///< them, and MobileBERT looks at a token's neighbours
};

/// Packs the real tokens of a padded batch. Zeros inside the mask are left out too; later tokens keep their positions.
/// @param ids  token ids, [B, L]
/// @param segments  [B, L]
/// @param mask  [B, L]: 0 for padding, any other number for a real token
/// @return  the packed batch
/// @throws std::invalid_argument if the shapes differ
inline Batch pack(const IndexTensor<2>& ids, const IndexTensor<2>& segments, const IndexTensor<2>& mask)
{
    const std::size_t B = ids.shape(0), L = ids.shape(1);
    require_shape("pack: segments", segments, {B, L});
    require_shape("pack: mask", mask, {B, L});
    std::size_t T = 0;
    for (std::size_t b = 0; b < B; ++b)
        for (std::size_t l = 0; l < L; ++l)
            T += mask(b, l) != 0 ? 1 : 0;
    Batch batch;
    batch.padded_length = L;
    batch.ids.resize({T});
    batch.segments.resize({T});
    batch.positions.resize({T});
    std::size_t t = 0;
    for (std::size_t b = 0; b < B; ++b) {
        for (std::size_t l = 0; l < L; ++l) {
            if (mask(b, l) == 0) continue;
            batch.ids(t) = ids(b, l);
            batch.segments(t) = segments(b, l);
            batch.positions(t) = static_cast<std::int64_t>(l);
            ++t;
        }
        batch.sequences.begin.push_back(t);
    }
    if (T < B * L) batch.padded_ids = ids;
    return batch;
}

/// Packs lists of ids of different lengths.
/// @param ids  the token ids of each sequence
/// @param segments  of the same lengths; if empty, every token belongs to segment 0
/// @return  the packed batch
/// @throws std::invalid_argument if the lengths differ
inline Batch pack(const std::vector<std::vector<std::int64_t>>& ids, const std::vector<std::vector<std::int64_t>>& segments = {})
{
    if (!segments.empty() && segments.size() != ids.size())
        throw std::invalid_argument("pack: segments: expected " + std::to_string(ids.size()) + " sequences, got " +
                                    std::to_string(segments.size()));
    Batch batch;
    for (const auto& sequence : ids) {
        batch.sequences.begin.push_back(batch.sequences.tokens() + sequence.size());
        batch.padded_length = std::max(batch.padded_length, sequence.size());
    }
    const std::size_t T = batch.sequences.tokens();
    batch.ids.resize({T});
    batch.segments.resize({T});
    batch.positions.resize({T});
    for (std::size_t b = 0; b < ids.size(); ++b) {
        if (!segments.empty() && segments[b].size() != ids[b].size())
            throw std::invalid_argument("pack: segments of sequence " + std::to_string(b) + ": expected " +
                                        std::to_string(ids[b].size()) + ", got " + std::to_string(segments[b].size()));
        for (std::size_t i = 0; i < ids[b].size(); ++i) {
            const std::size_t t = batch.sequences.begin[b] + i;
            batch.ids(t) = ids[b][i];
            batch.segments(t) = segments.empty() ? 0 : segments[b][i];
            batch.positions(t) = static_cast<std::int64_t>(i);
        }
    }
    return batch;
}

/// Takes the rows of a padded tensor that belong to a packed batch's tokens.
/// @param padded  [B, L, W]
/// @param batch  which tokens are real
/// @return  [T, W]
/// @throws std::invalid_argument if B or L is not the batch's, its sequences don't lie end to end, or a position is not below L
template <class Value>
Tensor<Value, 2> pack_rows(const Tensor<Value, 3>& padded, const Batch& batch)
{
    const std::size_t W = padded.shape(2);
    require_sequences("pack_rows: sequences", batch.sequences, batch.sequences.tokens());
    require_shape("pack_rows", padded, {batch.sequences.count(), batch.padded_length, W});
    require_shape("pack_rows: positions", batch.positions, {batch.sequences.tokens()});
    require_below("pack_rows: positions", batch.positions, batch.padded_length);
    Tensor<Value, 2> rows;
    rows.resize({batch.sequences.tokens(), W});
    for (std::size_t b = 0; b < batch.sequences.count(); ++b)
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t)
            for (std::size_t w = 0; w < W; ++w)
                rows(t, w) = padded(b, static_cast<std::size_t>(batch.positions(t)), w);
    return rows;
}

/// The padded form of a packed result, zeros at the padding.
/// @param rows  [T, W]
/// @param batch  the batch whose tokens these are
/// @return  [B, L, W]
/// @throws std::invalid_argument if the batch has another number of tokens, its sequences don't lie end to end, or a position is
/// not below L
template <class Value>
Tensor<Value, 3> unpack_rows(const Tensor<Value, 2>& rows, const Batch& batch)
{
    const std::size_t W = rows.shape(1);
    require_sequences("unpack_rows: sequences", batch.sequences, batch.sequences.tokens());
    require_shape("unpack_rows", rows, {batch.sequences.tokens(), W});
    require_shape("unpack_rows: positions", batch.positions, {rows.shape(0)});
    require_below("unpack_rows: positions", batch.positions, batch.padded_length);
    auto padded = zeros<Value, 3>({batch.sequences.count(), batch.padded_length, W});
    for (std::size_t b = 0; b < batch.sequences.count(); ++b)
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t)
            for (std::size_t w = 0; w < W; ++w)
                padded(b, static_cast<std::size_t>(batch.positions(t)), w) = rows(t, w);
    return padded;
}

}  // namespace bert
