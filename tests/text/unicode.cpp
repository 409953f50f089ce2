// What becomes of each Unicode scalar value, against stored hashes of what the tokenizers library makes of it in three contexts,
// with small tokenizers that are stored as well: tests/tokenizer.cpp does the same with published vocabularies.
#include "catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "bert/text/unicode.hpp"
#include "text/reference.hpp"

TEST_CASE("kinds of characters, and what is special about them")
{
    CHECK(bert::is_whitespace(U' '));
    CHECK(bert::is_whitespace(0x85));
    CHECK(bert::is_whitespace(0x3000));
    CHECK_FALSE(bert::is_whitespace(0x200B));  // zero width space: a format character
    CHECK(bert::is_removed_by_cleaning(0x200B));
    CHECK(bert::is_removed_by_cleaning(0xFFFD));
    CHECK_FALSE(bert::is_removed_by_cleaning(U'\t'));
    CHECK_FALSE(bert::is_removed_by_cleaning(0x8E2));  // a format character since Unicode 9
    CHECK(bert::is_punctuation(U'$'));
    CHECK_FALSE(bert::is_punctuation(0x20AC));  // the euro sign
    CHECK(bert::is_nonspacing_mark(0x301));
    CHECK_FALSE(bert::is_nonspacing_mark(0x903));  // a spacing mark
    CHECK(bert::is_chinese(0x4E2D));
    CHECK_FALSE(bert::is_chinese(0x3042));   // kana
    CHECK_FALSE(bert::is_chinese(0x2B820));  // see unicode.hpp
    CHECK(bert::is_word_character(U'_'));
    CHECK_FALSE(bert::is_word_character(U'-'));
    CHECK(bert::combining_class(0x301) == 230);
    CHECK(bert::combining_class(0x327) == 202);
    CHECK(bert::combining_class(U'a') == 0);
}

TEST_CASE("decompositions and lower case")
{
    const auto text = [](const bert::ShortText& codes) { return std::u32string(codes.begin(), codes.end()); };
    CHECK(text(bert::decomposition(U'a')) == U"a");
    CHECK(text(bert::decomposition(0x1EA4)) == U"A\u0302\u0301");  // A, circumflex, acute
    CHECK(text(bert::decomposition(0x1F82)) == U"\u03B1\u0313\u0300\u0345");
    CHECK(text(bert::decomposition(0xAC00)) == U"\u1100\u1161");        // GA
    CHECK(text(bert::decomposition(0xD7A3)) == U"\u1112\u1175\u11C2");  // HIH
    CHECK(text(bert::lower_case(U'Q')) == U"q");
    CHECK(text(bert::lower_case(0x130)) == U"i\u0307");
    CHECK(text(bert::lower_case(0x3A3)) == U"\u03C3");  // no final sigma
    CHECK(text(bert::lower_case(0x101)) == U"\u0101");  // between two that change
    CHECK(text(bert::lower_case(0xDF)) == U"\u00DF");
}

TEST_CASE("all 1,112,064 scalar values give the tokenizers library's ids and offsets: small tokenizers")
{
    const nlohmann::json hashes = reference::json("hashes.json");
    const auto contexts = hashes.at("contexts").get<std::vector<std::string>>();
    for (const auto& [name, blocks] : hashes.at("scalars").items()) {
        if (name.find("bert") == 0) continue;
        const auto tokenizer = reference::small(name);
        REQUIRE(blocks.size() == 272);  // of 4096 code points each
        // Every block where a rule differs from all other tokenizers'; of the rest each seventh.
        const std::size_t step = name == "uncased" || name == "cased" ? 1 : 7;
        for (std::size_t block = 0; block < blocks.size(); block += step * reference::block_step) {
            INFO("tokenizer " << name << ", code points from " << 4096 * block);
            CHECK(reference::hash(tokenizer, reference::scalar_strings(block, contexts)) == blocks[block].get<std::string>());
        }
    }
}
