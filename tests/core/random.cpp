#include "bert/core/random.hpp"

#include <array>
#include <cstdint>

#include "catch.hpp"

TEST_CASE("philox gives the known answers of its authors")
{
    // From the file kat_vectors of Random123 1.14, lines `philox4x32 10`.
    using Words = std::array<std::uint32_t, 4>;
    CHECK(bert::philox({0, 0, 0, 0}, {0, 0}) == Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    CHECK(bert::philox({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
          Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    CHECK(bert::philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
          Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random_words tells every coordinate apart")
{
    const bert::RandomStream stream{12345, 6}, other_seed{12345 + (std::uint64_t{1} << 32U), 6}, other_step{12345, 7};
    const auto words = bert::random_words(stream, 1, 2, 3);
    CHECK(words == bert::random_words(stream, 1, 2, 3));
    CHECK(words != bert::random_words(other_seed, 1, 2, 3));
    CHECK(words != bert::random_words(other_step, 1, 2, 3));
    CHECK(words != bert::random_words(stream, 2, 2, 3));
    CHECK(words != bert::random_words(stream, 1, 3, 3));
    CHECK(words != bert::random_words(stream, 1, 2, 4));
}
