/// @file
/// The older file format of a vocabulary: vocab.txt, one token a line, whose id is the number of the line, from 0.
///
/// It is read as the tokenizers library reads it: white space at a line's end doesn't count; a blank line leaves its id without a
/// token; of a token that stands on two lines, the last one counts.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/text/added_tokens.hpp"
#include "bert/text/unicode.hpp"
#include "bert/text/utf8.hpp"

namespace bert::detail {

/// What a vocab.txt holds.
struct VocabularyFile {
    std::vector<std::string> tokens;      ///< the token of each id; empty for an id without one
    std::size_t first_new_id = 0;         ///< of added tokens: the number of different lines, blank ones counted once
    std::optional<std::string> repeated;  ///< a warning that names the first token on two lines
};

/// Removes white space from the end of a text.
/// @param text  UTF-8
/// @return  the text without it
inline std::string_view without_trailing_space(std::string_view text)
{
    while (!text.empty()) {
        const Utf8Character last = character_before(text, text.size());
        if (!is_whitespace(last.code)) break;
        text.remove_suffix(last.length);
    }
    return text;
}

/// Reads a vocabulary, one token a line.
/// @param place  the file's name, for messages
/// @param text  its contents
/// @return  the tokens
/// @throws InputError for a line that isn't UTF-8, and for a file without a token
inline VocabularyFile vocabulary_from_lines(const std::string& place, std::string_view text)
{
    VocabularyFile vocabulary;
    std::unordered_map<std::string, std::size_t> lines;  // the number of the last line with a text, from 0
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());  // no other character ends a line: U+2028 is a token
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t number = vocabulary.tokens.size();
        require_utf8(place + ":" + std::to_string(number + 1), line);
        const std::string token(without_trailing_space(line));
        const auto [known, added] = lines.emplace(token, number);
        if (!added && !token.empty()) {
            if (!vocabulary.repeated)
                vocabulary.repeated = place + ":" + std::to_string(number + 1) + ": token " + in_quotes(token) +
                                      " is already on line " + std::to_string(known->second + 1) + "; the last line counts";
            vocabulary.tokens[known->second].clear();
            known->second = number;
        }
        vocabulary.tokens.push_back(token);
    }
    vocabulary.first_new_id = lines.size();
    if (vocabulary.first_new_id == lines.count("")) fail_input(place, "expected one token a line, got none");
    return vocabulary;
}

}  // namespace bert::detail
