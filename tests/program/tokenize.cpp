#include <cstddef>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

using Json = nlohmann::json;

TEST_CASE("ids, tokens, offsets and types are the tokenizers library's")
{
    const Json texts = Json::parse(contents_of(default_case() + "/texts.json"));
    std::string input;
    for (const Json& text : texts) {
        Json line{{"text", text["text"]}};
        if (text.contains("pair")) line["pair"] = text["pair"];
        input += line.dump() + "\n";
    }
    const Run result = run({"tokenize", "--json", "--input", "jsonl"}, input);
    REQUIRE(result.status == 0);
    CHECK(result.error.empty());
    const std::vector<Json> lines = result.json();
    REQUIRE(lines.size() == texts.size());
    for (std::size_t i = 0; i < lines.size(); ++i) {
        INFO(texts[i].dump());
        for (const char* key : {"ids", "tokens", "offsets", "type_ids"})
            CHECK(lines[i][key] == texts[i][key]);
        CHECK(lines[i]["attention_mask"] == Json(std::vector<int>(lines[i]["ids"].size(), 1)));
        CHECK(lines[i]["special_tokens_mask"].size() == lines[i]["ids"].size());
        CHECK(lines[i]["overflow"] == Json::array());
        CHECK(lines[i].size() == 7);
    }
    CHECK(run({"tokenize", "--json", "Is it raining?", "--pair", "No, it is not."}).json()[0]["ids"] == texts[4]["ids"]);
}

TEST_CASE("texts come from arguments, files and standard input")
{
    const TemporaryFolder folder;
    put(folder / "texts", "the cat\r\n\r\nis");  // Windows line ends, an empty text, no end of line at the end
    const auto tokens = [](const Run& result) {
        REQUIRE(result.status == 0);
        std::vector<Json> all;
        for (const Json& line : result.json())
            all.push_back(line["tokens"]);
        return Json(all);
    };
    const Json the_cat = tokens(run({"tokenize", "--json", "the cat"}))[0], empty = {"[CLS]", "[SEP]"},
               is = {"[CLS]", "is", "[SEP]"};
    CHECK(the_cat[1] == "the");
    const Json expected = {the_cat, empty, is};
    CHECK(tokens(run({"tokenize", "--json", "--file", folder / "texts"})) == expected);
    CHECK(tokens(run({"tokenize", "--json"}, contents_of(folder / "texts"))) == expected);
    CHECK(tokens(run({"tokenize", "--json", "--file", "-"}, contents_of(folder / "texts"))) == expected);
    CHECK(tokens(run({"tokenize", "--json", "is", "", "--file", folder / "texts"})) == Json({is, empty, the_cat, empty, is}));
    CHECK(run({"tokenize", "--json"}, "").out.empty());
    // What CLI11 would take for a list, an option, or a command.
    CHECK(tokens(run({"tokenize", "--json", "[MASK]"})) == Json({{"[CLS]", "[MASK]", "[SEP]"}}));
    CHECK(tokens(run({"tokenize", "--json", "[CLS] is [SEP]"})) == Json({{"[CLS]", "[CLS]", "is", "[SEP]", "[SEP]"}}));
    CHECK(tokens(run({"tokenize", "--json", "is", "--pair", "[MASK]"})) == Json({{"[CLS]", "is", "[SEP]", "[MASK]", "[SEP]"}}));
    CHECK(tokens(run({"tokenize", "--json", "is", "--pair", ""})) == Json({{"[CLS]", "is", "[SEP]", "[SEP]"}}));
    CHECK(tokens(run({"tokenize", "--json", "--", "--is"}))[0].back() == "[SEP]");
    CHECK(run({"tokenize", "info"}).status == 0);
}

