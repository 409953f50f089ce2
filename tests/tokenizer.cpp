// The tokenizer against the reference: stored encodings in full, and hashes over every scalar value and over real texts.
#include "catch.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/threads.hpp"
#include "bert/fast_tokenizer.hpp"
#include "bert/io/tokenizer_folder.hpp"
#include "bert/tokenizer.hpp"
#include "text/reference.hpp"

namespace {

template <class Value>
std::vector<Value> list(const nlohmann::json& json, const char* key)
{
    return json.at(key).get<std::vector<Value>>();
}

void check_window(const bert::Encoding& encoding, const nlohmann::json& expected)
{
    CHECK(encoding.ids == list<std::int64_t>(expected, "ids"));
    CHECK(encoding.type_ids == list<std::int64_t>(expected, "type_ids"));
    CHECK(encoding.offsets == list<bert::Offsets>(expected, "offsets"));
}

bert::Tokenizer tiny()
{
    bert::TokenizerOptions options;
    options.vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "hello", ",", "wo", "##r", "!", "a", "b"};
    options.added_tokens = bert::special_added_tokens();
    return bert::Tokenizer(options);
}

}  // namespace

TEST_CASE("the example of the header")
{
    const bert::Tokenizer tokenizer = tiny();
    const bert::Encoding encoding = tokenizer.encode("Hello, wor[MASK]!");
    CHECK(tokenizer.tokens(encoding) ==
          std::vector<std::string_view>{"[CLS]", "hello", ",", "wo", "##r", "[MASK]", "!", "[SEP]"});
    CHECK(encoding.offsets == std::vector<bert::Offsets>{{0, 0}, {0, 5}, {5, 6}, {7, 9}, {9, 10}, {10, 16}, {16, 17}, {0, 0}});
    CHECK(encoding.word_ids == std::vector<std::int32_t>{-1, 0, 1, 2, 2, 3, 4, -1});
    CHECK(tokenizer.decode(encoding.ids) == "[CLS] hello, wor [MASK]! [SEP]");
    CHECK(tokenizer.decode(encoding.ids, true) == "hello, wor!");
}

TEMPLATE_TEST_CASE("an added token is never a piece of a word, as in the tokenizers library", "", bert::Tokenizer,
                   bert::FastTokenizer)
{
    bert::TokenizerOptions options;
    options.vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "c", "##o", "##v", "##i", "##d", "##s"};
    options.added_tokens = {{.content = "covid", .single_word = true}, {.content = "covidcovid", .single_word = true}};
    options.single = {{false, 0, 0}};
    const TestType tokenizer(options);
    CHECK(tokenizer.encode("covid").ids == std::vector<std::int64_t>{11});
    CHECK(tokenizer.encode("COVID").ids == std::vector<std::int64_t>{5, 6, 7, 8, 9});
    CHECK(tokenizer.encode("covids").ids == std::vector<std::int64_t>{5, 6, 7, 8, 9, 10});
    CHECK(tokenizer.encode("COVIDCOVID").ids == std::vector<std::int64_t>{1});  // there is no ##c
}

