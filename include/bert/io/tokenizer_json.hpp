/// @file
/// Tokenizers in files: `tokenizer.json`, or `vocab.txt` with `tokenizer_config.json`; read and written.
///
/// A folder's tokenizer.json says everything and is taken if it is there; its stored truncation and padding are left to the
/// caller. vocab.txt holds one token a line, the id of the first being 0. tokenizer_config.json names the special tokens, the
/// side of truncation and of padding and the model's longest input, and for a vocab.txt what the normalizer does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/json.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

namespace detail {

/// A name for a message.
/// @param name  any bytes
/// @return  it between quotation marks, on one line and short
inline std::string in_quotes(std::string_view name) { return '"' + one_line(name) + '"'; }

/// A value of a JSON document, and where it is.
struct JsonPlace {
    const nlohmann::json& value;  ///< the value
    std::string place;            ///< as in `tokenizer.json: model.unk_token`

    /// @param expected  what should be there
    /// @throws InputError always
    [[noreturn]] void fail(const std::string& expected) const
    {
        fail_input(place, "expected " + expected + ", got " +
                              one_line(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
    }
    /// @param key  a key of this object
    /// @return  whether it is there and not null
    bool has(const char* key) const { return object().value.contains(key) && !value[key].is_null(); }
    /// @param key  a key of this object
    /// @return  its value
    JsonPlace at(const std::string& key) const
    {
        const auto found = object().value.find(key);
        const std::string inner = place + (place.ends_with(".json") ? ": " : ".") + one_line(key);
        if (found == value.end()) fail_input(inner, "expected a value, got none");
        return {*found, inner};
    }
    /// @return  this
    const JsonPlace& object() const
    {
        if (!value.is_object()) fail("an object");
        return *this;
    }
    /// @return  the elements of this array
    std::vector<JsonPlace> elements() const
    {
        if (!value.is_array()) fail("an array");
        std::vector<JsonPlace> result;
        for (const nlohmann::json& element : value)
            result.push_back({element, place + "[" + std::to_string(result.size()) + "]"});
        return result;
    }
    /// @return  this text
    std::string text() const
    {
        if (!value.is_string()) fail("a string");
        return value.get<std::string>();
    }
    /// @return  this truth value
    bool truth() const
    {
        if (!value.is_boolean()) fail("true or false");
        return value.get<bool>();
    }
    /// @param limit  what it must be below
    /// @return  this number
    std::int64_t number(std::int64_t limit) const
    {
        if (!value.is_number_integer() || value < 0 || value >= limit)
            fail("a whole number from 0 to " + std::to_string(limit - 1));
        return value.get<std::int64_t>();
    }
    /// @param key  a key of this object
    /// @param fallback  what a missing one means
    /// @return  its truth value
    bool truth(const char* key, bool fallback) const { return has(key) ? at(key).truth() : fallback; }
    /// @param allowed  what may be there
    /// @return  this text, if it is one of these
    std::string one_of(std::initializer_list<const char*> allowed) const
    {
        std::string choices;
        for (const char* choice : allowed) {
            if (value.is_string() && value == choice) return choice;
            choices += (choices.empty() ? "" : " or ") + in_quotes(choice);
        }
        fail(choices);
    }
};

/// A side, "right" or "left".
/// @param json  a string
/// @return  the side
inline Side side_from(const JsonPlace& json) { return json.one_of({"right", "left"}) == "left" ? Side::left : Side::right; }

/// An added token: an object with its content and flags, or only the content.
/// @param json  the object or string
/// @param special  whether it is special if the object doesn't say so
/// @return  the token
inline AddedToken added_token_from(const JsonPlace& json, bool special)
{
    AddedToken token;
    token.content = json.value.is_string() ? json.text() : json.at("content").text();
    token.special = special;
    if (json.value.is_object()) {
        token.special = json.truth("special", special);
        token.single_word = json.truth("single_word", false);
        token.lstrip = json.truth("lstrip", false);
        token.rstrip = json.truth("rstrip", false);
    }
    token.normalized = json.value.is_object() ? json.truth("normalized", !token.special) : !token.special;
    if (token.content.empty()) json.fail("a token that is not empty");
    return token;
}

/// Reads a vocabulary, one token a line.
/// @param place  the file's name, for messages
/// @param text  its contents
/// @return  the tokens
inline std::vector<std::string> vocabulary_from_lines(const std::string& place, std::string_view text)
{
    std::vector<std::string> tokens;
    std::unordered_map<std::string_view, std::size_t> lines;  // on which line a token stands
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());  // no other character ends a line: U+2028 is a token
        std::string_view token = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (token.ends_with('\r')) token.remove_suffix(1);
        const std::string line = place + ":" + std::to_string(tokens.size() + 1);
        if (token.empty()) fail_input(line, "expected a token, got an empty line");
        require_utf8(line, token);
        tokens.emplace_back(token);
        if (const auto [first, added] = lines.emplace(token, tokens.size()); !added)
            fail_input(line, "token " + in_quotes(token) + " is already on line " + std::to_string(first->second));
    }
    if (tokens.empty()) fail_input(place, "expected one token a line, got an empty file");
    return tokens;
}

/// Reads the vocabulary of a tokenizer.json.
/// @param json  an object: the id of each token
/// @return  the token of each id
inline std::vector<std::string> vocabulary_from(const JsonPlace& json)
{
    // Ids may leave gaps, but not so large ones that a small file fills the memory.
    const std::size_t limit = 2 * json.object().value.size() + 1000;
    std::vector<std::string> tokens;
    for (const auto& [token, id] : json.value.items()) {
        const JsonPlace entry{id, json.place + "[" + in_quotes(token) + "]"};
        if (token.empty()) fail_input(entry.place, "expected a token that is not empty");
        const auto row = static_cast<std::size_t>(entry.number(static_cast<std::int64_t>(limit)));
        if (row >= tokens.size()) tokens.resize(row + 1);
        if (!tokens[row].empty())
            fail_input(entry.place, "id " + std::to_string(row) + " is already that of " + in_quotes(tokens[row]));
        tokens[row] = token;
    }
    if (tokens.empty()) json.fail("the tokens and their ids");
    return tokens;
}

/// Reads what is made of a text or a pair.
/// @param json  the pieces
/// @param special_tokens  the ids of each special token
/// @param texts  1 for a text, 2 for a pair
/// @param vocabulary_size  what ids must be below
/// @return  the pieces
inline std::vector<TemplatePiece> template_from(const JsonPlace& json, const JsonPlace& special_tokens, std::size_t texts,
                                                std::size_t vocabulary_size)
{
    std::vector<TemplatePiece> pieces;
    std::vector<std::size_t> seen(2);
    for (const JsonPlace& element : json.elements()) {
        const bool special = element.has("SpecialToken");
        const JsonPlace piece = element.at(special ? "SpecialToken" : "Sequence");
        const std::int64_t type_id = piece.at("type_id").number(std::int64_t{1} << 31);
        if (special) {
            for (const JsonPlace& id : special_tokens.at(piece.at("id").text()).at("ids").elements())
                pieces.push_back({true, id.number(static_cast<std::int64_t>(vocabulary_size)), type_id});
        } else {
            const std::int64_t text = piece.at("id").one_of({"A", "B"}) == "A" ? 0 : 1;
            ++seen[static_cast<std::size_t>(text)];
            pieces.push_back({false, text, type_id});
        }
    }
    if (seen[0] != 1 || seen[1] != texts - 1) json.fail(texts == 1 ? "A once and no B" : "A and B once each");
    return pieces;
}

/// Reads a tokenizer.json.
/// @param json  the document
/// @return  all that makes the tokenizer
inline TokenizerOptions options_from_tokenizer_json(const JsonPlace& json)
{
    TokenizerOptions options;
    const JsonPlace model = json.at("model");
    if (model.has("type")) model.at("type").one_of({"WordPiece"});
    options.vocabulary = vocabulary_from(model.at("vocab"));
    options.wordpiece.unknown_token = model.at("unk_token").text();
    if (model.has("continuing_subword_prefix"))
        options.wordpiece.continuing_prefix = model.at("continuing_subword_prefix").text();
    if (model.has("max_input_chars_per_word"))
        options.wordpiece.max_characters_per_word =
            static_cast<std::size_t>(model.at("max_input_chars_per_word").number(std::int64_t{1} << 31));

    options.normalizer = {false, false, false, false};
    if (json.has("normalizer")) {
        const JsonPlace normalizer = json.at("normalizer");
        normalizer.at("type").one_of({"BertNormalizer"});
        options.normalizer.clean_text = normalizer.truth("clean_text", true);
        options.normalizer.handle_chinese_chars = normalizer.truth("handle_chinese_chars", true);
        options.normalizer.lowercase = normalizer.truth("lowercase", true);
        options.normalizer.strip_accents = std::nullopt;
        if (normalizer.has("strip_accents")) options.normalizer.strip_accents = normalizer.at("strip_accents").truth();
    }
    json.at("pre_tokenizer").at("type").one_of({"BertPreTokenizer"});

    std::size_t size = options.vocabulary.size();  // as the added tokens make it grow
    const std::map<std::string, std::size_t> ids = [&] {
        std::map<std::string, std::size_t> result;
        for (std::size_t id = 0; id < options.vocabulary.size(); ++id)
            result.emplace(options.vocabulary[id], id);
        return result;
    }();
    std::map<std::string, std::size_t> added_ids;
    if (json.has("added_tokens")) {
        for (const JsonPlace& element : json.at("added_tokens").elements()) {
            options.added_tokens.push_back(added_token_from(element, false));
            const std::string& content = options.added_tokens.back().content;
            const auto known = ids.find(content);
            const std::size_t id = known != ids.end() ? known->second : size++;
            if (!added_ids.emplace(content, id).second) element.fail("a token that is not in the list yet");
            if (element.has("id") && element.at("id").value != id) element.at("id").fail(std::to_string(id) + ", the token's id");
        }
    }

    options.single = {{false, 0, 0}};
    options.pair = {{false, 0, 0}, {false, 1, 1}};
    if (json.has("post_processor")) {
        const JsonPlace processor = json.at("post_processor");
        if (processor.at("type").one_of({"TemplateProcessing", "BertProcessing"}) == "TemplateProcessing") {
            options.single = template_from(processor.at("single"), processor.at("special_tokens"), 1, size);
            options.pair = template_from(processor.at("pair"), processor.at("special_tokens"), 2, size);
        } else {
            const auto special = [&](const char* key) {
                const std::vector<JsonPlace> token_and_id = processor.at(key).elements();
                if (token_and_id.size() != 2) processor.at(key).fail("a token and its id");
                return token_and_id[1].number(static_cast<std::int64_t>(size));
            };
            const std::int64_t cls = special("cls"), sep = special("sep");
            options.single = {{true, cls, 0}, {false, 0, 0}, {true, sep, 0}};
            options.pair = {{true, cls, 0}, {false, 0, 0}, {true, sep, 0}, {false, 1, 1}, {true, sep, 1}};
        }
    }
    if (json.has("decoder")) {
        const JsonPlace decoder = json.at("decoder");
        decoder.at("type").one_of({"WordPiece"});
        options.decode_cleanup = decoder.truth("cleanup", true);
    }
    return options;
}

/// Reads a tokenizer_config.json into what the vocabulary file has given.
/// @param json  the document
/// @param[in,out] options  gets names, sides and lengths; for a vocab.txt also the normalizer and the added tokens
/// @param with_vocabulary  whether this is for a vocab.txt
inline void read_tokenizer_config(const JsonPlace& json, TokenizerOptions& options, bool with_vocabulary)
{
    std::vector<AddedToken> tokens;
    const auto add = [&](const AddedToken& token) {
        for (const AddedToken& known : tokens)
            if (known.content == token.content) return;
        tokens.push_back(token);
    };
    if (with_vocabulary && json.has("added_tokens_decoder")) {
        std::map<std::int64_t, AddedToken> by_id;
        for (const auto& [id, value] : json.at("added_tokens_decoder").object().value.items()) {
            const JsonPlace entry{value, json.place + ": added_tokens_decoder." + one_line(id)};
            const nlohmann::json number = nlohmann::json::parse(id, nullptr, false);
            by_id.emplace(JsonPlace{number, entry.place}.number(std::int64_t{1} << 31), added_token_from(entry, false));
        }
        for (const auto& [id, token] : by_id)
            add(token);
    }
    const auto role = [&](const char* key, std::string& name) {
        AddedToken token{name, false, false, false, false, true};
        if (json.has(key)) token = added_token_from(json.at(key), true);
        token.special = true;
        name = token.content;
        add(token);
    };
    std::string unknown = options.wordpiece.unknown_token;
    role("unk_token", unknown);
    role("sep_token", options.special.sep);
    role("pad_token", options.special.pad);
    role("cls_token", options.special.cls);
    role("mask_token", options.special.mask);
    if (with_vocabulary) {
        options.wordpiece.unknown_token = unknown;
        for (const char* key : {"additional_special_tokens", "extra_special_tokens"})
            if (json.has(key) && json.at(key).value.is_array())
                for (const JsonPlace& token : json.at(key).elements())
                    add(added_token_from(token, true));
        options.added_tokens = tokens;
        options.normalizer.lowercase = json.truth("do_lower_case", true);
        options.normalizer.handle_chinese_chars = json.truth("tokenize_chinese_chars", true);
        if (json.has("strip_accents")) options.normalizer.strip_accents = json.at("strip_accents").truth();
    }
    if (json.has("truncation_side")) options.encode.truncation_side = side_from(json.at("truncation_side"));
    if (json.has("padding_side")) options.encode.padding_side = side_from(json.at("padding_side"));
    if (json.has("model_max_length")) {
        const JsonPlace length = json.at("model_max_length");
        if (!length.value.is_number() || !(length.value > 0)) length.fail("a number above 0");
        if (length.value < 1e9) options.model_max_length = length.value.get<std::size_t>();  // 1e30 means: not known
    }
}

}  // namespace detail

