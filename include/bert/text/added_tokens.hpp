/// @file
/// Added tokens, such as `[MASK]`, are found in a text before it is split into words and pieces.
///
/// There are two searches: first for the tokens that aren't `normalized` (in files, by default the special ones) in the original
/// text, then for the `normalized` ones in the normalized parts between them. The latter are normalized like the text. A search
/// goes from the left and takes the longest token at each position: with `[MASK]` and `[MASK]s`, it finds the second in
/// `my [MASK]s`. The rules are those of the tokenizers library (added_vocabulary.rs); google-research/bert has no added tokens.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bert/text/span.hpp"
#include "bert/text/unicode.hpp"
#include "bert/text/utf8.hpp"

namespace bert {

/// A token that is found in a text without being split into pieces.
struct AddedToken {
    std::string content;       ///< the token
    bool single_word = false;  ///< found only if no word character is next to it
    bool lstrip = false;       ///< includes the white space before it
    bool rstrip = false;       ///< includes the white space after it
    bool normalized = false;   ///< searched in the normalized text instead of the original
    bool special = false;      ///< left out when decoding with skip_special_tokens
};

/// A part of a text: an added token, or the text between two of them.
struct TextPart {
    std::optional<std::size_t> token;  ///< index of the added token; empty for ordinary text
    Span span;                         ///< its range, in bytes

    /// @param text  the whole text
    /// @return  this part of it
    std::string_view in(std::string_view text) const { return text.substr(span.start, span.end - span.start); }
};

namespace detail {

/// Reads the code point that ends at a position of a text: one of 2 to 4 bytes if there is one, else a single byte.
/// @param text  UTF-8
/// @param position  the end of the code point, above 0
/// @return  the code point and its length
inline Utf8Character character_before(std::string_view text, std::size_t position)
{
    for (std::size_t length = 2; length <= std::min<std::size_t>(4, position); ++length) {
        const Utf8Character character = read_utf8(text, position - length);
        if (character.valid && character.length == length) return character;
    }
    return read_utf8(text.substr(0, position), position - 1);
}

}  // namespace detail

/// Finds added tokens in a text.
class AddedTokenFinder {
public:
    /// A finder without tokens.
    AddedTokenFinder() = default;

    /// Adds a token to search for. An empty one is never found.
    /// @param content  UTF-8, normalized if the text is
    /// @param token  its index
    /// @param flags  its single_word, lstrip and rstrip
    void add(std::string_view content, std::size_t token, const AddedToken& flags)
    {
        if (content.empty()) return;
        std::uint32_t node = 0;
        for (const char unit : content) {
            const auto [edge, added] = edges_.emplace(key(node, unit), nodes_.size());
            if (added) nodes_.emplace_back();
            node = edge->second;
        }
        nodes_[node] = Node{token, flags.single_word, flags.lstrip, flags.rstrip};
        if (beginnings_.find(content[0]) == beginnings_.npos) beginnings_ += content[0];
        begins_[static_cast<unsigned char>(content[0])] = true;
    }

    /// @return  whether there are no tokens to search for
    bool empty() const { return edges_.empty(); }

    /// Splits a text. The time it takes grows with the length of the text times that of the longest added token.
    /// @param text  UTF-8
    /// @return  its parts, in order; no part of ordinary text is empty
    std::vector<TextPart> split(std::string_view text) const
    {
        std::vector<TextPart> parts;
        std::size_t done = 0;       // end of the parts so far
        std::size_t space_end = 0;  // end of the white space that an rstrip has included
        for (std::size_t position = 0; (position = next_beginning(text, position)) < text.size();) {
            std::size_t length = 0;
            const Node* node = longest(text, position, length);
            if (!node) {
                ++position;
                continue;
            }
            Span span{position, position + length};
            position = span.end;
            if (node->single_word && !is_whole_word(text, span)) continue;
            if (node->lstrip) {
                while (span.start > done && is_whitespace(detail::character_before(text, span.start).code))
                    span.start -= detail::character_before(text, span.start).length;
                span.start = std::max(span.start, done);
            }
            if (node->rstrip) {
                space_end = std::max(space_end, span.end);
                while (space_end < text.size() && is_whitespace(read_utf8(text, space_end).code))
                    space_end += read_utf8(text, space_end).length;
                span.end = space_end;
            }
            if (span.start >= span.end) continue;  // an earlier token's rstrip includes all of it
            if (done < span.start) parts.push_back({std::nullopt, {done, span.start}});
            parts.push_back({node->token, span});
            done = span.end;
        }
        if (done < text.size()) parts.push_back({std::nullopt, {done, text.size()}});
        return parts;
    }

private:
    /// A node of the tree of all contents.
    struct Node {
        std::optional<std::size_t> token;  ///< the token that ends here
        bool single_word = false;          ///< its flag
        bool lstrip = false;               ///< its flag
        bool rstrip = false;               ///< its flag
    };

    /// The first position, from the given one on, at which a token may begin; the text's end if there is none.
    std::size_t next_beginning(std::string_view text, std::size_t position) const
    {
        if (beginnings_.empty()) return text.size();
        if (beginnings_.size() == 1) return std::min(text.find(beginnings_[0], position), text.size());  // in most models `[`
        while (position < text.size() && !begins_[static_cast<unsigned char>(text[position])])
            ++position;
        return position;
    }

    /// The longest token that begins at a position; nullptr if there is none.
    const Node* longest(std::string_view text, std::size_t start, std::size_t& length) const
    {
        const Node* found = nullptr;
        std::uint32_t node = 0;
        for (std::size_t i = start; i < text.size(); ++i) {
            const auto edge = edges_.find(key(node, text[i]));
            if (edge == edges_.end()) break;
            node = edge->second;
            if (nodes_[node].token) {
                found = &nodes_[node];
                length = i + 1 - start;
            }
        }
        return found;
    }

    static bool is_whole_word(std::string_view text, Span span)
    {
        return (span.start == 0 || !is_word_character(detail::character_before(text, span.start).code)) &&
               (span.end == text.size() || !is_word_character(read_utf8(text, span.end).code));
    }

    static std::uint64_t key(std::uint32_t node, char unit)
    {
        return static_cast<std::uint64_t>(node) << 8 | static_cast<unsigned char>(unit);
    }

    std::vector<Node> nodes_ = std::vector<Node>(1);
    std::unordered_map<std::uint64_t, std::uint32_t> edges_;
    std::string beginnings_;          ///< the first bytes of the tokens
    std::array<bool, 256> begins_{};  ///< for each byte, whether a token begins with it
};

}  // namespace bert
