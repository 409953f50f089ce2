/// @file
/// The trigrams of MobileBERT: which tokens are a token's neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// The tokens whose word vectors go into each token's embedding.
struct Neighbourhood {
    IndexTensor<1> ids;  ///< of each token in turn the next, its own, the previous: [3T]; without trigrams its own, [T]
    std::vector<std::size_t> absent;  ///< indices in ids beyond an end of a sequence, ascending; ids is 0 there
};

/// Finds each token's neighbours. They are those of the padded form: also a token that the mask hides is a neighbour, and padding
/// that follows a text. (As in the transformers library. So the last token of a text differs between the text alone and in a
/// padded batch.) In a batch without padded form, they are those of the sequence.
/// @param batch  T tokens; batch.padded_ids where a mask hides some
/// @param trigrams  whether there are neighbours
/// @param[out] neighbourhood  ids and absent
inline void find_neighbours(const Batch& batch, bool trigrams, Neighbourhood& neighbourhood)
{
    neighbourhood.absent.clear();
    if (!trigrams) {
        neighbourhood.ids = batch.ids;
        return;
    }
    const bool is_padded = batch.padded_ids.size() > 0;
    neighbourhood.ids.resize({3 * batch.ids.size()});
    for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
        const std::size_t begin = batch.sequences.begin[b];
        const auto length = static_cast<std::int64_t>(is_padded ? batch.padded_ids.shape(1) : batch.sequences.length(b));
        for (std::size_t t = begin; t < batch.sequences.begin[b + 1]; ++t) {
            const std::int64_t place = is_padded ? batch.positions(t) : static_cast<std::int64_t>(t - begin);
            for (std::size_t n = 0; n < 3; ++n) {
                const std::int64_t neighbour = place + 1 - static_cast<std::int64_t>(n);  // next, own, previous
                std::int64_t& id = neighbourhood.ids(3 * t + n);
                if (neighbour < 0 || neighbour >= length) {
                    neighbourhood.absent.push_back(3 * t + n);
                    id = 0;
                } else {
                    const auto column = static_cast<std::size_t>(neighbour);
                    id = is_padded ? batch.padded_ids(b, column) : batch.ids(begin + column);
                }
            }
        }
    }
}

}  // namespace bert
