/// @file
/// Options of a tokenizer in tokenizer_config.json, as the transformers library's classes read them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bert/io/json_place.hpp"
#include "bert/io/special_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/truncation.hpp"

namespace bert::detail {

/// Reads a side, "right" or "left".
/// @param json  a string
/// @return  the side
inline Side side_from(const JsonPlace& json) { return json.one_of({"right", "left"}) == "left" ? Side::left : Side::right; }

/// Reads what applies to every tokenizer: the sides of truncation and padding, the model's longest input, and whether special
/// tokens are found in texts.
/// @param config  a tokenizer_config.json
/// @param[in,out] options  encode, model_max_length and split_special_tokens are set
inline void read_lengths_and_sides(const JsonPlace& config, TokenizerOptions& options)
{
    if (config.has("truncation_side")) options.encode.truncation_side = side_from(config.at("truncation_side"));
    if (config.has("padding_side")) options.encode.padding_side = side_from(config.at("padding_side"));
    options.split_special_tokens = config.truth("split_special_tokens", false);
    const char* const key = config.value.contains("model_max_length") ? "model_max_length" : "max_len";  // the old name
    if (config.has(key)) {
        const JsonPlace place = config.at(key);
        const double length = place.value.is_number() ? place.value.get<double>() : 0;
        if (!(length > 0)) place.fail("a number above 0");
        options.model_max_length = length < 1e9 ? static_cast<std::size_t>(length) : 0;  // 1e30 stands for unknown
    }
}

/// Reads the options of BERT's normalizer.
/// @param config  a tokenizer_config.json
/// @return  its options
inline NormalizerOptions bert_normalizer_from(const JsonPlace& config)
{
    NormalizerOptions options;
    options.lowercase = config.truth("do_lower_case", true);
    options.handle_chinese_chars = config.truth("tokenize_chinese_chars", true);
    if (config.has("strip_accents")) options.strip_accents = config.at("strip_accents").truth();
    return options;
}

/// Gives special tokens their names.
/// @param named  the roles that the files name; others keep their names
/// @param[in,out] options  special is set
inline void set_special_names(const NamedTokens& named, TokenizerOptions& options)
{
    for (const auto& [role, token] : named.roles) {
        if (role == "cls_token") options.special.cls = token.content;
        if (role == "sep_token") options.special.sep = token.content;
        if (role == "pad_token") options.special.pad = token.content;
        if (role == "mask_token") options.special.mask = token.content;
    }
}

/// Options of older versions that are not followed: each is named in a warning.
/// @param config  a tokenizer_config.json
/// @param[in,out] warnings  are appended
inline void warn_of_old_options(const JsonPlace& config, std::vector<std::string>& warnings)
{
    if (config.has("never_split") && !config.at("never_split").value.empty())
        warnings.push_back(config.at("never_split").place + " isn't followed: added tokens are never split");
    if (!config.truth("do_basic_tokenize", true))
        warnings.push_back(config.at("do_basic_tokenize").place + ": false isn't followed: texts are always split into words");
}

}  // namespace bert::detail
