/// @file
/// The three optimizers that BERT models are trained with, each as the update of one parameter in one training step.
///
/// All keep two moments of the gradient, running means of g and g², where g is the gradient times options.scale, the factor of
/// clipping:
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
/// \f$\lambda\f$ options.weight_decay, \f$t\f$ options.step; \f$g\f$ `g`; \f$p\f$ is
/// `numbers.p[i]`, and left of an arrow `p_next`; \f$m, v\f$ are `m` and `v`, and right of the arrows above `numbers.m[i]` and
/// `numbers.v[i]`.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <span>

#include "bert/core/language.hpp"
#include "bert/ops/optimizers.hpp"

namespace bert::reference {

/// The operations `adamw`, `bert_adam` and `lamb`; and `sum_of_squares` and `set_to_zero`, which a training step needs beside
/// them.
struct OptimizerOperations {
    /// AdamW: the bias of the moments, which start at 0, is corrected, and weight decay is not part of the moments.
    /// \f[ \hat m = \frac{m}{1 - \beta_1^t},\quad \hat v = \frac{v}{1 - \beta_2^t},\quad
    ///     p \leftarrow (1 - \eta \lambda)\,p - \eta\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon} \f]
    /// Symbols: \f$1 - \beta_1^t, 1 - \beta_2^t\f$ `correction1`, `correction2`, \f$\hat m, \hat v\f$ `m_hat`, `v_hat`,
    /// \f$1 - \eta \lambda\f$ `keep`.
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, scale, step
    /// @param[in,out] numbers  parameter and moments
    /// @return  how many numbers stay unchanged because their update is non-finite
    /// @throws std::invalid_argument if the sizes differ
    /// @see Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019, algorithm 2, where the decay is multiplied by the
    /// schedule only: here, as in PyTorch, it is multiplied by the whole learning rate of the step
    template <class Real>
    static std::size_t adamw(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
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
            const Real p_next = keep * numbers.p[i] - learning_rate * m_hat / (std::sqrt(v_hat) + epsilon);
            if (!set_if_finite(m, v, p_next, i, numbers)) ++unchanged;
        }
        return unchanged;
    }

    /// The optimizer that BERT was trained with: AdamW without bias correction. Apart from epsilon and the decay, the update of
    /// step t is (1 - beta1^t) / sqrt(1 - beta2^t) times as large as AdamW's: 3.2 times in the first step, at most 6.6 times, in
    /// the twelfth, 1.3 times in the thousandth. The warm-up of the learning rate masks this difference.
    /// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \lambda\,p,\quad p \leftarrow p - \eta\,u \f]
    /// Symbols: \f$u\f$ `u`.
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, scale
    /// @param[in,out] numbers  parameter and moments
    /// @return  how many numbers stay unchanged because their update is non-finite
    /// @throws std::invalid_argument if the sizes differ
    /// @see google-research/bert, optimization.py, AdamWeightDecayOptimizer. Devlin et al. 2019, appendix A.2, speaks of L2
    /// decay, which would be part of the gradient and so of the moments; the code adds the decay after the moments, as is done
    /// here
    template <class Real>
    static std::size_t bert_adam(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
    {
        require_same_sizes(gradient, numbers);
        const Real learning_rate = Real(options.learning_rate);
        std::size_t unchanged = 0;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const Real u = update_of(m, v, numbers.p[i], options);
            const Real p_next = numbers.p[i] - learning_rate * u;
            if (!set_if_finite(m, v, p_next, i, numbers)) ++unchanged;
        }
        return unchanged;
    }

