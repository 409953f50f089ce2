/// @file
/// Some rows of a matrix, taken out and put back: heads and the last block compute of the rows that are asked for alone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/core/tensor.hpp"

namespace bert {

/// Takes some rows out of a matrix.
/// @param name  what the matrix is to the caller, for the message
/// @param all  [T, H]
/// @param rows  which, M of them
/// @param[out] some  these rows, [M, H]
/// @throws std::invalid_argument for a row that there isn't
template <class Real>
void take_rows(const char* name, const Tensor<Real, 2>& all, const std::vector<std::size_t>& rows, Tensor<Real, 2>& some)
{
    const std::size_t T = all.shape(0), H = all.shape(1), M = rows.size();
    some.resize({M, H});
    for (std::size_t m = 0; m < M; ++m) {
        if (rows[m] >= T)
            throw std::invalid_argument(std::string(name) + ": rows[" + std::to_string(m) + "]: expected a row below " +
                                        std::to_string(T) + ", got " + std::to_string(rows[m]));
        std::copy_n(all.data() + rows[m] * H, H, some.data() + m * H);
    }
}

/// Puts them back in their places.
/// @param some  [M, H]
/// @param rows  where they belong, M of them
/// @param T  how many rows there are in all, more than any of rows
/// @param[out] all  [T, H], zero where none of them belongs
template <class Real>
void put_rows(const Tensor<Real, 2>& some, const std::vector<std::size_t>& rows, std::size_t T, Tensor<Real, 2>& all)
{
    const std::size_t H = some.shape(1);
    all.resize({T, H});
    all.fill(Real(0));
    for (std::size_t m = 0; m < rows.size(); ++m)
        std::copy_n(some.data() + m * H, H, all.data() + rows[m] * H);
}

}  // namespace bert
