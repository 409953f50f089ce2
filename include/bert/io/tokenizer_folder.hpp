/// @file
/// Reads tokenizers from folders, as the transformers library's AutoTokenizer does (version 5.23).
///
/// A folder holds `tokenizer.json`, or in older folders `vocab.txt`, and beside it tokenizer_config.json, special_tokens_map.json
/// and added_tokens.json (io/special_tokens.hpp). Which file says what depends on the tokenizer's class (io/tokenizer_class.hpp):
///
/// | class | vocabulary | normalizer, template | special and added tokens |
/// | --- | --- | --- | --- |
/// | BertTokenizer and its kind | tokenizer.json, else vocab.txt | BERT's, with the options of tokenizer_config.json | the files beside the vocabulary, tokenizer.json's |
/// | all others | tokenizer.json | tokenizer.json | tokenizer.json's, then the files beside it |
///
/// The class is that of tokenizer_config.json, else that of config.json, else BertTokenizer for a folder with a BERT model or a
/// vocab.txt. What a file says and isn't followed is named in a warning.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
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
#include "bert/io/special_tokens.hpp"
#include "bert/io/tokenizer_class.hpp"
#include "bert/io/tokenizer_config.hpp"
#include "bert/io/tokenizer_json.hpp"
#include "bert/io/vocabulary_file.hpp"
#include "bert/text/added_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/tokenizer_options.hpp"

