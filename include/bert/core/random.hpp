/// @file
/// Random numbers that are a pure function of where they are used: a seed, a step, a place. They are not drawn in an
/// order, so threads, batches and resumed runs don't change them.
///
/// The function is Philox4x32-10: ten rounds that each multiply two words of the counter and mix the halves of the products.
/// \f[ (c_0, c_1, c_2, c_3) \to \big(\mathrm{hi}(M_1 c_2) \oplus c_1 \oplus k_0,\ \mathrm{lo}(M_1 c_2),
///     \ \mathrm{hi}(M_0 c_0) \oplus c_3 \oplus k_1,\ \mathrm{lo}(M_0 c_0)\big),\quad (k_0, k_1) \to (k_0 + W_0, k_1 + W_1) \f]
/// @see Salmon, Moraes, Dror and Shaw 2011, Parallel random numbers: as easy as 1, 2, 3, section 3.3
#pragma once

#include <array>
#include <cstdint>

#include "bert/core/language.hpp"

namespace bert {

/// The number of rounds.
inline constexpr int philox_rounds = 10;

/// M, the multipliers of the counter's words.
inline constexpr std::array<std::uint32_t, 2> philox_multipliers{0xD2511F53, 0xCD9E8D57};

/// The key of the next round.
/// @param key  the key of a round
/// @return  key + W; W comes from the golden ratio and the square root of 3
constexpr std::array<std::uint32_t, 2> next_key(std::array<std::uint32_t, 2> key)
{
    return {key[0] + 0x9E3779B9, key[1] + 0xBB67AE85};
}

/// Four random words from a counter and a key.
/// @param counter  distinguishes the draws of a stream
/// @param key  distinguishes streams
/// @return  four words, each uniform over all 32-bit numbers
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key)
{
    const std::uint64_t M0 = philox_multipliers[0], M1 = philox_multipliers[1];
    for (int round = 0; round < philox_rounds; ++round) {
        const std::uint64_t product0 = M0 * counter[0], product1 = M1 * counter[2];
        const auto high0 = static_cast<std::uint32_t>(product0 >> 32U), low0 = static_cast<std::uint32_t>(product0);
        const auto high1 = static_cast<std::uint32_t>(product1 >> 32U), low1 = static_cast<std::uint32_t>(product1);
        counter = {high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0};
        key = next_key(key);
    }
    return counter;
}

/// What random numbers are used for. The same seed, step and place give different numbers in each domain.
enum class RandomDomain : std::uint32_t {
    dropout,         ///< which numbers are dropped
    initialization,  ///< the weights of a fresh model
};

/// A stream of random numbers: its seed, its training step and its domain.
struct RandomStream {
    std::uint64_t seed = 0;                       ///< of the whole run
    std::uint32_t step = 0;                       ///< from 0
    RandomDomain domain = RandomDomain::dropout;  ///< what the numbers are used for
};

/// The key of a stream's first round. Each domain changes the upper half of the seed by a number of its own.
/// @param stream  a stream
/// @return  the key
constexpr std::array<std::uint32_t, 2> key_of(const RandomStream& stream)
{
    const std::uint32_t of_domain = static_cast<std::uint32_t>(stream.domain) * 0x9E3779B9U;  // an odd factor; 0 for dropout
    return {static_cast<std::uint32_t>(stream.seed), static_cast<std::uint32_t>(stream.seed >> 32U) ^ of_domain};
}

/// Four random words for a place in a training step.
/// @param stream  seed and step
/// @param place  a number that identifies the place in the model
/// @param row  a row of the tensor
/// @param block  a block of four columns
/// @return  a word for each of the four columns
constexpr std::array<std::uint32_t, 4> random_words(const RandomStream& stream, std::uint32_t place, std::uint32_t row,
                                                    std::uint32_t block)
{
    return philox({block, row, place, stream.step}, key_of(stream));
}

}  // namespace bert
