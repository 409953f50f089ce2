#include "bert/io/json.hpp"

#include <cstddef>
#include <string>
#include <string_view>

#include "catch.hpp"
#include "helpers.hpp"

using bert::parse_json;

namespace {

std::string message(std::string_view text)
{
    return input_error([&] { parse_json("f.json", text); });
}

std::string nested(std::size_t levels) { return std::string(levels, '[') + std::string(levels, ']'); }

}  // namespace

TEST_CASE("JSON becomes a document, and of a key that is there twice the last value counts")
{
    const nlohmann::json document = parse_json("f.json", R"( {"a": [1, -2, 0.5], "b": "x", "b": null} )");
    CHECK(document["a"].size() == 3);
    CHECK(document["a"][2] == 0.5);
    CHECK(document["b"].is_null());
}

TEST_CASE("what isn't JSON is refused with its place")
{
    CHECK(message("{\n  \"a\": 1,\n}") ==
          "f.json: expected JSON: line 3, column 1: syntax error while parsing object key - unexpected '}'; expected string "
          "literal");
    CHECK_THAT(message(""), Catch::StartsWith("f.json: expected JSON: line 1, column 1: "));  // the rest is the library's
    CHECK(message("1e999") == "f.json: expected JSON: number overflow parsing '1e999'");
    CHECK(message("{} x").substr(0, 40) == "f.json: expected JSON: line 1, column 4:");
    CHECK(message("\"\xFF\"").substr(0, 83) ==
          "f.json: expected JSON: line 1, column 2: syntax error while parsing value - invalid");
}

TEST_CASE("a zero byte and a byte order mark are not JSON")
{
    CHECK(message(std::string_view("{}\0", 3)) == "f.json: expected JSON: byte 3: got a zero byte");
    CHECK(message("\xEF\xBB\xBF{}") == "f.json: expected JSON: byte 1: got a byte order mark");
}

TEST_CASE("values lie at most 127 deep")
{
    CHECK(message(nested(127)) == "no error");
    CHECK(message(nested(128)) == "f.json: expected JSON: at most 127 levels of nesting, got more");
    CHECK(message(std::string(1'000'000, '[')) == "f.json: expected JSON: at most 127 levels of nesting, got more");
    CHECK(message(std::string(128, '[')) == "f.json: expected JSON: at most 127 levels of nesting, got more");
}

TEST_CASE("a message that quotes the file stays short and on one line")
{
    const std::string text = message("[" + std::string(5000, 'x'));
    CHECK(text.size() < 300);
    CHECK(message("[\n\"a\nb\"]").find('\n') == std::string::npos);
}
