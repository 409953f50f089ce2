// Encodings put together, truncated and padded by hand; tests/tokenizer.cpp compares with the tokenizers library.
#include "catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bert/text/encoding.hpp"

using bert::Side;
using bert::Span;

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
