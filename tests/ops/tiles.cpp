// Matrix units: the sums of the stand-in worked by hand, tiles that aren't configured, and AMX held to the stand-in.
#include "bert/ops/product/tiles.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include "bert/core/float16.hpp"
#include "bert/ops/product/check.hpp"
#include "catch.hpp"

using bert::product::LoopTiles;
using bert::product::tile_side;

namespace {

constexpr std::size_t columns = 2 * tile_side;  // of a panel

std::uint32_t pair(float first, float second)
{
    return bert::bfloat16_from_float(first) | std::uint32_t{bert::bfloat16_from_float(second)} << 16U;
}

// One row of x times a column, pairs of both, added to a number by the stand-in. Pairs that are not given are zeros.
float multiplied(float sum, const std::vector<std::uint32_t>& x, const std::vector<std::uint32_t>& column)
{
    std::array<std::uint32_t, tile_side> row{};
    std::copy(x.begin(), x.end(), row.begin());
    std::vector<std::uint32_t> panel(tile_side * columns);
    for (std::size_t k = 0; k < column.size(); ++k)
        panel[k * columns] = column[k];
    std::array<float, columns> sums{sum};
    LoopTiles tiles;
    tiles.configure(1, 0);
    tiles.load_sums(sums.data(), columns);
    tiles.load(row.data(), tile_side, panel.data());
    tiles.multiply_add();
    tiles.store_sums(sums.data(), columns);
    return sums[0];
}

const std::vector<std::uint32_t> ones(tile_side, pair(1, 1));

// A unit whose first sum is too large, by one unit in its last place.
struct OtherSums : LoopTiles {
    void multiply_add()
    {
        LoopTiles::multiply_add();
        std::array<float, 2 * tile_side * columns> sums{};
        store_sums(sums.data(), columns);
        sums[0] = std::nextafter(sums[0], std::numeric_limits<float>::infinity());
        load_sums(sums.data(), columns);
    }
};

}  // namespace

TEST_CASE("The stand-in sums even and odd places apart, then adds both to the tile, as the manual says")
{
    const float big = 0x1p24F;  // the next float is 2 farther: big + 1 is big
    // Even places: big - big = 0, odd ones: 1 + 1 = 2. Added in the order of k, 1 + big = big and 1 + big - big = 0.
    CHECK(multiplied(0, {pair(big, 1), pair(-big, 1)}, ones) == 2);
    // The tile holds big: 1 + 1 = 2 comes to it at once. One by one, each 1 is lost.
    CHECK(multiplied(big, {pair(1, 1)}, ones) == big + 2);
    // Of even places alone the sum runs in the order of k: big + 1 = big, then - big.
    CHECK(multiplied(0, {pair(big, 0), pair(1, 0), pair(-big, 0)}, ones) == 0);
    // The tile comes last: -big + (big + 1) = 0, where (-big + big) + 1 is 1.
    CHECK(multiplied(-big, {pair(big, 1)}, ones) == 0);
}

TEST_CASE("The stand-in rounds once a product, and takes and makes zeros of what is no normal number")
{
    const float huge = 0x1p127F, tiny = 0x1p-126F;  // the smallest normal number
    // 2 huge is no float, but 2 huge - huge is.
    CHECK(multiplied(0, {pair(-huge, 0), pair(huge, 0)}, {pair(1, 0), pair(2, 0)}) == huge);
    // 2^-140 isn't normal: as a product, as a factor, in the tile.
    CHECK(multiplied(0, {pair(0x1p-70F, 0)}, {pair(0x1p-70F, 0)}) == 0);
    CHECK(multiplied(0, {pair(tiny / 2, 0)}, {pair(0x1p100F, 0)}) == 0);
    CHECK(multiplied(tiny / 2, {pair(tiny, 0)}, ones) == tiny);
    // The difference of two normal numbers: 1.5 tiny - tiny.
    CHECK(multiplied(0, {pair(1.5F * tiny, -tiny)}, ones) == 0);
    CHECK(multiplied(1.5F * tiny, {pair(-tiny, 0)}, ones) == 0);
    CHECK(multiplied(0, {pair(tiny, 0)}, ones) == tiny);
    CHECK(multiplied(0, {pair(std::numeric_limits<float>::infinity(), 1)}, ones) == std::numeric_limits<float>::infinity());
    CHECK(std::isnan(multiplied(0, {pair(std::numeric_limits<float>::infinity(), 0)}, {pair(0, 0)})));
}

