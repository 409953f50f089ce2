#include "bert/text/vocabulary.hpp"

#include <optional>

#include "catch.hpp"

TEST_CASE("the vocabulary finds ids and tokens")
{
    const bert::Vocabulary vocabulary(
        {"[UNK]", "un", "##aff", "##able", "##a", "##ff", "una", "a", "##\u00E9", "", "##bl", "##e"});
    CHECK(vocabulary.id("##ff") == 5);
    CHECK(vocabulary.id("ff") == std::nullopt);
    CHECK(vocabulary.token(6) == "una");
    CHECK(vocabulary.token(9).empty());
    CHECK(vocabulary.token(-1).empty());
    CHECK(vocabulary.token(12).empty());
    CHECK(vocabulary.size() == 12);
    bert::Vocabulary grown = vocabulary;
    CHECK(grown.add("new") == 12);
    CHECK(grown.add("un") == 1);
    CHECK(grown.size() == 13);
    CHECK(grown.piece("una") == 6);
    CHECK(grown.piece("new") == std::nullopt);
    CHECK(grown.piece_count() == 12);
}

TEST_CASE("what can't be a vocabulary is refused")
{
    CHECK_THROWS_WITH(bert::Vocabulary({"a", "b", "a"}), "vocabulary: token \"a\" has the ids 0 and 2");
    CHECK_THROWS_WITH(bert::Vocabulary({"a", "\xFF"}), "vocabulary: token 1 is not UTF-8");
}
