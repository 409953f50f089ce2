// Reading tokenizers: what a good file means, and what is said of a bad one. That the stored tokenizers give the tokenizers
// library's results is tested with the tokenizer itself.
#include "catch.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <ios>
#include <string>
#include <vector>

#include "bert/io/tokenizer_folder.hpp"
#include "text/reference.hpp"

namespace {

using nlohmann::json;

/// A folder for the files of one test.
struct Folder {
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    void write(const std::string& name, const std::string& text) const { std::ofstream(path / name, std::ios::binary) << text; }
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("bert_tokenizer_json_" + std::to_string(::getpid()));
};

const std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\n\xC3\xA9\nA\n";

/// What loading says of a tokenizer.json in which something was changed, without the folder's name.
std::string refusal(const std::function<void(json&)>& change)
{
    json document = json::parse(reference::contents(reference::folder() / "tokenizers/uncased.json"));
    change(document);
    const Folder folder;
    folder.write("tokenizer.json", document.dump());
    try {
        bert::load_tokenizer(folder.path);
    } catch (const bert::InputError& error) {
        const std::string message = error.what();
        return message.substr(message.find("tokenizer.json"));
    }
    return "loaded";
}

std::string refusal(const std::string& name, const std::string& text)
{
    const Folder folder;
    folder.write("vocab.txt", vocabulary);
    folder.write(name, text);
    try {
        bert::load_tokenizer(folder.path);
    } catch (const bert::InputError& error) {
        const std::string message = error.what();
        return message.substr(message.find(name));
    }
    return "loaded";
}

}  // namespace

TEST_CASE("a vocab.txt alone is an uncased tokenizer")
{
    const Folder folder;
    folder.write("vocab.txt", vocabulary);
    for (const auto& path : {folder.path, folder.path / "vocab.txt"}) {
        const auto tokenizer = bert::load_tokenizer(path);
        CHECK(tokenizer.vocab_size() == 9);
        CHECK(tokenizer.encode("AB [MASK]").ids == std::vector<std::int64_t>{2, 5, 6, 4, 3});
        CHECK(bert::load_tokenizer(path, false).encode("A").ids == std::vector<std::int64_t>{2, 8, 3});
    }
}

TEST_CASE("a tokenizer_config.json beside it says the rest")
{
    const Folder folder;
    folder.write("vocab.txt", "<pad>\r\n<unk>\r\n<s>\r\n</s>\r\na\r\nA");  // a vocabulary from another system
    folder.write("tokenizer_config.json", R"({
        "do_lower_case": false, "tokenize_chinese_chars": false, "strip_accents": true, "padding_side": "left",
        "truncation_side": "left", "model_max_length": 512, "unk_token": "<unk>", "sep_token": {"content": "</s>"},
        "pad_token": "<pad>", "cls_token": "<s>", "mask_token": {"content": "<mask>", "lstrip": true, "normalized": false},
        "added_tokens_decoder": {"7": {"content": "later"}, "6": {"content": "<x>", "special": true}},
        "additional_special_tokens": ["<y>"], "unknown_key": [1, 2]})");
    const auto tokenizer = bert::load_tokenizer(folder.path);
    CHECK(tokenizer.encode("A \xC3\x81 a").ids == std::vector<std::int64_t>{2, 5, 5, 4, 3});
    CHECK(tokenizer.id("<x>") == 6);
    CHECK(tokenizer.id("later") == 7);
    CHECK(tokenizer.mask_id() == 8);
    CHECK(tokenizer.id("<y>") == 9);
    CHECK(tokenizer.is_special(9));
    CHECK_FALSE(tokenizer.is_special(7));
    CHECK(tokenizer.encode("a <mask>").offsets[2] == bert::Offsets{1, 8});
    CHECK(tokenizer.options().encode.padding_side == bert::Side::left);
    CHECK(tokenizer.options().encode.truncation_side == bert::Side::left);
    CHECK(tokenizer.options().model_max_length == 512);
}

