/// @file
/// Losses: how far predictions are from labels, as one number; and what to change about the predictions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
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

/// Choices about a cross-entropy.
struct CrossEntropyOptions {
    double smoothing = 0;  ///< in [0, 1): the part of a label's probability that is spread over all classes
    std::optional<double> divisor = std::nullopt;  ///< above 0: what the sum over labelled rows is divided by; else their number
};

}  // namespace bert

namespace bert::reference {

/// The operations `cross_entropy`, `mean_squared_error`, `binary_cross_entropy`, each with its backward.
struct LossOperations {
    /// The mean negative log-probability of the right class, over the rows that have a label. (Of none, the reference library's mean
    /// is NaN; here it is 0.)
    /// \f[ \ell = \frac1n \sum_t \sum_c -y_{tc} \log p_{tc},\quad
    ///     \log p_{tc} = (s_{tc} - m_t) - \log \sum_k e^{s_{tk} - m_t},\quad m_t = \max_k s_{tk} \f]
    /// where t runs over the labelled rows, and y is 1 - smoothing at the label, and smoothing / C more at every class: without
    /// smoothing, one number a row is left.
    /// Symbols: \f$s\f$ `logits`, \f$\log p\f$ `row.log_probability`, \f$m_t\f$ `row.largest`, \f$n\f$ options.divisor, or the
    /// number of labelled rows.
    /// @param logits  [T, C]
    /// @param labels  0 to C - 1, or ignored_label, [T]
    /// @param options  smoothing and divisor
    /// @return  the mean in nats per labelled row, and the number of these
    /// @throws std::invalid_argument if labels is not [T], a label is not a class, or an option is out of its range
    /// @see Szegedy et al. 2016, section 7, for the smoothing
    template <class Real>
    static MeanLoss<Real> cross_entropy(const Tensor<Real, 2>& logits, const IndexTensor<1>& labels,
                                        const CrossEntropyOptions& options = {})
    {
        const std::size_t T = logits.shape(0), C = logits.shape(1);
        const std::size_t count = count_labels("cross_entropy: labels", logits, labels);
        require_options("cross_entropy", options);
        if (count == 0) return {};
        const Real smoothing = Real(options.smoothing), n = Real(options.divisor.value_or(static_cast<double>(count)));
        Real sum = 0;
        for (std::size_t t = 0; t < T; ++t) {
            if (labels(t) == ignored_label) continue;
            const auto label = static_cast<std::size_t>(labels(t));
            const LogSoftmaxRow<Real> row(logits, t);
            sum -= (1 - smoothing) * row.log_probability(logits(t, label));
            for (std::size_t c = 0; c < C && smoothing > 0; ++c)
                sum -= smoothing / Real(C) * row.log_probability(logits(t, c));
        }
        return {sum / n, count};
    }

    /// Softmax and cross-entropy have a simpler derivative together than apart: what was predicted, less what is right. Of a
    /// labelled row, \f$\log p_c = s_c - \log \sum_k e^{s_k}\f$ changes with s_k by [c = k] - p_k, so the row's
    /// \f$-\sum_c y_c \log p_c\f$ does by \f$-y_k + p_k \sum_c y_c = p_k - y_k\f$: y sums to 1, with smoothing, too.
    /// \f[ \delta s_{tc} = \frac{\delta\ell}{n}\,(p_{tc} - y_{tc}) \f]
    /// Symbols: \f$\delta\ell\f$ `d_loss`, \f$p\f$ `probability`, \f$y\f$ `target`. A row without a label gets 0.
    /// @param d_loss  the gradient of the loss: 1, or its weight in a sum of losses
    /// @param logits  as in forward, [T, C]
    /// @param labels  as in forward, [T]
    /// @param options  as in forward
    /// @param[out] d_logits  [T, C]
    /// @throws std::invalid_argument if labels is not [T], a label is not a class, or an option is out of its range
    template <class Real>
    static void cross_entropy_backward(Real d_loss, const Tensor<Real, 2>& logits, const IndexTensor<1>& labels,
                                       const CrossEntropyOptions& options, Tensor<Real, 2>& d_logits)
    {
        const std::size_t T = logits.shape(0), C = logits.shape(1);
        const std::size_t count = count_labels("cross_entropy_backward: labels", logits, labels);
        require_options("cross_entropy_backward", options);
        const Real smoothing = Real(options.smoothing), n = Real(options.divisor.value_or(static_cast<double>(count)));
        d_logits.resize({T, C});
        for (std::size_t t = 0; t < T; ++t) {
            if (labels(t) == ignored_label) {
                for (std::size_t c = 0; c < C; ++c)
                    d_logits(t, c) = 0;
                continue;
            }
            const auto label = static_cast<std::size_t>(labels(t));
            const LogSoftmaxRow<Real> row(logits, t);
            for (std::size_t c = 0; c < C; ++c) {
                const Real probability = std::exp(row.log_probability(logits(t, c)));
                const Real target = smoothing / Real(C) + (c == label ? 1 - smoothing : Real(0));
                d_logits(t, c) = d_loss / n * (probability - target);
            }
        }
    }

    /// The mean squared distance of one prediction per text from its value: regression.
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

