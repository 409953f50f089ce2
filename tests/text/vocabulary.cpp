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
}

TEST_CASE("an added token is never a piece")
{
    bert::Vocabulary vocabulary({"[UNK]", "un", "##a"});
    CHECK(vocabulary.add("un") == 1);
    CHECK(vocabulary.add("new") == 3);
    CHECK(vocabulary.add("new") == 3);
    CHECK(vocabulary.add("newer") == 4);
    CHECK(vocabulary.size() == 5);
    CHECK(vocabulary.token(3) == "new");
    CHECK(vocabulary.piece("un") == 1);
    CHECK(vocabulary.piece("new") == std::nullopt);
    CHECK(vocabulary.pieces().size() == 3);
}

// As tokenizers 0.23.3 does with the vocabulary {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 4, "c": 5}.
TEST_CASE("new ids begin at the number of pieces, whatever ids these have")
{
    bert::Vocabulary vocabulary({"[PAD]", "[UNK]", "a", "", "b", "c"});
    CHECK(vocabulary.add("x") == 5);
    CHECK(vocabulary.id("c") == 5);
    CHECK(vocabulary.token(5) == "x");
    CHECK(vocabulary.piece("c") == 5);
    CHECK(vocabulary.add("b") == 4);
    CHECK(vocabulary.add("y") == 6);
    CHECK(vocabulary.size() == 7);
    CHECK(bert::Vocabulary({"a", ""}, 2).add("x") == 2);
}

TEST_CASE("what can't be a vocabulary is refused")
{
    CHECK_THROWS_WITH(bert::Vocabulary({"a", "b", "a"}), "vocabulary: token \"a\" has the ids 0 and 2");
    CHECK_THROWS_WITH(bert::Vocabulary({"a", "\xFF"}), "vocabulary: token 1 is not UTF-8");
}
