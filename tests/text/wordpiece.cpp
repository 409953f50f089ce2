// WordPiece on a vocabulary small enough to cut words by hand.
#include "catch.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/text/wordpiece.hpp"

namespace {

const bert::Vocabulary vocabulary({"[UNK]", "un", "##aff", "##able", "##a", "##ff", "una", "a", "##\u00E9", "", "##bl", "##e"});

std::vector<std::int64_t> ids(const bert::WordPiece& wordpiece, std::u32string_view word)
{
    std::vector<std::int64_t> result;
    for (const bert::Piece& piece : wordpiece.split(vocabulary, word))
        result.push_back(piece.id);
    return result;
}

}  // namespace

TEST_CASE("the longest piece is taken first, from the left")
{
    const bert::WordPiece wordpiece(vocabulary);
    // "una" is longer than "un"; "##ff", "##able" follow.
    CHECK(wordpiece.split(vocabulary, U"unaffable") == std::vector<bert::Piece>{{6, {0, 3}}, {5, {3, 5}}, {3, {5, 9}}});
    CHECK(ids(wordpiece, U"una\u00E9") == std::vector<std::int64_t>{6, 8});
    CHECK(ids(wordpiece, U"unable") == std::vector<std::int64_t>{6, 10, 11});  // greedy: not un ##able
}

TEST_CASE("a word that can't be cut is unknown as a whole")
{
    const bert::WordPiece wordpiece(vocabulary);
    CHECK(wordpiece.split(vocabulary, U"unx") == std::vector<bert::Piece>{{0, {0, 3}}});
    CHECK(ids(wordpiece, U"x") == std::vector<std::int64_t>{0});
    CHECK(ids(wordpiece, U"able") == std::vector<std::int64_t>{7, 10, 11});
    CHECK(ids(wordpiece, U"ff") == std::vector<std::int64_t>{0});  // only inside of a word
}

TEST_CASE("a word of more than 100 characters is unknown")
{
    const bert::WordPiece wordpiece(vocabulary);
    CHECK(ids(wordpiece, std::u32string(100, U'a')).size() == 100);
    CHECK(ids(wordpiece, std::u32string(101, U'a')) == std::vector<std::int64_t>{0});
    CHECK(ids(bert::WordPiece(vocabulary, {"[UNK]", "##", 2}), U"una") == std::vector<std::int64_t>{0});
}

TEST_CASE("a vocabulary without the unknown token is refused")
{
    CHECK_THROWS_WITH(bert::WordPiece(bert::Vocabulary({"a"})), "wordpiece: the vocabulary lacks the unknown token [UNK]");
}