    /// LAMB, for very large batches: BERT's Adam, with each update rescaled to the norm of its parameter before it is multiplied
    /// by the learning rate. It is not rescaled if options.use_trust_ratio is false, as in google-research/albert for the
    /// parameters without decay (biases, layer norms), or if the norm of the parameter or of the update is 0.
    /// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \lambda\,p,\quad
    ///     p \leftarrow p - \eta\,\frac{\lVert p \rVert}{\lVert u \rVert}\,u \f]
    /// Symbols: \f$u\f$ `u`, \f$\lVert p \rVert, \lVert u \rVert\f$ `norm_p`, `norm_u`, their quotient, the trust ratio, `ratio`,
    /// \f$\eta\f$ times the ratio `factor`.
    /// This is the version of google-research/albert, lamb_optimizer.py: the moments have no bias correction, and no norm and no
    /// ratio is clipped. The paper's algorithm 2 corrects the moments and clips the norm of p. Both norms are computed before any
    /// number changes.
    /// @param gradient  [n]
    /// @param options  learning_rate, betas, epsilon, weight_decay, use_trust_ratio, scale
    /// @param[in,out] numbers  parameter and moments
    /// @return  0; or n, all unchanged, if a moment is non-finite, or the factor or the bound on the updated numbers exceeds the
    ///     scalar's largest number
    /// @throws std::invalid_argument if the sizes differ
    /// @see You et al. 2020, algorithm 2; google-research/albert, lamb_optimizer.py
    template <class Real>
    static std::size_t lamb(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
    {
        require_same_sizes(gradient, numbers);
        double squares_p = 0, squares_u = 0;
        bool all_finite = true;
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const auto u = static_cast<double>(update_of(m, v, numbers.p[i], options));
            const auto p = static_cast<double>(numbers.p[i]);
            squares_p += p * p;
            squares_u += u * u;
            all_finite = all_finite && std::isfinite(m) && std::isfinite(v);
        }
        const double norm_p = std::sqrt(squares_p), norm_u = std::sqrt(squares_u);
        const double ratio = options.use_trust_ratio && norm_p > 0 && norm_u > 0 ? norm_p / norm_u : 1;
        const double factor = options.learning_rate * ratio;
        const double bound = norm_p + std::abs(factor) * norm_u;  // |p_next| is at most this
        constexpr auto largest = static_cast<double>(std::numeric_limits<Real>::max());
        if (!all_finite || !(bound <= largest) || !(std::abs(factor) <= largest)) return gradient.size();
        for (std::size_t i = 0; i < gradient.size(); ++i) {
            const Real g = gradient[i] * Real(options.scale);
            const Real m = next_m(g, numbers.m[i], options);
            const Real v = next_v(g, numbers.v[i], options);
            const Real u = update_of(m, v, numbers.p[i], options);
            const Real p_next = numbers.p[i] - Real(factor) * u;
            set_if_finite(m, v, p_next, i, numbers);  // always: the bounds were checked above
        }
        return 0;
    }

    /// The sum of all squares, in double for every scalar. Clipping computes the gradient's norm from it.
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

    /// Sets numbers to 0: clears the gradient before the next step.
    /// @param[out] numbers  [n]
    template <class Real>
    static void set_to_zero(std::span<Real> numbers)
    {
        std::fill(numbers.begin(), numbers.end(), Real(0));
    }

private:
    /// The first moment after the step: β₁ m + (1 - β₁) g.
    template <class Real>
    static Real next_m(Real g, Real m, const UpdateOptions& options)
    {
        return Real(options.beta1) * m + Real(1 - options.beta1) * g;
    }

    /// The second moment after the step: β₂ v + (1 - β₂) g².
    template <class Real>
    static Real next_v(Real g, Real v, const UpdateOptions& options)
    {
        return Real(options.beta2) * v + Real(1 - options.beta2) * g * g;
    }

    /// u of BERT's Adam and of LAMB.
    template <class Real>
    static Real update_of(Real m, Real v, Real p, const UpdateOptions& options)
    {
        return m / (std::sqrt(v) + Real(options.epsilon)) + Real(options.weight_decay) * p;
    }

    /// Sets number i of the parameter and of both moments, if all three are finite.
    /// @return  whether they are
    template <class Real>
    static bool set_if_finite(Real m, Real v, Real p_next, std::size_t i, ParameterAndMoments<Real> numbers)
    {
        if (!std::isfinite(m) || !std::isfinite(v) || !std::isfinite(p_next)) return false;
        numbers.m[i] = m;
        numbers.v[i] = v;
        numbers.p[i] = p_next;
        return true;
    }
};

}  // namespace bert::reference
