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
    std::size_t layer = 0;   ///< counted from what is computed first: embeddings, layers, heads; in backward, the other way round
    std::size_t tensor = 0;  ///< the tensor's number within its layer
    std::string name;        ///< orders tensors whose other members are equal

    /// Compares member by member.
    friend auto operator<=>(const OrderInComputation&, const OrderInComputation&) = default;
};

/// The order of forward; gradients in that of backward: heads, layers from the last to the first, embeddings, and within a layer
/// the gradient of its result before those of its parameters.
/// @param name  a tensor's name, as in `forward.layer.0.scores`
/// @return  its position
inline OrderInComputation order_in_computation(const std::string& name)
{
    constexpr std::array<std::string_view, 3> kinds{"forward", "loss", "grad"};
    constexpr std::array<std::string_view, 2> of_embeddings{"forward.embeddings.norm", "forward.embeddings"};
    constexpr std::array<std::string_view, 14> of_layers{"bottleneck.input",
                                                         "bottleneck.attention",
                                                         "norm1",
                                                         "query",
                                                         "key",
                                                         "value",
                                                         "scores",
                                                         "probabilities",
                                                         "context",
                                                         "attention",
                                                         "norm2",
                                                         "ffn",
                                                         "intermediate",
                                                         "output"};
    constexpr std::array<std::string_view, 5> of_heads{"forward.final_norm", "forward.pooled", "forward.class.transform",
                                                       "forward.mlm.transform", "forward.logits.start"};
    constexpr std::string_view layers = "layer.", networks = "ffn.";
    constexpr std::size_t heads = std::numeric_limits<std::size_t>::max();
    const auto index_in = [](const auto& names, std::string_view wanted) {
        return static_cast<std::size_t>(std::find(names.begin(), names.end(), wanted) - names.begin());
    };
    OrderInComputation order{index_in(kinds, kind_of(name)), heads, 0, name};
    const bool is_gradient = name.starts_with("grad.");
    std::string_view tensor = name;
    std::size_t l = 0;
    if (const std::size_t place = name.find(layers); place != name.npos) {
        const char* const end = name.data() + name.size();
        const std::from_chars_result number = std::from_chars(name.data() + place + layers.size(), end, l);
        if (number.ec == std::errc() && number.ptr != end) {
            order.layer = std::min(l, heads - 2) + 1;
            tensor = {number.ptr + 1, end};
        }
    } else if (name.find("embeddings") != name.npos) {
        order.layer = 0;
    }
    std::size_t k = 0;  // of MobileBERT's feed-forward networks before the last
    const bool is_of_network = tensor.starts_with(networks);
    if (is_of_network) std::from_chars(tensor.data() + networks.size(), tensor.data() + tensor.size(), k);
    if (is_gradient) {
        order.layer = heads - order.layer;
        order.tensor = !name.starts_with("grad.forward.") ? heads : is_of_network ? heads - 1 - std::min(k, heads - 2) : 0;
    } else if (order.layer == heads) {
        order.tensor = index_in(of_heads, tensor);
    } else if (order.layer == 0) {
        order.tensor = index_in(of_embeddings, tensor);
    } else {
        order.tensor = index_in(of_layers, is_of_network ? "ffn" : tensor);  // of several networks, the name decides
    }
    return order;
}

}  // namespace bert