TEST_CASE("what is too long is cut into windows, what is too short is padded")
{
    const Json whole = run({"tokenize", "--json", "the cat is the cat"}).json()[0];
    const std::vector<int> ids = whole["ids"];
    const std::size_t n = ids.size();
    REQUIRE(n >= 7);

    const Json cut = run({"tokenize", "--json", "--max-length", "5", "the cat is the cat"}).json()[0];
    CHECK(cut["ids"] == Json({ids[0], ids[1], ids[2], ids[3], ids[n - 1]}));
    REQUIRE(cut["overflow"].size() == (n - 2 + 2) / 3 - 1);
    CHECK(cut["overflow"][0]["ids"][1] == ids[4]);
    const Json strided = run({"tokenize", "--json", "--max-length", "5", "--stride", "1", "the cat is the cat"}).json()[0];
    CHECK(strided["overflow"][0]["ids"][1] == ids[3]);
    const Json left =
        run({"tokenize", "--json", "--max-length", "3", "--truncation-side", "left", "the cat is the cat"}).json()[0];
    CHECK(left["ids"] == Json({ids[0], ids[n - 2], ids[n - 1]}));
    const Json padded = run({"tokenize", "--json", "--pad-to", "6", "the"}).json()[0];
    CHECK(padded["tokens"] == Json({"[CLS]", "the", "[SEP]", "[PAD]", "[PAD]", "[PAD]"}));
    CHECK(padded["attention_mask"] == Json({1, 1, 1, 0, 0, 0}));
    CHECK(padded["special_tokens_mask"] == Json({1, 0, 1, 1, 1, 1}));
    CHECK(run({"tokenize", "--json", "--no-special-tokens", "the"}).json()[0]["tokens"] == Json({"the"}));

    const auto error = [](const std::vector<std::string>& options) {
        std::vector<std::string> arguments{"tokenize", "the cat is the cat"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const Run result = run(arguments);
        CHECK(result.status == 2);
        return result.error;
    };
    CHECK(error({"--max-length", "2"}) ==
          "bert: argument 1: max_length: expected at least 3, room for one token besides 2 special ones, got 2\n");
    CHECK(error({"--max-length", "5", "--stride", "3"}) ==
          "bert: argument 1: stride: expected less than 3, the tokens of a window without the special ones, got 3\n");
    CHECK(error({"--max-length", "5", "--truncation", "only_second"}) ==
          "bert: argument 1: truncation: only_second: expected a pair, got one text\n");
    CHECK(error({"--stride", "3"}) == "bert: --stride: expected --max-length beside it, got none\n");
    CHECK(error({"--pad-to", "2147483647"}) == "bert: --pad-to: expected a whole number from 0 to 1048576, got \"2147483647\"\n");
}

TEST_CASE("ids are decoded")
{
    const Run json = run({"tokenize", "--decode", "--json", "2 117 4 3", "[117, 128]", ""});
    REQUIRE(json.status == 0);
    const std::vector<Json> lines = json.json();
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == Json{{"text", "[CLS] the [MASK] [SEP]"}});
    CHECK(lines[1] == Json{{"text", "the is"}});
    CHECK(lines[2] == Json{{"text", ""}});
    CHECK(run({"tokenize", "--decode", "--skip-special-tokens"}, "2 117 4 3\n").out == "the\n");
    const Run beyond = run({"tokenize", "--decode"}, "2 3\n1 99999\n");
    CHECK(beyond.status == 2);
    CHECK(beyond.error.starts_with("bert: standard input:2: id 99999: expected an id of the vocabulary"));
    CHECK(run({"tokenize", "--decode", "12 x"}).error == "bert: argument 1: ids: expected whole numbers, got \"x\"\n");
}

