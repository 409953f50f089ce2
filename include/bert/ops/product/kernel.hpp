/// @file
/// The project's own matrix product: y = x Wᵀ for W in packed panels, each as wide as two vectors. (PackedLinear keeps the
/// panels, `linear` packs them in each call.)
///
/// A panel holds 2P columns of Wᵀ (P numbers in a vector) for all K values of k, one after the other: [K][2P]. A tile of y is one
/// panel wide and as high as the registers allow: 14 rows of two accumulators with 32 registers, 6 with 16. The iteration for a k
/// loads two vectors of the panel and, for each row, one number of x, and adds their products to the accumulators. (In bfloat16
/// an iteration takes two k at once. format.hpp calls the operand of an iteration an element; K below counts elements.)
/// ```
///             panel[k]:  [ 0 .. P-1 ][ P .. 2P-1 ]
/// x[0][k] -> row 0:      accumulator  accumulator
/// x[1][k] -> row 1:      accumulator  accumulator
///    ...
/// ```
/// K is divided into blocks, so that the rows of a panel for one block stay in the second-level cache. A block's sums are added
/// to a strip of sums, which stays in the cache too. After the last block the caller's `finish` takes each row of the strip (adds
/// a bias, applies an activation) and writes y once. A matrix unit (tiles.hpp) computes as much of a block in bfloat16 as it can.
///
/// While one panel is multiplied, the next one, or the memory that it will be packed from, is fetched, a cache line at each k.
/// This saves 5 % of the time of BERT-base at 1 x 128, and of its fine-tuning step in bfloat16. (A matrix unit fetches nothing.)
///
/// Every number is summed over k in one order, which depends on K alone: the height of a tile, the number of rows and the
/// number of threads change no bit.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "bert/ops/product/fetch.hpp"
#include "bert/ops/product/format.hpp"
#include "bert/ops/product/rows.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert::product {

/// The kernel for one kind of vector.
/// @tparam V  a vector of sums
/// @tparam NumberFormat  PlainFormat or Bf16Format
template <class V, class NumberFormat = PlainFormat<V>>
struct Kernel {
    using Format = NumberFormat;               ///< format of the operands
    using Real = typename V::value_type;       ///< type of the sums
    using Element = typename Format::Element;  ///< element of the operands

    static constexpr std::size_t panel_width = 2 * V::size;                ///< columns of a panel
    static constexpr std::size_t tile_height = sizeof(V) == 64 ? 14 : 6;   ///< rows of a tile: 64-byte vectors come
                                                                           ///< with 32 registers, others are taken to have 16
    static constexpr std::size_t depth = 768;                              ///< length of a block of k
    static constexpr std::size_t block_height = 16 * tile_height;          ///< rows of x that stay in the second-level cache
    static constexpr std::size_t strip_size = block_height * panel_width;  ///< numbers in a strip of sums

    /// @param columns  of Wᵀ
    /// @return  how many panels hold them
    static constexpr std::size_t panels(std::size_t columns) { return (columns + panel_width - 1) / panel_width; }

    /// Packs one panel, padded with zeros.
    /// @param weight  W, a row for each column of Wᵀ
    /// @param first  the panel's first column
    /// @param[out] panel  [K][panel_width]
    static void pack(const Rows<Real>& weight, std::size_t first, Element* panel)
    {
        pack_rows(
            std::min(panel_width, weight.count - first), weight.width,
            [&](std::size_t j) { return weight.data + (first + j) * weight.stride; }, panel);
    }

