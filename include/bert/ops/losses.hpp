/// @file
/// What the losses' operations are given and return: ops/reference/losses.hpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/core/language.hpp"

namespace bert {

/// The label of a row that takes no part in a loss. (-100 is PyTorch's ignore_index.)
inline constexpr std::int64_t ignored_label = -100;

/// The loss of a batch.
template <class Real>
struct Loss {
    Real value = 0;         ///< the sum over labelled items by its divisor, in nats for a cross-entropy; 0 if nothing is labelled
    std::size_t count = 0;  ///< number of labelled items
};

/// Options of a cross-entropy.
struct CrossEntropyOptions {
    double smoothing = 0;                          ///< share of the label's probability spread over all classes, in [0, 1)
    std::optional<double> divisor = std::nullopt;  ///< of the sum over labelled rows, above 0; if empty, their number
};

/// Checks what a loss is divided by.
/// @param what  the operation, for the message
/// @param divisor  if it is given
/// @throws std::invalid_argument `cross_entropy: divisor: expected a number above 0, got 0.000000`
inline void require_divisor(const char* what, const std::optional<double>& divisor)
{
    if (divisor && !(*divisor > 0 && std::isfinite(*divisor)))
        throw std::invalid_argument(std::string(what) + ": divisor: expected a number above 0, got " + std::to_string(*divisor));
}

}  // namespace bert
