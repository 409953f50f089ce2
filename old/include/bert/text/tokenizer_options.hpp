/// @file
/// All that makes a tokenizer: its vocabulary, and what its files say of each step.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "bert/text/added_tokens.hpp"
#include "bert/text/encoding.hpp"
#include "bert/text/normalizer.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert {

/// The tokens that have a part to play.
struct SpecialTokens {
    std::string cls = "[CLS]";    ///< the first of every text; its vector stands for the whole
    std::string sep = "[SEP]";    ///< the end of a text
    std::string pad = "[PAD]";    ///< fills a batch up
    std::string mask = "[MASK]";  ///< a word to be guessed
};

/// All that makes a tokenizer.
struct TokenizerOptions {
    std::vector<std::string> vocabulary;   ///< the token of each id
    NormalizerOptions normalizer;          ///< what is done to the text
    WordPieceOptions wordpiece;            ///< the prefix `##`, the unknown token, the longest word
    SpecialTokens special;                 ///< the names of the special tokens
    std::vector<AddedToken> added_tokens;  ///< those that are not in the vocabulary get the next ids
    std::vector<TemplatePiece> single;     ///< what is made of a text; empty: `[CLS] $A [SEP]`
    std::vector<TemplatePiece> pair;       ///< what is made of a pair; empty: `[CLS] $A [SEP] $B [SEP]`, types 0 0 0 1 1
    bool decode_cleanup = true;            ///< see Tokenizer::decode
    EncodeOptions encode;                  ///< the sides of truncation and padding that the files name
    std::size_t model_max_length = 0;      ///< the longest input of the model that it belongs to; 0: not known
};

/// The special tokens as added tokens, to be found in texts.
/// @param special  their names
/// @param unknown  the unknown token
/// @return  them, each special and not normalized
inline std::vector<AddedToken> special_added_tokens(const SpecialTokens& special = {}, const std::string& unknown = "[UNK]")
{
    std::vector<AddedToken> tokens;
    for (const std::string& content : {unknown, special.sep, special.pad, special.cls, special.mask})
        tokens.push_back({content, false, false, false, false, true});
    return tokens;
}

}  // namespace bert
