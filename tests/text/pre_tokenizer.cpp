// Cutting normalized text into words.
#include "catch.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "bert/text/pre_tokenizer.hpp"

namespace {

std::vector<std::u32string> words(std::u32string_view text)
{
    std::vector<std::u32string> result;
    for (const bert::Span& word : bert::pre_tokenize(text))
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
