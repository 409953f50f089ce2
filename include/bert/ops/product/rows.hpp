/// @file
/// A matrix, or a range of its rows or columns, as operand or result of a product.
#pragma once

#include <cstddef>

#include "bert/core/tensor.hpp"

namespace bert::product {

/// Rows of numbers: a matrix, or a range of its columns.
template <class Real>
struct Rows {
    const Real* data;               ///< the first number
    std::size_t count;              ///< how many rows
    std::size_t width;              ///< numbers in a row
    std::size_t stride;             ///< from one row to the next
    std::size_t column_stride = 1;  ///< from one number of a row to the next; other than 1 only on the left of a product
};

/// Rows that are written: those of a matrix, or scratch memory.
template <class Real>
struct OutputRows {
    Real* data;          ///< the first number
    std::size_t count;   ///< how many rows
    std::size_t width;   ///< numbers in a row
    std::size_t stride;  ///< from one row to the next

    /// @param t  a row
    /// @return  its first number
    Real* row(std::size_t t) const { return data + t * stride; }
    /// @return  the same rows, read only
    operator Rows<Real>() const { return {data, count, width, stride}; }
};

/// All rows of a matrix.
/// @param matrix  [rows, width]
/// @return  the rows
template <class Real>
Rows<Real> rows_of(const Tensor<Real, 2>& matrix)
{
    return {matrix.data(), matrix.shape(0), matrix.shape(1), matrix.shape(1)};
}

/// All rows of a matrix that is written.
/// @param matrix  [rows, width]
/// @return  the rows
template <class Real>
OutputRows<Real> output_rows_of(Tensor<Real, 2>& matrix)
{
    return {matrix.data(), matrix.shape(0), matrix.shape(1), matrix.shape(1)};
}

/// The transpose of a matrix, without copying it.
/// @param matrix  rows of contiguous numbers
/// @return  its columns as rows, for the left of a product
template <class Real>
Rows<Real> transposed(const Rows<Real>& matrix)
{
    return {matrix.data, matrix.width, matrix.count, 1, matrix.stride};
}

/// Some rows of a matrix, or of a transposed one.
/// @param matrix  rows
/// @param first  index of the first row
/// @param count  how many rows
/// @return  these rows
template <class Real>
Rows<Real> some_rows(const Rows<Real>& matrix, std::size_t first, std::size_t count)
{
    return {matrix.data + first * matrix.stride, count, matrix.width, matrix.stride, matrix.column_stride};
}

}  // namespace bert::product
