// Writing tokenizers: what is written is what the tokenizers library writes, and gives the same tokenizer when it is read again.
#include "catch.hpp"

#include <filesystem>
#include <string>

#include "bert/io/tokenizer_folder.hpp"
#include "bert/io/tokenizer_writer.hpp"
#include "folders.hpp"
#include "text/reference.hpp"

namespace {

struct Folder {
    Folder() { std::filesystem::create_directories(path); }
    ~Folder() { std::filesystem::remove_all(path); }
    std::filesystem::path path = std::filesystem::temp_directory_path() / ("bert_tokenizer_writer_" + std::to_string(::getpid()));
};

}  // namespace

TEST_CASE("a tokenizer.json is written as the tokenizers library writes it")
{
    const nlohmann::json hashes = reference::json("hashes.json");
    const auto strings = reference::random_strings(0, hashes.at("parts"));
    for (const auto& entry : std::filesystem::directory_iterator(reference::folder() / "tokenizers")) {
        const Folder folder;
        bert::save_tokenizer(bert::load_tokenizer(entry.path()), folder.path);
        INFO(entry.path());
        CHECK(nlohmann::json::parse(reference::contents(folder.path / "tokenizer.json")) ==
              nlohmann::json::parse(reference::contents(entry.path())));
        const std::string name = entry.path().stem();
        CHECK(reference::hash(bert::load_tokenizer(folder.path), strings) ==
              hashes.at("random").at(name).at(0).get<std::string>());
        // What vocab.txt and tokenizer_config.json can't say is only in tokenizer.json: not to clean, for one.
        std::filesystem::remove(folder.path / "tokenizer.json");
        if (name != "nothing" && name != "not_cleaned")
            CHECK(reference::hash(bert::load_tokenizer(folder.path), strings) ==
                  hashes.at("random").at(name).at(0).get<std::string>());
    }
}

TEST_CASE("a vocabulary with gaps or line ends has no vocab.txt")
{
    for (const std::string odd : {"", "a\nb", "c\r"}) {
        bert::TokenizerOptions options;
        options.vocabulary = {"[UNK]", "[CLS]", "[SEP]", odd, "a"};
        const Folder folder;
        bert::save_tokenizer(bert::Tokenizer(options), folder.path);
        CHECK_FALSE(std::filesystem::exists(folder.path / "vocab.txt"));
        CHECK(bert::load_tokenizer(folder.path).id("a") == 4);
    }
}

TEST_CASE("tokenizers of odd folders are the same when they are written and read again")
{
    std::size_t count = 0;
    for (const std::string kind : {"spellings", "vocabulary_lines", "added_tokens"}) {
        for (const nlohmann::json& expected : folders::expected(kind)) {
            const folders::Copy folder(expected);
            INFO(expected["name"].get<std::string>());
            try {
                const bert::FastTokenizer tokenizer = bert::load_tokenizer(folder.path);
                const std::filesystem::path again = folder.path / "again";
                std::filesystem::create_directories(again);
                bert::save_tokenizer(tokenizer, again);
                const bert::FastTokenizer read = bert::load_tokenizer(again);
                const nlohmann::json encodings = expected.value("encodings", nlohmann::json::array());
                for (const nlohmann::json& wanted : encodings)
                    CHECK(read.encode(wanted["text"].get<std::string>()).ids ==
                          tokenizer.encode(wanted["text"].get<std::string>()).ids);
                ++count;
            } catch (const bert::InputError&) {  // a folder that is refused
            }
        }
    }
    CHECK(count > 100);
}
