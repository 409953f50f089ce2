/// @file
/// Reads a tokenizer.json, the tokenizers library's file format, which describes a tokenizer completely. Its truncation and padding
/// are ignored, as the caller sets them, but for their sides.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/special_tokens.hpp"
#include "bert/text/added_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/truncation.hpp"
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
    std::optional<std::size_t> blank;  // the id of the empty token, which is never found
    for (const auto& [token, id] : json.value.items()) {
        const JsonPlace entry{id, json.place + "[" + in_quotes(token) + "]"};
        const auto row = static_cast<std::size_t>(entry.number(static_cast<std::int64_t>(limit)));
        if (row >= tokens.size()) tokens.resize(row + 1);
        if (token.empty()) blank = row;
        if (!tokens[row].empty() || (blank == row && !token.empty()))
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

/// The elements of a part of a tokenizer that can be a sequence of parts.
/// @param json  a part, or a sequence of parts, also nested
/// @param list  the sequence's key for its elements
/// @param[in,out] elements  the parts are appended, none a sequence
inline void append_elements(const JsonPlace& json, std::string_view list, std::vector<JsonPlace>& elements)
{
    if (json.at("type").text() != "Sequence") {
        elements.push_back(json);
        return;
    }
    for (const JsonPlace& element : json.at(list).elements())
        append_elements(element, list, elements);
}

/// Reads the normalizer of a tokenizer.json.
/// @param json  the document
/// @return  its steps; BERT's alone as their options
/// @throws InputError for a step that isn't known
inline NormalizerOptions normalizer_from(const JsonPlace& json)
{
    NormalizerOptions result{false, false, false, false};
    if (!json.has("normalizer")) return result;
    std::vector<JsonPlace> elements;
    append_elements(json.at("normalizer"), "normalizers", elements);
    for (const JsonPlace& element : elements) {
        const std::string type = element.at("type").one_of({"BertNormalizer", "NFD", "StripAccents", "Lowercase"});
        std::vector<NormalizerStep>& steps = result.other_steps;
        if (type == "NFD") steps.push_back(NormalizerStep::decompose);
        if (type == "StripAccents") steps.push_back(NormalizerStep::remove_all_marks);
        if (type == "Lowercase") steps.push_back(NormalizerStep::lower_case);
        if (type != "BertNormalizer") continue;
        NormalizerOptions bert;
        bert.clean_text = element.truth("clean_text", true);
        bert.handle_chinese_chars = element.truth("handle_chinese_chars", true);
        bert.lowercase = element.truth("lowercase", true);
        if (element.has("strip_accents")) bert.strip_accents = element.at("strip_accents").truth();
        if (elements.size() == 1) return bert;
        for (const NormalizerStep step : bert.steps())
            steps.push_back(step);
    }
    return result;
}

/// Reads the pre-tokenizer of a tokenizer.json.
/// @param json  the document
/// @return  the pre-tokenizers, in their order
/// @throws InputError for one that isn't known
inline std::vector<PreTokenizer> pre_tokenizers_from(const JsonPlace& json)
{
    std::vector<PreTokenizer> result;
    if (!json.has("pre_tokenizer")) return result;
    std::vector<JsonPlace> elements;
    append_elements(json.at("pre_tokenizer"), "pretokenizers", elements);
    for (const JsonPlace& element : elements) {
        const std::string type = element.at("type").one_of({"BertPreTokenizer", "Whitespace", "WhitespaceSplit", "Punctuation"});
        if (type == "BertPreTokenizer") result.push_back(PreTokenizer::bert);
        if (type == "Whitespace") result.push_back(PreTokenizer::whitespace);
        if (type == "WhitespaceSplit") result.push_back(PreTokenizer::whitespace_split);
        if (type != "Punctuation") continue;
        if (element.has("behavior")) element.at("behavior").one_of({"Isolated"});
        result.push_back(PreTokenizer::punctuation);
    }
    return result;
}

/// Reads the post-processor of a tokenizer.json, which has the templates.
/// @param json  the post-processor
/// @param vocabulary_size  ids must be below it
/// @param[in,out] options  single and pair are set
/// @throws InputError for one that isn't known
inline void read_post_processor(const JsonPlace& json, std::size_t vocabulary_size, TokenizerOptions& options)
{
    std::vector<JsonPlace> all, elements;
    append_elements(json, "processors", all);
    for (const JsonPlace& element : all)
        if (element.at("type").text() != "ByteLevel") elements.push_back(element);  // which only trims offsets, of nothing here
    if (elements.empty()) return;
    if (elements.size() > 1) json.fail("one post-processor");
    const JsonPlace& processor = elements.front();
    const std::string type = processor.at("type").one_of({"TemplateProcessing", "BertProcessing", "RobertaProcessing"});
    if (type == "TemplateProcessing") {
        const JsonPlace special_tokens = processor.at("special_tokens");
        options.single = template_from(processor.at("single"), special_tokens, 1, vocabulary_size);
        options.pair = template_from(processor.at("pair"), special_tokens, 2, vocabulary_size);
        return;
    }
    const auto special = [&](const char* key) {
        const std::vector<JsonPlace> token_and_id = processor.at(key).elements();
        if (token_and_id.size() != 2) processor.at(key).fail("a token and its id");
        return token_and_id[1].number(static_cast<std::int64_t>(vocabulary_size));
    };
    const std::int64_t cls = special("cls"), sep = special("sep");
    options.single = {{true, cls, 0}, {false, 0, 0}, {true, sep, 0}};
    // The tokenizers library takes a RobertaProcessing that lacks one of its options for a BertProcessing.
    const bool of_roberta = type == "RobertaProcessing" && processor.has("trim_offsets") && processor.has("add_prefix_space");
    if (!of_roberta)
        options.pair = {{true, cls, 0}, {false, 0, 0}, {true, sep, 0}, {false, 1, 1}, {true, sep, 1}};
    else
        options.pair = {{true, cls, 0}, {false, 0, 0}, {true, sep, 0}, {true, sep, 0}, {false, 1, 0}, {true, sep, 0}};
}

/// @param json  a tokenizer.json
/// @return  its list of added tokens; empty if it has none
inline std::vector<JsonPlace> added_tokens_of(const JsonPlace& json)
{
    return json.has("added_tokens") ? json.at("added_tokens").elements() : std::vector<JsonPlace>();
}

/// Reads the sides of truncation and padding.
/// @param json  the document
/// @param[in,out] options  encode is set
inline void read_stored_sides(const JsonPlace& json, TokenizerOptions& options)
{
    const auto side = [&](const char* key, Side& target) {
        if (json.has(key) && json.at(key).has("direction"))
            target = json.at(key).at("direction").one_of({"Right", "Left"}) == "Left" ? Side::left : Side::right;
    };
    side("truncation", options.encode.truncation_side);
    side("padding", options.encode.padding_side);
}

/// Reads a tokenizer.json.
/// @param json  the document
/// @param[out] warnings  what is not as the file says; nullptr if that isn't wanted
/// @return  the description of the tokenizer
/// @throws InputError for a document that isn't a tokenizer, or one of another kind
inline TokenizerOptions options_from_tokenizer_json(const JsonPlace& json, std::vector<std::string>* warnings = nullptr)
{
    TokenizerOptions options;
    const JsonPlace model = json.at("model");
    if (model.has("type")) model.at("type").one_of({"WordPiece"});
    options.vocabulary = vocabulary_from(model.at("vocab"));
    options.first_new_id = model.at("vocab").value.size();
    options.wordpiece.unknown_token = model.at("unk_token").text();
    if (model.has("continuing_subword_prefix"))
        options.wordpiece.continuing_prefix = model.at("continuing_subword_prefix").text();
    if (model.has("max_input_chars_per_word"))
        options.wordpiece.max_characters_per_word =
            static_cast<std::size_t>(model.at("max_input_chars_per_word").number(std::int64_t{1} << 31));

    options.normalizer = normalizer_from(json);
    options.pre_tokenizers = pre_tokenizers_from(json);

    Vocabulary vocabulary(options.vocabulary, options.first_new_id);
    for (const JsonPlace& element : added_tokens_of(json)) {
        const AddedToken token = added_token_from(element, false);
        if (token.content.empty()) continue;
        add_token(token, options.added_tokens);
        const std::int64_t id = vocabulary.add(token.content);
        if (warnings != nullptr && element.has("id") && !element.at("id").is(id))
            warnings->push_back(element.place + ": token " + in_quotes(token.content) + " has the id " + std::to_string(id) +
                                ", not " + one_line(element.at("id").value.dump()));
    }
    const std::size_t size = vocabulary.size();

    options.single = {{false, 0, 0}};
    options.pair = {{false, 0, 0}, {false, 1, 1}};
    if (json.has("post_processor")) read_post_processor(json.at("post_processor"), size, options);
    if (json.has("decoder")) {
        std::vector<JsonPlace> decoders;
        append_elements(json.at("decoder"), "decoders", decoders);
        for (const JsonPlace& decoder : decoders) {
            decoder.at("type").one_of({"WordPiece"});
            options.decode_cleanup = decoder.truth("cleanup", true);
        }
    }
    return options;
}

}  // namespace detail

}  // namespace bert
