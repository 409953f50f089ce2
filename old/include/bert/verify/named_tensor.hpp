/// @file
/// A tensor under the name that reference cases give it, in the padded form in which they store it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/language.hpp"

namespace bert {

/// A tensor of any rank, with its name. Comparison is done in double, whatever the tensor was computed in.
struct NamedTensor {
    std::string name;                ///< as in `forward.layer.0.query`
    std::vector<std::size_t> shape;  ///< sizes, outermost first; none at all for a single number
    std::vector<double> values;      ///< row-major
};

/// How a tensor lies over the padded positions of a batch.
enum class Layout {
    whole,  ///< not at all: every element counts
    rows,   ///< [B, L, ...]: a row for each position
    pairs,  ///< [B, A, L, L]: for each head a number for each pair of positions
};

/// The layout that a name of the reference format has.
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
