#include "input.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <limits>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <bert/core/error.hpp>
#include <bert/io/json.hpp>
#include <bert/io/mapped_file.hpp>
#include <bert/pretrained.hpp>
#include <bert/text/utf8.hpp>

#include "output.hpp"

namespace program {

namespace {

constexpr std::size_t longest_line = 1U << 28U;  // an endless device would fill the memory

}  // namespace

LineReader::LineReader(const std::filesystem::path& path) : name_(path == "-" ? "standard input" : path.string())
{
    file_ = path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file_ < 0) bert::fail_input(name_, "expected a readable file: " + bert::system_reason(errno));
}

LineReader::LineReader(LineReader&& other) noexcept
    : name_(std::move(other.name_)),
      file_(std::exchange(other.file_, -1)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      searched_(other.searched_),
      end_(other.end_),
      line_(other.line_),
      ended_(other.ended_)
{
}

LineReader::~LineReader()
{
    if (file_ > STDIN_FILENO) ::close(file_);
}

std::optional<std::string> LineReader::next()
{
    while (!has_line()) {
        flush_output();
        read_piece();
    }
    if (end_ == std::string::npos && begin_ == buffer_.size()) return std::nullopt;
    const std::size_t end = std::min(end_, buffer_.size());
    std::string line = buffer_.substr(begin_, end - begin_);
    begin_ = searched_ = std::min(end + 1, buffer_.size());
    if (line.ends_with('\r')) line.pop_back();
    ++line_;
    return line;
}

bool LineReader::ready()
{
    while (!has_line()) {
        pollfd waiting{file_, POLLIN, 0};
        if (::poll(&waiting, 1, 0) == 0) return false;
        read_piece();
    }
    return true;
}

bool LineReader::has_line()
{
    end_ = buffer_.find('\n', searched_);
    searched_ = std::min(end_, buffer_.size());
    return end_ != std::string::npos || ended_;
}

void LineReader::read_piece()
{
    constexpr std::size_t piece = 1U << 16U;
    buffer_.erase(0, begin_);
    searched_ -= begin_;
    begin_ = 0;
    const std::size_t size = buffer_.size();
    if (size > longest_line) {
        ++line_;
        bert::fail_input(place(), "expected a line of at most " + std::to_string(longest_line) + " bytes, got a longer one");
    }
    buffer_.resize(size + piece);
    const ssize_t count = ::read(file_, buffer_.data() + size, piece);
    const int reason = errno;
    buffer_.resize(size + (count > 0 ? static_cast<std::size_t>(count) : 0));
    if (count < 0 && reason != EINTR) bert::fail_input(name_, "expected a readable file: " + bert::system_reason(reason));
    ended_ = count == 0;
}

std::string LineReader::place() const { return name_ + ":" + std::to_string(line_); }

TextReader::TextReader(TextOptions options, bool quiet) : options_(std::move(options)), quiet_(quiet)
{
    if (options_.arguments.empty() && options_.files.empty()) options_.files = {"-"};
}

TextReader::~TextReader()
{
    if (replaced_ > 0 && std::uncaught_exceptions() == 0)  // if there is an error, only its message is printed
        warn(quiet_, "texts: expected UTF-8; " + std::to_string(replaced_) + " malformed " +
                         (replaced_ == 1 ? "sequence was" : "sequences were") + " read as U+FFFD");
}

std::optional<Text> TextReader::next()
{
    if (argument_ < options_.arguments.size()) {
        const std::string place = "argument " + std::to_string(argument_ + 1);
        return from_line(place, options_.arguments[argument_++]);
    }
    while (true) {
        if (reader_) {
            std::optional<std::string> line = reader_->next();
            if (line && options_.jsonl && line->find_first_not_of(" \t") == std::string::npos) continue;
            if (line) return from_line(reader_->place(), std::move(*line));
            reader_.reset();
        }
        if (file_ == options_.files.size()) return std::nullopt;
        reader_.emplace(options_.files[file_++]);
    }
}

std::vector<Text> TextReader::some(std::size_t most)
{
    std::vector<Text> texts;
    while (texts.size() < most && (texts.empty() || !reader_ || reader_->ready())) {
        std::optional<Text> text = next();
        if (!text) break;
        texts.push_back(std::move(*text));
    }
    return texts;
}

std::vector<Text> TextReader::all()
{
    std::vector<Text> texts;
    while (std::optional<Text> text = next())
        texts.push_back(std::move(*text));
    return texts;
}

Text TextReader::from_line(std::string place, std::string line)
{
    line = checked(place, std::move(line));
    if (!options_.jsonl) return {std::move(place), std::move(line), std::nullopt};
    const nlohmann::json object = bert::parse_json(place, line);
    const auto member = [&](const char* key) -> std::optional<std::string> {
        const auto found = object.find(key);
        if (found == object.end() || found->is_null()) return std::nullopt;
        if (!found->is_string())
            bert::fail_input(place, std::string(key) + ": expected a string, got " + bert::one_line(found->dump()));
        return found->get<std::string>();
    };
    const std::string expected =
        options_.ids ? "expected an object with text or ids, got " : "expected an object with text, got ";
    if (!object.is_object()) bert::fail_input(place, expected + bert::one_line(object.dump()));
    if (options_.ids && object.contains("ids")) return from_ids(std::move(place), object);
    std::optional<std::string> text = member("text"), pair = member("pair");
    if (!text) bert::fail_input(place, expected + bert::one_line(object.dump()));
    return {std::move(place), std::move(*text), std::move(pair)};
}

Text TextReader::from_ids(std::string place, const nlohmann::json& object)
{
    const auto numbers = [&](const char* key) {
        std::vector<std::int64_t> values;
        const nlohmann::json& list = object.at(key);
        if (!list.is_array()) bert::fail_input(place, std::string(key) + ": expected a list, got " + bert::one_line(list.dump()));
        for (const nlohmann::json& value : list) {
            if (!value.is_number_unsigned() || value.get<std::uint64_t>() > std::uint64_t{1} << 62U)
                bert::fail_input(place,
                                 std::string(key) + ": expected whole numbers from 0, got " + bert::one_line(value.dump()));
            values.push_back(value.get<std::int64_t>());
        }
        return values;
    };
    if (object.contains("text") || object.contains("pair"))
        bert::fail_input(place, "expected text or ids, got both: " + bert::one_line(object.dump()));
    Text text{place, "", std::nullopt, numbers("ids"), {}};
    if (text.ids->empty()) bert::fail_input(place, "ids: expected at least one, got none");
    if (object.contains("type_ids")) text.type_ids = numbers("type_ids");
    if (!text.type_ids.empty() && text.type_ids.size() != text.ids->size())
        bert::fail_input(place, "type_ids: expected " + std::to_string(text.ids->size()) + " as ids, got " +
                                    std::to_string(text.type_ids.size()));
    return text;
}

std::string TextReader::checked(const std::string& place, std::string text)
{
    if (options_.strict) bert::require_utf8(place, text);
    std::size_t replaced = 0;
    for (std::size_t position = 0; position < text.size();) {
        const bert::Utf8Character character = bert::read_utf8(text, position);
        replaced += character.valid ? 0 : 1;
        position += character.length;
    }
    if (replaced == 0) return text;
    replaced_ += replaced;
    std::u32string codes;
    bert::decode_utf8(text, codes);
    return bert::encode_utf8(codes);
}

bert::Encoding encoding_of(const bert::Tokenizer& tokenizer, const Text& text, const bert::EncodeOptions& options)
{
    return at_place(text.place, [&] {
        return text.pair ? tokenizer.encode_pair(text.text, *text.pair, options) : tokenizer.encode(text.text, options);
    });
}

namespace {

/// Ids as an encoding, checked against the model's tables and length.
bert::Encoding encoding_of_ids(const Text& text, const bert::Config& config, std::size_t max_length)
{
    bert::Encoding encoding;
    encoding.ids = *text.ids;
    encoding.type_ids = text.type_ids;
    encoding.type_ids.resize(encoding.ids.size());
    const auto check = [&](const char* what, std::int64_t value, const char* key, std::size_t rows) {
        if (value >= static_cast<std::int64_t>(rows))
            bert::fail_input(text.place, std::string(what) + ": expected less than " + key + " (" + std::to_string(rows) +
                                             "), got " + std::to_string(value));
    };
    if (encoding.size() > max_length)
        bert::fail_input(text.place,
                         "ids: expected at most " + std::to_string(max_length) + ", got " + std::to_string(encoding.size()));
    for (std::size_t t = 0; t < encoding.size(); ++t) {
        check("ids", encoding.ids[t], "vocab_size", config.vocab_size);
        check("type_ids", encoding.type_ids[t], "type_vocab_size", std::max<std::size_t>(1, config.type_vocab_size));
    }
    return encoding;
}

}  // namespace

bert::Batch batch_of(const bert::Tokenizer* tokenizer, const bert::Config& config, const std::vector<Text>& texts,
                     bert::Truncation truncation, std::size_t max_length, bool can_cut, std::size_t* truncated)
{
    const bool cut = truncation != bert::Truncation::none;
    bert::EncodeOptions options;
    options.truncation = truncation;
    if (tokenizer != nullptr) options.truncation_side = tokenizer->options().encode.truncation_side;
    options.max_length = cut ? max_length : 0;
    options.overflow = truncated != nullptr;
    std::vector<std::vector<std::int64_t>> ids, segments;
    for (const Text& text : texts) {
        bert::Encoding encoding = text.ids ? encoding_of_ids(text, config, max_length) : encoding_of(*tokenizer, text, options);
        if (encoding.size() > max_length)
            bert::fail_input(text.place, "expected at most " + std::to_string(max_length) + " tokens, got " +
                                             std::to_string(encoding.size()) + (can_cut ? "; --truncation cuts" : ""));
        if (truncated != nullptr && !encoding.overflow.empty()) ++*truncated;
        if (!text.ids) bert::check_encoding(encoding, *tokenizer, config, text.place);
        ids.push_back(std::move(encoding.ids));
        segments.push_back(std::move(encoding.type_ids));
    }
    return bert::pack(ids, segments);
}

}  // namespace program
