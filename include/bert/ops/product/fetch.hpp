/// @file
/// Fetching memory before it is needed. A product packs its operand and writes its result panel by panel, along rows that are far
/// apart in memory: the processor doesn't predict these accesses, and would wait for each. Fetching saves 8 % of the time of a
/// fine-tuning step of BERT-base.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// Bytes in a cache line.
inline constexpr std::size_t line_bytes = 64;

/// Use of the fetched memory: a cache line that will be written is taken from the other cores at once.
enum class Access {
    write,  ///< written or added to
    read,   ///< only read
};

/// Fetches a range of a row that will be used some rows later.
/// @param matrix  rows that are read, written or added to
/// @param row  the current row
/// @param column  first column of the range
/// @param count  how many numbers the range has
/// @param access  whether the range will be written
template <class Real>
void fetch_ahead(const Rows<Real>& matrix, std::size_t row, std::size_t column, std::size_t count, Access access = Access::write)
{
    constexpr std::size_t rows_ahead = 8;
    const Real* const part = matrix.data + std::min(row + rows_ahead, matrix.count - 1) * matrix.stride + column;
    for (std::size_t i = 0; i < count; i += line_bytes / sizeof(Real)) {
        if (access == Access::write)  // not ?:, on which clang 14 crashes at -O0
            __builtin_prefetch(part + i, 1);
        else
            __builtin_prefetch(part + i, 0);
    }
}

/// Memory that is fetched while rows are multiplied by one panel: that of the next panel, or that from which it will be packed.
/// Each of the first tiles fetches one strand of it, a cache line at each k.
struct NextPanel {
    std::array<std::uintptr_t, 4> strands{};  ///< address where each begins; 0 if it is not fetched
    std::size_t line_stride = 0;              ///< bytes from one line of a strand to the next
};

/// The strands of contiguous memory: a packed panel, or rows that one will be packed from.
/// @param begin  the first number
/// @param count  how many numbers
/// @param K  elements in a row of x, and so lines in a strand
/// @return  the strands
template <class Number>
NextPanel next_contiguous(const Number* begin, std::size_t count, std::size_t K)
{
    NextPanel next{{}, line_bytes};
    for (std::size_t i = 0; i < next.strands.size() && i * K * line_bytes < count * sizeof(Number); ++i)
        next.strands[i] = reinterpret_cast<std::uintptr_t>(begin) + i * K * line_bytes;
    return next;
}

/// The strands of columns that a panel will be packed from.
/// @param matrix  rows of all columns
/// @param first  the first column
/// @param count  how many columns
/// @param per_element  rows for one k
/// @return  the strands, one for each line of each of these rows
template <class Real>
NextPanel next_in_columns(const Rows<Real>& matrix, std::size_t first, std::size_t count, std::size_t per_element)
{
    const std::size_t lines = (count * sizeof(Real) + line_bytes - 1) / line_bytes;
    NextPanel next{{}, per_element * matrix.stride * sizeof(Real)};
    if (matrix.count == 0) return next;
    for (std::size_t i = 0; i < std::min(next.strands.size(), per_element * lines); ++i)
        next.strands[i] =
            reinterpret_cast<std::uintptr_t>(matrix.data + i / lines * matrix.stride + first) + i % lines * line_bytes;
    return next;
}

}  // namespace bert::product
