/// @file
/// Matrix units, such as AMX: units of a processor that multiply whole tiles of bfloat16, sixteen times as fast as its vectors.
///
/// A tile has up to 16 rows of 64 bytes: 16 rows of x by 32 of its numbers in k, 16 pairs in k by 16 columns of a panel, or 16 by
/// 16 sums. The kernel keeps four tiles of sums, 32 rows by 32 columns. For every 32 numbers in k it loads two tiles of x and two
/// of the panel, and multiplies each tile of x by each of the panel:
/// ```
///              panel 0    panel 1
///    x 0  ->   sums 00    sums 01
///    x 1  ->   sums 10    sums 11
/// ```
/// The unit sums in an order of its own (Intel's Software Developer's Manual, volume 2, TDPBF16PS). Of 32 numbers in k it sums
/// the products at the 16 even positions and those at the 16 odd ones separately, each from zero and with one rounding per
/// product. Then it adds the two sums to each other, and the result to the sum in the tile:
/// \f[ e = \sum_{i=0}^{15} x_{2i} w_{2i},\quad o = \sum_{i=0}^{15} x_{2i+1} w_{2i+1},\quad s \leftarrow s + (e + o) \f]
/// It rounds to nearest, whatever the rounding mode of the thread. A subnormal number counts as zero, and a subnormal sum becomes
/// zero. The rest of a block of k, fewer than 32 numbers, is summed by vectors.
///
/// A product therefore has other bits with a unit than without. But the order depends on K alone: with a unit, too, a row has the
/// same bits alone and in any batch, on any number of threads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#if defined(__AMX_BF16__) || defined(__AMXBF16__)  // the latter: clang before 17
#define BERT_AMX
#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

#include "bert/core/float16.hpp"
#include "bert/ops/simd/intrinsics.hpp"

namespace bert::product {

/// Number of rows of a tile, and of pairs or sums in a row.
inline constexpr std::size_t tile_side = 16;

/// No matrix unit: the kernel uses vectors alone.
struct NoTiles {
    static constexpr bool exists = false;        ///< the kernel uses no other member
    static constexpr const char* name = "none";  ///< name of the unit
};

/// A matrix unit in loops, for any processor. Its sums have the bits of AMX's, except in a NaN, and it throws where AMX faults.
/// AMX and the kernel's use of tiles are tested against it.
struct LoopTiles {
    static constexpr bool exists = true;          ///< the kernel may use it
    static constexpr const char* name = "loops";  ///< name of the unit

    /// @return  whether it can be used
    static bool is_usable() { return true; }

    /// Sets the number of rows of the two tiles of x, and all tiles to zero. It must be called before the functions below.
    /// @param rows0  rows of the first tile, 1 to 16
    /// @param rows1  rows of the second tile, 0 to 16
    /// @throws std::invalid_argument for other numbers
    void configure(std::size_t rows0, std::size_t rows1)
    {
        if (rows0 < 1 || rows0 > tile_side || rows1 > tile_side)
            throw std::invalid_argument("tiles: rows: expected 1 to 16 and 0 to 16, got " + std::to_string(rows0) + " and " +
                                        std::to_string(rows1));
        *this = {};
        rows_ = {rows0, rows1};
    }

    /// Sets all sums to zero.
    /// @throws std::logic_error if the tiles are not configured
    void clear()
    {
        require_configured();
        sums_ = {};
    }

    /// Loads the sums.
    /// @param sums  from the first row and column on
    /// @param stride  numbers from one row to the next
    /// @throws std::logic_error if the tiles are not configured
    void load_sums(const float* sums, std::size_t stride)
    {
        for_each_sum([&](std::size_t row, std::size_t column, float& sum) { sum = sums[row * stride + column]; });
    }

    /// Stores the sums.
    /// @param sums  from the first row and column on
    /// @param stride  numbers from one row to the next
    /// @throws std::logic_error if the tiles are not configured
    void store_sums(float* sums, std::size_t stride)
    {
        for_each_sum([&](std::size_t row, std::size_t column, const float& sum) { sums[row * stride + column] = sum; });
    }

