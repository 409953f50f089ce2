/// @file
/// Some rows of a matrix, taken out and put back: heads and the last block compute only the rows that are asked for.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/core/tensor.hpp"

namespace bert {

/// Checks that every row is one of a matrix.
/// @param name  what the matrix is to the caller, for the message
/// @param rows  which
/// @param T  how many it has
/// @throws std::invalid_argument for a row that there isn't
inline void require_rows(const char* name, std::span<const std::size_t> rows, std::size_t T)
{
    for (std::size_t m = 0; m < rows.size(); ++m)
        if (rows[m] >= T)
            throw std::invalid_argument(std::string(name) + ": rows[" + std::to_string(m) + "]: expected a row below " +
                                        std::to_string(T) + ", got " + std::to_string(rows[m]));
}

/// Takes some rows out of a matrix.
/// @param name  what the matrix is to the caller, for the message
/// @param all  [T, H]
/// @param rows  which, M of them
/// @param[out] some  these rows, [M, H]
/// @throws std::invalid_argument for a row that there isn't
template <class Real>
void take_rows(const char* name, const Tensor<Real, 2>& all, std::span<const std::size_t> rows, Tensor<Real, 2>& some)
{
    const std::size_t H = all.shape(1), M = rows.size();
    require_rows(name, rows, all.shape(0));
    some.resize({M, H});
    for (std::size_t m = 0; m < M; ++m)
        std::copy_n(all.data() + rows[m] * H, H, some.data() + m * H);
}

/// Puts them back in their places.
/// @param some  [M, H]
/// @param rows  where they belong, M of them
/// @param T  how many rows there are in all, more than any of rows
/// @param[out] all  [T, H], zero where none of them belongs
/// @throws std::invalid_argument if some are not M, or for a row that there isn't
template <class Real>
void put_rows(const Tensor<Real, 2>& some, std::span<const std::size_t> rows, std::size_t T, Tensor<Real, 2>& all)
{
    const std::size_t H = some.shape(1);
    require_shape("put_rows", some, {rows.size(), H});
    require_rows("put_rows", rows, T);
    all.resize({T, H});
    all.fill(Real(0));
    for (std::size_t m = 0; m < rows.size(); ++m)
        std::copy_n(some.data() + m * H, H, all.data() + rows[m] * H);
}

/// Adds them to what stands in their places.
/// @param name  what the matrix is to the caller, for the message
/// @param some  [M, H]
/// @param rows  where they belong, M of them
/// @param[in,out] all  [T, H]
/// @throws std::invalid_argument if some are not M, or all has another width, or not such a row
template <class Real>
void add_rows(const char* name, const Tensor<Real, 2>& some, std::span<const std::size_t> rows, Tensor<Real, 2>& all)
{
    const std::size_t H = some.shape(1);
    require_shape(name, some, {rows.size(), H});
    require_shape(name, all, {all.shape(0), H});
    require_rows(name, rows, all.shape(0));
    for (std::size_t m = 0; m < rows.size(); ++m)
        for (std::size_t h = 0; h < H; ++h)
            all(rows[m], h) += some(m, h);
}

}  // namespace bert
