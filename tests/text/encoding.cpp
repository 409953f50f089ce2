// Windows, truncation and padding by hand; tests/tokenizer.cpp compares with the reference.
#include "catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bert/text/encoding.hpp"

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
}

namespace {

/// [CLS] 1 2 3 4 [SEP], as `count` tokens between two special ones.
bert::Encoding encoding_of(std::size_t count, const std::vector<bert::TemplateElement>& pieces)
{
    return bert::assemble(pieces, [&](std::size_t, bert::Encoding& encoding) {
        for (std::uint32_t i = 0; i < count; ++i)
            encoding.push(i + 1, {i, i + 1}, static_cast<std::int32_t>(i));
    });
}

const std::vector<bert::TemplateElement> pieces = {{true, 101, 0}, {false, 0, 0}, {true, 102, 0}};

}  // namespace

TEST_CASE("an encoding is put together, cut and padded")
{
    const bert::Encoding whole = encoding_of(4, pieces);
    CHECK(whole.ids == std::vector<std::int64_t>{101, 1, 2, 3, 4, 102});
    CHECK(whole.special_tokens_mask == std::vector<std::uint8_t>{1, 0, 0, 0, 0, 1});
    CHECK(whole.attention_mask == std::vector<std::uint8_t>(6, 1));
    CHECK(whole.word_ids == std::vector<std::int32_t>{-1, 0, 1, 2, 3, -1});

    bert::EncodeOptions options;
    options.max_length = 5;
    options.stride = 1;
    const std::array<Span, 2> texts{Span{1, 5}, Span{0, 0}};
    bert::Encoding cut = bert::truncate(whole, texts, pieces, options);
    CHECK(cut.ids == std::vector<std::int64_t>{101, 1, 2, 3, 102});
    REQUIRE(cut.overflow.size() == 1);
    CHECK(cut.overflow[0].ids == std::vector<std::int64_t>{101, 3, 4, 102});
    CHECK(cut.overflow[0].offsets == std::vector<bert::Offsets>{{0, 0}, {2, 3}, {3, 4}, {0, 0}});
    options.overflow = false;
    CHECK(bert::truncate(whole, texts, pieces, options).overflow.empty());

    bert::pad(cut, 6, 9, Side::left);
    CHECK(cut.ids == std::vector<std::int64_t>{9, 101, 1, 2, 3, 102});
    CHECK(cut.attention_mask == std::vector<std::uint8_t>{0, 1, 1, 1, 1, 1});
    CHECK(cut.special_tokens_mask == std::vector<std::uint8_t>{1, 1, 0, 0, 0, 1});
    CHECK(cut.overflow[0].ids == std::vector<std::int64_t>{9, 9, 101, 3, 4, 102});
    bert::pad(cut, 7, 9, Side::right);
    CHECK(cut.ids.back() == 9);
    CHECK(cut.offsets.back() == bert::Offsets{0, 0});
}
