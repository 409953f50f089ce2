/// @file
/// The vocabulary: the tokens of a model and their ids.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "bert/text/utf8.hpp"

namespace bert {

/// The tokens of a model: each has an id, its row in the table of word embeddings.
class Vocabulary {
public:
    /// A vocabulary without tokens.
    Vocabulary() = default;

    /// @param tokens  the token of each id; empty for an id without a token
    /// @throws std::invalid_argument if a token has two ids or is not UTF-8
    explicit Vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)), piece_count_(tokens_.size())
    {
        for (std::size_t id = 0; id < tokens_.size(); ++id) {
            if (tokens_[id].empty()) continue;
            if (find_malformed_utf8(tokens_[id]) != tokens_[id].size())
                throw std::invalid_argument("vocabulary: token " + std::to_string(id) + " is not UTF-8");
            const auto [known, added] = ids_.emplace(tokens_[id], id);
            if (!added)
                throw std::invalid_argument("vocabulary: token \"" + tokens_[id] + "\" has the ids " +
                                            std::to_string(known->second) + " and " + std::to_string(id));
        }
    }

    /// @param token  a token, with its `##` if it has one
    /// @return  its id; std::nullopt if there is none
    std::optional<std::int64_t> id(std::string_view token) const
    {
        const auto found = ids_.find(token);
        if (found == ids_.end()) return std::nullopt;
        return found->second;
    }

    /// @param token  a piece of a word, with its `##` if it has one
    /// @return  its id, if it is one of the constructor's tokens: an added token is never a piece, as in the tokenizers library
    std::optional<std::int64_t> piece(std::string_view token) const
    {
        const std::optional<std::int64_t> found = id(token);
        if (!found || static_cast<std::size_t>(*found) >= piece_count_) return std::nullopt;
        return found;
    }

    /// @param id  a token's id
    /// @return  the token; empty if there is none
    std::string_view token(std::int64_t id) const
    {
        return id >= 0 && static_cast<std::size_t>(id) < tokens_.size() ? std::string_view(tokens_[static_cast<std::size_t>(id)])
                                                                        : std::string_view();
    }

    /// Gives a new token the next id.
    /// @param token  the token, not empty
    /// @return  its id; the existing one if the token is already in the vocabulary
    std::int64_t add(const std::string& token)
    {
        const auto [entry, added] = ids_.emplace(token, tokens_.size());
        if (added) tokens_.push_back(token);
        return entry->second;
    }

    /// @return  one more than the largest id; a model's table of word embeddings may have more rows
    std::size_t size() const { return tokens_.size(); }
    /// @return  the number of tokens that the constructor was given: the pieces have the ids below it
    std::size_t piece_count() const { return piece_count_; }

    /// @return  the token of each id
    const std::vector<std::string>& tokens() const { return tokens_; }

private:
    /// Allows a std::string_view to be looked up without being copied into a std::string.
    struct Hash : std::hash<std::string_view> {
        using is_transparent = void;
    };

    std::vector<std::string> tokens_;
    std::size_t piece_count_ = 0;
    std::unordered_map<std::string, std::int64_t, Hash, std::equal_to<>> ids_;
};

}  // namespace bert
