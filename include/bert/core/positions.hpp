/// @file
/// Which row of the position table a token has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "bert/config.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// The row of the position table for each token.
/// \f[ r_t = p_t \ \text{(BERT)},\quad
///     r_t = \mathrm{pad} + \begin{cases} 0 & \mathrm{ids}_t = \mathrm{pad} \\ n_t & \text{otherwise} \end{cases}
///     \ \text{(RoBERTa)} \f]
/// where p is the token's position, and n counts the ids of its sequence from the first to its own that aren't the padding id:
/// those, too, that the mask hides. Symbols: \f$r\f$ `rows`, \f$p\f$ `batch.positions`, pad `padding`, \f$n\f$ `count`.
/// (RoBERTa's rule is that of fairseq, make_positions, where the padding's own row of the table stays unused: with the
/// published padding id 1, the first token has row 2.)
/// @param batch  T tokens; batch.padded_ids where positions are hidden by a mask
/// @param config  positions_after_padding and pad_token_id
/// @param[out] rows  [T]
inline void position_rows(const Batch& batch, const Config& config, IndexTensor<1>& rows)
{
    rows = batch.positions;
    if (!config.positions_after_padding) return;
    const auto padding = static_cast<std::int64_t>(config.pad_token_id.value_or(0));
    for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
        std::int64_t count = 0;
        std::size_t place = 0;  // the next position of the padded sequence to be counted
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t) {
            for (; place < static_cast<std::size_t>(batch.positions(t)); ++place)  // hidden by the mask
                if (batch.padded_ids.size() > 0 && batch.padded_ids(b, place) != padding) ++count;
            if (batch.ids(t) != padding) ++count;
            rows(t) = batch.ids(t) == padding ? padding : padding + count;
            ++place;
        }
    }
}

/// The row of the position table that gets no gradient.
/// @param config  positions_after_padding and pad_token_id
/// @return  RoBERTa's padding row; BERT has none
inline std::optional<std::size_t> padding_position(const Config& config)
{
    return config.positions_after_padding ? config.pad_token_id : std::nullopt;
}

}  // namespace bert
