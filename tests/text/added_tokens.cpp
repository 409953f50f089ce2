// Finding added tokens: the flags by hand.
#include "catch.hpp"

#include <cstddef>
#include <string>
#include <vector>

#include "bert/text/added_tokens.hpp"

namespace {

/// The parts of a text, added tokens in square brackets.
std::vector<std::string> parts(const std::vector<bert::AddedToken>& tokens, const std::string& text)
{
    bert::AddedTokenFinder finder;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        finder.add(tokens[i].content, i, tokens[i]);
    std::vector<std::string> found;
    for (const bert::TextPart& part : finder.split(text)) {
        const std::string piece(part.in(text));
        found.push_back(part.token ? "[" + piece + "]" : piece);
    }
    return found;
}

using Parts = std::vector<std::string>;

}  // namespace

TEST_CASE("the leftmost, and of those the longest")
{
    const std::vector<bert::AddedToken> tokens = {{"ab"}, {"abcd"}, {"bcde"}, {"\u00E9"}};
    CHECK(parts(tokens, "xabcdey") == Parts{"x", "[abcd]", "ey"});
    CHECK(parts(tokens, "abcababcd") == Parts{"[ab]", "c", "[ab]", "[abcd]"});
    CHECK(parts(tokens, "abcbcde") == Parts{"[ab]", "c", "[bcde]"});
    CHECK(parts(tokens, "caf\u00E9") == Parts{"caf", "[\u00E9]"});
    CHECK(parts(tokens, "") == Parts{});
    CHECK(parts({}, "abc") == Parts{"abc"});
    CHECK(parts({{""}}, "abc") == Parts{"abc"});
}

TEST_CASE("lstrip and rstrip take in white space")
{
    CHECK(parts({{"<l>", false, true}}, "a \t<l> b") == Parts{"a", "[ \t<l>]", " b"});
    CHECK(parts({{"<r>", false, false, true}}, "a <r>\u3000 b") == Parts{"a ", "[<r>\u3000 ]", "b"});
    const std::vector<bert::AddedToken> both = {{"<b>", false, true, true}};
    CHECK(parts(both, " <b>  <b> ") == Parts{"[ <b>  ]", "[<b> ]"});
    CHECK(parts({{" ", false, false, true}}, "a   b") == Parts{"a", "[   ]", "[  ]", "[ ]", "b"});  // so does the reference
}

TEST_CASE("a single word has no letter, digit or mark beside it")
{
    const std::vector<bert::AddedToken> tokens = {{"in", true}};
    CHECK(parts(tokens, "in, -in- inn 1in in\u00E9 \u00E9in in_ in") ==
          Parts{"[in]", ", -", "[in]", "- inn 1in in\u00E9 \u00E9in in_ ", "[in]"});
}
