/// @file
/// Joins tokens to a text.
///
/// A token with `##` is appended to the one before, any other follows a space: `em ##bed ##ding ##s` becomes `embeddings`. White
/// space, case and accents that the normalizer removed are lost, and punctuation stays separate, `don't` becomes
/// `don ' t`, but for what clean_up joins. (The tokenizers library's WordPiece decoder, whose replacements these are.)
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// Removes the space before tokens such as "." and "n't". Each token is cleaned up by itself: a replacement that spans several,
/// such as that of "do not", applies only if a single token contains all of it.
/// @param[in,out] text  a token with a space in front
inline void clean_up(std::string& text)
{
    struct Replacement {
        std::string_view from, to;
    };
    static constexpr std::array<Replacement, 11> replacements{{{" .", "."},
                                                               {" ?", "?"},
                                                               {" !", "!"},
                                                               {" ,", ","},
                                                               {" ' ", "'"},
                                                               {" n't", "n't"},
                                                               {" 'm", "'m"},
                                                               {" do not", " don't"},
                                                               {" 's", "'s"},
                                                               {" 've", "'ve"},
                                                               {" 're", "'re"}}};
    for (const auto& [from, to] : replacements)
        for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
            text.replace(at, from.size(), to);
}

/// Appends a token to a text.
/// @param token  the token
/// @param prefix  prefix of a token that continues a word: `##`
/// @param first  whether it is the first one, which gets no space and keeps its prefix
/// @param cleanup  whether to call clean_up
/// @param[in,out] text  the text so far
inline void append_token(std::string_view token, std::string_view prefix, bool first, bool cleanup, std::string& text)
{
    std::string piece;
    if (!first && token.starts_with(prefix))
        token.remove_prefix(prefix.size());
    else if (!first)
        piece = " ";
    piece += token;
    if (cleanup) clean_up(piece);
    text += piece;
}

}  // namespace bert
