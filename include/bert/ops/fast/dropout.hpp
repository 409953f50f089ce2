/// @file
/// Dropout, four random words at a time: the same numbers are kept as by the reference.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "bert/core/dropout.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"

namespace bert::fast {

/// Dropout of a part of a row.
/// @param place  probability above 0, and where the random numbers come from
/// @param row  of the tensor
/// @param column  of the tensor; a multiple of 4
/// @param count  how many numbers
/// @param x  [count]
/// @param y  [count]; may be x
template <class Real>
void dropout_row(const DropoutPlace& place, std::size_t row, std::size_t column, std::size_t count, const Real* x, Real* y)
{
    const Real scale = Real(place.scale());
    const std::uint32_t threshold = place.threshold(), number = place.number();
    for (std::size_t i = 0; i < count; i += 4) {
        const std::array<std::uint32_t, 4> words =
            random_words(place.stream, number, place.first_row + static_cast<std::uint32_t>(row),
                         static_cast<std::uint32_t>((column + i) / 4));
        for (std::size_t j = 0; j < std::min<std::size_t>(4, count - i); ++j)
            y[i + j] = words[j] >= threshold ? x[i + j] * scale : Real(0);
    }
}

/// The operation `dropout` and its backward.
struct DropoutOperations {
    /// @copydoc bert::reference::DropoutOperations::dropout
    template <class Real>
    static void dropout(const Tensor<Real, 2>& x, const DropoutPlace& place, Tensor<Real, 2>& y)
    {
        const std::size_t T = x.shape(0), H = x.shape(1);
        y.resize({T, H});
        parallel_for(T, [&](std::size_t t, std::size_t) {
            if (place.probability == 0)
                std::copy_n(x.data() + t * H, H, y.data() + t * H);
            else
                dropout_row(place, t, 0, H, x.data() + t * H, y.data() + t * H);
        });
    }

    /// @copydoc bert::reference::DropoutOperations::dropout_backward
    template <class Real>
    static void dropout_backward(const Tensor<Real, 2>& d_y, const DropoutPlace& place, Tensor<Real, 2>& d_x)
    {
        dropout(d_y, place, d_x);  // the same factors
    }
};

}  // namespace bert::fast
