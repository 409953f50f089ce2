/// @file
/// A tensor with its name in reference cases, in the padded form in which they store it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/language.hpp"

namespace bert {

/// A tensor of any rank with its name. Its values are in double, whatever the tensor was computed in.
struct NamedTensor {
    std::string name;                ///< as in `forward.layer.0.query`
    std::vector<std::size_t> shape;  ///< sizes, outermost first; empty for a single number
    std::vector<double> values;      ///< row-major
};

/// How the elements of a tensor belong to the padded positions of a batch.
enum class Layout {
    whole,  ///< no padded positions: every element counts
    rows,   ///< [B, L, ...]: a row for each position
    pairs,  ///< [B, A, L, L]: a number for each head and each pair of positions
};

/// The layout of a tensor, by its name.
/// @param name  as in `forward.layer.0.scores` or `grad.forward.embeddings`
/// @return  its layout
inline Layout layout_of(std::string_view name)
{
    if (name.starts_with("grad.forward.")) name.remove_prefix(std::string_view("grad.").size());
    if (!name.starts_with("forward.")) return Layout::whole;
    if (name.ends_with(".scores") || name.ends_with(".probabilities")) return Layout::pairs;
    for (const std::string_view whole : {"forward.pooled", "forward.class.transform", "forward.logits.nsp", "forward.logits.sop",
                                         "forward.logits.class", "forward.logits.choice"})
        if (name == whole) return Layout::whole;
    return Layout::rows;
}

}  // namespace bert
