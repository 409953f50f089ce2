#include "bert/io/float16.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

#include "catch.hpp"

using bert::float_from_bfloat16;
using bert::float_from_float16;

namespace {

/// FNV-1a over the bits of the floats of all 65536 patterns, little-endian, 0 for each NaN.
template <class Convert>
std::uint64_t hash_of_all(Convert convert, int& nans)
{
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const float value = convert(static_cast<std::uint16_t>(bits));
        std::uint32_t word = std::bit_cast<std::uint32_t>(value);
        if (std::isnan(value)) {
            ++nans;
            word = 0;
        }
        for (int byte = 0; byte < 4; ++byte)
            hash = (hash ^ ((word >> (8 * byte)) & 0xFF)) * 0x100000001b3;
    }
    return hash;
}

}  // namespace

TEST_CASE("half precision by hand")
{
    CHECK(float_from_float16(0x3C00) == 1.0F);
    CHECK(float_from_float16(0xC000) == -2.0F);
    CHECK(float_from_float16(0x3555) == 0.333251953125F);  // (1 + 341/1024) / 4
    CHECK(float_from_float16(0x7BFF) == 65504.0F);
    CHECK(float_from_float16(0x0001) == 0x1p-24F);
    CHECK(float_from_float16(0x83FF) == -1023 * 0x1p-24F);
    CHECK(float_from_float16(0x0400) == 0x1p-14F);
    CHECK(std::signbit(float_from_float16(0x8000)));
    CHECK(float_from_float16(0xFC00) == -INFINITY);
    CHECK(std::isnan(float_from_float16(0x7E00)));
}

TEST_CASE("bfloat16 by hand")
{
    CHECK(float_from_bfloat16(0x3F80) == 1.0F);
    CHECK(float_from_bfloat16(0xC040) == -3.0F);
    CHECK(float_from_bfloat16(0x7F80) == INFINITY);
    CHECK(std::isnan(float_from_bfloat16(0xFFC0)));
}

TEST_CASE("every pattern of 16 bits is the float that PyTorch makes of it")
{
    int nans = 0;
    CHECK(hash_of_all(float_from_float16, nans) == 0x00a0750411cb2745);  // torch 2.15: view(torch.float16).to(torch.float32)
    CHECK(nans == 2046);
    nans = 0;
    CHECK(hash_of_all(float_from_bfloat16, nans) == 0x159471259d56b7a5);
    CHECK(nans == 254);
}
