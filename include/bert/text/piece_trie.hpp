/// @file
/// The tokens of a vocabulary as a tree of bytes, which finds the longest token with which a word begins.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/core/language.hpp"

namespace bert {

/// A tree of bytes as a double array, stored as one array of slots: the child of node n by byte c is the slot base(n) + c, if the
/// parent of that slot is n. Each level of the tree takes an addition, a load and a comparison.
/// @see Aoe 1989, An efficient digital search algorithm by using a double-array structure
class PieceTrie {
public:
    /// The longest token found.
    struct Match {
        std::int32_t id = -1;    ///< its id; -1 if there is none
        std::size_t length = 0;  ///< its number of bytes
    };

    /// A tree without tokens.
    PieceTrie() = default;

    /// @param tokens  tokens and their ids; none is empty or occurs twice
    explicit PieceTrie(std::vector<std::pair<std::string_view, std::int32_t>> tokens)
    {
        if (tokens.empty()) return;
        std::sort(tokens.begin(), tokens.end());
        slots_[0].parent = 0;
        std::vector<Branch> waiting = {{0, 0, tokens.size(), 0}};
        while (!waiting.empty()) {
            const Branch branch = waiting.back();
            waiting.pop_back();
            place(tokens, branch, waiting);
        }
    }

    /// Finds the longest token with which a text begins.
    /// @param byte  called as byte(i), returns byte i of the text
    /// @param size  number of bytes of the text
    /// @return  the token and its length
    template <class Byte>
    Match longest(Byte byte, std::size_t size) const
    {
        Match match;
        const Slot* slots = slots_.data();
        std::uint32_t node = 0;
        for (std::size_t i = 0; i < size; ++i) {
            const std::uint32_t child = slots[node].base + byte(i);
            if (slots[child].parent != node) break;
            node = child;
            if (slots[node].id >= 0) match = {slots[node].id, i + 1};
        }
        return match;
    }

private:
    using Token = std::pair<std::string_view, std::int32_t>;
    static constexpr std::uint32_t free = 0xFFFFFFFF;

    struct Slot {
        std::uint32_t base = 0;       ///< its children are at base + byte; every base leaves room for 256
        std::uint32_t parent = free;  ///< the node whose child it is
        std::int32_t id = -1;         ///< id of the token that ends here; -1 if there is none
    };

    /// A node whose children are still to be placed. Its tokens have their first depth bytes in common.
    struct Branch {
        std::uint32_t node;  ///< its slot
        std::size_t begin;   ///< the first of its tokens
        std::size_t end;     ///< one past the last one
        std::size_t depth;   ///< its depth
    };

    /// Places the children of a node and appends them to the nodes that wait for their children.
    void place(const std::vector<Token>& tokens, Branch branch, std::vector<Branch>& waiting)
    {
        if (tokens[branch.begin].first.size() == branch.depth) slots_[branch.node].id = tokens[branch.begin++].second;
        std::vector<Branch> children;
        std::vector<std::uint8_t> bytes;
        for (std::size_t i = branch.begin; i < branch.end; ++i) {
            const auto byte = static_cast<std::uint8_t>(tokens[i].first[branch.depth]);
            if (bytes.empty() || bytes.back() != byte) {
                bytes.push_back(byte);
                children.push_back({0, i, i, branch.depth + 1});
            }
            children.back().end = i + 1;
        }
        if (children.empty()) return;
        const std::uint32_t base = find_base(bytes);
        slots_[branch.node].base = base;
        for (std::size_t i = 0; i < children.size(); ++i) {
            children[i].node = base + bytes[i];
            slots_[children[i].node].parent = branch.node;
        }
        waiting.insert(waiting.end(), children.rbegin(), children.rend());
    }

    /// Finds a base for which the slots of all children are free. For an only child, it is the first one. For several, the search
    /// begins where the last long search ended: otherwise building the tree would take quadratic time.
    std::uint32_t find_base(const std::vector<std::uint8_t>& bytes)
    {
        constexpr int long_search = 64;
        const std::uint32_t lowest = bytes.front();
        std::uint32_t& start = bytes.size() == 1 ? first_free_ : start_of_search_;
        start = std::max(start, lowest + 1);  // no child is in slot 0
        int tries = 0;
        for (std::uint32_t base = start - lowest;; ++base) {
            if (slots_.size() < base + std::size_t{256}) slots_.resize(2 * slots_.size() + 256);
            if (++tries > long_search || bytes.size() == 1) start = base + lowest;
            if (std::all_of(bytes.begin(), bytes.end(), [&](std::uint8_t byte) { return slots_[base + byte].parent == free; }))
                return base;
        }
    }

    std::vector<Slot> slots_ = std::vector<Slot>(257);
    std::uint32_t first_free_ = 1;       ///< where the search for an only child begins
    std::uint32_t start_of_search_ = 1;  ///< where the search for several children begins
};

}  // namespace bert
