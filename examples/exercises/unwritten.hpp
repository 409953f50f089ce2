/// @file
/// In the exercises, a number that nobody has written is NaN, so that reading it doesn't go unnoticed.
#pragma once

#include <bit>
#include <cstdint>

namespace exercise {

/// What unwritten.cpp fills new memory of tensors with. Arithmetic on it results in this NaN again, whereas 0/0 and inf - inf
/// result in another one.
inline constexpr double unwritten = std::bit_cast<double>(std::uint64_t{0x7FFA'5A5A'0000'0000});

/// Whether a number is one that was never written, or was computed from one.
/// @param number  any number
/// @return  true if it is `unwritten`, of either sign
inline bool is_unwritten(double number)
{
    return std::bit_cast<std::uint64_t>(number) << 1 == std::bit_cast<std::uint64_t>(unwritten) << 1;
}

}  // namespace exercise
