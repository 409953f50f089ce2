/// @file
/// Looking up rows of a table.
#pragma once

#include <cstddef>

#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `embedding_lookup`.
struct EmbeddingLookupOperation {
    /// Takes for each id its row of the table.
    /// \f[ y_{th} = E_{\mathrm{ids}_t,\,h} \f]
    /// @param ids  rows wanted, [T]
    /// @param table  E, [V, H]
    /// @param[out] y  [T, H]
    /// @throws std::invalid_argument for an id outside the table: `embedding_lookup: ids[3]: expected 0 to 30521, got 30522`
    template <class Real>
    static void embedding_lookup(const IndexTensor<1>& ids, const Tensor<Real, 2>& table, Tensor<Real, 2>& y)
    {
        const std::size_t T = ids.shape(0), V = table.shape(0), H = table.shape(1);
        require_below("embedding_lookup: ids", ids, V);
        y.resize({T, H});
        for (std::size_t t = 0; t < T; ++t) {
            const auto row = static_cast<std::size_t>(ids(t));
            for (std::size_t h = 0; h < H; ++h)
                y(t, h) = table(row, h);
        }
    }
};

}  // namespace bert::reference
