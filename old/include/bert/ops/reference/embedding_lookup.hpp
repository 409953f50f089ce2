/// @file
/// Looking up rows of a table.
#pragma once

#include <cstddef>
#include <optional>

#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `embedding_lookup` and its backward.
struct EmbeddingLookupOperations {
    /// Takes for each id its row of the table.
    /// \f[ y_{th} = \mathrm{table}_{\mathrm{ids}_t,\,h} \f]
    /// @param ids  rows wanted, [T]
    /// @param table  [rows, H]
    /// @param[out] y  [T, H]
    /// @throws std::invalid_argument for an id outside the table: `embedding_lookup: ids[3]: expected 0 to 30521, got 30522`
    template <class Real>
    static void embedding_lookup(const IndexTensor<1>& ids, const Tensor<Real, 2>& table, Tensor<Real, 2>& y)
    {
        const std::size_t T = ids.shape(0), H = table.shape(1);
        require_below("embedding_lookup: ids", ids, table.shape(0));
        y.resize({T, H});
        for (std::size_t t = 0; t < T; ++t) {
            const auto row = static_cast<std::size_t>(ids(t));
            for (std::size_t h = 0; h < H; ++h)
                y(t, h) = table(row, h);
        }
    }

    /// Each row of the table gets the gradients of all tokens that it was taken for, in the order of the tokens.
    /// \f[ \delta\mathrm{table}_{rh} \mathrel{+}= \sum_{t:\ \mathrm{ids}_t = r} \delta y_{th} \f]
    /// @param d_y  [T, H]
    /// @param ids  as in forward, [T]
    /// @param constant_row  a row that learns nothing from being looked up: the padding token's; nothing: every row learns
    /// @param[in,out] d_table  [rows, H], is added to
    /// @throws std::invalid_argument if d_y is not [T, H], or for an id outside the table
    template <class Real>
    static void embedding_lookup_backward(const Tensor<Real, 2>& d_y, const IndexTensor<1>& ids,
                                          std::optional<std::size_t> constant_row, Tensor<Real, 2>& d_table)
    {
        const std::size_t T = ids.shape(0), H = d_table.shape(1);
        require_shape("embedding_lookup_backward: d_y", d_y, {T, H});
        require_below("embedding_lookup_backward: ids", ids, d_table.shape(0));
        for (std::size_t t = 0; t < T; ++t) {
            const auto row = static_cast<std::size_t>(ids(t));
            if (row == constant_row) continue;
            for (std::size_t h = 0; h < H; ++h)
                d_table(row, h) += d_y(t, h);
        }
    }
};

}  // namespace bert::reference