    /// Loads 16 pairs of each row of x, and the panel's 16 rows for them.
    /// @param x  pairs of the first row
    /// @param x_stride  pairs from one row to the next
    /// @param panel  16 rows of 32 pairs
    /// @throws std::logic_error if the tiles are not configured
    void load(const std::uint32_t* x, std::size_t x_stride, const std::uint32_t* panel)
    {
        require_configured();
        for (std::size_t row = 0; row < rows_[0] + rows_[1]; ++row)
            std::copy_n(x + row * x_stride, tile_side, x_[row].data());
        for (std::size_t k = 0; k < tile_side; ++k)
            std::copy_n(panel + k * 2 * tile_side, 2 * tile_side, panel_[k].data());
    }

    /// sums += x panel, for the loaded x and panel.
    /// @throws std::logic_error if the tiles are not configured
    void multiply_add()
    {
        for_each_sum([&](std::size_t row, std::size_t column, float& sum) {
            float even = 0, odd = 0;
            for (std::size_t k = 0; k < tile_side; ++k) {
                const std::uint32_t a = x_[row][k], b = panel_[k][column];
                even = flushed(std::fma(number(a), number(b), even));
                odd = flushed(std::fma(number(a >> 16U), number(b >> 16U), odd));
            }
            sum = flushed(flushed(sum) + flushed(even + odd));
        });
    }

    /// Releases the unit; the contents of the tiles are lost.
    void release() { rows_ = {}; }

private:
    void require_configured() const
    {
        if (rows_[0] == 0) throw std::logic_error("tiles: expected configured tiles, got tiles that are not configured");
    }

    /// Replaces a subnormal number by zero.
    static float flushed(float number)
    {
        return std::abs(number) < std::numeric_limits<float>::min() ? std::copysign(0.0F, number) : number;
    }

    static float number(std::uint32_t half) { return flushed(float_from_bfloat16(static_cast<std::uint16_t>(half & 0xFFFFU))); }

    template <class Visit>
    void for_each_sum(const Visit& visit)
    {
        require_configured();
        for (std::size_t row = 0; row < rows_[0] + rows_[1]; ++row)
            for (std::size_t column = 0; column < 2 * tile_side; ++column)
                visit(row, column, sums_[row][column]);
    }

    std::array<std::size_t, 2> rows_{};
    std::array<std::array<float, 2 * tile_side>, 2 * tile_side> sums_{};
    std::array<std::array<std::uint32_t, tile_side>, 2 * tile_side> x_{};
    std::array<std::array<std::uint32_t, 2 * tile_side>, tile_side> panel_{};
};

#ifdef BERT_AMX
/// AMX. Its state belongs to the thread, which must release what it configured. To use a tile that isn't configured
/// is an illegal instruction.
struct AmxTiles {
    static constexpr bool exists = true;        ///< the kernel may use it
    static constexpr const char* name = "AMX";  ///< name of the unit

    /// Whether the system lets this process use the unit; the system is asked once.
    /// @return  true if so
    static bool is_usable()
    {
#ifdef __linux__
        constexpr long request_permission = 0x1023, tile_data = 18;  // arch_prctl's ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
        static const bool is_permitted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
        return is_permitted;
#else
        return false;
#endif
    }

    /// @copydoc LoopTiles::configure
    void configure(std::size_t rows0, std::size_t rows1)
    {
        // Tiles 0 and 1 are sums 00 and 01, of x's first rows; 2 and 3 are sums 10 and 11; 4 and 5 are x; 6 and 7 are the panel.
        struct alignas(64) Configuration {
            std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
            std::uint16_t row_bytes[16] = {};
            std::uint8_t rows[16] = {};
        } configuration;
        const std::array<std::size_t, 8> rows{rows0, rows0, rows1, rows1, rows0, rows1, tile_side, tile_side};
        for (std::size_t tile = 0; tile < rows.size(); ++tile) {
            configuration.rows[tile] = static_cast<std::uint8_t>(rows[tile]);
            configuration.row_bytes[tile] = rows[tile] > 0 ? 64 : 0;
        }
        asm volatile("" : : "r"(&configuration) : "memory");  // read as a whole; g++ 12's intrinsic declares only its first bytes
        _tile_loadconfig(&configuration);
        has_second_ = rows1 > 0;
    }

