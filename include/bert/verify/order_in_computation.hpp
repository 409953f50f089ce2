/// @file
/// The order of a reference case's tensors (reference_outputs/README.md) in the computation, which isn't their order in files.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <compare>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>

#include "bert/verify/comparison.hpp"

namespace bert {

/// A tensor's position in the order of the computation. The smaller one comes first.
struct OrderInComputation {
    std::size_t kind = 0;    ///< 0 forward, 1 losses, 2 gradients, 3 others
    std::size_t layer = 0;   ///< 0 for embeddings, l + 1 for layer l, the largest number for heads
    std::size_t tensor = 0;  ///< the tensor's number within its layer
    std::string name;        ///< orders tensors whose other members are equal

    /// Compares member by member.
    friend auto operator<=>(const OrderInComputation&, const OrderInComputation&) = default;
};

/// @param name  a tensor's name, as in `forward.layer.0.scores`
/// @return  its position
inline OrderInComputation order_in_computation(const std::string& name)
{
    constexpr std::array<std::string_view, 3> kinds{"forward", "loss", "grad"};
    constexpr std::array<std::string_view, 9> tensors{"query",   "key",       "value",        "scores", "probabilities",
                                                      "context", "attention", "intermediate", "output"};
    constexpr std::string_view embeddings = "forward.embeddings", layers = "forward.layer.";
    constexpr std::size_t heads = std::numeric_limits<std::size_t>::max();
    const auto index_in = [](const auto& names, std::string_view wanted) {
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), wanted) - names.begin());
    };
    OrderInComputation order{index_in(kinds, kind_of(name)), heads, 0, name};
    if (name.starts_with(embeddings)) order.layer = 0;
    if (!name.starts_with(layers)) return order;
    std::size_t layer = 0;
    const char* const end = name.data() + name.size();
    const std::from_chars_result number = std::from_chars(name.data() + layers.size(), end, layer);
    if (number.ec != std::errc() || number.ptr == end) return order;
    order.layer = std::min(layer, heads - 2) + 1;
    order.tensor = index_in(tensors, std::string_view(number.ptr + 1, end));
    return order;
}

}  // namespace bert
