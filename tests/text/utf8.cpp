// UTF-8: boundary values by hand, and the replacement of malformed sequences as in the Unicode standard, table 3-8 and 3-11.
#include "catch.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include "bert/text/utf8.hpp"

using namespace std::string_literals;

TEST_CASE("code points at the borders of each length are read and written")
{
    const std::pair<std::string, char32_t> cases[] = {{"\0"s, 0},
                                                      {"\x7F", 0x7F},
                                                      {"\xC2\x80", 0x80},
                                                      {"\xDF\xBF", 0x7FF},
                                                      {"\xE0\xA0\x80", 0x800},
                                                      {"\xED\x9F\xBF", 0xD7FF},
                                                      {"\xEE\x80\x80", 0xE000},
                                                      {"\xEF\xBF\xBF", 0xFFFF},
                                                      {"\xF0\x90\x80\x80", 0x10000},
                                                      {"\xF4\x8F\xBF\xBF", 0x10FFFF}};
    for (const auto& [bytes, code] : cases) {
        const bert::Utf8Character character = bert::read_utf8(bytes, 0);
        CHECK(character.valid);
        CHECK(character.code == code);
        CHECK(character.length == bytes.size());
        CHECK(bert::encode_utf8(std::u32string(1, code)) == bytes);
        CHECK(bert::utf8_length(code) == bytes.size());
    }
}

TEST_CASE("every scalar value survives a round trip")
{
    for (char32_t code = 0; code < 0x110000; ++code) {
        if (0xD800 <= code && code <= 0xDFFF) continue;
        std::string text;
        bert::append_utf8(code, text);
        const bert::Utf8Character character = bert::read_utf8(text, 0);
        if (!character.valid || character.code != code || character.length != text.size()) FAIL(static_cast<unsigned>(code));
    }
}

TEST_CASE("of a malformed sequence, the longest possible beginning becomes one U+FFFD")
{
    const auto decoded = [](const std::string& bytes) {
        std::u32string codes;
        const std::size_t replaced = bert::decode_utf8(bytes, codes);
        return std::pair(codes, replaced);
    };
    const char32_t bad = 0xFFFD;
    // Too long forms, table 3-8: each byte by itself.
    CHECK(decoded("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41") == std::pair(std::u32string(8, bad) + U"A", std::size_t{8}));
    // Surrogates, table 3-9.
    CHECK(decoded("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41") == std::pair(std::u32string(8, bad) + U"A", std::size_t{8}));
    // Beyond U+10FFFF, and bytes that never occur, table 3-10.
    CHECK(decoded("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42") ==
          std::pair(std::u32string(5, bad) + U"A" + std::u32string(2, bad) + U"B", std::size_t{7}));
    // Cut short, table 3-11.
    CHECK(decoded("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41") == std::pair(std::u32string(4, bad) + U"A", std::size_t{4}));
    CHECK(decoded("a\xE4\xB8") == std::pair(U"a"s + bad, std::size_t{1}));
    // U+FFFD itself is not malformed.
    CHECK(decoded("\xEF\xBF\xBD") == std::pair(std::u32string(1, bad), std::size_t{0}));
}

TEST_CASE("text that is not UTF-8 is refused with its place")
{
    CHECK_NOTHROW(bert::require_utf8("text", "caf\xC3\xA9"));
    CHECK_THROWS_WITH(bert::require_utf8("text", "caf\xE9!"), "text: byte 3: expected UTF-8, got 0xE9");
    CHECK_THROWS_AS(bert::require_utf8("text", "\x80"), bert::InputError);
    CHECK(bert::find_malformed_utf8("ab\xF0\x9F\x98") == 2);
}
