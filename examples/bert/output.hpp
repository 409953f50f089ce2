/// @file
/// The program's output: results on standard output, in whole lines; warnings and progress on standard error.
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

/// Prints a text on standard output. It is buffered until the buffer is full, or flush_output is called.
/// @param text  whole lines
/// @throws bert::InputError if standard output can't be written to
void print(std::string_view text);

/// Whether a file is standard output.
/// @param path  the file, as in /dev/stdout
/// @return  false, too, if the files can't be compared
bool is_standard_output(const std::filesystem::path& path);

/// Writes the buffered output of print.
/// @throws bert::InputError if standard output can't be written to
void flush_output();

/// Prints a warning on standard error.
/// @param quiet  whether to omit it
/// @param text  one line without its end; control characters in it are escaped as in JSON
void warn(bool quiet, std::string_view text);

/// Prints warnings on standard error.
/// @param quiet  whether to omit them
/// @param texts  one line each, as above
void warn(bool quiet, const std::vector<std::string>& texts);

/// Flushes the output of print, then prints on standard error why the program ends.
/// @param reason  one line without its end; control characters in it are escaped as in JSON
void complain(std::string_view reason);

/// Prepares signals and standard streams: SIGINT ends the program with status 130, SIGTERM with 143 and SIGHUP with 129; a closed
/// pipe is an ordinary error; and no file gets the number of a closed standard stream.
void prepare_process();

/// Delays these signals during its lifetime, so that a file is written completely or removed. A device or a pipe is excepted,
/// because no incomplete file can remain, and writing may block for ever.
class Uninterrupted {
public:
    /// @param path  the file to be written
    explicit Uninterrupted(const std::filesystem::path& path);
    ~Uninterrupted();
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;

private:
    bool leaves_nothing_ = false;
};

/// A progress bar on standard error, if that is a terminal.
class Progress {
public:
    /// @param quiet  whether to omit it
    /// @param total  number of steps; 0 if unknown
    Progress(bool quiet, std::size_t total);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// @param steps  number of steps since the last call
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

/// A number with a few digits, for tables.
/// @param number  a number
/// @param digits  number of significant digits
/// @return  as in `0.123` or `1.2e-15`
std::string rounded(double number, int digits = 3);

/// A number of things.
/// @param number  how many
/// @param thing  what one of them is called; its plural adds an s
/// @return  as in `1 token` or `5 tokens`
std::string counted(std::size_t number, std::string_view thing);

/// A JSON object on one line.
class JsonObject {
public:
    /// Adds a value: a text, a truth value, a number, another object, or a list of these. A float is written with the digits of
    /// the same number as double, so that every reader gets the same number; a non-finite number becomes null.
    /// @param key  name of the value
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
            if (digits.find_first_not_of("-0123456789") == std::string::npos) members_ += ".0";  // keeps the sign of -0
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

/// A text table, with columns as wide as their widest cell.
class Table {
public:
    /// @param columns  one letter for each column: `l` for text, `r` for numbers
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
