/// @file
/// Reading JSON that may be hostile: nlohmann-json's parser, with what it lets pass refused and its errors in our words.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"

namespace bert {

/// How deep objects and arrays may lie in one another: as deep as in the reference library's reader of safetensors.
inline constexpr std::size_t max_json_depth = 127;

/// Refuses a value that lies too deep in others.
/// @param place  the file
/// @param depth  how many objects and arrays it is in or begins
/// @throws InputError if these are more than max_json_depth
inline void check_json_depth(std::string_view place, std::size_t depth)
{
    if (depth > max_json_depth)
        fail_input(place, "expected JSON: at most " + std::to_string(max_json_depth) + " levels of nesting, got more");
}

/// Refuses two things that nlohmann-json lets pass: it takes a zero byte for the end of the text, and skips a byte order mark.
/// @param place  the file
/// @param text  the JSON text
/// @throws InputError if one of them is there
inline void check_json_bytes(std::string_view place, std::string_view text)
{
    if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
        fail_input(place, "expected JSON: byte " + std::to_string(zero + 1) + ": got a zero byte");
    if (text.substr(0, 3) == "\xEF\xBB\xBF") fail_input(place, "expected JSON: byte 1: got a byte order mark");
}

/// Says in our words where a text isn't JSON.
/// @param place  the file
/// @param error  what nlohmann-json says, as in `[json.exception.parse_error.101] parse error at line 1, column 5: ...`
/// @throws InputError always
[[noreturn]] inline void fail_json(std::string_view place, const nlohmann::json::exception& error)
{
    std::string_view reason = error.what();
    constexpr std::string_view end_of_code = "] ", opening = "parse error at ";
    reason.remove_prefix(reason.find(end_of_code) + end_of_code.size());
    if (reason.substr(0, opening.size()) == opening) reason.remove_prefix(opening.size());
    fail_input(place, "expected JSON: " + one_line(reason));  // it quotes a piece of the text
}

/// Parses JSON into a document. Of a key that is given twice, the last value counts.
/// @param place  the file, for messages
/// @param text  the JSON text
/// @return  the document
/// @throws InputError if the text isn't JSON in UTF-8, or is nested too deep
inline nlohmann::json parse_json(std::string_view place, std::string_view text)
{
    check_json_bytes(place, text);
    using Event = nlohmann::json::parse_event_t;
    const auto check_depth = [place](int depth, Event event, const nlohmann::json&) {
        const bool begins = event == Event::object_start || event == Event::array_start;
        check_json_depth(place, static_cast<std::size_t>(depth) + (begins ? 1 : 0));
        return true;
    };
    try {
        return nlohmann::json::parse(text.begin(), text.end(), check_depth);
    } catch (const nlohmann::json::exception& error) {
        fail_json(place, error);
    }
}

}  // namespace bert
