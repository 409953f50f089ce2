#include "bert/core/one_line.hpp"

#include <string>

#include "catch.hpp"

using bert::in_quotes;
using bert::one_line;

TEST_CASE("a text for a message stays on one line")
{
    CHECK(one_line("encoder.layer.0") == "encoder.layer.0");
    CHECK(one_line("") == "");
    CHECK(one_line(std::string("a\nb\0c\x7F\x1B[0m", 10)) == "a\\u000ab\\u0000c\\u007f\\u001b[0m");
    CHECK(one_line("\xC3\xA9") == "\xC3\xA9");  // e with acute accent
    CHECK(in_quotes("a\tb") == "\"a\\u0009b\"");
}

TEST_CASE("a text for a message is short, and cut between characters")
{
    CHECK(one_line(std::string(200, 'x')) == std::string(200, 'x'));
    CHECK(one_line(std::string(201, 'x')) == std::string(200, 'x') + "...");
    CHECK(one_line(std::string(199, 'x') + "\xC3\xA9" + "y") == std::string(199, 'x') + "...");
    CHECK(one_line(std::string(300, '\x80')) == "...");  // no character at all
    CHECK(one_line("abc\n", 3) == "abc...");
    CHECK(one_line(std::string(300, 'x') + "\n", 1000) == std::string(300, 'x') + "\\u000a");
}
