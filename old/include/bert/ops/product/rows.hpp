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

/// The transpose of a matrix, without moving a number.
/// @param matrix  rows, their numbers side by side
/// @return  its columns as rows, for the left of a product
template <class Real>
Rows<Real> transposed(const Rows<Real>& matrix)
{
    return {matrix.data, matrix.width, matrix.count, 1, matrix.stride};
}

/// Some rows of a matrix, or of a transposed one.
/// @param matrix  rows
/// @param first  the first
/// @param count  how many
/// @return  them
template <class Real>
Rows<Real> some_rows(const Rows<Real>& matrix, std::size_t first, std::size_t count)
{
    return {matrix.data + first * matrix.stride, count, matrix.width, matrix.stride, matrix.step};
}

}  // namespace bert::product
