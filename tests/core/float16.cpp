#include "bert/core/float16.hpp"

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "catch.hpp"

using bert::bfloat16_from_float;
using bert::float16_from_float;
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

TEST_CASE("rounding to bfloat16 by hand")
{
    CHECK(bfloat16_from_float(-3.0F) == 0xC040);
    CHECK(bfloat16_from_float(1.00390625F) == 0x3F80);   // 1 + 2^-8 is as near to 1 as to 1 + 2^-7: the even one
    CHECK(bfloat16_from_float(1.01171875F) == 0x3F82);   // 1 + 3/256, between the odd 0x3F81 and the even 0x3F82
    CHECK(bfloat16_from_float(0x1.FFp127F) == 0x7F80);   // above the largest bfloat16: infinity
    CHECK(bfloat16_from_float(-0x1.FEp127F) == 0xFF7F);  // the largest one, negative
    CHECK(bfloat16_from_float(std::bit_cast<float>(0x7F800001U)) == 0x7FC0);  // a NaN whose upper half is infinity's
}

TEST_CASE("rounding to half precision by hand")
{
    CHECK(float16_from_float(1.0F) == 0x3C00);
    CHECK(float16_from_float(-0.0F) == 0x8000);
    CHECK(float16_from_float(65519.99F) == 0x7BFF);
    CHECK(float16_from_float(-65520.0F) == 0xFC00);
    CHECK(float16_from_float(0x1p-25F) == 0x0000);      // half of the smallest, to the even 0
    CHECK(float16_from_float(0x1.8p-24F) == 0x0002);    // half way from 1 to 2
    CHECK(float16_from_float(0x1.FFEp-15F) == 0x0400);  // rounds up to the smallest normal number
    CHECK(float16_from_float(std::bit_cast<float>(0xFF800001U)) == 0xFE00);
}

TEST_CASE("rounding to half precision is PyTorch's for a float of every exponent, and goes back to where it came from")
{
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::uint32_t high = 0; high < 65536; ++high) {
        for (const std::uint32_t low : {0x0000U, 0x0001U, 0x1000U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
            const auto number = std::bit_cast<float>(high << 16 | low);
            const std::uint16_t bits = std::isnan(number) ? 0 : float16_from_float(number);
            for (int byte = 0; byte < 2; ++byte)
                hash = (hash ^ (static_cast<unsigned>(bits >> (8 * byte)) & 0xFFU)) * 0x100000001b3;
        }
    }
    CHECK(hash == 0x66a99d69479149d5);  // torch 2.15: to(torch.float16).view(torch.uint16), 0 for each NaN
    std::size_t wrong = 0;
    for (std::uint32_t bits = 0; bits < 65536; ++bits) {
        const float value = float_from_float16(static_cast<std::uint16_t>(bits));
        wrong += !std::isnan(value) && float16_from_float(value) != bits ? 1 : 0;
    }
    CHECK(wrong == 0);
}

TEST_CASE("rounding to bfloat16 around every value is PyTorch's")
{
    std::uint64_t hash = 0xcbf29ce484222325;
    for (std::uint32_t high = 0; high < 65536; ++high) {
        for (const std::uint32_t low : {0x0000U, 0x0001U, 0x7FFFU, 0x8000U, 0x8001U, 0xFFFFU}) {
            const auto number = std::bit_cast<float>(high << 16 | low);
            const std::uint16_t bits = std::isnan(number) ? 0 : bfloat16_from_float(number);
            for (int byte = 0; byte < 2; ++byte)
                hash = (hash ^ (static_cast<unsigned>(bits >> (8 * byte)) & 0xFFU)) * 0x100000001b3;
        }
    }
    CHECK(hash == 0xae09d73335e92f85);  // torch 2.15: to(torch.bfloat16).view(torch.uint16), 0 for each NaN
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
