/// @file
/// Reads JSON from untrusted files: nlohmann-json's parser with stricter checks and our own error messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/mapped_file.hpp"

namespace bert {

/// The deepest nesting of objects and arrays, which is that of the safetensors library.
inline constexpr std::size_t max_json_depth = 127;

/// Refuses a value that is nested too deeply.
/// @param place  the file
/// @param depth  number of objects and arrays that are open
/// @throws InputError if depth is above max_json_depth
inline void check_json_depth(std::string_view place, std::size_t depth)
{
    if (depth > max_json_depth)
        fail_input(place, "expected JSON: at most " + std::to_string(max_json_depth) + " levels of nesting, got more");
}

/// Refuses two things that nlohmann-json accepts: a zero byte, which it takes for the end of the text, and a byte order mark.
/// @param place  the file
/// @param text  the JSON text
/// @throws InputError if the text contains one of them
inline void check_json_bytes(std::string_view place, std::string_view text)
{
    if (const std::size_t zero = text.find('\0'); zero != std::string_view::npos)
        fail_input(place, "expected JSON: byte " + std::to_string(zero + 1) + ": got a zero byte");
    if (text.substr(0, 3) == "\xEF\xBB\xBF") fail_input(place, "expected JSON: byte 1: got a byte order mark");
}

/// Reports where a text isn't JSON.
/// @param place  the file
/// @param error  nlohmann-json's error, as in `[json.exception.parse_error.101] parse error at line 1, column 5: ...`
/// @throws InputError always
[[noreturn]] inline void fail_json(std::string_view place, const nlohmann::json::exception& error)
{
    std::string_view reason = error.what();
    constexpr std::string_view end_of_code = "] ", opening = "parse error at ";
    reason.remove_prefix(reason.find(end_of_code) + end_of_code.size());
    if (reason.substr(0, opening.size()) == opening) reason.remove_prefix(opening.size());
    fail_input(place, "expected JSON: " + one_line(reason));  // it quotes a part of the text
}

/// Receives the values of a JSON text one by one as they are parsed.
using JsonListener = nlohmann::json_sax<nlohmann::json>;

/// Parses JSON without storing it. Documents and safetensors headers share this function, because a second instance of the parser
/// template would take as long to compile again.
/// @param place  the file, for messages
/// @param text  the JSON text
/// @param[in,out] listener  receives the values; its parse_error must throw, for instance by fail_json
/// @throws InputError if the text begins with a byte order mark or contains a zero byte; listener may throw others
inline void parse_json(std::string_view place, std::string_view text, JsonListener& listener)
{
    check_json_bytes(place, text);
    // The same as nlohmann::json::sax_parse, but without its readers of binary formats, which would also be compiled.
    auto bytes = nlohmann::detail::input_adapter(text.begin(), text.end());
    nlohmann::detail::parser<nlohmann::json, decltype(bytes)>(std::move(bytes)).sax_parse(&listener);
}

namespace detail {

/// Builds a document from the values that it receives.
class JsonDocument final : public JsonListener {
public:
    explicit JsonDocument(std::string_view place) : place_(place) {}

    nlohmann::json document;  ///< complete after parsing

    bool null() override { return add(nullptr); }
    bool boolean(bool value) override { return add(value); }
    bool number_integer(std::int64_t number) override { return add(number); }
    bool number_unsigned(std::uint64_t number) override { return add(number); }
    bool number_float(double number, const std::string&) override { return add(number); }
    bool string(std::string& text) override { return add(std::move(text)); }
    bool binary(nlohmann::json::binary_t&) override { return false; }  // JSON has no binary values
    bool start_object(std::size_t) override { return open(nlohmann::json::value_t::object); }
    bool start_array(std::size_t) override { return open(nlohmann::json::value_t::array); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(std::string& key) override
    {
        key_ = std::move(key);
        return true;
    }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override
    {
        fail_json(place_, error);
    }

private:
    /// Stores a value: as the document itself, at the end of an array, or as a member of an object.
    bool add(nlohmann::json value)
    {
        if (open_.empty())
            last_ = &document;
        else if (open_.back()->is_array())
            last_ = &open_.back()->emplace_back(nullptr);
        else
            last_ = &(*open_.back())[key_];
        *last_ = std::move(value);
        return true;
    }
    bool open(nlohmann::json::value_t kind)
    {
        add(kind);
        open_.push_back(last_);
        check_json_depth(place_, open_.size());
        return true;
    }
    bool close()
    {
        open_.pop_back();
        return true;
    }

    std::string_view place_;
    std::vector<nlohmann::json*> open_;  // the objects and arrays that contain the next value, the innermost last
    nlohmann::json* last_ = nullptr;     // the value that was added last
    std::string key_;                    // key of the next member
};

}  // namespace detail

/// Parses JSON into a document. If a key occurs twice, the last value is used.
/// @param place  the file, for messages
/// @param text  the JSON text
/// @return  the document
/// @throws InputError if the text isn't JSON in UTF-8, or is nested too deeply
inline nlohmann::json parse_json(std::string_view place, std::string_view text)
{
    detail::JsonDocument listener(place);
    parse_json(place, text, listener);
    return std::move(listener.document);
}

/// Reads a JSON file that need not be there.
/// @param path  the file
/// @return  the document; an empty object if there is no such file
/// @throws InputError if it can't be read, and as parse_json
inline nlohmann::json json_file(const std::filesystem::path& path)
{
    std::error_code failed;
    return is_there(path, failed) ? parse_json(path.string(), MappedFile(path).text()) : nlohmann::json::object();
}

}  // namespace bert
