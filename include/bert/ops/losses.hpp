/// @file
/// Options, results and checks shared by the losses of ops/reference/losses.hpp and ops/fast/losses.hpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/core/tensor.hpp"

namespace bert {

/// The label of a row that takes no part in a loss. (-100 is PyTorch's ignore_index.)
inline constexpr std::int64_t ignored_label = -100;

/// The loss of a batch.
template <class Real>
struct Loss {
    Real value = 0;         ///< the sum over labelled rows by the divisor, in nats for a cross-entropy; 0 if nothing is labelled
    std::size_t count = 0;  ///< number of labelled rows; in a binary cross-entropy, where each number is labelled, B·C
};

/// Options of a cross-entropy.
struct CrossEntropyOptions {
    double smoothing = 0;                          ///< share of the label's probability spread over all classes, in [0, 1)
    std::optional<double> divisor = std::nullopt;  ///< of the sum, above 0; by default the number of labelled rows
};

/// Checks what a loss is divided by.
/// @param what  the operation, for the message
/// @param divisor  the divisor; nothing is checked if it is empty
/// @throws std::invalid_argument `cross_entropy: divisor: expected a finite number above 0, got 0.000000`
inline void require_divisor(const char* what, const std::optional<double>& divisor)
{
    if (divisor && !(*divisor > 0 && std::isfinite(*divisor)))
        throw std::invalid_argument(std::string(what) + ": divisor: expected a finite number above 0, got " +
                                    std::to_string(*divisor));
}

/// Checks the labels of a binary cross-entropy.
/// @param what  the operation, for the message
/// @param logits  [B, C]
/// @param labels  [B, C]
/// @throws std::invalid_argument if labels is not [B, C], or a label is not in [0, 1]
template <class Real>
void require_binary_labels(const char* what, const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels)
{
    require_shape(std::string(what) + ": labels", labels, logits.shape());
    for (std::size_t b = 0; b < labels.shape(0); ++b)
        for (std::size_t c = 0; c < labels.shape(1); ++c)
            if (!(labels(b, c) >= 0 && labels(b, c) <= 1))
                throw std::invalid_argument(std::string(what) + ": labels[" + std::to_string(b) + ", " + std::to_string(c) +
                                            "]: expected 0 to 1, got " + std::to_string(labels(b, c)));
}

/// Checks the options of a cross-entropy.
/// @param what  the operation, for the message
/// @param options  smoothing and divisor
/// @throws std::invalid_argument `cross_entropy: smoothing: expected [0, 1), got 7.000000`
inline void require_cross_entropy_options(const char* what, const CrossEntropyOptions& options)
{
    if (!(options.smoothing >= 0 && options.smoothing < 1))
        throw std::invalid_argument(std::string(what) + ": smoothing: expected [0, 1), got " + std::to_string(options.smoothing));
    require_divisor(what, options.divisor);
}

/// Counts the rows that have a label.
/// @param what  the operation and its argument, for the message
/// @param logits  [T, C]
/// @param labels  [T]
/// @return  the number
/// @throws std::invalid_argument if labels is not [T] or a label is not a class
template <class Real>
std::size_t count_labels(const char* what, const Tensor<Real, 2>& logits, const IndexTensor<1>& labels)
{
    const std::size_t T = logits.shape(0), C = logits.shape(1);
    require_shape(what, labels, {T});
    std::size_t count = 0;
    for (std::size_t t = 0; t < T; ++t) {
        if (labels(t) == ignored_label) continue;
        if (labels(t) < 0 || static_cast<std::size_t>(labels(t)) >= C)
            throw std::invalid_argument(std::string(what) + "[" + std::to_string(t) + "]: expected 0 to " +
                                        std::to_string(static_cast<std::int64_t>(C) - 1) + " or " +
                                        std::to_string(ignored_label) + ", got " + std::to_string(labels(t)));
        ++count;
    }
    return count;
}

}  // namespace bert