/// Reads a tokenizer.
/// @param path  a folder with tokenizer.json or vocab.txt; or such a file, which a tokenizer_config.json beside it adds to
/// @param lowercase  for a vocab.txt: whether to lower-case, whatever tokenizer_config.json says (without both: yes)
/// @return  the tokenizer
/// @throws InputError if a file is missing, isn't what it should be, or describes another kind of tokenizer
inline Tokenizer load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase = std::nullopt)
{
    std::filesystem::path file = path;
    if (std::filesystem::is_directory(path))
        file = path / (std::filesystem::exists(path / "tokenizer.json") ? "tokenizer.json" : "vocab.txt");
    const bool is_json = file.extension() == ".json";
    const std::filesystem::path config = file.parent_path() / "tokenizer_config.json";
    const std::string place = file.string();

    TokenizerOptions options;
    const MappedFile contents(file);
    if (is_json)
        options = detail::options_from_tokenizer_json({parse_json(place, contents.text()), place});
    else
        options.vocabulary = detail::vocabulary_from_lines(place, contents.text());
    if (std::filesystem::exists(config)) {
        const nlohmann::json document = parse_json(config.string(), MappedFile(config).text());
        detail::read_tokenizer_config({document, config.string()}, options, !is_json);
    } else if (!is_json) {
        options.added_tokens = special_added_tokens(options.special, options.wordpiece.unknown_token);
    }
    if (lowercase && !is_json) options.normalizer.lowercase = *lowercase;
    try {
        return Tokenizer(std::move(options));
    } catch (const std::invalid_argument& error) {
        fail_input(place, error.what());
    }
}

}  // namespace bert
