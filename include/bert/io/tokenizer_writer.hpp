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
#include "bert/text/normalizer.hpp"
#include "bert/text/pre_tokenizer.hpp"
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

/// BERT's normalizer in the form of tokenizer.json.
/// @param options  its options
/// @return  the object
inline nlohmann::ordered_json bert_normalizer_json(const NormalizerOptions& options)
{
    return {{"type", "BertNormalizer"},
            {"clean_text", options.clean_text},
            {"handle_chinese_chars", options.handle_chinese_chars},
            {"strip_accents", strip_accents_json(options)},
            {"lowercase", options.lowercase}};
}

/// The normalizer in the form of tokenizer.json.
/// @param options  its options
/// @return  BERT's normalizer, or a sequence of steps
inline nlohmann::ordered_json normalizer_json(const NormalizerOptions& options)
{
    if (options.other_steps.empty()) return bert_normalizer_json(options);
    nlohmann::ordered_json steps = nlohmann::ordered_json::array();
    for (const NormalizerStep step : options.other_steps) {
        NormalizerOptions alone{false, false, false, false};  // a BertNormalizer that takes this step only
        alone.clean_text = step == NormalizerStep::clean_text;
        alone.handle_chinese_chars = step == NormalizerStep::space_chinese;
        alone.strip_accents = step == NormalizerStep::remove_marks;
        switch (step) {
            case NormalizerStep::decompose: steps.push_back({{"type", "NFD"}}); break;
            case NormalizerStep::remove_all_marks: steps.push_back({{"type", "StripAccents"}}); break;
            case NormalizerStep::lower_case: steps.push_back({{"type", "Lowercase"}}); break;
            default: steps.push_back(bert_normalizer_json(alone));
        }
    }
    return {{"type", "Sequence"}, {"normalizers", steps}};
}

/// The pre-tokenizers in the form of tokenizer.json.
/// @param pre_tokenizers  in their order
/// @return  one, a sequence, or null for none
inline nlohmann::ordered_json pre_tokenizer_json(const std::vector<PreTokenizer>& pre_tokenizers)
{
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    for (const PreTokenizer pre_tokenizer : pre_tokenizers) {
        switch (pre_tokenizer) {
            case PreTokenizer::bert: parts.push_back({{"type", "BertPreTokenizer"}}); break;
            case PreTokenizer::whitespace: parts.push_back({{"type", "Whitespace"}}); break;
            case PreTokenizer::whitespace_split: parts.push_back({{"type", "WhitespaceSplit"}}); break;
            case PreTokenizer::punctuation: parts.push_back({{"type", "Punctuation"}, {"behavior", "Isolated"}}); break;
        }
    }
    if (parts.size() <= 1) return parts.empty() ? nlohmann::ordered_json(nullptr) : parts.front();
    return {{"type", "Sequence"}, {"pretokenizers", parts}};
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
    // A blank line of a vocab.txt counts where the ids of new tokens begin.
    const std::vector<std::string>& pieces = tokenizer.vocabulary().pieces();
    const auto blank = std::find(pieces.begin(), pieces.end(), "");
    if (options.first_new_id.value_or(0) > entries.size() && blank != pieces.end())
        entries.emplace_back("", blank - pieces.begin());
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
            {"normalizer", normalizer_json(options.normalizer)},
            {"pre_tokenizer", pre_tokenizer_json(options.pre_tokenizers)},
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
    bool usual = cls && sep && options.normalizer.clean_text && options.normalizer.other_steps.empty() &&
                 options.pre_tokenizers == std::vector<PreTokenizer>{PreTokenizer::bert} &&
                 options.wordpiece.continuing_prefix == "##" && options.wordpiece.max_characters_per_word == 100 &&
                 options.decode_cleanup && same(options.single, {{true, *cls, 0}, {false, 0, 0}, {true, *sep, 0}}) &&
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
    if (options.split_special_tokens) result["split_special_tokens"] = true;
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
