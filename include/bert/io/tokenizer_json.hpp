/// @file
/// Reads tokenizers from files: `tokenizer.json`, or `vocab.txt` with `tokenizer_config.json`.
///
/// A folder's tokenizer.json describes the tokenizer completely and takes precedence; its truncation and padding are ignored, as
/// the caller sets them. vocab.txt has one token a line, the first with id 0. tokenizer_config.json gives the special tokens, the
/// sides of truncation and padding and the model's longest input, and for a vocab.txt the options of the normalizer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/fast_tokenizer.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/tokenizer_config.hpp"
#include "bert/text/vocabulary.hpp"

namespace bert {

namespace detail {

/// Reads the vocabulary of a tokenizer.json.
/// @param json  an object with the id of each token
/// @return  the token of each id
inline std::vector<std::string> vocabulary_from(const JsonPlace& json)
{
    // Ids may leave gaps, but none so large that a small file fills the memory.
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

/// Reads the template of a text or of a pair.
/// @param json  its elements
/// @param special_tokens  the ids of each special token
/// @param texts  1 for a text, 2 for a pair
/// @param vocabulary_size  ids must be below it
/// @return  the elements
inline std::vector<TemplateElement> template_from(const JsonPlace& json, const JsonPlace& special_tokens, std::size_t texts,
                                                  std::size_t vocabulary_size)
{
    std::vector<TemplateElement> elements;
    std::vector<std::size_t> seen(2);
    for (const JsonPlace& element : json.elements()) {
        const bool special = element.has("SpecialToken");
        const JsonPlace content = element.at(special ? "SpecialToken" : "Sequence");
        const std::int64_t type_id = content.at("type_id").number(std::int64_t{1} << 31);
        if (special) {
            for (const JsonPlace& id : special_tokens.at(content.at("id").text()).at("ids").elements())
                elements.push_back({true, id.number(static_cast<std::int64_t>(vocabulary_size)), type_id});
        } else {
            const std::int64_t text = content.at("id").one_of({"A", "B"}) == "A" ? 0 : 1;
            ++seen[static_cast<std::size_t>(text)];
            elements.push_back({false, text, type_id});
        }
    }
    if (seen[0] != 1 || seen[1] != texts - 1) json.fail(texts == 1 ? "A once and no B" : "A and B once each");
    return elements;
}

/// Reads a tokenizer.json.
/// @param json  the document
/// @return  the description of the tokenizer
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

    std::size_t size = options.vocabulary.size();  // with the added tokens read so far
    if (json.has("added_tokens")) {
        Vocabulary vocabulary(options.vocabulary), added_tokens;
        for (const JsonPlace& element : json.at("added_tokens").elements()) {
            options.added_tokens.push_back(added_token_from(element, false));
            const std::string& content = options.added_tokens.back().content;
            if (added_tokens.id(content)) element.fail("a token that is not in the list yet");
            added_tokens.add(content);
            const std::int64_t id = vocabulary.add(content);
            if (element.has("id") && !element.at("id").is(id)) element.at("id").fail(std::to_string(id) + ", the token's id");
        }
        size = vocabulary.size();
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

}  // namespace detail

/// Reads a tokenizer.
/// @param path  a folder with tokenizer.json or vocab.txt, or such a file; tokenizer_config.json in the same folder is also read
/// @param lowercase  for a vocab.txt: whether to lower-case; if not set, as in tokenizer_config.json, or true without one
/// @return  the tokenizer
/// @throws InputError if a file is missing, has another format, or describes another kind of tokenizer
inline FastTokenizer load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase = std::nullopt)
{
    std::error_code failed;  // of a folder that can't be accessed; for a file, opening it reports the reason
    std::filesystem::path file = path;
    if (std::filesystem::is_directory(path, failed)) {
        file = path / "tokenizer.json";
        if (!is_there(file, failed)) file = path / "vocab.txt";
        if (!is_there(file, failed))
            fail_input(path.string(), "expected tokenizer.json or vocab.txt in this folder, got neither" +
                                          (failed ? ": " + failed.message() : ""));
    }
    const bool is_json = file.extension() == ".json";
    const std::string place = file.string();

    TokenizerOptions options;
    const MappedFile contents(file);
    if (is_json)
        options = detail::options_from_tokenizer_json({parse_json(place, contents.text()), place});
    else
        options.vocabulary = detail::vocabulary_from_lines(place, contents.text());
    const std::filesystem::path config = file.parent_path() / "tokenizer_config.json";
    if (is_there(config, failed)) {
        const nlohmann::json document = parse_json(config.string(), MappedFile(config).text());
        detail::read_tokenizer_config({document, config.string()}, options, !is_json);
    } else if (!is_json) {
        options.added_tokens = special_added_tokens(options.special, options.wordpiece.unknown_token);
    }
    if (lowercase && !is_json) options.normalizer.lowercase = *lowercase;
    try {
        return FastTokenizer(std::move(options));
    } catch (const std::invalid_argument& error) {
        fail_input(place, one_line(error.what()));
    }
}

}  // namespace bert
