/// @file
/// Clipping: a gradient that is too long is made shorter as a whole.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>

#include "bert/core/name.hpp"
#include "bert/training/update.hpp"

namespace bert {

/// What the length of a gradient says.
struct GradientNorm {
    double norm = 0;        ///< the root of the sum of all squares
    std::string first_bad;  ///< the first tensor with a NaN or an infinity; empty: there is none
};

/// The length of a whole gradient, in double whatever the scalar.
/// \f[ \mathrm{norm} = \Big(\sum_{\text{tensors}} \sum_i g_i^2\Big)^{1/2} \f]
/// @param gradient  a component that holds gradients
/// @param counts  counts(name): whether a parameter takes part; called for each in turn
/// @return  the length, and the first tensor that is not finite
/// @see Pascanu, Mikolov and Bengio 2013, section 3.2
template <class Component, class Counts>
GradientNorm gradient_norm(const Component& gradient, Counts&& counts)
{
    GradientNorm result;
    double squares = 0;
    Component::parameters(
        [&](const Name& name, const auto& g) {
            if (!counts(name)) return;
            const double of_tensor = sum_of_squares(g);
            if (!std::isfinite(of_tensor) && result.first_bad.empty()) result.first_bad = name.text();
            squares += of_tensor;
        },
        "", gradient);
    result.norm = std::sqrt(squares);
    return result;
}

/// What clipping is.
struct Clipping {
    double max_norm = 1;    ///< the longest gradient allowed; 0: none is clipped
    double epsilon = 1e-6;  ///< the reference library's, beside the norm; the original code has 0

    /// What a gradient is multiplied by.
    /// \f[ c = \min\Big(1,\ \frac{\mathrm{max\_norm}}{\mathrm{norm} + \varepsilon}\Big) \f]
    /// @param norm  its length
    /// @return  c
    double factor(double norm) const { return max_norm > 0 ? std::min(1.0, max_norm / (norm + epsilon)) : 1; }
};

}  // namespace bert
