// The tree of tokens against a search through all of them.
#include "catch.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/text/piece_trie.hpp"

namespace {

bert::PieceTrie::Match longest(const bert::PieceTrie& trie, std::string_view text)
{
    return trie.longest([&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); }, text.size());
}

}  // namespace

TEST_CASE("the longest token is found")
{
    const bert::PieceTrie trie({{"ab", 1}, {"a", 0}, {"abcd", 2}, {"\xE4\xB8\xAD", 3}, {std::string_view("\0x", 2), 4}});
    const auto found = [&](std::string_view text) {
        const auto match = longest(trie, text);
        return std::pair(match.id, match.length);
    };
    CHECK(found("abc") == std::pair(1, std::size_t{2}));
    CHECK(found("abcde") == std::pair(2, std::size_t{4}));
    CHECK(found("ac") == std::pair(0, std::size_t{1}));
    CHECK(found("b") == std::pair(-1, std::size_t{0}));
    CHECK(found("") == std::pair(-1, std::size_t{0}));
    CHECK(found("\xE4\xB8\xAD\xE4") == std::pair(3, std::size_t{3}));
    CHECK(found(std::string_view("\0xy", 3)) == std::pair(4, std::size_t{2}));
    CHECK(longest(bert::PieceTrie(), "a").id == -1);
    CHECK(longest(bert::PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>>()), "a").id == -1);
}

TEST_CASE("random tokens are found as by a search through all")
{
    std::uint32_t state = 7;
    const auto random_text = [&](std::size_t longest_text) {
        std::string text;
        for (std::size_t length = 1 + (state >> 8) % longest_text; length > 0; --length) {
            state = state * 1664525u + 1013904223u;
            text += static_cast<char>((state >> 24) % 5 == 0 ? state >> 16 : 'a' + (state >> 16) % 3);
        }
        return text;
    };
    std::vector<std::string> tokens;
    for (int i = 0; i < 3000; ++i)
        tokens.push_back(random_text(7));
    std::sort(tokens.begin(), tokens.end());
    tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
    std::vector<std::pair<std::string_view, std::int32_t>> entries;
    for (std::size_t i = 0; i < tokens.size(); ++i)
        entries.emplace_back(tokens[i], i);
    const bert::PieceTrie trie(entries);
    for (int i = 0; i < 1000; ++i) {
        const std::string text = random_text(12);
        std::int32_t expected = -1;
        std::size_t length = 0;
        for (std::size_t k = 0; k < tokens.size(); ++k) {
            if (tokens[k].size() <= length || text.compare(0, tokens[k].size(), tokens[k]) != 0) continue;
            expected = static_cast<std::int32_t>(k);
            length = tokens[k].size();
        }
        const auto match = longest(trie, text);
        REQUIRE(match.id == expected);
        REQUIRE(match.length == length);
    }
}