    /// \f[ \delta s_b = \frac{\delta\ell}{B}\,2\,(s_b - v_b) \f]
    /// @param d_loss  the gradient of the loss
    /// @param predictions  as in forward, [B, 1]
    /// @param values  as in forward, [B]
    /// @param[out] d_predictions  [B, 1]
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Tensor<Real, 2>& predictions, const Tensor<Real, 1>& values,
                                            Tensor<Real, 2>& d_predictions)
    {
        const std::size_t B = values.shape(0);
        require_shape("mean_squared_error_backward: predictions", predictions, {B, 1});
        d_predictions.resize({B, 1});
        for (std::size_t b = 0; b < B; ++b)
            d_predictions(b, 0) = d_loss / Real(B) * 2 * (predictions(b, 0) - values(b));
    }

    /// The mean negative log-probability of C yes-or-no answers per text: several labels per text.
    /// \f[ \ell = \frac{1}{BC} \sum_{bc} \big(\max(s_{bc}, 0) - s_{bc}\,y_{bc} + \log(1 + e^{-|s_{bc}|})\big) \f]
    /// which is -y log σ(s) - (1-y) log(1-σ(s)) in the form that doesn't overflow.
    /// @param logits  s, [B, C]
    /// @param labels  y, 0 to 1, [B, C]
    /// @return  the mean in nats per answer, and B C
    /// @throws std::invalid_argument if labels is not [B, C] or a label not from 0 to 1
    template <class Real>
    static MeanLoss<Real> binary_cross_entropy(const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels)
    {
        const std::size_t B = logits.shape(0), C = logits.shape(1);
        require_shape("binary_cross_entropy: labels", labels, {B, C});
        Real sum = 0;
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t c = 0; c < C; ++c) {
                const Real s = logits(b, c);
                if (!(labels(b, c) >= 0 && labels(b, c) <= 1))
                    throw std::invalid_argument("binary_cross_entropy: labels[" + std::to_string(b) + ", " + std::to_string(c) +
                                                "]: expected 0 to 1, got " + std::to_string(labels(b, c)));
                sum += std::max(s, Real(0)) - s * labels(b, c) + std::log1p(std::exp(-std::abs(s)));
            }
        }
        return {B * C == 0 ? Real(0) : sum / Real(B * C), B * C};
    }

    /// \f[ \delta s_{bc} = \frac{\delta\ell}{BC}\,(\sigma(s_{bc}) - y_{bc}),\quad \sigma(s) = \frac{1}{1 + e^{-s}} \f]
    /// @param d_loss  the gradient of the loss
    /// @param logits  as in forward, [B, C]
    /// @param labels  as in forward, [B, C]
    /// @param[out] d_logits  [B, C]
    /// @throws std::invalid_argument if labels is not [B, C]
    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels,
                                              Tensor<Real, 2>& d_logits)
    {
        const std::size_t B = logits.shape(0), C = logits.shape(1);
        require_shape("binary_cross_entropy_backward: labels", labels, {B, C});
        d_logits.resize({B, C});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t c = 0; c < C; ++c) {
                const Real probability = 1 / (1 + std::exp(-logits(b, c)));
                d_logits(b, c) = d_loss / Real(B * C) * (probability - labels(b, c));
            }
        }
    }

protected:
    /// Checks the choices about a cross-entropy.
    /// @param what  who asks, for the message
    /// @param options  smoothing and divisor
    /// @throws std::invalid_argument `cross_entropy: smoothing: expected [0, 1), got 7.000000`
    static void require_options(const char* what, const CrossEntropyOptions& options)
    {
        if (!(options.smoothing >= 0 && options.smoothing < 1))
            throw std::invalid_argument(std::string(what) + ": smoothing: expected [0, 1), got " +
                                        std::to_string(options.smoothing));
        if (options.divisor && !(*options.divisor > 0 && std::isfinite(*options.divisor)))
            throw std::invalid_argument(std::string(what) + ": divisor: expected a number above 0, got " +
                                        std::to_string(*options.divisor));
    }

    /// How many rows have a label.
    /// @param what  who asks for what, for the message
    /// @param logits  [T, C]
    /// @param labels  [T]
    /// @return  the number
    /// @throws std::invalid_argument if labels is not [T] or a label is not a class
    template <class Real>
    static std::size_t count_labels(const char* what, const Tensor<Real, 2>& logits, const IndexTensor<1>& labels)
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

private:
    /// What makes log-probabilities of a row of logits. The maximum changes nothing but keeps e^s finite.
    template <class Real>
    struct LogSoftmaxRow {
        Real largest = -std::numeric_limits<Real>::infinity();  ///< logit of the row
        Real log_sum = 0;                                       ///< of e^(s - largest)

        LogSoftmaxRow(const Tensor<Real, 2>& logits, std::size_t t)
        {
            const std::size_t C = logits.shape(1);
            for (std::size_t c = 0; c < C; ++c)
                largest = std::max(largest, logits(t, c));
            Real sum = 0;
            for (std::size_t c = 0; c < C; ++c)
                sum += std::exp(logits(t, c) - largest);
            log_sum = std::log(sum);
        }

        Real log_probability(Real logit) const { return (logit - largest) - log_sum; }
    };
};

}  // namespace bert::reference
