/// @file
/// The three optimizers that BERT models are trained with, each as the update of one parameter in one training step.
///
/// All keep two moments of the gradient, running means of g and g², where g is the gradient times options.scale, which clips it:
/// \f[ m \leftarrow \beta_1 m + (1 - \beta_1)\,g,\quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2 \f]
/// They differ in the update that they compute from these:
///
/// | | bias correction of the moments | weight decay | size of the update |
/// | --- | --- | --- | --- |
/// | AdamW | yes | decoupled: not part of the moments | about learning_rate for each number |
/// | BERT's Adam | no | the same, written as a term of the update | the same, up to 6.6 times as large at first |
/// | LAMB | no | a term of the update, and scaled with it | learning_rate times the parameter's norm, as a whole |
///
/// A number whose update would be non-finite stays unchanged, with its moments, and is counted: no weight becomes non-finite. In
/// LAMB, where the numbers depend on each other, the whole parameter then stays unchanged.
///
/// Symbols of all formulas: \f$\beta_1, \beta_2, \varepsilon\f$ options.beta1, beta2, epsilon; \f$\eta\f$ options.learning_rate,
/// \f$\lambda\f$ options.weight_decay, \f$t\f$ options.step; \f$p\f$ `numbers.p[i]`; \f$g, m, v\f$ the locals `g`, `m`, `v`.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "bert/core/language.hpp"
#include "bert/ops/optimizers.hpp"

namespace bert::reference {

/// The operations `adamw`, `bert_adam` and `lamb`, and two others on the numbers of a parameter.
struct OptimizerOperations {
    /// AdamW: the bias of the moments, which start at 0, is corrected, and the moments know nothing of weight decay.
    /// \f[ \hat m = \frac{m}{1 - \beta_1^t},\quad \hat v = \frac{v}{1 - \beta_2^t},\quad
    ///     p \leftarrow (1 - \eta \lambda)\,p - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon} \f]
    /// Symbols: \f$1 - \beta_1^t, 1 - \beta_2^t\f$ `correction1`, `correction2`, \f$1 - \eta \lambda\f$ `keep`.
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, scale, step
    /// @param numbers  parameter and moments; they are changed
    /// @return  how many numbers stay unchanged because their update is non-finite
    /// @throws std::invalid_argument if the sizes differ
    /// @see Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2, whose decay isn't multiplied by the peak
    /// learning rate: as in PyTorch, this one is multiplied by the learning rate of the step
    template <class Real>
    static std::size_t adamw(std::span<const Real> gradient, const UpdateOptions& options,
                             const ParameterAndMoments<Real>& numbers)
    {
        require_same_sizes(gradient, numbers);
        const auto t = static_cast<double>(options.step);
        const Real correction1 = Real(1 - std::pow(options.beta1, t));
        const Real correction2 = Real(1 - std::pow(options.beta2, t));
        const Real keep = Real(1 - options.learning_rate * options.weight_decay);
        const Real learning_rate = Real(options.learning_rate), epsilon = Real(options.epsilon);
        std::size_t unchanged = 0;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const Real m_hat = m / correction1;
            const Real v_hat = v / correction2;
            const Real p = keep * numbers.p[i] - learning_rate * m_hat / (std::sqrt(v_hat) + epsilon);
            if (!set_if_finite(m, v, p, i, numbers)) ++unchanged;
        }
        return unchanged;
    }

