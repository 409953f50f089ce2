/// @file
/// The description of a tokenizer: its vocabulary, and the options of each step.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bert/text/added_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/pre_tokenizer.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert {

/// The names of the special tokens.
struct SpecialTokens {
    std::string cls = "[CLS]";    ///< first token of every input; its hidden state represents the whole
    std::string sep = "[SEP]";    ///< ends a text
    std::string pad = "[PAD]";    ///< pads the sequences of a batch
    std::string mask = "[MASK]";  ///< replaces a token that is to be predicted
};

/// The description of a tokenizer.
struct TokenizerOptions {
    std::vector<std::string> vocabulary;  ///< the token of each id
    NormalizerOptions normalizer;         ///< which steps the normalizer takes
    /// Where words end; applied one after the other.
    std::vector<PreTokenizer> pre_tokenizers = {PreTokenizer::bert};
    WordPieceOptions wordpiece;            ///< prefix `##`, unknown token, longest word
    SpecialTokens special;                 ///< names of the special tokens
    std::vector<AddedToken> added_tokens;  ///< those that are not in the vocabulary get the next ids
    bool split_special_tokens = false;     ///< whether special tokens in a text are text like any other
    std::vector<TemplateElement> single;   ///< template of a text; if empty, `[CLS] $A [SEP]`
    std::vector<TemplateElement> pair;     ///< template of a pair; if empty, `[CLS] $A [SEP] $B [SEP]`, types 0 0 0 1 1
    bool decode_cleanup = true;            ///< whether Tokenizer::decode calls clean_up
    EncodeOptions encode;                  ///< the sides of truncation and padding that the files set
    std::size_t model_max_length = 0;      ///< the longest input of the model, in tokens; 0 if unknown
    /// The id of the first added token that isn't in the vocabulary; if empty, the vocabulary's number of tokens.
    std::optional<std::size_t> first_new_id = std::nullopt;
};

/// The special tokens as added tokens, which are found in texts.
/// @param special  their names
/// @param unknown  the unknown token
/// @return  the added tokens, each special and not normalized
inline std::vector<AddedToken> special_added_tokens(const SpecialTokens& special = {}, const std::string& unknown = "[UNK]")
{
    std::vector<AddedToken> tokens;
    for (const std::string& content : {unknown, special.sep, special.pad, special.cls, special.mask})
        tokens.push_back({content, false, false, false, false, true});
    return tokens;
}

}  // namespace bert
