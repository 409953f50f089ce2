/// @file
/// The older file format of a tokenizer: vocab.txt, one token a line, and tokenizer_config.json.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/text/vocabulary.hpp"
#include "bert/tokenizer.hpp"

namespace bert::detail {

/// Reads a side, "right" or "left".
/// @param json  a string
/// @return  the side
inline Side side_from(const JsonPlace& json) { return json.one_of({"right", "left"}) == "left" ? Side::left : Side::right; }

/// Reads an added token: an object with its content and flags, or its content alone.
/// @param json  the object or string
/// @param special  the flag `special` of a token without one
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
    Vocabulary vocabulary;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());  // no other character ends a line: U+2028 is a token
        std::string_view token = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (token.ends_with('\r')) token.remove_suffix(1);
        const std::size_t lines = vocabulary.size();  // before this one
        const std::string line = place + ":" + std::to_string(lines + 1);
        if (token.empty()) fail_input(line, "expected a token, got an empty line");
        require_utf8(line, token);
        const auto id = static_cast<std::size_t>(vocabulary.add(std::string(token)));
        if (id < lines) fail_input(line, "token " + in_quotes(token) + " is already on line " + std::to_string(id + 1));
    }
    if (vocabulary.size() == 0) fail_input(place, "expected one token a line, got an empty file");
    return vocabulary.tokens();
}

/// Reads a tokenizer_config.json into the options of a tokenizer.
/// @param json  the document
/// @param[in,out] options  special tokens, sides and lengths are set; for a vocab.txt also the normalizer and the added tokens
/// @param with_vocabulary  whether the vocabulary is from a vocab.txt
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
            const nlohmann::json number = parse_json(entry.place, id);
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
        const JsonPlace place = json.at("model_max_length");
        const double length = place.value.is_number() ? place.value.get<double>() : 0;
        if (!(length > 0)) place.fail("a number above 0");
        if (length < 1e9) options.model_max_length = static_cast<std::size_t>(length);  // 1e30 means unknown
    }
}

}  // namespace bert::detail
