/// @file
/// Losses: the distance of predictions from targets as one number, and its gradient with respect to the predictions.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "bert/core/tensor.hpp"
#include "bert/ops/losses.hpp"

namespace bert::reference {

/// The operations `cross_entropy`, `mean_squared_error`, `binary_cross_entropy`, each with its backward. (As PyTorch has them: in
/// torch.nn.functional: cross_entropy, mse_loss, binary_cross_entropy_with_logits. Masked LM in google-research/bert,
/// run_pretraining.py, divides by the number of labelled rows + 1e-5: options.divisor.)
struct LossOperations {
    /// The mean negative log-probability of the label, over the rows that have one. Without labelled rows it is 0 (NaN in the
    /// transformers library).
    /// \f[ \ell = \frac1n \sum_t \sum_c -y_{tc} \log p_{tc},\quad
    ///     \log p_{tc} = (s_{tc} - m_t) - \log \sum_k e^{s_{tk} - m_t},\quad m_t = \max_k s_{tk} \f]
    /// where t runs over the labelled rows, and the target y is smoothing / C for every class, plus 1 - smoothing for the label.
    /// Without smoothing only the label's term remains.
    /// Symbols: \f$s\f$ `logits`, \f$\log p\f$ `log_probability`, \f$m_t\f$ `row.largest`, \f$\log \sum\f$ `row.log_sum`, \f$n\f$
    /// `n`: options.divisor, or the number of labelled rows. \f$y\f$ is never formed: the label's part and the smoothing's are
    /// added separately.
    /// @param logits  [T, C]
    /// @param labels  0 to C - 1, or ignored_label, [T]
    /// @param options  smoothing and divisor
    /// @return  the mean in nats per labelled row, and the number of labelled rows
    /// @throws std::invalid_argument if labels is not [T], a label is not a class, or an option is out of its range
    /// @see Szegedy et al. 2016, section 7, for the smoothing
    template <class Real>
    static Loss<Real> cross_entropy(const Tensor<Real, 2>& logits, const IndexTensor<1>& labels,
                                    const CrossEntropyOptions& options = {})
    {
        const std::size_t T = logits.shape(0), C = logits.shape(1);
        const std::size_t count = count_labels("cross_entropy: labels", logits, labels);
        require_cross_entropy_options("cross_entropy", options);
        if (count == 0) return {};
        const Real smoothing = Real(options.smoothing), n = Real(options.divisor.value_or(static_cast<double>(count)));
        Real sum = 0;
        for (std::size_t t = 0; t < T; ++t) {
            if (labels(t) == ignored_label) continue;
            const auto label = static_cast<std::size_t>(labels(t));
            const LogSoftmaxRow<Real> row(logits, t);
            const Real log_probability = row.log_probability(logits(t, label));
            sum -= (1 - smoothing) * log_probability;
            if (smoothing > 0)
                for (std::size_t c = 0; c < C; ++c) {
                    const Real log_probability_of_c = row.log_probability(logits(t, c));
                    sum -= smoothing / Real(C) * log_probability_of_c;
                }
        }
        return {sum / n, count};
    }