    /// Packs one panel from rows that may lie anywhere.
    /// @param columns  at most panel_width
    /// @param width  numbers in a row
    /// @param row_at  row_at(j) is the address of row j
    /// @param[out] panel  [K][panel_width]
    template <class RowAt>
    static void pack_rows(std::size_t columns, std::size_t width, const RowAt& row_at, Element* panel)
    {
        constexpr std::size_t square = 16;  // values of k that share a cache line
        for (std::size_t number = 0; number < width; number += square * Format::per_element) {
            const std::size_t count = std::min(square * Format::per_element, width - number), k1 = Format::elements(count);
            for (std::size_t j = 0; j < columns; ++j) {
                Element buffer[square];
                for (std::size_t i = 0; i < count; i += line_bytes / sizeof(Real))  // like fetch_ahead
                    __builtin_prefetch(row_at(j) + std::min(number + 4 * square + i, width - 1));
                const Element* const row = Format::along(row_at(j) + number, count, buffer);
                for (std::size_t k = 0; k < k1; ++k)
                    panel[k * panel_width + j] = row[k];
            }
            for (std::size_t j = columns; j < panel_width; ++j)
                for (std::size_t k = 0; k < k1; ++k)
                    panel[k * panel_width + j] = Element(0);
            panel += k1 * panel_width;
        }
    }

    /// Packs one panel of a matrix that isn't transposed: y = x M.
    /// @param matrix  M, a row for each number of a row of x
    /// @param first  the panel's first column
    /// @param[out] panel  [K][panel_width]
    static void pack_columns(const Rows<Real>& matrix, std::size_t first, Element* panel)
    {
        const std::size_t columns = std::min(panel_width, matrix.width - first);
        for (std::size_t row = 0; row < matrix.count; row += Format::per_element, panel += panel_width) {
            for (std::size_t i = 0; i < Format::per_element; ++i)
                fetch_ahead(matrix, row + i, first, columns, Access::read);
            Format::across(matrix.data + row * matrix.stride + first, matrix.stride, matrix.count - row, columns, panel);
            std::fill(panel + columns, panel + panel_width, Element(0));
        }
    }

    /// Multiplies rows by one panel.
    /// @param x  the rows, as elements (left_operand.hpp)
    /// @param panel  [x.width][panel_width]
    /// @param strip  scratch memory of strip_size numbers
    /// @param finish  called as finish(row, sums) for each row of x, with its panel_width sums
    /// @param next  the panel that this thread will probably use next; it is fetched during the last block of rows
    template <class Finish>
    static void multiply(const Rows<Element>& x, const Element* panel, Real* strip, const Finish& finish,
                         const NextPanel& next = {})
    {
        for (std::size_t first = 0; first < x.count; first += block_height) {
            const std::size_t rows = std::min(block_height, x.count - first);
            const NextPanel fetched = first + rows == x.count ? next : NextPanel{};
            for (std::size_t k = 0; k == 0 || k < x.width; k += depth) {
                const std::size_t block = std::min(depth, x.width - k);
                BlockOfK k_block{x.data + first * x.stride + k * x.column_stride,
                                 x.stride,
                                 x.column_stride,
                                 panel + k * panel_width,
                                 block,
                                 k == 0};
                if constexpr (Format::Tiles::exists) k_block = multiply_in_unit(k_block, rows, strip);
                if (k_block.depth > 0 || k_block.is_first) multiply_in_vectors(k_block, rows, fetched, k, strip);
            }
            for (std::size_t row = 0; row < rows; ++row)
                finish(first + row, strip + row * panel_width);
        }
    }

private:
    /// The operands of a tile, for one block of k.
    struct BlockOfK {
        const Element* x;
        std::size_t stride, k_stride;  // from one row to the next, from one k to the next
        const Element* panel;
        std::size_t depth;
        bool is_first;  // whether it is the first block of k
    };

    /// Memory that a tile fetches ahead.
    struct Fetched {
        std::uintptr_t line;      // address fetched at the first k
        std::size_t line_stride;  // bytes from one k to the next
    };