TEST_CASE("a tokenizer.json is taken if there is one, without its truncation and padding")
{
    json document = json::parse(reference::contents(reference::folder() / "tokenizers/cased.json"));
    document["truncation"] = {{"direction", "Right"}, {"max_length", 3}, {"strategy", "LongestFirst"}, {"stride", 0}};
    document["padding"] = {{"strategy", {{"Fixed", 9}}}, {"direction", "Right"}, {"pad_id", 0}, {"pad_token", "[PAD]"}};
    const Folder folder;
    folder.write("vocab.txt", vocabulary);
    folder.write("tokenizer.json", document.dump());
    folder.write("tokenizer_config.json", R"({"do_lower_case": true, "model_max_length": 1e30})");
    const auto tokenizer = bert::load_tokenizer(folder.path);
    CHECK(tokenizer.encode("A a b").size() == 5);
    CHECK(tokenizer.encode("A").ids[1] == *tokenizer.id("A"));
    CHECK(tokenizer.options().model_max_length == 0);
}

TEST_CASE("the older post-processor, and none")
{
    json document = json::parse(reference::contents(reference::folder() / "tokenizers/uncased.json"));
    const Folder folder;
    document["post_processor"] = {{"type", "BertProcessing"}, {"sep", {"[SEP]", 3}}, {"cls", {"[CLS]", 2}}};
    folder.write("tokenizer.json", document.dump());
    CHECK(bert::load_tokenizer(folder.path).encode_pair("a", "a").type_ids == std::vector<std::int64_t>{0, 0, 0, 1, 1});
    document["post_processor"] = nullptr;
    folder.write("tokenizer.json", document.dump());
    CHECK(bert::load_tokenizer(folder.path).encode_pair("a", "a").type_ids == std::vector<std::int64_t>{0, 1});
}

// As tokenizers 0.23.3 does.
TEST_CASE("an id that the vocabulary doesn't give, and a token that is listed twice, are followed as far as they go")
{
    json document = json::parse(reference::contents(reference::folder() / "tokenizers/uncased.json"));
    const std::string pad = document["added_tokens"][0]["content"];
    document["added_tokens"][1]["id"] = 40;
    document["added_tokens"].push_back(document["added_tokens"][0]);
    document["added_tokens"].back()["lstrip"] = true;
    const Folder folder;
    folder.write("tokenizer.json", document.dump());
    std::vector<std::string> warnings;
    const auto tokenizer = bert::load_tokenizer(folder.path, std::nullopt, &warnings);
    CHECK(tokenizer.id(document["added_tokens"][1]["content"].get<std::string>()) == 1);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings[0].ends_with("has the id 1, not 40"));
    CHECK(tokenizer.encode("a " + pad).offsets[2] == bert::Offsets{1, static_cast<std::uint32_t>(2 + pad.size())});
}

TEST_CASE("a bad tokenizer.json is refused with the place and what was expected there")
{
    CHECK(refusal([](json&) {}) == "loaded");
    CHECK(refusal([](json& d) { d["model"]["type"] = "BPE"; }) ==
          R"(tokenizer.json: model.type: expected "WordPiece", got "BPE")");
    CHECK(refusal([](json& d) { d.erase("model"); }) == "tokenizer.json: model: expected a value, got none");
    CHECK(refusal([](json& d) { d["model"]["vocab"] = json::array(); }) ==
          "tokenizer.json: model.vocab: expected an object, got []");
    CHECK(refusal([](json& d) { d["model"]["vocab"] = json::object(); }) ==
          "tokenizer.json: model.vocab: expected the tokens and their ids, got {}");
    CHECK(refusal([](json& d) {
              d["model"]["vocab"]["a"] = -1;
          }).find("model.vocab[\"a\"]: expected a whole number from 0 to ") != std::string::npos);
    CHECK(refusal([](json& d) { d["model"]["vocab"]["a"] = 1.5; }).find("got 1.5") != std::string::npos);
    CHECK(refusal([](json& d) { d["model"]["vocab"]["a"] = 1000000; }).find("got 1000000") != std::string::npos);
    CHECK(refusal([](json& d) { d["model"]["vocab"]["a"] = 0; }).find("is already that of") != std::string::npos);
    CHECK(refusal([](json& d) { d["model"]["unk_token"] = "<unk>"; }) ==
          "tokenizer.json: wordpiece: the vocabulary lacks the unknown token <unk>");
    CHECK(
        refusal([](json& d) { d["normalizer"]["type"] = "Precompiled"; }) ==
        R"(tokenizer.json: normalizer.type: expected "BertNormalizer" or "NFD" or "StripAccents" or "Lowercase", got "Precompiled")");
    CHECK(refusal([](json& d) { d["normalizer"]["lowercase"] = "yes"; }) ==
          R"(tokenizer.json: normalizer.lowercase: expected true or false, got "yes")");
    CHECK(refusal([](json& d) { d["pre_tokenizer"]["type"] = "ByteLevel"; }).find("pre_tokenizer.type: expected \"BertPre") !=
          std::string::npos);
    CHECK(refusal([](json& d) { d["post_processor"]["single"].erase(1); }).find("expected A once and no B") != std::string::npos);
    CHECK(refusal([](json& d) { d["post_processor"]["special_tokens"]["[CLS]"]["ids"] = {100000}; }).find("got 100000") !=
          std::string::npos);
    CHECK(refusal([](json& d) { d["post_processor"]["special_tokens"].erase("[SEP]"); }) ==
          "tokenizer.json: post_processor.special_tokens.[SEP]: expected a value, got none");
    CHECK(refusal([](json& d) { d["decoder"]["type"] = "ByteLevel"; }) ==
          R"(tokenizer.json: decoder.type: expected "WordPiece", got "ByteLevel")");
    CHECK(refusal([](json& d) { d = json::array(); }).find("expected an object, got []") != std::string::npos);
}

