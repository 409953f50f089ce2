/// @file
/// Which tokenizer the transformers library makes of a folder's files: the name of a class, in tokenizer_config.json or in
/// config.json, decides. (transformers 5.23, AutoTokenizer; the names are what it knows.)
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert::detail {

/// How a class makes a tokenizer of the files.
enum class TokenizerClass {
    bert,    ///< takes the vocabulary from them; normalizer and template are BERT's, with the options of tokenizer_config.json
    stored,  ///< takes tokenizer.json as it is
    other,   ///< has another kind of model, or other special tokens
};

/// What a class does.
/// @param name  as in `BertTokenizer`, without `Fast` at its end; of a class that isn't known, tokenizer.json is taken as it is
/// @return  how it makes a tokenizer
inline TokenizerClass tokenizer_class_named(std::string_view name)
{
    if (name.ends_with("Fast") && name != "PreTrainedTokenizerFast") name.remove_suffix(4);
    constexpr std::array<std::string_view, 11> bert{
        "BertTokenizer",      "ConvBertTokenizer",   "DPRContextEncoderTokenizer", "DPRQuestionEncoderTokenizer",
        "DPRReaderTokenizer", "DistilBertTokenizer", "ElectraTokenizer",           "LayoutLMTokenizer",
        "LxmertTokenizer",    "MobileBertTokenizer", "SqueezeBertTokenizer"};
    if (std::find(bert.begin(), bert.end(), name) != bert.end()) return TokenizerClass::bert;
    constexpr std::array<std::string_view, 4> stored{"PreTrainedTokenizerFast", "PreTrainedTokenizer", "TokenizersBackend",
                                                     "PythonBackend"};
    if (std::find(stored.begin(), stored.end(), name) != stored.end()) return TokenizerClass::stored;
    return name.ends_with("Tokenizer") ? TokenizerClass::other : TokenizerClass::stored;
}

/// The class of a model's tokenizer where no file names one.
/// @param model_type  as in config.json
/// @return  BertTokenizer for the models that have BERT's, or else the name of the model, for which there is no class here
inline std::string_view tokenizer_class_of_model(std::string_view model_type)
{
    constexpr std::array<std::string_view, 13> bert{"bert",      "convbert",      "distilbert", "electra",    "layoutlm",
                                                    "lxmert",    "megatron-bert", "mobilebert", "nomic_bert", "qdqbert",
                                                    "retribert", "squeezebert",   "visual_bert"};
    return std::find(bert.begin(), bert.end(), model_type) != bert.end() ? std::string_view("BertTokenizer") : model_type;
}

}  // namespace bert::detail
