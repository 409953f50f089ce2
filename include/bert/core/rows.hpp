/// @file
/// Selected rows of a matrix, taken out and put back: heads, and in training the last block, compute only these. (PyTorch's
/// index_select, index_copy and index_add.) The backward of take_rows is add_rows, or put_rows where nothing else is added.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/core/tensor.hpp"

namespace bert {

/// Checks that a matrix has the selected rows.
/// @param name  name of the matrix, for the message
/// @param rows  indices of the selected rows
/// @param T  number of rows of the matrix
/// @throws std::invalid_argument for an index that is not below T
inline void require_rows(const char* name, std::span<const std::size_t> rows, std::size_t T)
{
    for (std::size_t m = 0; m < rows.size(); ++m)
        if (rows[m] >= T)
            throw std::invalid_argument(std::string(name) + ": rows[" + std::to_string(m) + "]: expected a row below " +
                                        std::to_string(T) + ", got " + std::to_string(rows[m]));
}

/// Checks that each row is larger than the one before.
/// @param name  name of the rows, for the message
/// @param rows  row numbers
/// @throws std::invalid_argument `masked_lm: rows[1]: expected more than 4, got 1`
inline void require_ascending(const char* name, std::span<const std::size_t> rows)
{
    for (std::size_t m = 1; m < rows.size(); ++m)
        if (rows[m] <= rows[m - 1])
            throw std::invalid_argument(std::string(name) + ": rows[" + std::to_string(m) + "]: expected more than " +
                                        std::to_string(rows[m - 1]) + ", got " + std::to_string(rows[m]));
}

/// Copies the selected rows out of a matrix.
/// @param name  name of the matrix, for the message
/// @param all  [T, H]
/// @param rows  indices of the selected rows, M of them
/// @param[out] some  the selected rows, [M, H]
/// @throws std::invalid_argument for an index that is not below T
template <class Real>
void take_rows(const char* name, const Tensor<Real, 2>& all, std::span<const std::size_t> rows, Tensor<Real, 2>& some)
{
    const std::size_t H = all.shape(1), M = rows.size();
    require_rows(name, rows, all.shape(0));
    some.resize({M, H});
    for (std::size_t m = 0; m < M; ++m)
        std::copy_n(all.data() + rows[m] * H, H, some.data() + m * H);
}

/// Puts selected rows back in their places and sets the other rows to zero.
/// @param some  the selected rows, [M, H]
/// @param rows  their indices, M of them, ascending
/// @param T  number of rows of all, above every index
/// @param[out] all  [T, H]
/// @throws std::invalid_argument if some doesn't have M rows, or for indices that are not ascending or not below T
template <class Real>
void put_rows(const Tensor<Real, 2>& some, std::span<const std::size_t> rows, std::size_t T, Tensor<Real, 2>& all)
{
    const std::size_t H = some.shape(1);
    require_shape("put_rows", some, {rows.size(), H});
    require_rows("put_rows", rows, T);
    require_ascending("put_rows", rows);
    all.resize({T, H});
    all.fill(Real(0));
    for (std::size_t m = 0; m < rows.size(); ++m)
        std::copy_n(some.data() + m * H, H, all.data() + rows[m] * H);
}

/// Adds selected rows to the rows at their places.
/// @param name  name of the matrix, for the message
/// @param some  the selected rows, [M, H]
/// @param rows  their indices, M of them
/// @param[in,out] all  [T, H]
/// @throws std::invalid_argument if some doesn't have M rows, all has another width, or an index is not below T
template <class Real>
void add_rows(const char* name, const Tensor<Real, 2>& some, std::span<const std::size_t> rows, Tensor<Real, 2>& all)
{
    const std::size_t H = some.shape(1);
    if (some.shape(0) != rows.size())
        throw std::invalid_argument(std::string(name) + ": expected " + std::to_string(rows.size()) + " selected rows, got " +
                                    std::to_string(some.shape(0)));
    require_shape(name, all, {all.shape(0), H});
    require_rows(name, rows, all.shape(0));
    for (std::size_t m = 0; m < rows.size(); ++m)
        for (std::size_t h = 0; h < H; ++h)
            all(rows[m], h) += some(m, h);
}

}  // namespace bert
