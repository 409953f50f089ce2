/// @file
/// Writes a tokenizer for this library and the transformers library: tokenizer.json, tokenizer_config.json and vocab.txt.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/io/atomic_file.hpp"
#include "bert/tokenizer.hpp"

namespace bert {

namespace detail {

/// An added token in the form of tokenizer.json.
/// @param token  the token
/// @return  the object, without its id
inline nlohmann::ordered_json added_token_json(const AddedToken& token)
{
    return {{"content", token.content}, {"single_word", token.single_word}, {"lstrip", token.lstrip},
            {"rstrip", token.rstrip},   {"normalized", token.normalized},   {"special", token.special}};
}

/// strip_accents in the form of the files: true, false, or null for "as lowercase".
/// @param options  the normalizer's options
/// @return  the value
inline nlohmann::ordered_json strip_accents_json(const NormalizerOptions& options)
{
    return options.strip_accents ? nlohmann::ordered_json(*options.strip_accents) : nlohmann::ordered_json(nullptr);
}

/// The elements of a template. Its special tokens are added to a table.
/// @param tokenizer  whose template it is
/// @param elements  the template
/// @param[in,out] special_tokens  the table: the ids of each special token
/// @return  the elements in the form of tokenizer.json
inline nlohmann::ordered_json template_json(const Tokenizer& tokenizer, const std::vector<TemplateElement>& elements,
                                            nlohmann::ordered_json& special_tokens)
{
    nlohmann::ordered_json result = nlohmann::ordered_json::array();
    for (const TemplateElement& element : elements) {
        const std::string name = element.special ? std::string(tokenizer.token(element.id)) : element.id == 0 ? "A" : "B";
        result.push_back({{element.special ? "SpecialToken" : "Sequence", {{"id", name}, {"type_id", element.type_id}}}});
        if (element.special) special_tokens[name] = {{"id", name}, {"ids", {element.id}}, {"tokens", {name}}};
    }
    return result;
}

/// The contents of tokenizer.json.
/// @param tokenizer  the tokenizer
/// @return  the document
inline nlohmann::ordered_json tokenizer_json(const Tokenizer& tokenizer)
{
    const TokenizerOptions& options = tokenizer.options();
    nlohmann::ordered_json vocabulary = nlohmann::ordered_json::object();
    // emplace_back appends without searching for the key: keys are distinct, and the searches would take quadratic time.
    auto& entries = vocabulary.get_ref<nlohmann::ordered_json::object_t&>();
    for (std::size_t id = 0; id < tokenizer.base_vocab_size(); ++id)
        if (!tokenizer.vocabulary().pieces()[id].empty()) entries.emplace_back(tokenizer.vocabulary().pieces()[id], id);
    nlohmann::ordered_json added = nlohmann::ordered_json::array();
    for (const AddedToken& token : options.added_tokens) {
        nlohmann::ordered_json entry = {{"id", *tokenizer.id(token.content)}};
        entry.update(added_token_json(token));
        added.push_back(entry);
    }
    nlohmann::ordered_json special_tokens = nlohmann::ordered_json::object();
    const nlohmann::ordered_json single = template_json(tokenizer, options.single, special_tokens);
    const nlohmann::ordered_json pair = template_json(tokenizer, options.pair, special_tokens);
    return {{"version", "1.0"},
            {"truncation", nullptr},
            {"padding", nullptr},
            {"added_tokens", added},
            {"normalizer",
             {{"type", "BertNormalizer"},
              {"clean_text", options.normalizer.clean_text},
              {"handle_chinese_chars", options.normalizer.handle_chinese_chars},
              {"strip_accents", strip_accents_json(options.normalizer)},
              {"lowercase", options.normalizer.lowercase}}},
            {"pre_tokenizer", {{"type", "BertPreTokenizer"}}},
            {"post_processor",
             {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", special_tokens}}},
            {"decoder",
             {{"type", "WordPiece"}, {"prefix", options.wordpiece.continuing_prefix}, {"cleanup", options.decode_cleanup}}},
            {"model",
             {{"type", "WordPiece"},
              {"unk_token", options.wordpiece.unknown_token},
              {"continuing_subword_prefix", options.wordpiece.continuing_prefix},
              {"max_input_chars_per_word", options.wordpiece.max_characters_per_word},
              {"vocab", vocabulary}}}};
}

/// The contents of tokenizer_config.json.
/// @param tokenizer  the tokenizer
/// @return  the document
inline nlohmann::ordered_json tokenizer_config_json(const Tokenizer& tokenizer)
{
    const TokenizerOptions& options = tokenizer.options();
    const auto side = [](Side value) { return value == Side::left ? "left" : "right"; };
    nlohmann::ordered_json added = nlohmann::ordered_json::object();
    for (const AddedToken& token : options.added_tokens)
        added[std::to_string(*tokenizer.id(token.content))] = added_token_json(token);
    // The transformers library's class BertTokenizer takes only the vocabulary as stored, and the rest from the values below.
    const auto same = [](const std::vector<TemplateElement>& a, const std::vector<TemplateElement>& b) {
        return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const TemplateElement& x, const TemplateElement& y) {
            return x.special == y.special && x.id == y.id && x.type_id == y.type_id;
        });
    };
    const auto cls = tokenizer.id(options.special.cls), sep = tokenizer.id(options.special.sep);
    bool usual = cls && sep && options.normalizer.clean_text && options.wordpiece.continuing_prefix == "##" &&
                 options.wordpiece.max_characters_per_word == 100 && options.decode_cleanup &&
                 same(options.single, {{true, *cls, 0}, {false, 0, 0}, {true, *sep, 0}}) &&
                 same(options.pair, {{true, *cls, 0}, {false, 0, 0}, {true, *sep, 0}, {false, 1, 1}, {true, *sep, 1}});
    for (const AddedToken& special : special_added_tokens(options.special, options.wordpiece.unknown_token))
        usual = usual && added.contains(std::to_string(tokenizer.id(special.content).value_or(-1)));
    nlohmann::ordered_json result = {{"tokenizer_class", usual ? "BertTokenizer" : "PreTrainedTokenizerFast"},
                                     {"do_lower_case", options.normalizer.lowercase},
                                     {"strip_accents", strip_accents_json(options.normalizer)},
                                     {"tokenize_chinese_chars", options.normalizer.handle_chinese_chars},
                                     {"unk_token", options.wordpiece.unknown_token},
                                     {"sep_token", options.special.sep},
                                     {"pad_token", options.special.pad},
                                     {"cls_token", options.special.cls},
                                     {"mask_token", options.special.mask},
                                     {"truncation_side", side(options.encode.truncation_side)},
                                     {"padding_side", side(options.encode.padding_side)},
                                     {"added_tokens_decoder", added}};
    if (options.model_max_length > 0) result["model_max_length"] = options.model_max_length;
    return result;
}

}  // namespace detail

/// Writes the files of a tokenizer.
/// @param tokenizer  the tokenizer
/// @param folder  where tokenizer.json, tokenizer_config.json and vocab.txt are written; it must exist. vocab.txt, which has one
///                token a line, is left out if a token contains a line break or an id has no token
/// @throws InputError if a file can't be written
inline void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder)
{
    write_file(folder / "tokenizer.json", detail::tokenizer_json(tokenizer).dump(2) + "\n");
    write_file(folder / "tokenizer_config.json", detail::tokenizer_config_json(tokenizer).dump(2) + "\n");
    std::string lines;
    for (std::size_t id = 0; id < tokenizer.base_vocab_size(); ++id) {
        const std::string& token = tokenizer.vocabulary().pieces()[id];
        if (token.empty() || token.find_first_of("\r\n") != token.npos) return;
        lines += token + "\n";
    }
    write_file(folder / "vocab.txt", lines);
}

}  // namespace bert