namespace bert {

namespace detail {

/// Reads a JSON object.
/// @param path  the file
/// @return  the object; empty if there is no such file
/// @throws InputError if it isn't a JSON object
inline nlohmann::json object_of(const std::filesystem::path& path)
{
    const nlohmann::json document = json_file(path);
    return JsonPlace{document, path.string()}.object().value;
}

/// The class of a folder's tokenizer.
/// @param files  its companion files
/// @param model  its config.json, empty if there is none
/// @param is_json  whether the vocabulary is a tokenizer.json
/// @return  the place of the class's name, for messages, and the name
inline std::pair<std::string, std::string> tokenizer_class_of(const CompanionFiles& files, const JsonPlace& model, bool is_json)
{
    const JsonPlace config{files.tokenizer_config, files.folder + "tokenizer_config.json"};
    for (const JsonPlace& file : {config, model})
        if (file.has("tokenizer_class")) return {file.at("tokenizer_class").place, file.at("tokenizer_class").text()};
    if (!model.has("model_type")) return {model.place, is_json ? "PreTrainedTokenizerFast" : "BertTokenizer"};
    const JsonPlace type = model.at("model_type");
    return {type.place, std::string(tokenizer_class_of_model(type.text()))};
}

/// Says what of a tokenizer.json isn't followed, as the tokenizer's class has its own.
/// @param json  the document
/// @param options  the tokenizer's options
/// @param name  of the class
/// @param[in,out] warnings  are appended
inline void warn_of_differences(const JsonPlace& json, const TokenizerOptions& options, const std::string& name,
                                std::vector<std::string>& warnings)
{
    const auto warn = [&](const std::string& what) {
        warnings.push_back(json.place + ": " + what + " isn't followed: " + name + " goes by tokenizer_config.json");
    };
    TokenizerOptions stored;
    try {
        stored = options_from_tokenizer_json(json);
    } catch (const InputError& error) {  // a part that we don't know, but don't need either
        warnings.push_back(std::string(error.what()) + "; isn't followed: " + name + " goes by tokenizer_config.json");
        return;
    }
    if (stored.normalizer.steps() != options.normalizer.steps()) warn("normalizer");
    if (stored.pre_tokenizers != options.pre_tokenizers) warn("pre_tokenizer");
    if (stored.wordpiece.unknown_token != options.wordpiece.unknown_token) warn("model.unk_token");
    if (stored.wordpiece.continuing_prefix != options.wordpiece.continuing_prefix) warn("model.continuing_subword_prefix");
    if (stored.wordpiece.max_characters_per_word != options.wordpiece.max_characters_per_word)
        warn("model.max_input_chars_per_word");
    const Tokenizer tokenizer(options);  // makes the templates
    const auto same = [](const TemplateElement& a, const TemplateElement& b) {
        return a.special == b.special && a.id == b.id && a.type_id == b.type_id;
    };
    const auto differs = [&](const std::vector<TemplateElement>& a, const std::vector<TemplateElement>& b) {
        return !std::equal(a.begin(), a.end(), b.begin(), b.end(), same);
    };
    if (!json.has("post_processor")) return;
    if (differs(stored.single, tokenizer.options().single) || differs(stored.pair, tokenizer.options().pair))
        warn("post_processor");
}

/// The tokenizer that a tokenizer.json describes, with what the files beside it add.
/// @param json  the document
/// @param files  its companion files
/// @param whole_folder  whether the tokens that the companion files name are added
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the description of the tokenizer
inline TokenizerOptions stored_tokenizer(const JsonPlace& json, const CompanionFiles& files, bool whole_folder,
                                         std::vector<std::string>& warnings)
{
    TokenizerOptions options = options_from_tokenizer_json(json, &warnings);
    read_stored_sides(json, options);
    Roles roles;
    if (json.has("padding") && json.at("padding").has("pad_token"))
        roles.emplace_back("pad_token", added_token_from(json.at("padding").at("pad_token"), true));
    const NamedTokens named = named_tokens_from(files, std::move(roles), {});
    set_special_names(named, options);
    if (whole_folder) add_named_tokens(named, options.added_tokens);
    return options;
}

/// Completes a BERT tokenizer that has its vocabulary.
/// @param options  vocabulary and first_new_id
/// @param files  the files beside the vocabulary
/// @param stored  the added tokens of a tokenizer.json, by id
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the description of the tokenizer
inline TokenizerOptions bert_tokenizer(TokenizerOptions options, const CompanionFiles& files,
                                       const std::map<std::int64_t, AddedToken>& stored, std::vector<std::string>& warnings)
{
    const JsonPlace config{files.tokenizer_config, files.folder + "tokenizer_config.json"};
    const NamedTokens named = named_tokens_from(files, bert_roles(), stored);
    set_special_names(named, options);
    for (const auto& [role, token] : named.roles)
        if (role == "unk_token") options.wordpiece.unknown_token = token.content;
    add_named_tokens(named, options.added_tokens);
    options.normalizer = bert_normalizer_from(config);
    warn_of_old_options(config, warnings);
    return options;
}

/// A BERT tokenizer with the vocabulary of a vocab.txt.
/// @param place  the file's name, for messages
/// @param text  its contents
/// @param files  its companion files
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the description of the tokenizer
inline TokenizerOptions bert_tokenizer_of_lines(const std::string& place, std::string_view text, const CompanionFiles& files,
                                                std::vector<std::string>& warnings)
{
    VocabularyFile vocabulary = vocabulary_from_lines(place, text);
    if (vocabulary.repeated) warnings.push_back(*vocabulary.repeated);
    TokenizerOptions options;
    options.vocabulary = std::move(vocabulary.tokens);
    options.first_new_id = vocabulary.first_new_id;
    return bert_tokenizer(std::move(options), files, {}, warnings);
}

/// A BERT tokenizer with the vocabulary and the added tokens of a tokenizer.json.
/// @param json  the document
/// @param files  its companion files
/// @param class_name  of the tokenizer, for warnings
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the description of the tokenizer
inline TokenizerOptions bert_tokenizer_of_json(const JsonPlace& json, const CompanionFiles& files, const std::string& class_name,
                                               std::vector<std::string>& warnings)
{
    const JsonPlace model = json.at("model");
    if (model.has("type")) model.at("type").one_of({"WordPiece"});
    TokenizerOptions options;
    options.vocabulary = vocabulary_from(model.at("vocab"));
    options.first_new_id = model.at("vocab").value.size();
    read_stored_sides(json, options);
    std::map<std::int64_t, AddedToken> stored;
    for (const JsonPlace& element : added_tokens_of(json))
        stored[element.at("id").number(std::int64_t{1} << 31)] = added_token_from(element, false);
    options = bert_tokenizer(std::move(options), files, stored, warnings);
    warn_of_differences(json, options, class_name, warnings);
    return options;
}

/// Reads a tokenizer's files.
/// @param file  a tokenizer.json or a vocab.txt
/// @param whole_folder  whether the folder was named, and the class of its tokenizer counts
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the description of the tokenizer
/// @throws InputError for a file that is broken or describes another kind of tokenizer
inline TokenizerOptions tokenizer_options_from(const std::filesystem::path& file, bool whole_folder,
                                               std::vector<std::string>& warnings)
{
    const bool is_json = file.extension() == ".json";
    const std::filesystem::path folder = file.parent_path();
    const CompanionFiles files{object_of(folder / "tokenizer_config.json"), object_of(folder / "special_tokens_map.json"),
                               object_of(folder / "added_tokens.json"), (folder / "").string()};
    const nlohmann::json model = object_of(folder / "config.json");
    const auto [class_place, class_name] = tokenizer_class_of(files, {model, (folder / "config.json").string()}, is_json);
    const TokenizerClass kind = tokenizer_class_named(class_name);
    if (!is_json && kind != TokenizerClass::bert)
        fail_input(class_place, "expected BertTokenizer or one of its kind beside vocab.txt, got " + in_quotes(class_name));
    if (is_json && kind == TokenizerClass::other)
        warnings.push_back(class_place + ": " + in_quotes(class_name) + " isn't followed, tokenizer.json is");

    const std::string place = file.string();
    const MappedFile contents(file);
    const nlohmann::json document = is_json ? parse_json(place, contents.text()) : nlohmann::json();
    TokenizerOptions options;
    if (!is_json)
        options = bert_tokenizer_of_lines(place, contents.text(), files, warnings);
    else if (whole_folder && kind == TokenizerClass::bert)
        options = bert_tokenizer_of_json({document, place}, files, class_name, warnings);
    else
        options = stored_tokenizer({document, place}, files, whole_folder, warnings);
    read_lengths_and_sides({files.tokenizer_config, files.folder + "tokenizer_config.json"}, options);
    return options;
}

}  // namespace detail

/// Reads a tokenizer.
/// @param path  a folder, or a tokenizer.json or vocab.txt in it. A folder's tokenizer.json comes before its vocab.txt; a
///     tokenizer.json that is named itself is taken as it is, whatever the class of the folder's tokenizer
/// @param lowercase  for a vocab.txt: whether to lower-case; if not set, as the files say
/// @param[in,out] warnings  if not nullptr, what the files say that isn't followed is appended, one line each
/// @return  the tokenizer
/// @throws InputError if a file is missing, has another format, or describes another kind of tokenizer
inline FastTokenizer load_tokenizer(const std::filesystem::path& path, std::optional<bool> lowercase = std::nullopt,
                                    std::vector<std::string>* warnings = nullptr)
{
    std::error_code failed;  // of a folder that can't be accessed; for a file, opening it reports the reason
    std::filesystem::path file = path;
    const bool whole_folder = std::filesystem::is_directory(path, failed);
    if (whole_folder) {
        file = path / "tokenizer.json";
        if (!is_there(file, failed)) file = path / "vocab.txt";
        if (!is_there(file, failed))
            fail_input(path.string(), "expected tokenizer.json or vocab.txt in this folder, got neither" +
                                          (failed ? ": " + failed.message() : ""));
    }
    std::vector<std::string> found;
    try {
        TokenizerOptions options = detail::tokenizer_options_from(file, whole_folder, found);
        if (lowercase && file.extension() != ".json") options.normalizer.lowercase = *lowercase;
        if (warnings != nullptr) warnings->insert(warnings->end(), found.begin(), found.end());
        return FastTokenizer(std::move(options));
    } catch (const std::invalid_argument& error) {
        fail_input(file.string(), one_line(error.what()));
    }
}

}  // namespace bert