TEST_CASE("a template's texts are those that there are")
{
    bert::TokenizerOptions options;
    options.vocabulary = {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"};
    options.single = {{false, 1, 0}};
    CHECK_THROWS_WITH(bert::Tokenizer(options), "tokenizer: single: expected a text below 1, got 1");
    options.single = {};
    options.pair = {{false, 0, 0}, {false, 2, 1}};
    CHECK_THROWS_WITH(bert::Tokenizer(options), "tokenizer: pair: expected a text below 2, got 2");
}

TEST_CASE("an empty text is a text, and so is an empty second one")
{
    const bert::Tokenizer tokenizer = tiny();
    CHECK(tokenizer.encode("").ids == std::vector<std::int64_t>{2, 3});
    CHECK(tokenizer.encode_pair("a", "").ids == std::vector<std::int64_t>{2, 10, 3, 3});
    CHECK(tokenizer.encode_pair("a", "").type_ids == std::vector<std::int64_t>{0, 0, 0, 1});
    CHECK(tokenizer.encode_pair("a", std::nullopt).ids == tokenizer.encode("a").ids);
}

TEST_CASE("the second text and what closes it are of type 1")  // Devlin et al. 2019, figure 2
{
    const bert::Encoding encoding = tiny().encode_pair("a", "b a");
    CHECK(encoding.ids == std::vector<std::int64_t>{2, 10, 3, 11, 10, 3});
    CHECK(encoding.type_ids == std::vector<std::int64_t>{0, 0, 0, 1, 1, 1});
}

TEST_CASE("texts and pairs with all options give the tokenizers library's encodings")
{
    const nlohmann::json stored = reference::json("encodings.json");
    const auto tokenizer = reference::small(stored.at("tokenizer"));
    REQUIRE(stored.at("encodings").size() > 200);
    for (const nlohmann::json& expected : stored.at("encodings")) {
        bert::EncodeOptions options;
        options.special_tokens = expected.value("special_tokens", true);
        options.max_length = expected.value("max_length", std::size_t{0});
        options.stride = expected.value("stride", std::size_t{0});
        options.pad_to = expected.value("pad_to", std::size_t{0});
        const std::string truncation = expected.value("truncation", "longest_first");
        options.truncation = truncation == "only_first"    ? bert::Truncation::only_first
                             : truncation == "only_second" ? bert::Truncation::only_second
                                                           : bert::Truncation::longest_first;
        options.truncation_side = expected.value("truncation_side", "right") == "left" ? bert::Side::left : bert::Side::right;
        options.padding_side = expected.value("padding_side", "right") == "left" ? bert::Side::left : bert::Side::right;
        const auto text = expected.at("text").get<std::string>();
        std::optional<std::string> pair;
        if (!expected.at("pair").is_null()) pair = expected.at("pair").get<std::string>();

        INFO("case " << nlohmann::json(expected).dump().substr(0, 300));
        if (expected.contains("refused")) {
            CHECK_THROWS_AS(tokenizer.encode_pair(text, pair, options), bert::InputError);
            continue;
        }
        const bert::Encoding encoding = tokenizer.encode_pair(text, pair, options);
        check_window(encoding, expected);
        CHECK(encoding.word_ids == list<std::int32_t>(expected, "word_ids"));
        CHECK(encoding.special_tokens_mask == list<std::uint8_t>(expected, "special_tokens_mask"));
        CHECK(encoding.attention_mask == list<std::uint8_t>(expected, "attention_mask"));
        const auto overflow = expected.value("overflow", nlohmann::json::array());
        REQUIRE(encoding.overflow.size() == overflow.size());
        for (std::size_t i = 0; i < overflow.size(); ++i)
            check_window(encoding.overflow[i], overflow[i]);
    }
}

TEST_CASE("ids are decoded to the tokenizers library's texts")
{
    const nlohmann::json stored = reference::json("encodings.json");
    const auto tokenizer = reference::small(stored.at("tokenizer"));
    for (const nlohmann::json& expected : stored.at("decodings")) {
        const auto ids = list<std::int64_t>(expected, "ids");
        CHECK(tokenizer.decode(ids) == expected.at("text").get<std::string>());
        CHECK(tokenizer.decode(ids, true) == expected.at("without_special").get<std::string>());
    }
}

TEST_CASE("all 1,112,064 scalar values give the tokenizers library's ids and offsets: published vocabularies")
{
    const auto data = reference::data("scalar values with published vocabularies");
    if (!data) return;
    const nlohmann::json hashes = reference::json("hashes.json");
    const auto contexts = list<std::string>(hashes, "contexts");
    for (const std::string name : {"bert-base-uncased", "bert-base-cased", "bert-base-chinese", "bert-base-multilingual-cased"}) {
        const auto tokenizer = reference::published(*data, name);
        const nlohmann::json& blocks = hashes.at("scalars").at(name);
        REQUIRE(blocks.size() == 272);  // of 4096 code points each
        // The vocabularies of many scripts by the same rules: the basic plane, and each seventh block of the rest.
        const bool all = name == "bert-base-uncased" || name == "bert-base-cased";
        for (std::size_t block = 0; block < blocks.size(); block += (all || block < 16 ? 1 : 7) * reference::block_step) {
            INFO("vocabulary " << name << ", code points from " << 4096 * block);
            CHECK(reference::hash(tokenizer, reference::scalar_strings(block, contexts)) == blocks[block].get<std::string>());
        }
    }
}

TEST_CASE("real texts in 70 languages and random strings give the tokenizers library's ids and offsets")
{
    const auto data = reference::data("real texts with published vocabularies");
    if (!data) return;
    const nlohmann::json hashes = reference::json("hashes.json");
    const auto parts = list<std::string>(hashes, "parts");
    for (const auto& [name, files] : hashes.at("texts").items()) {
        const auto tokenizer = reference::published(*data, name);
        for (const auto& [file, expected] : files.items()) {
            INFO("vocabulary " << name << ", file " << file);
            const std::vector<std::string> lines = reference::lines(*data / file);
            CHECK(reference::hash(tokenizer, lines) == expected.get<std::string>());
            if (file.find("multi") != file.npos) CHECK(reference::hash(tokenizer, lines, true) == expected.get<std::string>());
        }
        const nlohmann::json& blocks = hashes.at("random").at(name);
        for (std::size_t block = 0; block < blocks.size(); block += reference::block_step)
            CHECK(reference::hash(tokenizer, reference::random_strings(block, parts)) == blocks[block].get<std::string>());
    }
}

TEST_CASE("text that is not UTF-8 is read as U+FFFD and counted, or refused")
{
    const bert::Tokenizer tokenizer = tiny();
    const bert::Encoding encoding = tokenizer.encode_pair("a\xFF", "\xE4\xB8 b");
    CHECK(encoding.replaced == 2);
    CHECK(encoding.ids == std::vector<std::int64_t>{2, 10, 3, 11, 3});  // U+FFFD is removed by cleaning
    CHECK(encoding.offsets[3] == bert::Offsets{2, 3});
    bert::EncodeOptions strict;
    strict.strict = true;
    CHECK_THROWS_WITH(tokenizer.encode("a\xFF", strict), "text: byte 1: expected UTF-8, got 0xFF");
    CHECK_THROWS_WITH(tokenizer.encode_pair("a", "\xE4\xB8 b", strict), "pair: byte 0: expected UTF-8, got 0xE4");
    CHECK(tokenizer.encode("\xC3\xA9", strict).replaced == 0);
}

TEST_CASE("options that can't be met are refused")
{
    const bert::Tokenizer tokenizer = tiny();
    bert::EncodeOptions options;
    options.max_length = 2;
    CHECK_THROWS_WITH(tokenizer.encode("a", options),
                      "max_length: expected at least 3, room for one token besides 2 special ones, got 2");
    options.max_length = 5;
    options.stride = 3;
    CHECK_THROWS_WITH(tokenizer.encode("a", options),
                      "stride: expected less than 3, the tokens of a window without the special ones, got 3");
    options.stride = 1;
    CHECK_THROWS_WITH(tokenizer.encode_pair("a a a", "b b b", options),
                      "stride: expected less than the 1 tokens that a window holds of the first text, got 1");
    options.stride = 0;
    options.truncation = bert::Truncation::only_second;
    CHECK_THROWS_WITH(tokenizer.encode("a", options), "truncation: only_second: expected a pair, got one text");
    options.truncation = bert::Truncation::none;
    CHECK_THROWS_WITH(tokenizer.encode("a a a a", options), "text: expected at most 3 tokens besides the special ones, got 4");
    CHECK(tokenizer.encode("a a a", options).size() == 5);
}

TEST_CASE("tokens and ids that are not there are refused")
{
    const bert::Tokenizer tokenizer = tiny();
    CHECK(tokenizer.vocab_size() == 12);
    CHECK(tokenizer.mask_id() == 4);
    CHECK(tokenizer.unk_id() == 1);
    CHECK(tokenizer.id("hello") == 5);
    CHECK(tokenizer.id("HELLO") == std::nullopt);
    CHECK_THROWS_WITH(tokenizer.token(12), "id 12: expected an id of the vocabulary, which has 12");
    CHECK_THROWS_WITH(tokenizer.decode({5, -1}), "id -1: expected an id of the vocabulary, which has 12");

    bert::TokenizerOptions options;
    options.vocabulary = {"[UNK]", "a"};
    CHECK_THROWS_WITH(bert::Tokenizer(options), "tokenizer: the vocabulary lacks [CLS]");
    options.single = options.pair = {{false, 0, 0}};
    const bert::Tokenizer bare(options);
    CHECK(bare.encode("a b").ids == std::vector<std::int64_t>{1, 0});
    CHECK_THROWS_WITH(bare.mask_id(), "tokenizer: expected the token [MASK] in the vocabulary, got none");
    options.added_tokens = {{""}};
    CHECK_THROWS_WITH(bert::Tokenizer(options), "tokenizer: an added token is empty");
}

TEST_CASE("A batch is encoded as its texts are one by one, by any number of threads, and the first error is reported")
{
    const auto tokenizer = bert::load_tokenizer(BERT_SOURCE_DIR "/examples/models/default");
    std::vector<std::string> texts;
    for (int i = 0; i < 100; ++i)
        texts.push_back(std::string(static_cast<std::size_t>(i % 7), 'a') + " the " + std::to_string(i));
    const std::size_t threads = bert::threads();
    for (const std::size_t count : {1U, 2U, 3U}) {
        bert::set_threads(count);
        const std::vector<bert::Encoding> encodings = tokenizer.encode_batch(texts);
        REQUIRE(encodings.size() == texts.size());
        for (std::size_t b = 0; b < texts.size(); ++b)
            CHECK(encodings[b].ids == tokenizer.encode(texts[b]).ids);
        CHECK(tokenizer.encode_batch({}).empty());
        std::vector<std::string> broken = texts;
        broken[40] = "\xFF";
        broken[90] = "ab\xFE";
        bert::EncodeOptions strict;
        strict.strict = true;
        CHECK_THROWS_WITH(tokenizer.encode_batch(broken, strict), Catch::Contains("byte 0"));
    }
    bert::set_threads(threads);
}

TEST_CASE("a tokenizer can be copied and outlive its original")
{
    auto original = std::make_unique<bert::Tokenizer>(tiny());
    const bert::Tokenizer copy = *original;
    original.reset();
    CHECK(copy.encode("hello wor").ids == std::vector<std::int64_t>{2, 5, 7, 8, 3});
}
