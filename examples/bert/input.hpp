/// @file
/// Texts from the command line, from files and from standard input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <bert/config.hpp>
#include <bert/core/error.hpp>
#include <bert/core/sequences.hpp>
#include <bert/text/encoding.hpp>
#include <bert/tokenizer.hpp>

#include "options.hpp"

namespace program {

/// Reads a file or standard input line by line.
class LineReader {
public:
    /// @param path  the file; `-`: standard input
    /// @throws bert::InputError if it can't be read
    explicit LineReader(const std::filesystem::path& path);
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;
    ~LineReader();

    /// The next line, without its end (`\n` or `\r\n`). Before it waits for one, it shows what the program has printed.
    /// @return  nothing at the end
    /// @throws bert::InputError if the file can't be read, or a line doesn't end
    std::optional<std::string> next();
    /// @return  whether the next line to its end, or the file's end, is there without waiting
    /// @throws bert::InputError as next
    bool ready();
    /// @return  file and number of the last line, as in `texts.txt:3`
    std::string place() const;

private:
    bool has_line();
    void read_piece();

    std::string name_;
    int file_ = -1;
    std::string buffer_;  // read and not given yet, from begin_ on
    std::size_t begin_ = 0;
    std::size_t searched_ = 0;             // up to here there is no line's end
    std::size_t end_ = std::string::npos;  // of the next line, once has_line has found it
    std::size_t line_ = 0;                 // number of the last line, from 1
    bool ended_ = false;
};

/// A text, or a pair of texts.
struct Text {
    std::string place;                ///< where it comes from, for messages
    std::string text;                 ///< UTF-8
    std::optional<std::string> pair;  ///< UTF-8
};

/// All texts that the options name, one after the other: arguments, then files; or else standard input.
class TextReader {
public:
    /// @param options  where texts come from
    /// @param quiet  whether nobody wants warnings
    TextReader(TextOptions options, bool quiet);
    TextReader(const TextReader&) = delete;
    TextReader& operator=(const TextReader&) = delete;
    /// Warns of what wasn't UTF-8.
    ~TextReader();

    /// @return  the next text; nothing at the end
    /// @throws bert::InputError for a file that can't be read, a line that isn't what it should be, and with --strict for text
    /// that
    ///     isn't UTF-8
    std::optional<Text> next();
    /// @param most  at least 1
    /// @return  texts that are there without waiting, at least one and at most so many; none at the end
    std::vector<Text> some(std::size_t most);
    /// @return  all texts that are left
    std::vector<Text> all();
    /// Replaces what isn't UTF-8, and counts it for the warning.
    /// @param place  where the text comes from
    /// @param text  any bytes
    /// @return  the text in UTF-8
    /// @throws bert::InputError with --strict instead
    std::string checked(const std::string& place, std::string text);

private:
    Text from_line(std::string place, std::string line);

    TextOptions options_;
    bool quiet_;
    std::size_t argument_ = 0, file_ = 0;  // how many have been begun
    std::optional<LineReader> reader_;
    std::size_t replaced_ = 0;  // malformed sequences
};

/// Calls work; what it finds wrong with a text gets the text's place before it.
/// @param place  where the text comes from
/// @param work  called without arguments
/// @return  what it returns
/// @throws bert::InputError `texts.txt:3: ` and what work said
template <class Work>
auto at_place(const std::string& place, const Work& work)
{
    try {
        return work();
    } catch (const bert::InputError& error) {
        bert::fail_input(place, error.what());
    }
}

/// Tokenizes a text or a pair.
/// @param tokenizer  the model's
/// @param text  the text
/// @param options  truncation, padding
/// @return  the encoding
/// @throws bert::InputError if the options can't be met
bert::Encoding encoding_of(const bert::Tokenizer& tokenizer, const Text& text, const bert::EncodeOptions& options);

/// Packs texts for a model.
/// @param tokenizer  the model's
/// @param config  the model's
/// @param texts  B texts
/// @param truncation  of what is too long; none: it is refused
/// @param max_length  tokens that a text may have
/// @param can_cut  whether the command has --truncation, for the message
/// @return  the batch
/// @throws bert::InputError `texts.txt:3: expected at most 512 tokens, got 600; --truncation cuts`, and for a token that the
///     model doesn't have
bert::Batch batch_of(const bert::Tokenizer& tokenizer, const bert::Config& config, const std::vector<Text>& texts,
                     bert::Truncation truncation, std::size_t max_length, bool can_cut = true);

}  // namespace program
