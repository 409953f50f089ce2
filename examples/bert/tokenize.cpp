/// @file
/// bert tokenize

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/io/mapped_file.hpp>
#include <bert/io/tokenizer_folder.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

JsonObject json_of(const bert::Tokenizer& tokenizer, const bert::Encoding& encoding)
{
    std::vector<JsonObject> overflow;
    for (const bert::Encoding& window : encoding.overflow)
        overflow.push_back(json_of(tokenizer, window));
    JsonObject object;
    object.add("ids", encoding.ids)
        .add("tokens", tokenizer.tokens(encoding))
        .add("offsets", encoding.offsets)
        .add("type_ids", encoding.type_ids)
        .add("special_tokens_mask", encoding.special_tokens_mask)
        .add("attention_mask", encoding.attention_mask)
        .add("overflow", overflow);
    return object;
}

std::string table_of(const bert::Tokenizer& tokenizer, const bert::Encoding& encoding)
{
    Table table("rlrrr");
    table.row({"id", "token", "from", "to", "type"});
    for (std::size_t t = 0; t < encoding.size(); ++t)
        table.row({std::to_string(encoding.ids[t]), std::string(tokenizer.token(encoding.ids[t])),
                   std::to_string(encoding.offsets[t][0]), std::to_string(encoding.offsets[t][1]),
                   std::to_string(encoding.type_ids[t])});
    std::string text = table.text();
    for (const bert::Encoding& window : encoding.overflow)
        text += "\n" + table_of(tokenizer, window);
    return text;
}

/// The ids of a line: whole numbers separated by spaces or commas, optionally in brackets.
std::vector<std::int64_t> ids_of(std::string_view rest)
{
    constexpr std::string_view separators = " \t,[]";
    std::vector<std::int64_t> ids;
    while (true) {
        rest.remove_prefix(std::min(rest.find_first_not_of(separators), rest.size()));
        if (rest.empty()) return ids;
        const std::string_view number = rest.substr(0, rest.find_first_of(separators));
        std::int64_t id = 0;
        const std::from_chars_result result = std::from_chars(number.data(), number.data() + number.size(), id);
        if (result.ec != std::errc() || result.ptr != number.data() + number.size())
            bert::fail_input("ids", "expected whole numbers, got " + bert::in_quotes(number));
        ids.push_back(id);
        rest.remove_prefix(number.size());
    }
}

void decode(const bert::Tokenizer& tokenizer, const TokenizeOptions& options, TextReader& reader)
{
    while (const std::optional<Text> line = reader.next()) {
        const std::string text =
            at_place(line->place, [&] { return tokenizer.decode(ids_of(line->text), options.skip_special_tokens); });
        print((options.common.json ? JsonObject().add("text", text).text() : text) + "\n");
    }
}

/// Refuses --lowercase and --no-lowercase where they would be ignored: a tokenizer.json says itself whether it lower-cases.
void require_vocab_txt(const std::filesystem::path& path, bool lowercase)
{
    std::error_code ignored;  // loading the tokenizer reports the error
    const bool in_folder = bert::is_there(path / "tokenizer.json", ignored);
    if (in_folder || path.extension() == ".json")
        bert::fail_input(lowercase ? "--lowercase" : "--no-lowercase", "expected a tokenizer from a vocab.txt, got " +
                                                                           (in_folder ? path / "tokenizer.json" : path).string() +
                                                                           ", which says itself whether it lower-cases");
}

}  // namespace

int tokenize(const TokenizeOptions& options)
{
    const std::filesystem::path path = options.tokenizer.empty() ? transformer_folder(options.common) : options.tokenizer;
    if (options.lowercase) require_vocab_txt(path, *options.lowercase);
    const auto tokenizer = load_tokenizer(options.common, path, options.lowercase);
    bert::EncodeOptions encode = options.encode;
    encode.truncation_side = options.truncation_side.value_or(tokenizer.options().encode.truncation_side);
    encode.padding_side = options.padding_side.value_or(tokenizer.options().encode.padding_side);

    TextReader reader(options.texts, options.common.quiet);
    if (options.decode) {
        decode(tokenizer, options, reader);
        return 0;
    }
    std::optional<std::string> pair;
    if (options.pair) pair = reader.checked("--pair", *options.pair);
    bool first = true;
    while (std::optional<Text> text = reader.next()) {
        if (pair) text->pair = pair;
        const bert::Encoding encoding = encoding_of(tokenizer, *text, encode);
        if (options.common.json) {
            print(json_of(tokenizer, encoding).text() + "\n");
        } else {
            print((first ? "" : "\n") + table_of(tokenizer, encoding));
            first = false;
        }
    }
    return 0;
}

}  // namespace program
