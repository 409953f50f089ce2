/// @file
/// Dropout: a part of the numbers becomes 0, another one in every step.
#pragma once

#include <cstddef>

#include "bert/core/dropout.hpp"
#include "bert/core/tensor.hpp"

namespace bert::reference {

/// The operation `dropout` and its backward.
struct DropoutOperations {
    /// Drops each number with a probability, and makes the others larger, so that the expected value stays.
    /// \f[ y_{th} = m_{th}\,x_{th},\quad
    ///     m_{th} = 1/(1-p)\ \text{with the probability}\ 1-p,\ \text{else}\ 0 \f]
    /// Symbols: \f$p\f$ place.probability, \f$1/(1-p)\f$ `scale`. m is computed anew from `place` wherever it is needed,
    /// and never stored.
    /// @param x  [T, H]
    /// @param place  probability, and where the random numbers come from
    /// @param[out] y  [T, H]; may be x itself
    /// @throws std::invalid_argument if the probability is not in [0, 1), or place.rows are not T
    /// @see Srivastava et al. 2014, section 4
    template <class Real>
    static void dropout(const Tensor<Real, 2>& x, const DropoutPlace& place, Tensor<Real, 2>& y)
    {
        place.require_valid(x.shape(0));
        const Real scale = Real(place.scale());
        y.resize(x.shape());
        for (std::size_t t = 0; t < x.shape(0); ++t) {
            for (std::size_t h = 0; h < x.shape(1); ++h) {
                const bool kept = place.probability == 0 || place.keeps(t, h);
                y(t, h) = kept ? x(t, h) * scale : Real(0);
            }
        }
    }

    /// \f[ \delta x_{th} = m_{th}\,\delta y_{th} \f]
    /// with the m of forward: the same place gives the same numbers.
    /// @param d_y  [T, H]
    /// @param place  as in forward
    /// @param[out] d_x  [T, H]; may be d_y itself
    /// @throws std::invalid_argument if the probability is not in [0, 1), or place.rows are not T
    template <class Real>
    static void dropout_backward(const Tensor<Real, 2>& d_y, const DropoutPlace& place, Tensor<Real, 2>& d_x)
    {
        place.require_valid(d_y.shape(0));
        const Real scale = Real(place.scale());
        d_x.resize(d_y.shape());
        for (std::size_t t = 0; t < d_y.shape(0); ++t) {
            for (std::size_t h = 0; h < d_y.shape(1); ++h) {
                const bool kept = place.probability == 0 || place.keeps(t, h);
                d_x(t, h) = kept ? d_y(t, h) * scale : Real(0);
            }
        }
    }
};

}  // namespace bert::reference
