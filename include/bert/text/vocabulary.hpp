/// @file
/// The vocabulary: the tokens of a model and their ids.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bert/text/utf8.hpp"

namespace bert {

/// The tokens of a model: each has an id, its row in the table of word embeddings. Pieces come with the vocabulary; added tokens
/// are found in texts by themselves and are never pieces of a word.
class Vocabulary {
public:
    /// A vocabulary without tokens.
    Vocabulary() = default;

    /// @param pieces  the token of each id; empty for an id without a token
    /// @param first_new_id  the id of the first added token that is new; if empty, the number of tokens
    /// @throws std::invalid_argument if a token has two ids or is not UTF-8
    explicit Vocabulary(std::vector<std::string> pieces, std::optional<std::size_t> first_new_id = std::nullopt)
        : pieces_(std::move(pieces))
    {
        for (std::size_t id = 0; id < pieces_.size(); ++id) {
            if (pieces_[id].empty()) continue;
            if (find_malformed_utf8(pieces_[id]) != pieces_[id].size())
                throw std::invalid_argument("vocabulary: token " + std::to_string(id) + " is not UTF-8");
            const auto [known, added] = piece_ids_.emplace(pieces_[id], id);
            if (!added)
                throw std::invalid_argument("vocabulary: token \"" + pieces_[id] + "\" has the ids " +
                                            std::to_string(known->second) + " and " + std::to_string(id));
        }
        next_id_ = static_cast<std::int64_t>(first_new_id.value_or(piece_ids_.size()));
    }

    /// @param token  a token, with its `##` if it has one
    /// @return  its id; std::nullopt if there is none
    std::optional<std::int64_t> id(std::string_view token) const
    {
        if (const std::optional<std::int64_t> found = piece(token)) return found;
        const auto added = added_ids_.find(token);
        if (added == added_ids_.end()) return std::nullopt;
        return added->second;
    }

    /// @param token  a piece of a word, with its `##` if it has one
    /// @return  its id, if it is one of the constructor's tokens: an added token is never a piece, as in the tokenizers library
    std::optional<std::int64_t> piece(std::string_view token) const
    {
        const auto found = piece_ids_.find(token);
        if (found == piece_ids_.end()) return std::nullopt;
        return found->second;
    }

    /// @param id  a token's id
    /// @return  the token; empty if there is none
    std::string_view token(std::int64_t id) const
    {
        if (const auto added = added_.find(id); added != added_.end()) return added->second;
        return id >= 0 && static_cast<std::size_t>(id) < pieces_.size() ? std::string_view(pieces_[static_cast<std::size_t>(id)])
                                                                        : std::string_view();
    }

    /// Adds a token. A new one gets the id that follows those of the added tokens, or if they are all pieces, the number of
    /// pieces. Where the pieces' ids leave gaps, that can be the id of a piece, which the two then share (as in the tokenizers
    /// library, whose ids these are).
    /// @param token  the token, not empty
    /// @return  its id; the existing one if the token is already in the vocabulary
    std::int64_t add(const std::string& token)
    {
        const std::optional<std::int64_t> known = id(token);
        const std::int64_t id = known.value_or(next_id_);
        if (!known) added_ids_.emplace(token, id);
        added_[id] = token;
        if (id >= next_id_) next_id_ = id + 1;
        return id;
    }

    /// @return  one more than the largest id; a model's table of word embeddings may have more rows
    std::size_t size() const
    {
        const std::size_t after_added = added_.empty() ? 0 : static_cast<std::size_t>(added_.rbegin()->first) + 1;
        return std::max(pieces_.size(), after_added);
    }

    /// @return  the piece of each id; empty for an id without one
    const std::vector<std::string>& pieces() const { return pieces_; }

private:
    /// Allows a std::string_view to be looked up without being copied into a std::string.
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };
    using Ids = std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>>;

    std::vector<std::string> pieces_;            ///< by id
    Ids piece_ids_;                              ///< of each piece
    std::map<std::int64_t, std::string> added_;  ///< the added tokens by id, those that are pieces too
    Ids added_ids_;                              ///< of the added tokens that are no pieces
    std::int64_t next_id_ = 0;                   ///< of the next new token
};

}  // namespace bert
