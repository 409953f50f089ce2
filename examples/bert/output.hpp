/// @file
/// What the program says: results on standard output, in whole lines; warnings and progress on standard error.
#pragma once

#include <charconv>
#include <chrono>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace program {

/// Puts a text on standard output. It is kept until there is enough to write, or flush_output is called.
/// @param text  whole lines
/// @throws bert::InputError if standard output can't be written to
void print(std::string_view text);

/// Whether a file is what standard output goes to.
/// @param path  the file, as in /dev/stdout
/// @return  false also if it can't be told
bool is_standard_output(const std::filesystem::path& path);

/// Writes what print has kept.
/// @throws bert::InputError if standard output can't be written to
void flush_output();

/// One warning on standard error.
/// @param quiet  whether nobody wants it
/// @param text  one line without its end; control characters in it, be they of a file's, are shown as in JSON
void warn(bool quiet, std::string_view text);

/// Why the program ends, on standard error, after what print has kept.
/// @param reason  one line without its end; control characters in it are shown as in JSON
void complain(std::string_view reason);

/// From now on SIGINT ends the program with status 130, SIGTERM with 143 and SIGHUP with 129; a closed pipe is an error like any
/// other, and a file is never opened in place of a standard stream that is closed.
void prepare_process();

/// While one of these lives, these signals wait: a file that is being written is finished, or taken away again. Not so for a
/// device or a pipe, which leaves nothing behind and may never take what is written.
class Uninterrupted {
public:
    /// @param path  what is written
    explicit Uninterrupted(const std::filesystem::path& path);
    ~Uninterrupted();
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;

private:
    bool leaves_nothing_ = false;
};

/// A bar on standard error, if that is a terminal.
class Progress {
public:
    /// @param quiet  whether nobody wants it
    /// @param total  how many steps there will be; 0: not known
    Progress(bool quiet, std::size_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// @param steps  how many have been done since the last call
    void add(std::size_t steps);

private:
    bool shown_;
    std::size_t total_, done_ = 0;
    std::chrono::steady_clock::time_point last_{};
};

/// A number with the fewest digits that read back as the same number of its type.
/// @param number  a number
/// @return  as in `0.1` or `1e-30`
template <std::floating_point Real>
std::string number_text(Real number)
{
    char digits[64];
    const std::to_chars_result end = std::to_chars(digits, digits + sizeof digits, number);
    return {digits, end.ptr};
}

/// A number with a few digits, for people.
/// @param number  a number
/// @param digits  how many significant ones
/// @return  as in `0.123` or `1.2e-15`
std::string rounded(double number, int digits = 3);

/// A JSON object on one line.
class JsonObject {
public:
    /// Adds a value: a text, a truth value, a number, another object, or a list of these. A float is written as the double that
    /// it is, so that every reader gets the same number; what isn't finite becomes null.
    /// @param key  its name
    /// @param value  the value
    /// @return  this object
    template <class Value>
    JsonObject& add(std::string_view key, const Value& value)
    {
        if (!members_.empty()) members_ += ", ";
        append(key);
        members_ += ": ";
        append(value);
        return *this;
    }

    /// @return  the object, without the line's end
    std::string text() const { return "{" + members_ + "}"; }

private:
    template <class Value>
    void append(const Value& value)
    {
        if constexpr (std::is_same_v<Value, JsonObject>) {
            members_ += value.text();
        } else if constexpr (std::is_same_v<Value, bool>) {
            members_ += value ? "true" : "false";
        } else if constexpr (std::integral<Value>) {
            members_ += std::to_string(value);
        } else if constexpr (std::is_same_v<Value, float>) {
            append(static_cast<double>(value));
        } else if constexpr (std::floating_point<Value>) {
            const std::string digits = std::isfinite(value) ? number_text(value) : "null";
            members_ += digits;
            if (digits.find_first_not_of("-0123456789") == std::string::npos) members_ += ".0";  // -0 would lose its sign
        } else if constexpr (std::is_convertible_v<Value, std::string_view>) {
            append_string(value);
        } else {
            const char* separator = "[";
            for (const auto& element : value) {
                members_ += separator;
                append(element);
                separator = ", ";
            }
            members_ += *separator == '[' ? "[]" : "]";
        }
    }

    void append_string(std::string_view text);

    std::string members_;
};

/// A table for people: columns as wide as their widest cell.
class Table {
public:
    /// @param columns  one letter a column: `l` text, `r` numbers
    explicit Table(std::string columns) : columns_(std::move(columns)) {}

    /// @param cells  one for each column
    void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

    /// @return  all rows, each with its line's end
    std::string text() const;

private:
    std::string columns_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace program
