/// @file
/// The two floating-point formats of 16 bits, in which checkpoints are stored; products use bfloat16 too. Each of their values is
/// also a float.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "bert/core/language.hpp"

namespace bert {

/// The value of a bfloat16: the upper half of a float (8 bits of exponent, 7 of fraction).
/// @param bits  the stored bits
/// @return  the same value; a NaN keeps its sign and payload
constexpr float float_from_bfloat16(std::uint16_t bits) { return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16); }

/// The bfloat16 nearest to a float; of two equally near ones, that whose last bit is 0. A float that is too large becomes
/// infinity.
/// @param number  any float
/// @return  its bits; a NaN stays a NaN
constexpr std::uint16_t bfloat16_from_float(float number)
{
    const auto bits = std::bit_cast<std::uint32_t>(number);
    const std::uint32_t last_bit = (bits >> 16) & 1U;
    const std::uint32_t rounded = (bits + 0x7FFFU + last_bit) >> 16;  // a carry into the exponent is correct
    const std::uint32_t quiet_nan = (bits >> 16) | 0x40U;             // rounding could turn a NaN into an infinity
    return static_cast<std::uint16_t>((bits & 0x7FFFFFFFU) > 0x7F800000U ? quiet_nan : rounded);
}

/// The value of an IEEE 754 binary16: sign, 5 bits of exponent with bias 15, 10 of fraction.
/// \f[ (-1)^s\,2^{e-15}\,(1 + f/2^{10}) \text{ for } 0 < e < 31,\quad (-1)^s\,2^{-14}\,f/2^{10} \text{ for } e = 0 \f]
/// and for e = 31 infinity (f = 0) or NaN.
/// @param bits  the stored bits
/// @return  the same value; a NaN keeps its sign and payload
constexpr float float_from_float16(std::uint16_t bits)
{
    const std::uint32_t sign = (bits & 0x8000U) << 16;
    const std::uint32_t exponent = (bits >> 10) & 0x1FU;
    const std::uint32_t fraction = bits & 0x3FFU;
    if (exponent == 0) {
        const float magnitude = static_cast<float>(fraction) * 0x1p-24F;  // 2^-14 / 2^10, exact
        return sign != 0 ? -magnitude : magnitude;
    }
    // A float has bias 127 and 23 bits of fraction; its exponent of all ones is 255.
    const std::uint32_t float_exponent = exponent == 31 ? 255 : exponent - 15 + 127;
    return std::bit_cast<float>(sign | (float_exponent << 23) | (fraction << 13));
}

/// The binary16 nearest to a float; of two equally near ones, that whose last bit is 0. A float that is too large (65,520 and
/// more) becomes infinity.
/// @param number  any float
/// @return  its bits; a NaN stays a NaN
inline std::uint16_t float16_from_float(float number)
{
    const auto bits = std::bit_cast<std::uint32_t>(number);
    const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
    const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
    if (magnitude > 0x7F800000U) return sign | 0x7E00U;   // NaN
    if (magnitude >= 0x477FF000U) return sign | 0x7C00U;  // 65,520: halfway from the largest to the next multiple of 32
    if (magnitude < 0x38800000U) {                        // below 2^-14, the smallest normal number: multiples of 2^-24
        const float multiple = std::bit_cast<float>(magnitude) * 0x1p24F;  // exact, below 1,024
        return sign | static_cast<std::uint16_t>(std::nearbyint(multiple));
    }
    const std::uint32_t last_bit = (magnitude >> 13) & 1U;
    const std::uint32_t rounded = (magnitude + 0xFFFU + last_bit) >> 13;  // 10 bits of fraction; a carry goes into the exponent
    return sign | static_cast<std::uint16_t>(rounded - ((127U - 15U) << 10));
}

}  // namespace bert