    /// Softmax and cross-entropy have a simpler derivative together than apart: the predicted probability minus the target. In a
    /// labelled row, the derivative of \f$\log p_c = s_c - \log \sum_j e^{s_j}\f$ with respect to \f$s_k\f$ is [c = k] - p_k,
    /// where [c = k] is 1 for c = k and 0 elsewhere. That of the row's loss \f$-\sum_c y_c \log p_c\f$ is therefore
    /// \f$-y_k + p_k \sum_c y_c = p_k - y_k\f$, since y sums to 1, with smoothing too.
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
        require_cross_entropy_options("cross_entropy_backward", options);
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
                const Real log_probability = row.log_probability(logits(t, c));
                const Real probability = std::exp(log_probability);
                const Real target = smoothing / Real(C) + (c == label ? 1 - smoothing : Real(0));
                d_logits(t, c) = d_loss / n * (probability - target);
            }
        }
    }

    /// The mean squared error of one prediction per sequence: the loss of regression.
    /// \f[ \ell = \frac1n \sum_b (s_b - y_b)^2 \f]
    /// Symbols: \f$s\f$ `predictions`, \f$y\f$ `targets`, \f$s_b - y_b\f$ `difference`, \f$n\f$ `n`.
    /// @param predictions  s, [B, 1]
    /// @param targets  y, [B]
    /// @param divisor  n; if empty, B
    /// @return  the mean and B
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static Loss<Real> mean_squared_error(const Tensor<Real, 2>& predictions, const Tensor<Real, 1>& targets,
                                         std::optional<double> divisor = std::nullopt)
    {
        const std::size_t B = targets.shape(0);
        require_shape("mean_squared_error: predictions", predictions, {B, 1});
        require_divisor("mean_squared_error", divisor);
        const Real n = Real(divisor.value_or(static_cast<double>(B)));
        Real sum = 0;
        for (std::size_t b = 0; b < B; ++b) {
            const Real difference = predictions(b, 0) - targets(b);
            sum += difference * difference;
        }
        return {B == 0 ? Real(0) : sum / n, B};
    }

    /// The derivative of a square is twice its root.
    /// \f[ \delta s_b = \frac{\delta\ell}{n}\,2\,(s_b - y_b) \f]
    /// Symbols: \f$\delta\ell\f$ `d_loss`, \f$\delta s\f$ `d_predictions`.
    /// @param d_loss  the gradient of the loss
    /// @param predictions  as in forward, [B, 1]
    /// @param targets  as in forward, [B]
    /// @param divisor  as in forward
    /// @param[out] d_predictions  [B, 1]
    /// @throws std::invalid_argument if a shape doesn't fit
    template <class Real>
    static void mean_squared_error_backward(Real d_loss, const Tensor<Real, 2>& predictions, const Tensor<Real, 1>& targets,
                                            std::optional<double> divisor, Tensor<Real, 2>& d_predictions)
    {
        const std::size_t B = targets.shape(0);
        require_shape("mean_squared_error_backward: predictions", predictions, {B, 1});
        require_divisor("mean_squared_error_backward", divisor);
        const Real n = Real(divisor.value_or(static_cast<double>(B)));
        d_predictions.resize({B, 1});
        for (std::size_t b = 0; b < B; ++b)
            d_predictions(b, 0) = d_loss / n * 2 * (predictions(b, 0) - targets(b));
    }

    /// The mean negative log-probability over C independent binary labels per sequence: the loss of multi-label classification.
    /// \f[ \ell = \frac{1}{n} \sum_{bc} \big(\max(s_{bc}, 0) - s_{bc}\,y_{bc} + \log(1 + e^{-|s_{bc}|})\big) \f]
    /// A term is -y log σ(s) - (1-y) log(1-σ(s)), in a form that doesn't overflow. Symbols: \f$s\f$ `s`, \f$y\f$ `labels`,
    /// \f$n\f$ `n`.
    /// @param logits  s, [B, C]
    /// @param labels  y, 0 to 1, [B, C]
    /// @param divisor  n; if empty, B C
    /// @return  the mean in nats per label, and B C
    /// @throws std::invalid_argument if labels is not [B, C], or a label is not in [0, 1]
    template <class Real>
    static Loss<Real> binary_cross_entropy(const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels,
                                           std::optional<double> divisor = std::nullopt)
    {
        const std::size_t B = logits.shape(0), C = logits.shape(1);
        require_binary_labels("binary_cross_entropy", logits, labels);
        require_divisor("binary_cross_entropy", divisor);
        const Real n = Real(divisor.value_or(static_cast<double>(B * C)));
        Real sum = 0;
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t c = 0; c < C; ++c) {
                const Real s = logits(b, c);
                sum += std::max(s, Real(0)) - s * labels(b, c) + std::log1p(std::exp(-std::abs(s)));
            }
        }
        return {B * C == 0 ? Real(0) : sum / n, B * C};
    }

    /// As for cross-entropy: the predicted probability minus the label.
    /// \f[ \delta s_{bc} = \frac{\delta\ell}{n}\,(\sigma(s_{bc}) - y_{bc}),\quad \sigma(s) = \frac{1}{1 + e^{-s}} \f]
    /// Symbols: \f$\sigma(s)\f$ `probability`, \f$\delta s\f$ `d_logits`, \f$\delta\ell\f$ `d_loss`.
    /// @param d_loss  the gradient of the loss
    /// @param logits  as in forward, [B, C]
    /// @param labels  as in forward, [B, C]
    /// @param divisor  as in forward
    /// @param[out] d_logits  [B, C]
    /// @throws std::invalid_argument if labels is not [B, C], or a label is not in [0, 1]
    template <class Real>
    static void binary_cross_entropy_backward(Real d_loss, const Tensor<Real, 2>& logits, const Tensor<Real, 2>& labels,
                                              std::optional<double> divisor, Tensor<Real, 2>& d_logits)
    {
        const std::size_t B = logits.shape(0), C = logits.shape(1);
        require_binary_labels("binary_cross_entropy_backward", logits, labels);
        require_divisor("binary_cross_entropy_backward", divisor);
        const Real n = Real(divisor.value_or(static_cast<double>(B * C)));
        d_logits.resize({B, C});
        for (std::size_t b = 0; b < B; ++b) {
            for (std::size_t c = 0; c < C; ++c) {
                const Real probability = 1 / (1 + std::exp(-logits(b, c)));
                d_logits(b, c) = d_loss / n * (probability - labels(b, c));
            }
        }
    }

private:
    /// The log-softmax of a row of logits. Subtracting the maximum doesn't change it, but keeps the exponentials finite, because
    /// the largest exponent is 0.
    template <class Real>
    struct LogSoftmaxRow {
        Real largest = -std::numeric_limits<Real>::infinity();  ///< largest logit of the row
        Real log_sum = 0;                                       ///< logarithm of the sum of e^(s - largest)

        /// Computes both for row t of logits, [T, C].
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
