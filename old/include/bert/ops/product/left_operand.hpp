/// @file
/// The left operand of a product, as elements of its format: what is there, if a number is an element; else a copy, made once
/// for all panels. Rows that fall on each other in the cache are copied as well: the product of 1,024 rows of 3,072 numbers by
/// 768 columns takes 23 ms instead of 28.
#pragma once

#include <algorithm>
#include <cstddef>

#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// Rows of x as elements. Of a transposed matrix (step isn't 1), whose columns lie in memory one beside the other, the copy is
/// transposed too; only for a matrix unit, which takes rows, it is put upright.
/// @tparam Format  what an element is
template <class Format>
struct LeftOperand {
    using Real = typename Format::Real;                        ///< the scalar
    using Element = typename Format::Element;                  ///< what the kernel multiplies
    static constexpr std::size_t line = 64 / sizeof(Element);  ///< elements in a line of the cache

    /// @param n  elements side by side
    /// @return  from these to the next: rows of a power of two would fall on each other in the first-level cache
    static constexpr std::size_t stride(std::size_t n) { return (n + line - 1) / line * line + line; }

    /// Whether rows fall on each other: of lines at a multiple of 4,096 bytes from each other the first-level cache holds 8.
    /// @param x  rows
    /// @return  whether a tile's don't fit
    static bool are_in_conflict(const Rows<Real>& x)
    {
        constexpr std::size_t period = 4096 / sizeof(Real), ways = 8;
        return (x.step == 1 ? x.stride : x.step) % period == 0 && x.count > ways;
    }

    /// @param rows  rows of x
    /// @param K  their width
    /// @return  elements of a buffer for a copy of them, transposed or not
    static constexpr std::size_t size(std::size_t rows, std::size_t K)
    {
        return std::max(rows * stride(Format::elements(K)), Format::elements(K) * stride(rows));
    }

    /// @param x  rows
    /// @return  how many lines of the copy there are: rows, or k, or blocks of rows
    static std::size_t lines(const Rows<Real>& x)
    {
        if (x.step == 1) return x.count;
        return is_upright ? (x.count + line - 1) / line : Format::elements(x.width);
    }

    /// Copies one line.
    /// @param x  rows
    /// @param i  which line
    /// @param[out] buffer  the whole copy
    static void copy_line(const Rows<Real>& x, std::size_t i, Element* buffer)
    {
        constexpr std::size_t numbers = Format::per_element;
        if (x.step == 1)
            Format::write(x.data + i * x.stride, x.width, buffer + i * stride(Format::elements(x.width)));
        else if constexpr (is_upright)
            copy_block(x, i * line, std::min(line, x.count - i * line), buffer);
        else
            Format::across(x.data + i * numbers * x.step, x.step, std::min(numbers, x.width - i * numbers), x.count,
                           buffer + i * stride(x.count));
    }

    /// What the kernel is given of a copy.
    /// @param x  rows
    /// @param buffer  the copy
    /// @return  its rows
    static Rows<Element> rows(const Rows<Real>& x, const Element* buffer)
    {
        const std::size_t E = Format::elements(x.width);
        if (x.step == 1 || is_upright) return {buffer, x.count, E, stride(E)};
        return {buffer, x.count, E, 1, stride(x.count)};
    }

private:
    static constexpr bool is_upright = Format::Tiles::exists;

    /// Some rows of a transposed matrix, upright.
    static void copy_block(const Rows<Real>& x, std::size_t first, std::size_t count, Element* buffer)
    {
        constexpr std::size_t numbers = Format::per_element;
        const std::size_t E = Format::elements(x.width);
        for (std::size_t e = 0; e < E; ++e) {
            Element column[line];
            Format::across(x.data + e * numbers * x.step + first, x.step, std::min(numbers, x.width - e * numbers), count,
                           column);
            for (std::size_t row = 0; row < count; ++row)
                buffer[(first + row) * stride(E) + e] = column[row];
        }
    }
};

/// The left operand, by one thread: copied only if it must be.
/// @param x  rows
/// @param buffer  LeftOperand<Format>::size(x.count, x.width) elements; not used if a number is an element
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

/// The left operand, by all threads.
/// @param x  rows
/// @param workspace  holds the copy until the next left operand is asked for
/// @return  rows for the kernel
template <class Format, class Real>
Rows<typename Format::Element> left_operand(const Rows<Real>& x, Workspace& workspace)
{
    using Left = LeftOperand<Format>;
    if constexpr (!Format::is_converted) {
        if (!Left::are_in_conflict(x)) return x;
    }
    constexpr std::size_t piece_lines = 16;
    auto* const buffer = workspace.shared<typename Format::Element>(Scratch::left_operand, Left::size(x.count, x.width));
    const std::size_t lines = Left::lines(x);
    parallel_for((lines + piece_lines - 1) / piece_lines, [&](std::size_t piece, std::size_t) {
        for (std::size_t i = piece * piece_lines; i < std::min(lines, (piece + 1) * piece_lines); ++i)
            Left::copy_line(x, i, buffer);
    });
    return Left::rows(x, buffer);
}

}  // namespace bert::product
