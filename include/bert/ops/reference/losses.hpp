/// @file
/// Losses: how far predictions are from labels, as one number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>

#include "bert/core/tensor.hpp"

namespace bert {

/// The label of a row that takes no part in a loss.
inline constexpr std::int64_t ignored_label = -100;

/// A mean over labelled rows.
template <class Real>
struct MeanLoss {
    Real value = 0;         ///< the mean, in nats for a cross-entropy; 0 if there is no labelled row
    std::size_t count = 0;  ///< how many rows it is the mean of
};

}  // namespace bert

namespace bert::reference {

/// The operations `cross_entropy`, `mean_squared_error`, `binary_cross_entropy`.
struct LossOperations {
    /// The mean surprise at the right class, over the rows that have a label.
    /// \f[ \ell = \frac1n \sum_t \Big(\log \sum_c e^{s_{tc} - m_t} - (s_{t,\,\mathrm{labels}_t} - m_t)\Big),\quad m_t = \max_c
    /// s_{tc} \f] Symbols: \f$s\f$ `logits`, \f$m_t\f$ `largest`, \f$n\f$ the number of labelled rows.
    /// @param logits  [T, C]
    /// @param labels  0 to C - 1, or ignored_label, [T]
    /// @return  the mean in nats per labelled row, and their number
    /// @throws std::invalid_argument if labels is not [T] or a label is not a class
    template <class Real>
    static MeanLoss<Real> cross_entropy(const Tensor<Real, 2>& logits, const IndexTensor<1>& labels)
    {
        const std::size_t T = logits.shape(0), C = logits.shape(1);
        require_shape("cross_entropy: labels", labels, {T});
        Real sum = 0;
        std::size_t count = 0;
        for (std::size_t t = 0; t < T; ++t) {
            if (labels(t) == ignored_label) continue;
            if (labels(t) < 0 || static_cast<std::size_t>(labels(t)) >= C)
                throw std::invalid_argument("cross_entropy: labels[" + std::to_string(t) + "]: expected 0 to " +
                                            std::to_string(static_cast<std::int64_t>(C) - 1) + " or " +
                                            std::to_string(ignored_label) + ", got " + std::to_string(labels(t)));
            Real largest = -std::numeric_limits<Real>::infinity();
            for (std::size_t c = 0; c < C; ++c)
                largest = std::max(largest, logits(t, c));
            Real sum_of_exponentials = 0;
            for (std::size_t c = 0; c < C; ++c)
                sum_of_exponentials += std::exp(logits(t, c) - largest);
            const auto label = static_cast<std::size_t>(labels(t));
            sum += std::log(sum_of_exponentials) - (logits(t, label) - largest);
            ++count;
        }
        return {count == 0 ? Real(0) : sum / Real(count), count};
    }

    /// The mean squared distance of one prediction a text from its value: regression.
    /// \f[ \ell = \frac1B \sum_b (s_b - v_b)^2 \f]
    /// @param predictions  s, [B, 1]
    /// @param values  v, [B]
    /// @return  the mean and B
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static MeanLoss<Real> mean_squared_error(const Tensor<Real, 2>& predictions, const Tensor<Real, 1>& values)
    {
        const std::size_t B = values.shape(0);
        require_shape("mean_squared_error: predictions", predictions, {B, 1});
        Real sum = 0;
        for (std::size_t b = 0; b < B; ++b) {
            const Real difference = predictions(b, 0) - values(b);
            sum += difference * difference;
        }
        return {B == 0 ? Real(0) : sum / Real(B), B};
    }

    /// The mean surprise of C yes-or-no questions a text: several labels per text.
    /// \f[ \ell = \frac{1}{BC} \sum_{bc} \max(s_{bc}, 0) - s_{bc}\,y_{bc} + \log(1 + e^{-|s_{bc}|}) \f]
    /// which is -y log σ(s) - (1-y) log(1-σ(s)) in the form that doesn't overflow.
    /// @param logits  s, [B, C]
    /// @param labels  y, 0 or 1, [B, C]
    /// @return  the mean in nats per question, and B C
    /// @throws std::invalid_argument if labels is not [B, C]
    template <class Real>
    static MeanLoss<Real> binary_cross_entropy(const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels)
    {
        const std::size_t B = logits.shape(0), C = logits.shape(1);
        require_shape("binary_cross_entropy: labels", labels, {B, C});
        Real sum = 0;
        for (std::size_t b = 0; b < B; ++b)
            for (std::size_t c = 0; c < C; ++c)
                sum +=
                    std::max(logits(b, c), Real(0)) - logits(b, c) * labels(b, c) + std::log1p(std::exp(-std::abs(logits(b, c))));
        return {B * C == 0 ? Real(0) : sum / Real(B * C), B * C};
    }
};

}  // namespace bert::reference