    /// Computes as much of a block of k as the matrix unit can.
    /// @return  the rest of the block
    static BlockOfK multiply_in_unit(const BlockOfK& k_block, std::size_t rows, Real* sums)
    {
        const std::size_t taken = Format::Tiles::is_usable() ? k_block.depth / tile_side * tile_side : 0;
        if (taken == 0) return k_block;
        multiply_tiles<typename Format::Tiles>(k_block.x, k_block.stride, rows, taken, k_block.panel, k_block.is_first, sums);
        return {k_block.x + taken * k_block.k_stride, k_block.stride,        k_block.k_stride,
                k_block.panel + taken * panel_width,  k_block.depth - taken, false};
    }

    /// Computes a block of k, from k on, for a block of rows, in tiles whose heights differ by at most 1.
    static void multiply_in_vectors(const BlockOfK& k_block, std::size_t rows, const NextPanel& next, std::size_t k, Real* sums)
    {
        const std::size_t tiles = (rows + tile_height - 1) / tile_height, height = rows / tiles, taller = rows % tiles;
        for (std::size_t tile = 0, begin = 0; tile < tiles; ++tile) {
            const std::size_t count = height + (tile < taller ? 1 : 0);
            const bool fetches = tile < next.strands.size() && next.strands[tile] != 0;
            const Fetched fetched = fetches
                                        ? Fetched{next.strands[tile] + k * next.line_stride, next.line_stride}
                                        : Fetched{reinterpret_cast<std::uintptr_t>(k_block.panel), 0};  // in the cache already
            tile_of_height[count](k_block, k_block.x + begin * k_block.stride, fetched, sums + begin * panel_width);
            begin += count;
        }
    }

    template <std::size_t... row>
    static void compute_tile(std::index_sequence<row...>, const BlockOfK& k_block, const Element* x, Fetched fetched, Real* sums)
    {
        V low[sizeof...(row)] = {((void)row, V(Real(0)))...};
        V high[sizeof...(row)] = {((void)row, V(Real(0)))...};
        const Element* panel = k_block.panel;
        for (std::size_t k = 0; k < k_block.depth; ++k, panel += panel_width, x += k_block.k_stride) {
            const auto panel_low = Format::load(panel), panel_high = Format::load(panel + V::size);
            __builtin_prefetch(reinterpret_cast<const void*>(fetched.line), 0, 2);  // to be read, in the second-level cache
            fetched.line += fetched.line_stride;
            // For each row: one element of x times the panel's two vectors. A fold expression over `row...` instead of a loop, so
            // that every accumulator has a register even if the compiler doesn't unroll loops.
            ((low[row] = Format::multiply_add(x[row * k_block.stride], panel_low, low[row]),
              high[row] = Format::multiply_add(x[row * k_block.stride], panel_high, high[row])),
             ...);
        }
        if (!k_block.is_first) {
            ((low[row] = V::load_unaligned(sums + row * panel_width) + low[row],
              high[row] = V::load_unaligned(sums + row * panel_width + V::size) + high[row]),
             ...);
        }
        (low[row].store_unaligned(sums + row * panel_width), ...);
        (high[row].store_unaligned(sums + row * panel_width + V::size), ...);
    }

    template <std::size_t height>
    static void tile(const BlockOfK& k_block, const Element* x, Fetched fetched, Real* sums)
    {
        compute_tile(std::make_index_sequence<height>{}, k_block, x, fetched, sums);
    }

    using Tile = void (*)(const BlockOfK&, const Element*, Fetched, Real*);
    template <std::size_t... below>
    static constexpr std::array<Tile, sizeof...(below) + 1> make_tiles(std::index_sequence<below...>)
    {
        return {nullptr, &tile<below + 1>...};
    }
    static constexpr std::array<Tile, tile_height + 1> tile_of_height = make_tiles(std::make_index_sequence<tile_height>{});
};

/// The kernel of an instruction set.
template <class Real, class Arch>
using KernelOf = Kernel<simd::Vector<Real, Arch>, typename FormatOf<Real, Arch>::type>;

}  // namespace bert::product