TEST_CASE("Tiles that are not configured are refused, before and after")
{
    const std::vector<std::uint32_t> pairs(tile_side * columns);
    std::vector<float> sums(columns * columns);
    LoopTiles tiles;
    const auto check_refused = [&] {
        CHECK_THROWS_AS(tiles.clear(), std::logic_error);
        CHECK_THROWS_AS(tiles.load_sums(sums.data(), columns), std::logic_error);
        CHECK_THROWS_AS(tiles.load(pairs.data(), tile_side, pairs.data()), std::logic_error);
        CHECK_THROWS_AS(tiles.store_sums(sums.data(), columns), std::logic_error);
        CHECK_THROWS_WITH(tiles.multiply_add(), "tiles: expected configured tiles, got tiles that are not configured");
    };
    check_refused();
    tiles.configure(16, 3);
    tiles.clear();
    tiles.load(pairs.data(), tile_side, pairs.data());
    tiles.multiply_add();
    tiles.store_sums(sums.data(), columns);
    tiles.release();
    check_refused();
    CHECK_THROWS_WITH(tiles.configure(0, 1), "tiles: rows: expected 1 to 16 and 0 to 16, got 0 and 1");
    CHECK_THROWS_AS(tiles.configure(17, 0), std::invalid_argument);
    CHECK_THROWS_AS(tiles.configure(16, 17), std::invalid_argument);
}

TEST_CASE("Configuring makes zeros of all tiles")
{
    std::vector<float> sums(columns * columns, 5);
    const std::vector<std::uint32_t> pairs(columns * columns, pair(1, 1));
    LoopTiles tiles;
    tiles.configure(16, 16);
    tiles.load_sums(sums.data(), columns);
    tiles.load(pairs.data(), columns, pairs.data());
    tiles.configure(16, 16);
    tiles.multiply_add();
    tiles.store_sums(sums.data(), columns);
    CHECK(sums == std::vector<float>(columns * columns, 0));
}

TEST_CASE("The check of a unit finds sums that are not the documented ones")
{
    using Arch = bert::simd::DefaultArch;
    const auto stand_in = bert::check_matrix_unit<bert::fast::Bf16Products<Arch, LoopTiles>>();
    const auto other = bert::check_matrix_unit<bert::fast::Bf16Products<Arch, OtherSums>>();
    CHECK(stand_in.sums_as_loops);
    if (bert::simd::Vector<float, Arch>::size == tile_side) {
        CHECK(stand_in.is_used);
        CHECK(stand_in.name == "loops");
        CHECK(stand_in.advice.empty());
        CHECK_FALSE(other.sums_as_loops);
        CHECK_FALSE(other.advice.empty());
    } else {  // a panel isn't as wide as two tiles
        CHECK_FALSE(stand_in.is_used);
    }
    const auto none = bert::check_matrix_unit<bert::fast::Bf16Products<Arch, bert::product::NoTiles>>();
    CHECK_FALSE(none.is_used);
    CHECK(none.advice.empty() == (none.name == "none"));
}

TEST_CASE("AMX makes the stand-in's sums, bit by bit")
{
    bool is_compared = false;
#ifdef BERT_AMX
    using bert::product::AmxTiles;
    if (AmxTiles::is_usable()) {
        is_compared = true;
        std::mt19937 generator(3);
        std::uniform_int_distribution<std::uint32_t> any_bits;
        std::normal_distribution<float> normal;
        for (const bool has_any_exponent : {false, true}) {
            const auto any_pair = [&] {
                if (!has_any_exponent) return pair(normal(generator), normal(generator));
                return any_bits(generator) & 0xBFFFBFFFU;  // below 2 in size, down to what isn't normal; no NaN or infinity
            };
            for (std::size_t rows = 1; rows <= 70; ++rows) {
                constexpr std::size_t pairs = 3 * tile_side;
                std::vector<std::uint32_t> x(rows * pairs), panel(pairs * columns);
                std::generate(x.begin(), x.end(), any_pair);
                std::generate(panel.begin(), panel.end(), any_pair);
                for (const bool is_first : {true, false}) {
                    std::vector<float> found(rows * columns, 0.7F), expected = found;
                    bert::product::multiply_tiles<AmxTiles>(x.data(), pairs, rows, pairs, panel.data(), is_first, found.data());
                    bert::product::multiply_tiles<LoopTiles>(x.data(), pairs, rows, pairs, panel.data(), is_first,
                                                             expected.data());
                    std::size_t different = 0;
                    for (std::size_t i = 0; i < found.size(); ++i)
                        different += std::bit_cast<std::uint32_t>(found[i]) != std::bit_cast<std::uint32_t>(expected[i]);
                    INFO("rows " << rows << ", any exponent " << has_any_exponent << ", first " << is_first);
                    CHECK(different == 0);
                }
            }
        }
    }
#endif
    if (!is_compared) std::puts("SKIPPED: AMX: this processor doesn't have it, or the program is not compiled for it");
}