    /// @copydoc LoopTiles::clear
    void clear()
    {
        _tile_zero(0);
        _tile_zero(1);
        if (!has_second_) return;
        _tile_zero(2);
        _tile_zero(3);
    }

    /// @copydoc LoopTiles::load_sums
    void load_sums(const float* sums, std::size_t stride)
    {
        const std::size_t bytes = stride * sizeof(float);
        _tile_loadd(0, sums, bytes);
        _tile_loadd(1, sums + tile_side, bytes);
        if (!has_second_) return;
        _tile_loadd(2, sums + tile_side * stride, bytes);
        _tile_loadd(3, sums + tile_side * stride + tile_side, bytes);
    }

    /// @copydoc LoopTiles::store_sums
    void store_sums(float* sums, std::size_t stride)
    {
        const std::size_t bytes = stride * sizeof(float);
        _tile_stored(0, sums, bytes);
        _tile_stored(1, sums + tile_side, bytes);
        if (!has_second_) return;
        _tile_stored(2, sums + tile_side * stride, bytes);
        _tile_stored(3, sums + tile_side * stride + tile_side, bytes);
    }

    /// @copydoc LoopTiles::load
    void load(const std::uint32_t* x, std::size_t x_stride, const std::uint32_t* panel)
    {
        constexpr std::size_t panel_bytes = 2 * tile_side * sizeof(std::uint32_t);
        const std::size_t x_bytes = x_stride * sizeof(std::uint32_t);
        _tile_loadd(6, panel, panel_bytes);
        _tile_loadd(7, panel + tile_side, panel_bytes);
        _tile_loadd(4, x, x_bytes);
        if (has_second_) _tile_loadd(5, x + tile_side * x_stride, x_bytes);
    }

    /// @copydoc LoopTiles::multiply_add
    void multiply_add()
    {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (!has_second_) return;
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }

    /// @copydoc LoopTiles::release
    void release() { _tile_release(); }

private:
    bool has_second_ = false;
};
#endif

/// The matrix unit that the including file is compiled for, if any.
#ifdef BERT_AMX
using DefaultTiles = AmxTiles;
#else
using DefaultTiles = NoTiles;
#endif

/// Adds the products of rows of x and a panel of 32 columns to sums, in whole tiles.
/// @tparam Unit  a matrix unit
/// @param x  pairs of the first row
/// @param stride  pairs from one row to the next
/// @param rows  how many
/// @param pairs  in a row, a multiple of 16
/// @param panel  [pairs][32]
/// @param is_first  whether sums begin at zero
/// @param[in,out] sums  [rows][32]
template <class Unit>
void multiply_tiles(const std::uint32_t* x, std::size_t stride, std::size_t rows, std::size_t pairs, const std::uint32_t* panel,
                    bool is_first, float* sums)
{
    constexpr std::size_t columns = 2 * tile_side;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // packed pairs must be in memory: the intrinsics don't declare reads
    Unit unit;
    const std::size_t groups = (rows + 2 * tile_side - 1) / (2 * tile_side), height = (rows + groups - 1) / groups;
    std::size_t configured = 0;  // rows that the unit is configured for
    for (std::size_t first = 0; first < rows; first += height) {
        const std::size_t some = std::min(height, rows - first);
        if (some != configured) unit.configure(std::min(some, tile_side), some > tile_side ? some - tile_side : 0);
        configured = some;
        if (is_first)
            unit.clear();
        else
            unit.load_sums(sums + first * columns, columns);
        for (std::size_t k = 0; k < pairs; k += tile_side) {
            unit.load(x + first * stride + k, stride, panel + k * columns);
            unit.multiply_add();
        }
        unit.store_sums(sums + first * columns, columns);
    }
    unit.release();
}

}  // namespace bert::product
