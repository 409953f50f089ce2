/// @file
/// Looking up rows of a table.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `embedding_lookup` and its backward.
struct EmbeddingLookupOperations {
    /// Looks up the table's row for each id.
    /// \f[ y_{th} = \mathrm{table}_{rh},\quad r = \mathrm{ids}_t \f]
    /// Symbols: \f$r\f$ `row`.
    /// @param ids  indices of the rows, [T]
    /// @param table  [rows, H]
    /// @param[out] y  [T, H]
    /// @throws std::invalid_argument for an id outside the table: `embedding_lookup: ids[3]: expected 0 to 30521, got 30522`
    /// @see Devlin et al. 2019, section 3, input representations; google-research/bert, modeling.py, embedding_lookup
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

    /// The gradient of a row is the sum over all tokens that looked it up, added in the order of the tokens.
    /// \f[ \delta\mathrm{table}_{rh} \mathrel{+}= \sum_{t:\ \mathrm{ids}_t = r} \delta y_{th}
    ///     \quad\text{for}\ r \neq \mathrm{padding\_row} \f]
    /// Symbols: \f$r\f$ `row`, \f$\delta\mathrm{table}\f$ `d_table`, \f$\delta y\f$ `d_y`. (The exception is torch.nn.Embedding's
    /// padding_idx, as in the transformers library; google-research/bert has none.)
    /// @param d_y  [T, H]
    /// @param ids  as in forward, [T]
    /// @param padding_row  a row that gets no gradient, for example that of the padding token; if empty, every row gets its
    /// gradient
    /// @param[in,out] d_table  [rows, H]; added to
    /// @throws std::invalid_argument if d_y is not [T, H], or for an id or a padding_row outside the table
    template <class Real>
    static void embedding_lookup_backward(const Tensor<Real, 2>& d_y, const IndexTensor<1>& ids,
                                          std::optional<std::size_t> padding_row, Tensor<Real, 2>& d_table)
    {
        const std::size_t T = ids.shape(0), H = d_table.shape(1);
        require_shape("embedding_lookup_backward: d_y", d_y, {T, H});
        require_below("embedding_lookup_backward: ids", ids, d_table.shape(0));
        if (padding_row.has_value() && *padding_row >= d_table.shape(0))
            throw std::invalid_argument("embedding_lookup_backward: padding_row: expected a row below " +
                                        std::to_string(d_table.shape(0)) + ", got " + std::to_string(*padding_row));
        for (std::size_t t = 0; t < T; ++t) {
            const auto row = static_cast<std::size_t>(ids(t));
            if (padding_row.has_value() && row == *padding_row) continue;
            for (std::size_t h = 0; h < H; ++h)
                d_table(row, h) += d_y(t, h);
        }
    }
};

}  // namespace bert::reference