TEST_CASE("what isn't UTF-8 is replaced and counted, or refused")
{
    const Run replaced = run({"tokenize", "--json"}, "the \xFF\xC3( cat\n");
    CHECK(replaced.status == 0);
    CHECK(replaced.json().size() == 1);
    CHECK(replaced.error == "bert: warning: texts: expected UTF-8; 2 malformed sequences were read as U+FFFD\n");
    CHECK(run({"tokenize", "--json", "--quiet"}, "\xFF\n").error.empty());
    const Run strict = run({"tokenize", "--strict"}, "fine\nthe \xFF\n");
    CHECK(strict.status == 2);
    CHECK(strict.error == "bert: standard input:2: byte 4: expected UTF-8, got 0xFF\n");

    const std::vector<std::string> jsonl{"tokenize", "--json", "--input", "jsonl"};
    const Run in_json = run(jsonl, "{\"text\": \"the \xFF\", \"pair\": \"\xFE\"}\n");
    CHECK(in_json.status == 0);
    CHECK(in_json.json()[0]["tokens"] == Json({"[CLS]", "the", "[SEP]", "[SEP]"}));
    CHECK(in_json.error == "bert: warning: texts: expected UTF-8; 2 malformed sequences were read as U+FFFD\n");
    CHECK(run({"tokenize", "--strict", "--input", "jsonl"}, "{\"text\": \"\xFF\"}\n").error ==
          "bert: standard input:1: byte 10: expected UTF-8, got 0xFF\n");

    const Run second = run({"tokenize", "--json", "the", "--pair", "\xFF"});
    CHECK(second.json()[0]["tokens"] == Json({"[CLS]", "the", "[SEP]", "[SEP]"}));
    CHECK(second.error == "bert: warning: texts: expected UTF-8; 1 malformed sequence was read as U+FFFD\n");
    CHECK(run({"tokenize", "--strict", "the", "--pair", "\xFF"}).error == "bert: --pair: byte 0: expected UTF-8, got 0xFF\n");
}

TEST_CASE("a line that never ends is refused before it fills the memory")
{
    const Run endless = run({"tokenize", "the", "--file", "/dev/zero"});
    CHECK(endless.status == 2);
    CHECK(endless.error == "bert: /dev/zero:1: expected a line of at most 268435456 bytes, got a longer one\n");
}

TEST_CASE("lines of JSON that aren't what they should be are named")
{
    const auto error = [](const std::string& line) {
        const Run result = run({"tokenize", "--input", "jsonl"}, line + "\n");
        CHECK(result.status == 2);
        return result.error;
    };
    CHECK(error("{\"text\": ").starts_with("bert: standard input:1: expected JSON: "));
    CHECK(error("[]") == "bert: standard input:1: expected an object with text, got []\n");
    CHECK(error("{\"pair\": \"x\"}") == "bert: standard input:1: expected an object with text, got {\"pair\":\"x\"}\n");
    CHECK(error("{\"text\": 3}") == "bert: standard input:1: text: expected a string, got 3\n");
    CHECK(error("{\"text\": \"a\", \"pair\": 3}") == "bert: standard input:1: pair: expected a string, got 3\n");
    CHECK(run({"tokenize", "--file", "/nowhere"}).error ==
          "bert: /nowhere: expected a readable file: No such file or directory\n");
    CHECK(run({"tokenize", "--file", "/"}).error == "bert: /: expected a readable file: Is a directory\n");
}

TEST_CASE("a tokenizer needs no model")
{
    const TemporaryFolder folder;
    put(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhe\n##llo\nHe\n");
    const std::string vocabulary = folder / "vocab.txt";
    CHECK(run({"tokenize", "--json", "--tokenizer", vocabulary, "Hello"}).json()[0]["ids"] == Json({2, 5, 6, 3}));
    CHECK(run({"tokenize", "--json", "--tokenizer", vocabulary, "--no-lowercase", "Hello"}).json()[0]["ids"] ==
          Json({2, 7, 6, 3}));
    put(folder / "vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\nthe\n");
    const Run twice = run({"tokenize", "--json", "--tokenizer", vocabulary, "the"});
    CHECK(twice.json()[0]["ids"] == Json({2, 6, 3}));
    CHECK(twice.error == "bert: warning: " + vocabulary + ":7: token \"the\" is already on line 6; the last line counts\n");
    CHECK(run({"tokenize", "--quiet", "--tokenizer", vocabulary, "the"}).error == "");
    put(folder / "vocab.txt", "");
    CHECK(run({"tokenize", "--tokenizer", vocabulary, "a"}).error ==
          "bert: " + vocabulary + ": expected a file with contents, got an empty one\n");
}

TEST_CASE("people get a table")
{
    CHECK(run({"tokenize", "the"}).out ==
          " id  token  from  to  type\n  2  [CLS]     0   0     0\n117  the       0   3     0\n  3  [SEP]     0   0     0\n");
}
