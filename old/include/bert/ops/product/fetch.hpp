/// @file
/// Memory that is fetched before it is needed. A product packs its operand and writes its result panel by panel, down rows that
/// lie far from each other: the processor doesn't foresee them, and would wait for each. A fine-tuning step of BERT-base takes
/// 8 % less.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// Bytes in a line of the cache.
inline constexpr std::size_t line_bytes = 64;

/// What is done with what is fetched: a line that will be written is taken away from the other cores at once.
enum class Access {
    write,  ///< or added to
    read,   ///< only
};

/// Fetches a part of the row that comes some rows after this one.
/// @param matrix  what is read, written or added to
/// @param row  which is at hand
/// @param column  where the part begins
/// @param count  how many numbers it has
/// @param access  whether it is written
template <class Real>
void fetch_ahead(const Rows<Real>& matrix, std::size_t row, std::size_t column, std::size_t count, Access access = Access::write)
{
    constexpr std::size_t rows_ahead = 8;
    const Real* const part = matrix.data + std::min(row + rows_ahead, matrix.count - 1) * matrix.stride + column;
    for (std::size_t i = 0; i < count; i += line_bytes / sizeof(Real)) {
        if (access == Access::write)  // not ?:, of which clang 14 crashes at -O0
            __builtin_prefetch(part + i, 1);
        else
            __builtin_prefetch(part + i, 0);
    }
}

/// What is fetched while rows are multiplied by one panel: the memory that the next one lies in, or will be packed from. Each of
/// the first tiles fetches one strand of it, a line at each k.
struct NextPanel {
    std::array<std::uintptr_t, 4> strands{};  ///< where each begins; 0: it is not fetched
    std::size_t step = 0;                     ///< bytes from one line of a strand to the next
};

/// A panel whose memory is in one piece: one that is packed, or rows that one will be packed from.
/// @param begin  its first number
/// @param count  how many numbers
/// @param K  elements in a row of x, so lines in a strand
/// @return  its strands
template <class Number>
NextPanel next_in_one_piece(const Number* begin, std::size_t count, std::size_t K)
{
    NextPanel next{{}, line_bytes};
    for (std::size_t i = 0; i < next.strands.size() && i * K * line_bytes < count * sizeof(Number); ++i)
        next.strands[i] = reinterpret_cast<std::uintptr_t>(begin) + i * K * line_bytes;
    return next;
}

/// Columns that a panel will be packed from.
/// @param matrix  rows of all columns
/// @param first  the first column
/// @param count  how many columns
/// @param per_element  rows for one k
/// @return  their strands: of each of these rows its lines
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
