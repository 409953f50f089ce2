/// @file
/// WordPiece: how a word is split into pieces of a vocabulary (text/vocabulary.hpp).
///
/// A word is split from the left: the longest piece of the vocabulary with which it begins, then the longest with which the rest
/// begins, and so on. All pieces but the first are looked up with `##` in front. With `em`, `##bed`, `##ding` and `##s` in the
/// vocabulary, `embeddings` becomes `em ##bed ##ding ##s`. If at some point no piece fits, the whole word becomes one `[UNK]`, as
/// does a word of more than 100 characters.
///
/// The pieces were learned as in Wu et al. 2016, Google's Neural Machine Translation System, section 4.1; the way to split is
/// that of google-research/bert, tokenization.py, WordpieceTokenizer (whose longest word has 200 characters; 100 is the
/// tokenizers library's limit).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/text/span.hpp"
#include "bert/text/utf8.hpp"
#include "bert/text/vocabulary.hpp"

namespace bert {

/// Options of WordPiece.
struct WordPieceOptions {
    std::string unknown_token = "[UNK]";        ///< stands for a word that can't be split into pieces
    std::string continuing_prefix = "##";       ///< prefix of every piece but a word's first
    std::size_t max_characters_per_word = 100;  ///< a longer word becomes the unknown token
};

/// A piece of a word.
struct Piece {
    std::int64_t id;  ///< id of the token
    Span span;        ///< the characters of the word that it covers

    /// @return  whether id and span are equal
    bool operator==(const Piece&) const = default;
};

/// Splits words into pieces of a vocabulary.
class WordPiece {
public:
    /// @param vocabulary  the pieces
    /// @param options  unknown token, prefix and longest word
    /// @throws std::invalid_argument if the vocabulary lacks the unknown token
    explicit WordPiece(const Vocabulary& vocabulary, WordPieceOptions options = {}) : options_(std::move(options))
    {
        const auto unknown = vocabulary.piece(options_.unknown_token);
        if (!unknown) throw std::invalid_argument("wordpiece: the vocabulary lacks the unknown token " + options_.unknown_token);
        unknown_ = *unknown;
        for (const std::string& piece : vocabulary.pieces())
            longest_ = std::max(longest_, piece.size());
    }

    /// Splits a word into pieces, from the left, each as long as possible.
    /// @param vocabulary  the vocabulary given to the constructor; tokens may have been added to it
    /// @param word  normalized, without white space, not empty
    /// @return  its pieces, which cover it without gaps, or the unknown token alone
    std::vector<Piece> split(const Vocabulary& vocabulary, std::u32string_view word) const
    {
        const Piece unknown{unknown_, {0, word.size()}};
        if (word.size() > options_.max_characters_per_word) return {unknown};

        std::vector<Piece> pieces;
        for (std::size_t start = 0; start < word.size();) {
            // No piece has more characters than the longest has bytes, so longer candidates need not be tried.
            std::size_t end = std::min(word.size(), start + longest_);
            std::string candidate = (start == 0 ? "" : options_.continuing_prefix) + encode_utf8(word.substr(start, end - start));
            std::optional<std::int64_t> id = vocabulary.piece(candidate);
            while (!id && end > start + 1) {  // without its last character
                --end;
                candidate.resize(candidate.size() - utf8_length(word[end]));
                id = vocabulary.piece(candidate);
            }
            if (!id) return {unknown};
            pieces.push_back({*id, {start, end}});
            start = end;
        }
        return pieces;
    }

    /// @return  the id of the unknown token
    std::int64_t unknown() const { return unknown_; }
    /// @return  unknown token, prefix and longest word
    const WordPieceOptions& options() const { return options_; }

private:
    WordPieceOptions options_;
    std::int64_t unknown_ = 0;
    std::size_t longest_ = 0;  ///< bytes of the longest piece
};

}  // namespace bert