    /// The optimizer that BERT was trained with: Adam without bias correction, with the decay in the update. In step t the update
    /// is (1 - beta1^t) / sqrt(1 - beta2^t) times as large as AdamW's: 3.2 times in the first step, 6.6 times in the twelfth, 1.3
    /// times in the thousandth. The warm-up of the learning rate hides this difference.
    /// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \lambda\,p,\quad p \leftarrow p - \eta\,u \f]
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, scale
    /// @param numbers  parameter and moments; they are changed
    /// @return  how many numbers stay unchanged because their update is non-finite
    /// @throws std::invalid_argument if the sizes differ
    /// @see google-research/bert, optimization.py, AdamWeightDecayOptimizer. Devlin et al. 2019, appendix A.2, speaks of L2
    /// decay, which would go through the moments; the code adds it behind them, and so does this
    template <class Real>
    static std::size_t bert_adam(std::span<const Real> gradient, const UpdateOptions& options,
                                 const ParameterAndMoments<Real>& numbers)
    {
        require_same_sizes(gradient, numbers);
        const Real learning_rate = Real(options.learning_rate);
        std::size_t unchanged = 0;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const Real u = direction(m, v, numbers.p[i], options);
            const Real p = numbers.p[i] - learning_rate * u;
            if (!set_if_finite(m, v, p, i, numbers)) ++unchanged;
        }
        return unchanged;
    }

    /// LAMB, for very large batches: BERT's Adam, with each parameter's update scaled to the norm of the parameter, times the
    /// learning rate. The update is not scaled if options.adapts is false, as in google-research/albert for the parameters
    /// without decay (biases, layer norms), or if the norm of the parameter or of the update is 0.
    /// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \lambda\,p,\quad
    ///     p \leftarrow p - \eta\,\frac{\lVert p \rVert}{\lVert u \rVert}\,u \f]
    /// Symbols: \f$\lVert p \rVert, \lVert u \rVert\f$ `norm_p`, `norm_u`, their quotient, the trust ratio, `ratio`.
    /// This is the version of google-research/albert, lamb_optimizer.py: the moments have no bias correction, and no norm and no
    /// ratio is clipped. The paper's algorithm 2 corrects the moments and clips the norm of p. Both norms are computed before any
    /// number changes.
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, adapts, scale
    /// @param numbers  parameter and moments; they are changed
    /// @return  0; or n, all unchanged, if one of its numbers or moments could become non-finite
    /// @throws std::invalid_argument if the sizes differ
    /// @see You et al. 2020, algorithm 2; google-research/albert, lamb_optimizer.py
    template <class Real>
    static std::size_t lamb(std::span<const Real> gradient, const UpdateOptions& options,
                            const ParameterAndMoments<Real>& numbers)
    {
        require_same_sizes(gradient, numbers);
        double squares_p = 0, squares_u = 0;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const auto u = static_cast<double>(direction(m, v, numbers.p[i], options));
            const auto p = static_cast<double>(numbers.p[i]);
            squares_p += p * p;
            squares_u += std::isfinite(m) && std::isfinite(v) ? u * u : std::numeric_limits<double>::infinity();
        }
        const double norm_p = std::sqrt(squares_p), norm_u = std::sqrt(squares_u);
        const double ratio = options.adapts && norm_p > 0 && norm_u > 0 ? norm_p / norm_u : 1;
        const double factor = options.learning_rate * ratio;
        const double bound = norm_p + std::abs(factor) * norm_u;  // of the magnitude of every updated number of p
        if (!std::isfinite(bound) || bound > static_cast<double>(std::numeric_limits<Real>::max())) return gradient.size();
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const Real u = direction(m, v, numbers.p[i], options);
            const Real p = numbers.p[i] - Real(factor) * u;
            set_if_finite(m, v, p, i, numbers);  // they are, by the bound
        }
        return 0;
    }

    /// The sum of all squares, in double for every scalar: clipping takes a gradient's norm from it.
    /// @param numbers  [n]
    /// @return  the sum
    template <class Real>
    static double sum_of_squares(std::span<const Real> numbers)
    {
        double sum = 0;
        for (const Real number : numbers)
            sum += static_cast<double>(number) * static_cast<double>(number);
        return sum;
    }

    /// Sets numbers to 0, as a step does with the gradient of the step before.
    /// @param[out] numbers  [n]
    template <class Real>
    static void set_to_zero(std::span<Real> numbers)
    {
        std::fill(numbers.begin(), numbers.end(), Real(0));
    }

private:
    /// The first moment after a step.
    template <class Real>
    static Real next_m(Real g, Real m, const UpdateOptions& options)
    {
        return Real(options.beta1) * m + Real(1 - options.beta1) * g;
    }

    /// The second moment after a step.
    template <class Real>
    static Real next_v(Real g, Real v, const UpdateOptions& options)
    {
        return Real(options.beta2) * v + Real(1 - options.beta2) * g * g;
    }

    /// u of BERT's Adam and of LAMB.
    template <class Real>
    static Real direction(Real m, Real v, Real p, const UpdateOptions& options)
    {
        return m / (std::sqrt(v) + Real(options.epsilon)) + Real(options.weight_decay) * p;
    }

    /// Sets number i of the parameter and of both moments, if all three are finite.
    /// @return  whether they are
    template <class Real>
    static bool set_if_finite(Real m, Real v, Real p, std::size_t i, const ParameterAndMoments<Real>& numbers)
    {
        if (!std::isfinite(m) || !std::isfinite(v) || !std::isfinite(p)) return false;
        numbers.m[i] = m;
        numbers.v[i] = v;
        numbers.p[i] = p;
        return true;
    }
};

}  // namespace bert::reference
