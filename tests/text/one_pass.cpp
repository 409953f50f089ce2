// The fast form against the steps: stored strings, random bytes, and very long words of every kind in linear time.
#include "catch.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bert/text/one_pass.hpp"
#include "text/reference.hpp"

namespace {

const std::vector<std::string> names = {"uncased", "cased",       "uncased_raw_added", "accents_only", "case_only",
                                        "nothing", "not_cleaned", "cased_added",       "uncased_added"};

bert::Encoding by_steps(const bert::Tokenizer& tokenizer, const std::string& text)
{
    bert::Encoding encoding;
    tokenizer.Tokenizer::tokenize(text, encoding);
    return encoding;
}

void check_equal(const bert::Tokenizer& tokenizer, const std::string& text)
{
    bert::EncodeOptions options;
    options.special_tokens = false;
    const bert::Encoding fast = tokenizer.encode(text, options), steps = by_steps(tokenizer, text);
    INFO("text: " << text);
    REQUIRE(fast.ids == steps.ids);
    REQUIRE(fast.offsets == steps.offsets);
    REQUIRE(fast.word_ids == steps.word_ids);
}

}  // namespace

TEST_CASE("random strings of everything that has a rule give the same, and the tokenizers library's")
{
    const nlohmann::json hashes = reference::json("hashes.json");
    const auto parts = hashes.at("parts").get<std::vector<std::string>>();
    for (const auto& [name, blocks] : hashes.at("random").items()) {
        if (name.find("bert") == 0) continue;
        const auto tokenizer = reference::small(name);
        for (std::size_t block = 0; block < blocks.size(); block += reference::block_step) {
            INFO("tokenizer " << name << ", block " << block);
            const std::vector<std::string> strings = reference::random_strings(block, parts);
            CHECK(reference::hash(tokenizer, strings) == blocks[block].get<std::string>());
            CHECK(reference::hash(tokenizer, strings, true) == blocks[block].get<std::string>());
        }
    }
}

TEST_CASE("random bytes, most of them not UTF-8, give the same as the steps")
{
    std::uint32_t state = 3;
    for (const std::string& name : names) {
        const auto tokenizer = reference::small(name);
        for (int i = 0; i < 2000; ++i) {
            std::string text;
            for (int length = i % 40; length > 0; --length) {
                state = state * 1664525u + 1013904223u;
                const auto byte = static_cast<unsigned char>(state >> 24);
                constexpr std::string_view often = "ab <x>\xC3\xA9\xE4\xB8\xAD\xCC\x81\xEF\xBF\xBD";
                text += byte % 2 ? often[(state >> 8) % often.size()] : static_cast<char>(byte);
            }
            check_equal(tokenizer, text);
        }
    }
}

TEST_CASE("a longest word is a word, one character more is unknown")
{
    const auto tokenizer = reference::small("uncased");
    for (const std::string letter : {"a", "\u00E9", "\u03B1", "\u0391", "\uAC00", "e\u0301"})
        for (int count : {33, 34, 49, 50, 51, 99, 100, 101, 102}) {
            std::string text;
            for (int i = 0; i < count; ++i)
                text += letter;
            check_equal(tokenizer, text);
            check_equal(tokenizer, "a" + text + "\u0301 b");
        }
}

TEST_CASE("many characters of one kind take linear time")
{
    // In order: letters, letters that are mapped, marks that go, marks that stay and are sorted, Chinese, punctuation,
    // beginnings of an added token, malformed bytes, white space, and what is removed.
    const std::vector<std::string> kinds = {"a",        "\u00C9", "\u0301\u0327", "\u302E\u0301", "\u4E2D", "!", "<lef",
                                            "\xE4\xB8", " ",      "\u200B"};
    for (const std::string name : {"uncased_raw_added", "cased_added"}) {
        const auto tokenizer = reference::small(name);
        for (const std::string& kind : kinds) {
            const auto seconds = [&](std::size_t bytes) {
                std::string text;
                while (text.size() < bytes)
                    text += kind;
                const auto begin = std::chrono::steady_clock::now();
                const bert::Encoding encoding = tokenizer.encode(text);
                CHECK(encoding.size() >= 2);
                return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
            };

            constexpr std::size_t size = with_sanitizer ? 2000000 : 20000000;  // bytes
            INFO("tokenizer " << name << ", text " << kind);
            const double small = seconds(size / 10), large = seconds(size);
            CHECK(large < 60 * (small + 0.01));  // quadratic time would be 100 times as long; 10 is linear
        }
    }
}