TEST_CASE("a bad vocab.txt is refused with its line")
{
    CHECK(refusal("vocab.txt", " \n\n") == "vocab.txt: expected one token a line, got none");
    CHECK(refusal("vocab.txt", "[UNK]\na\xFF\n") == "vocab.txt:2: byte 1: expected UTF-8, got 0xFF");
    CHECK(refusal("vocab.txt", "a\nb\n") == "vocab.txt: wordpiece: the vocabulary lacks the unknown token [UNK]");
    CHECK(refusal("vocab.txt", "").find("vocab.txt: expected a file with contents, got an empty one") == 0);
    CHECK(refusal("tokenizer_config.json", "{\"do_lower_case\": 1}") ==
          "tokenizer_config.json: do_lower_case: expected true or false, got 1");
    CHECK(refusal("tokenizer_config.json", "{\"padding_side\": \"up\"}") ==
          R"(tokenizer_config.json: padding_side: expected "right" or "left", got "up")");
    CHECK(refusal("tokenizer_config.json", "{\"model_max_length\": -1}") ==
          "tokenizer_config.json: model_max_length: expected a number above 0, got -1");
    CHECK(
        refusal("tokenizer_config.json", "{\"added_tokens_decoder\": {\"x\": \"y\"}}").find("added_tokens_decoder.x: expected") !=
        std::string::npos);
    CHECK(refusal("tokenizer_config.json", "{").find("tokenizer_config.json: expected JSON") == 0);
    CHECK(refusal("tokenizer_config.json", "[]") == "tokenizer_config.json: expected an object, got []");
    CHECK(refusal("tokenizer_config.json", R"({"tokenizer_class": "RobertaTokenizer"})") ==
          "tokenizer_config.json: tokenizer_class: expected BertTokenizer or one of its kind beside vocab.txt, got "
          "\"RobertaTokenizer\"");
    CHECK(refusal("added_tokens.json", R"({"x": "9"})") ==
          "added_tokens.json: x: expected a whole number from 0 to 2147483647, got \"9\"");
    CHECK(refusal("special_tokens_map.json", R"({"cls_token": 1})").find("special_tokens_map.json: cls_token: expected") == 0);
}

TEST_CASE("what isn't there is refused")
{
    const Folder folder;
    CHECK_THROWS_WITH(bert::load_tokenizer(folder.path),
                      folder.path.string() + ": expected tokenizer.json or vocab.txt in this folder, got neither");
    CHECK_THROWS_AS(bert::load_tokenizer(folder.path / "missing.txt"), bert::InputError);
    std::filesystem::create_symlink("vocab.txt", folder.path / "vocab.txt");  // what can't be looked at: a link to itself
    CHECK_THROWS_WITH(bert::load_tokenizer(folder.path),
                      (folder.path / "vocab.txt").string() + ": expected a readable file: Too many levels of symbolic links");
}
