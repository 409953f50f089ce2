// Cutting normalized text into words.
#include "catch.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "bert/text/pre_tokenizer.hpp"

namespace {

using bert::PreTokenizer;

std::vector<std::u32string> words(std::u32string_view text,
                                  const std::vector<PreTokenizer>& pre_tokenizers = {PreTokenizer::bert})
{
    std::vector<std::u32string> result;
    for (const bert::Span& word : bert::pre_tokenize(text, pre_tokenizers))
        result.emplace_back(text.substr(word.start, word.end - word.start));
    return result;
}

}  // namespace

TEST_CASE("white space separates, punctuation stands alone")
{
    CHECK(words(U"don't stop...") == std::vector<std::u32string>{U"don", U"'", U"t", U"stop", U".", U".", U"."});
    CHECK(words(U"  a \n b ") == std::vector<std::u32string>{U"a", U"b"});
    CHECK(words(U"a\u3002b\u20ACc") == std::vector<std::u32string>{U"a", U"\u3002", U"b\u20ACc"});
    CHECK(words(U"").empty());
    CHECK(words(U" \t").empty());
    CHECK(bert::pre_tokenize(U" ab,c") == std::vector<bert::Span>{{1, 3}, {3, 4}, {4, 5}});
}

// As tokenizers 0.23.3 splits these.
TEST_CASE("other pre-tokenizers, alone and one after the other")
{
    using Words = std::vector<std::u32string>;
    const std::u32string text = U"  can't!? a_b ...\u4E2D\u3002\u20AC x";
    CHECK(words(text, {PreTokenizer::whitespace}) ==
          Words{U"can", U"'", U"t", U"!?", U"a_b", U"...", U"\u4E2D", U"\u3002\u20AC", U"x"});
    CHECK(words(text, {PreTokenizer::whitespace_split}) == Words{U"can't!?", U"a_b", U"...\u4E2D\u3002\u20AC", U"x"});
    CHECK(words(U"a b, c", {PreTokenizer::punctuation}) == Words{U"a b", U",", U" c"});
    CHECK(words(text, {PreTokenizer::whitespace_split, PreTokenizer::punctuation}) ==
          Words{U"can", U"'", U"t", U"!", U"?", U"a", U"_", U"b", U".", U".", U".", U"\u4E2D", U"\u3002", U"\u20AC", U"x"});
    CHECK(words(text, {}) == Words{text});
    CHECK(words(U"", {PreTokenizer::whitespace}).empty());
}
