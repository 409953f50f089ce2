// Tokens to text, by the rules by hand; tests/tokenizer.cpp compares with the reference.
#include "catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "bert/text/decoder.hpp"

namespace {

std::string joined(const std::vector<std::string>& tokens, bool cleanup)
{
    std::string text;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        bert::append_token(tokens[i], "##", i == 0, cleanup, text);
    return text;
}

}  // namespace

TEST_CASE("pieces are glued, words separated")
{
    CHECK(joined({"em", "##bed", "##ding", "##s", "of", "words"}, false) == "embeddings of words");
    CHECK(joined({"##ing", "##s"}, false) == "##ings");  // the first stays as it is
    CHECK(joined({}, true).empty());
}

TEST_CASE("cleaning up removes the space before some tokens")
{
    CHECK(joined({"do", "n't", "stop", ".", "ok", "?"}, true) == "don't stop. ok?");
    CHECK(joined({"do", "n't", "stop", "."}, false) == "do n't stop .");
    CHECK(joined({"a", "'", "b"}, true) == "a ' b");  // token by token: " ' " never occurs in one
}
