/// @file
/// A matrix, or a part of one, as products see it.
#pragma once

#include <cstddef>

#include "bert/core/tensor.hpp"

namespace bert::product {

/// Rows of numbers: a matrix, or a range of columns of one.
template <class Real>
struct Rows {
    const Real* data;      ///< the first number
    std::size_t count;     ///< how many rows
    std::size_t width;     ///< numbers in a row
    std::size_t stride;    ///< from one row to the next
    std::size_t step = 1;  ///< from one number of a row to the next; other than 1 only on the left of a product
};

/// All rows of a matrix.
/// @param matrix  [rows, width]
/// @return  them
template <class Real>
Rows<Real> rows_of(const Tensor<Real, 2>& matrix)
{
    return {matrix.data(), matrix.shape(0), matrix.shape(1), matrix.shape(1)};
}

/// The columns of a matrix, as rows: its transpose, without moving a number.
/// @param matrix  [rows, width]
/// @return  them, for the left of a product
template <class Real>
Rows<Real> columns_of(const Tensor<Real, 2>& matrix)
{
    return {matrix.data(), matrix.shape(1), matrix.shape(0), 1, matrix.shape(1)};
}

}  // namespace bert::product
