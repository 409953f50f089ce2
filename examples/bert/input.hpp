/// @file
/// Texts from the command line, from files and from standard input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

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
    /// @param path  the file; `-` for standard input
    /// @throws bert::InputError if it can't be read
    explicit LineReader(const std::filesystem::path& path);
    LineReader(LineReader&& other) noexcept;
    LineReader& operator=(LineReader&&) = delete;
    ~LineReader();

    /// The next line, without its end (`\n` or `\r\n`). Flushes standard output before it waits for input.
    /// @return  the line; empty at the end of the file
    /// @throws bert::InputError if the file can't be read, or a line is too long
    std::optional<std::string> next();
    /// @return  whether next returns without waiting
    /// @throws bert::InputError as in next
    bool ready();
    /// @return  file and number of the last line, as in `texts.txt:3`
    std::string place() const;
    /// @return  number of the last line, from 1
    std::size_t line() const { return line_; }

private:
    bool has_line();
    void read_piece();

    std::string name_;
    int file_ = -1;
    std::string buffer_;  // from begin_ on, bytes that were read but not returned
    std::size_t begin_ = 0;
    std::size_t searched_ = 0;             // there is no end of a line before this index
    std::size_t end_ = std::string::npos;  // end of the next line, once has_line has found it
    std::size_t line_ = 0;                 // number of the last line
    bool ended_ = false;
};

/// A text, or a pair of texts.
struct Text {
    std::string place;                ///< source, for messages
    std::string text;                 ///< UTF-8
    std::optional<std::string> pair;  ///< UTF-8

    std::optional<std::vector<std::int64_t>> ids = std::nullopt;  ///< token ids in place of a text, special tokens included
    std::vector<std::int64_t> type_ids = {};                      ///< their token type ids; if empty, zeros
};

/// Reads all texts of the options in turn: arguments, then files; standard input if there are none.
class TextReader {
public:
    /// @param options  sources of texts
    /// @param quiet  whether to omit warnings
    TextReader(TextOptions options, bool quiet);
    TextReader(const TextReader&) = delete;
    TextReader& operator=(const TextReader&) = delete;
    /// Warns if any text wasn't UTF-8.
    ~TextReader();

    /// @return  index among the options' files of the file that the last text comes from
    std::size_t file() const { return file_ - 1; }
    /// @return  number of the last text's line in that file, from 1; 0 for an argument
    std::size_t line() const { return reader_ ? reader_->line() : 0; }

    /// @return  the next text; empty at the end
    /// @throws bert::InputError for a file that can't be read, a malformed line, and with --strict for text that isn't UTF-8
    std::optional<Text> next();
    /// @param most  largest number of texts, at least 1
    /// @return  one text, and further ones that are there without waiting; none at the end
    std::vector<Text> some(std::size_t most);
    /// @return  all remaining texts
    std::vector<Text> all();
    /// Replaces what isn't UTF-8, and counts it for the warning.
    /// @param place  source of the text, for messages
    /// @param text  any bytes
    /// @return  the text in UTF-8
    /// @throws bert::InputError with --strict, if the text isn't UTF-8
    std::string checked(const std::string& place, std::string text);

private:
    Text from_line(std::string place, std::string line);
    Text from_ids(std::string place, const nlohmann::json& object);

    TextOptions options_;
    bool quiet_;
    std::size_t argument_ = 0, file_ = 0;  // how many have been started
    std::optional<LineReader> reader_;
    std::size_t replaced_ = 0;  // number of malformed sequences
};

/// Calls work, and puts the place of a text before its error messages.
/// @param place  source of the text, as in `texts.txt:3`
/// @param work  called without arguments
/// @return  the result of work
/// @throws bert::InputError `texts.txt:3: ` and the message of work
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
/// @param tokenizer  tokenizer of the model
/// @param text  the text or pair
/// @param options  truncation, padding
/// @return  the encoding
/// @throws bert::InputError if the options can't be met
bert::Encoding encoding_of(const bert::Tokenizer& tokenizer, const Text& text, const bert::EncodeOptions& options);

/// Packs texts for a model.
/// @param tokenizer  tokenizer of the model; nullptr if all texts are ids
/// @param config  configuration of the model
/// @param texts  B texts
/// @param truncation  truncation of texts that are too long; if none, they are an error
/// @param max_length  most tokens of a text
/// @param can_cut  whether the command has --truncation, for the message
/// @param[in,out] truncated  if not nullptr, the number of texts that were truncated is added
/// @return  the batch
/// @throws bert::InputError `texts.txt:3: expected at most 512 tokens, got 600; --truncation cuts`, and for a token that the
///     model doesn't have
bert::Batch batch_of(const bert::Tokenizer* tokenizer, const bert::Config& config, const std::vector<Text>& texts,
                     bert::Truncation truncation, std::size_t max_length, bool can_cut = true, std::size_t* truncated = nullptr);

}  // namespace program
