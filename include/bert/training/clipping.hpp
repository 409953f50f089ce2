/// @file
/// Clipping: a gradient whose norm is too large is scaled down as a whole.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include "bert/core/parameter_list.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// The norm of a gradient.
struct GradientNorm {
    double value = 0;              ///< the root of the sum of all squares
    std::string first_non_finite;  ///< the first parameter whose sum of squares is non-finite; empty if there is none
};

/// The norm of a whole gradient, computed in double for every scalar.
/// \f[ \mathrm{norm} = \Big(\sum_k \sum_i g_{ki}^2\Big)^{1/2} \f]
/// Symbols: \f$g_k\f$ `gradient[k].values`, the gradient of parameter k; its sum of squares is `squares_of_k`, their sum
/// `squares`.
/// @tparam Ops  the operation sum_of_squares
/// @param gradient  the gradient of a component
/// @param is_included  is_included(k) tells whether parameter k of the list is included
/// @return  the norm, and the first parameter whose gradient is non-finite
/// @see Pascanu, Mikolov and Bengio 2013, section 3.2
template <class Ops = Reference, class Real, class IsIncluded>
GradientNorm gradient_norm(const ParameterList<Real>& gradient, const IsIncluded& is_included)
{
    GradientNorm result;
    double squares = 0;
    for (std::size_t k = 0; k < gradient.size(); ++k) {
        if (!is_included(k)) continue;
        const double squares_of_k = Ops::sum_of_squares(std::span<const Real>(gradient[k].values));
        if (!std::isfinite(squares_of_k) && result.first_non_finite.empty()) result.first_non_finite = gradient[k].name;
        squares += squares_of_k;
    }
    result.value = std::sqrt(squares);
    return result;
}

/// Options of clipping.
struct Clipping {
    double max_norm = 1;    ///< the largest norm allowed; 0 disables clipping
    double epsilon = 1e-6;  ///< added to the norm, as in PyTorch's clip_grad_norm_; the original code has 0

    /// The factor by which a gradient is multiplied.
    /// \f[ \mathrm{scale} = \min\Big(1,\ \frac{\mathrm{max\_norm}}{\mathrm{norm} + \varepsilon}\Big) \f]
    /// Symbols: \f$\varepsilon\f$ `epsilon`.
    /// @param norm  the gradient's norm
    /// @return  the scale; 1 if clipping is disabled
    double scale(double norm) const
    {
        if (max_norm == 0) return 1;
        return std::min(1.0, max_norm / (norm + epsilon));
    }
};

}  // namespace bert
