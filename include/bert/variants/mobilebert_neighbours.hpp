/// @file
/// The trigrams of MobileBERT: which tokens are a token's neighbours.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// The tokens whose word vectors go into each token's embedding. (Sun et al. 2020, section 3.4.)
struct Neighbourhood {
    IndexTensor<1> ids;  ///< each token's next, own and previous id, in turn: [3T]; without trigrams its own alone, [T]
    std::vector<std::size_t> absent;  ///< indices of ids that lie beyond an end of a sequence, ascending; ids is 0 there
};

/// Finds each token's neighbours.
/// \f[ \mathrm{ids}_{3t+n} = \mathrm{row}_{l_t + 1 - n},\quad n = 0, 1, 2 \f]
/// where row holds the ids of the sequence of token t, which is at \f$l_t\f$ in it. With a padded form, row is the padded one: a
/// token that the mask hides is a neighbour, and so is the padding behind a text. (As in the transformers library. The vector of
/// a text's last token therefore differs between the text alone and in a padded batch.)
/// Symbols: ids `neighbourhood.ids`, \f$l_t\f$ `column`, \f$l_t + 1 - n\f$ `neighbour`, row a row of `batch.padded_ids`, or a
/// sequence of `batch.ids`.
/// @param batch  T tokens, checked (MobileBertEmbeddings::check); [B, L] padded_ids where a mask hides some
/// @param trigrams  whether there are neighbours; without them, each token's own id is all
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
            const std::int64_t column = is_padded ? batch.positions(t) : static_cast<std::int64_t>(t - begin);
            for (std::size_t n = 0; n < 3; ++n) {
                const std::int64_t neighbour = column + 1 - static_cast<std::int64_t>(n);  // next, own, previous
                std::int64_t& id = neighbourhood.ids(3 * t + n);
                if (neighbour < 0 || neighbour >= length) {
                    neighbourhood.absent.push_back(3 * t + n);
                    id = 0;
                } else {
                    const auto l = static_cast<std::size_t>(neighbour);
                    id = is_padded ? batch.padded_ids(b, l) : batch.ids(begin + l);
                }
            }
        }
    }
}

}  // namespace bert
