/// @file
/// The left operand of a product, as elements of its format. If an element is a number, the rows are used in place; else they are
/// copied, once for all panels. Rows that compete for the same cache sets are copied as well: the product of 1,024 rows of 3,072
/// numbers by 768 columns then takes 23 ms instead of 28.
#pragma once

#include <algorithm>
#include <cstddef>

#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// Rows of x as elements. The copy of a transposed matrix (step is not 1) is transposed too, except for a matrix unit, which
/// needs contiguous rows.
/// @tparam Format  the format of the elements
template <class Format>
struct LeftOperand {
    using Real = typename Format::Real;                        ///< the scalar
    using Element = typename Format::Element;                  ///< what the kernel multiplies
    static constexpr std::size_t line = 64 / sizeof(Element);  ///< elements in a cache line

    /// @param n  elements in a row
    /// @return  elements from one row to the next; rows a power of two apart would compete for the same cache sets
    static constexpr std::size_t stride(std::size_t n) { return (n + line - 1) / line * line + line; }

    /// Whether rows compete for the same cache sets: the first-level cache holds 8 lines that are a multiple of 4,096 bytes
    /// apart.
    /// @param x  rows
    /// @return  true if x has more than 8 such rows
    static bool share_cache_sets(const Rows<Real>& x)
    {
        constexpr std::size_t period = 4096 / sizeof(Real), ways = 8;
        return (x.column_stride == 1 ? x.stride : x.column_stride) % period == 0 && x.count > ways;
    }

    /// @param rows  rows of x
    /// @param K  their width
    /// @return  elements of a buffer for a copy of the rows, transposed or not
    static constexpr std::size_t size(std::size_t rows, std::size_t K)
    {
        return std::max(rows * stride(Format::elements(K)), Format::elements(K) * stride(rows));
    }

    /// @param x  rows
    /// @return  number of lines of the copy: rows, values of k, or blocks of rows
    static std::size_t lines(const Rows<Real>& x)
    {
        if (x.column_stride == 1) return x.count;
        return has_contiguous_rows ? (x.count + line - 1) / line : Format::elements(x.width);
    }

    /// Copies one line.
    /// @param x  rows
    /// @param i  index of the line
    /// @param[out] buffer  the whole copy
    static void copy_line(const Rows<Real>& x, std::size_t i, Element* buffer)
    {
        constexpr std::size_t numbers = Format::per_element;
        if (x.column_stride == 1)
            Format::write(x.data + i * x.stride, x.width, buffer + i * stride(Format::elements(x.width)));
        else if constexpr (has_contiguous_rows)
            copy_block(x, i * line, std::min(line, x.count - i * line), buffer);
        else
            Format::across(x.data + i * numbers * x.column_stride, x.column_stride, std::min(numbers, x.width - i * numbers),
                           x.count, buffer + i * stride(x.count));
    }

    /// The copy, as operand of the kernel.
    /// @param x  rows
    /// @param buffer  the copy
    /// @return  its rows
    static Rows<Element> rows(const Rows<Real>& x, const Element* buffer)
    {
        const std::size_t E = Format::elements(x.width);
        if (x.column_stride == 1 || has_contiguous_rows) return {buffer, x.count, E, stride(E)};
        return {buffer, x.count, E, 1, stride(x.count)};
    }

private:
    static constexpr bool has_contiguous_rows = Format::Tiles::exists;

    /// Copies some rows of a transposed matrix, so that each is contiguous.
    static void copy_block(const Rows<Real>& x, std::size_t first, std::size_t count, Element* buffer)
    {
        constexpr std::size_t numbers = Format::per_element;
        const std::size_t E = Format::elements(x.width);
        for (std::size_t e = 0; e < E; ++e) {
            Element column[line];
            Format::across(x.data + e * numbers * x.column_stride + first, x.column_stride,
                           std::min(numbers, x.width - e * numbers), count, column);
            for (std::size_t row = 0; row < count; ++row)
                buffer[(first + row) * stride(E) + e] = column[row];
        }
    }
};

/// The left operand, copied by one thread if necessary.
/// @param x  rows
/// @param buffer  LeftOperand<Format>::size(x.count, x.width) elements; not used if an element is a number
/// @return  rows for the kernel
template <class Format, class Real>
Rows<typename Format::Element> left_operand(const Rows<Real>& x, [[maybe_unused]] typename Format::Element* buffer)
{
    using Left = LeftOperand<Format>;
    if constexpr (Format::is_converted) {
        for (std::size_t i = 0; i < Left::lines(x); ++i)
            Left::copy_line(x, i, buffer);
        return Left::rows(x, buffer);
    } else {
        return x;
    }
}

/// The left operand, copied by all threads if necessary.
/// @param x  rows
/// @param workspace  holds the copy until the next call
/// @return  rows for the kernel
template <class Format, class Real>
Rows<typename Format::Element> left_operand(const Rows<Real>& x, Workspace& workspace)
{
    using Left = LeftOperand<Format>;
    if constexpr (!Format::is_converted) {
        if (!Left::share_cache_sets(x)) return x;
    }
    constexpr std::size_t chunk_lines = 16;
    auto* const buffer = workspace.shared<typename Format::Element>(Scratch::left_operand, Left::size(x.count, x.width));
    const std::size_t lines = Left::lines(x);
    parallel_for((lines + chunk_lines - 1) / chunk_lines, [&](std::size_t chunk, std::size_t) {
        for (std::size_t i = chunk * chunk_lines; i < std::min(lines, (chunk + 1) * chunk_lines); ++i)
            Left::copy_line(x, i, buffer);
    });
    return Left::rows(x, buffer);
}

}  // namespace bert::product
