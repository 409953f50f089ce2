// Windows and truncation by hand; tests/tokenizer.cpp compares with the tokenizers library.
#include "catch.hpp"

#include <array>
#include <cstddef>
#include <vector>

#include "bert/text/truncation.hpp"

using bert::Side;
using bert::Span;
using bert::Truncation;
using Lengths = std::array<std::size_t, 2>;

TEST_CASE("windows overlap by the stride and reach the end")
{
    CHECK(bert::windows(10, 4, 0, Side::right) == std::vector<Span>{{0, 4}, {4, 8}, {8, 10}});
    CHECK(bert::windows(10, 4, 1, Side::right) == std::vector<Span>{{0, 4}, {3, 7}, {6, 10}});
    CHECK(bert::windows(10, 4, 3, Side::right).size() == 7);
    CHECK(bert::windows(10, 4, 1, Side::left) == std::vector<Span>{{6, 10}, {3, 7}, {0, 4}});
    CHECK(bert::windows(9, 4, 0, Side::left) == std::vector<Span>{{5, 9}, {1, 5}, {0, 1}});
    CHECK(bert::windows(4, 4, 0, Side::right) == std::vector<Span>{{0, 4}});
    CHECK(bert::windows(0, 4, 0, Side::right) == std::vector<Span>{{0, 0}});
    CHECK(bert::windows(3, 0, 2, Side::right) == std::vector<Span>{{0, 0}, {0, 3}});
    CHECK_THROWS_WITH(bert::windows(10, 4, 4, Side::right), "windows: stride: expected less than 4, got 4");
}

TEST_CASE("the longer text is cut first, then both")
{
    const auto lengths = [](std::size_t first, std::size_t second, std::size_t budget) {
        return bert::truncated_lengths({first, second}, budget, Truncation::longest_first);
    };
    CHECK(lengths(3, 20, 10) == Lengths{3, 7});
    CHECK(lengths(20, 3, 10) == Lengths{7, 3});
    CHECK(lengths(20, 8, 11) == Lengths{6, 5});   // the odd token to the longer
    CHECK(lengths(20, 20, 11) == Lengths{5, 6});  // of equal ones, to the second
    CHECK(lengths(20, 5, 10) == Lengths{5, 5});
    CHECK(lengths(20, 0, 10) == Lengths{10, 0});
    CHECK(lengths(20, 20, 1) == Lengths{0, 1});
    CHECK(bert::truncated_lengths({20, 8}, 11, Truncation::only_first) == Lengths{3, 8});
    CHECK(bert::truncated_lengths({3, 20}, 11, Truncation::only_second) == Lengths{3, 8});
}

TEST_CASE("a text that is too short to be cut is refused")
{
    CHECK_THROWS_WITH(bert::truncated_lengths({3, 20}, 11, Truncation::only_first),
                      "first text: expected more than the 12 tokens to be truncated, got 3");
    CHECK_THROWS_WITH(bert::truncated_lengths({20, 9}, 20, Truncation::only_second),
                      "second text: expected more than the 9 tokens to be truncated, got 9");
    CHECK_THROWS_WITH(bert::truncated_lengths({20, 0}, 8, Truncation::none),
                      "text: expected at most 8 tokens besides the special ones, got 20");
    CHECK_THROWS_WITH(bert::truncated_lengths({2, 1}, 3, Truncation::only_first),
                      "truncated_lengths: counts: expected more than 3 tokens together, got 3");
}
