// vocab.txt, as the tokenizers library (0.23.3) reads it.
#include "bert/io/vocabulary_file.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using bert::detail::vocabulary_from_lines;

TEST_CASE("ids are line numbers: blank lines leave theirs without a token")
{
    const auto file = vocabulary_from_lines("f", "a\n\nb\r\n \nc");
    CHECK(file.tokens == std::vector<std::string>{"a", "", "b", "", "c"});
    CHECK(file.first_new_id == 4);  // a, b, c and the blank one
    CHECK_FALSE(file.repeated);
}

TEST_CASE("of a token on two lines the last counts, with a warning")
{
    const auto file = vocabulary_from_lines("f", "a\nb\na\nb\n");
    CHECK(file.tokens == std::vector<std::string>{"", "", "a", "b"});
    CHECK(file.first_new_id == 2);
    CHECK(file.repeated == "f:3: token \"a\" is already on line 1; the last line counts");
}

TEST_CASE("white space at a line's end doesn't count, elsewhere it does")
{
    const auto file = vocabulary_from_lines("f", "a \t\n b\n\xE3\x80\x80\xE2\x80\xA8\nc\xC2\xA0\xE3\x80\x80\nd\xE2\x80\xA8x\n");
    CHECK(file.tokens == std::vector<std::string>{"a", " b", "", "c", "d\xE2\x80\xA8x"});
}
