/// @file
/// Dropout: sets randomly chosen numbers to 0, different ones in every training step.
#pragma once

#include <cstddef>

#include "bert/core/dropout.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `dropout` and its backward.
struct DropoutOperations {
    /// Sets each number to 0 with probability p, and scales the others, so that the expected value stays the same.
    /// \f[ y_{th} = m_{th}\,x_{th},\quad
    ///     m_{th} = 1/(1-p)\ \text{with the probability}\ 1-p,\ \text{else}\ 0 \f]
    /// Symbols: \f$p\f$ `place.probability`, \f$1/(1-p)\f$ `scale`, \f$m\f$ `scale` where a number is `kept`. \f$m\f$ is never
    /// stored: backward recomputes it from `place`. A dropped number becomes 0, also if it was non-finite.
    /// @param x  [T, H]
    /// @param place  the probability; and which tensor this is, which determines its random numbers
    /// @param[out] y  [T, H]; may alias x
    /// @throws std::invalid_argument as DropoutPlace::require_valid
    /// @see Srivastava et al. 2014, section 4, where p is the probability of keeping a number, and section 10 for scaling in
    /// training
    template <class Real>
    static void dropout(const Tensor<Real, 2>& x, const DropoutPlace& place, Tensor<Real, 2>& y)
    {
        place.require_valid(x.shape(0));
        const Real scale = Real(place.scale());
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t h = 0; h < x.shape(1); ++h) {
                const bool kept = place.probability == 0 || place.keeps(t, h);  // probability 0 needs no random numbers
                y(t, h) = kept ? x(t, h) * scale : Real(0);
            }
        }
    }

    /// Drops the same numbers' gradients, and scales the others.
    /// \f[ \delta x_{th} = m_{th}\,\delta y_{th} \f]
    /// where m is that of forward: the same place gives the same random numbers. Symbols: \f$\delta x, \delta y\f$ `d_x`, `d_y`.
    /// @param d_y  [T, H]
    /// @param place  as in forward
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument as DropoutPlace::require_valid
    template <class Real>
    static void dropout_backward(const Tensor<Real, 2>& d_y, const DropoutPlace& place, Tensor<Real, 2>& d_x)
    {
        place.require_valid(d_y.shape(0));
        const Real scale = Real(place.scale());
        d_x.resize(d_y.shape());
        for (std::size_t t = 0; t < d_y.shape(0); ++t) {
            for (std::size_t h = 0; h < d_y.shape(1); ++h) {
                const bool kept = place.probability == 0 || place.keeps(t, h);  // probability 0 needs no random numbers
                d_x(t, h) = kept ? d_y(t, h) * scale : Real(0);
            }
        }
    }
};

}  // namespace bert::reference
