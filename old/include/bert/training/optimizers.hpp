/// @file
/// The three optimizers that BERTs are trained with, each as what it does to one parameter tensor in one step.
///
/// All keep two moments of the gradient, m and v, running means of g and g²:
/// \f[ m \leftarrow \beta_1 m + (1 - \beta_1)\,g,\quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2 \f]
/// They differ in what they make of them:
///
/// | | correction of the moments' start at 0 | weight decay | how far |
/// | --- | --- | --- | --- |
/// | AdamW | yes | apart from the gradient's step | each number by about rate |
/// | BERT's Adam | none | added to the gradient's step | the same, farther at first |
/// | LAMB | none | added to the gradient's step | a tensor as a whole by rate times its own length |
///
/// In all formulas g is the gradient times options.scale, which clips it.
///
/// A number whose step would not be finite stays as it is, and is counted: a weight is never poisoned. LAMB, whose numbers depend
/// on each other, leaves the whole tensor as it is.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "bert/core/tensor.hpp"
#include "bert/training/update.hpp"

namespace bert {

/// AdamW: the moments, which start at 0, are corrected for it, and the weights decay on their own.
/// \f[ \hat m = \frac{m}{1 - \beta_1^t},\quad \hat v = \frac{v}{1 - \beta_2^t},\quad
///     p \leftarrow (1 - \mathrm{rate} \cdot \mathrm{decay})\,p - \mathrm{rate}\,\frac{\hat m}{\sqrt{\hat v} + \varepsilon} \f]
/// @param g  gradient, of p's shape
/// @param options  rate, betas, epsilon, decay, scale, t
/// @param[in,out] p  parameter
/// @param[in,out] m  first moment
/// @param[in,out] v  second moment
/// @return  how many numbers were left as they are because their step was not finite
/// @throws std::invalid_argument if the shapes differ
/// @see Loshchilov and Hutter 2019, algorithm 2, whose decay is this one's rate times decay at the peak: as in PyTorch, the decay
/// is multiplied by the rate of the step
template <class Real, std::size_t rank, class Arch = fast::DefaultArch>
std::size_t adamw(const Tensor<Real, rank>& g, const UpdateOptions& options, Tensor<Real, rank>& p, Tensor<Real, rank>& m,
                  Tensor<Real, rank>& v)
{
    const auto t = static_cast<double>(options.step);
    const Real correction1 = Real(1 - std::pow(options.beta1, t)), correction2 = Real(1 - std::pow(options.beta2, t));
    const Real rate = Real(options.rate), keep = Real(1 - options.rate * options.decay), epsilon = Real(options.epsilon);
    return update_each<Arch>(g, options, p, m, v, [&](const auto& m_t, const auto& v_t, const auto& p_t) {
        using Number = std::decay_t<decltype(p_t)>;
        const Number m_hat = m_t / Number(correction1), v_hat = v_t / Number(correction2);
        return Number(keep) * p_t - Number(rate) * m_hat / (sqrt(v_hat) + Number(epsilon));
    });
}

/// The optimizer that BERT was trained with: Adam without correction, and with the decay in the step. Step t is
/// (1 - beta1^t) / sqrt(1 - beta2^t) times as long as AdamW's: 3.2 times in the first step, 6.6 in the twelfth, 1.3 in the
/// thousandth. The warm-up hides it.
/// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \mathrm{decay} \cdot p,\quad p \leftarrow p - \mathrm{rate} \cdot u \f]
/// @param g  gradient, of p's shape
/// @param options  rate, betas, epsilon, decay, scale
/// @param[in,out] p  parameter
/// @param[in,out] m  first moment
/// @param[in,out] v  second moment
/// @return  how many numbers were left as they are because their step was not finite
/// @throws std::invalid_argument if the shapes differ
/// @see google-research/bert, optimization.py
template <class Real, std::size_t rank, class Arch = fast::DefaultArch>
std::size_t bert_adam(const Tensor<Real, rank>& g, const UpdateOptions& options, Tensor<Real, rank>& p, Tensor<Real, rank>& m,
                      Tensor<Real, rank>& v)
{
    const Real rate = Real(options.rate), decay = Real(options.decay), epsilon = Real(options.epsilon);
    return update_each<Arch>(g, options, p, m, v, [&](const auto& m_t, const auto& v_t, const auto& p_t) {
        using Number = std::decay_t<decltype(p_t)>;
        const Number u = m_t / (sqrt(v_t) + Number(epsilon)) + Number(decay) * p_t;
        return p_t - Number(rate) * u;
    });
}

/// LAMB, for very large batches: BERT's Adam, but each tensor's step is made as long as the tensor, times the rate. One for which
/// options.adapts is false keeps the plain step: in google-research/albert those that are excepted from decay (biases, layer
/// norms). So does one whose length, or whose step's, is 0.
/// \f[ u = \frac{m}{\sqrt v + \varepsilon} + \mathrm{decay} \cdot p,\quad
///     p \leftarrow p - \mathrm{rate}\,\frac{\lVert p \rVert}{\lVert u \rVert}\,u \f]
/// Of the published versions this is that of google-research/albert, lamb_optimizer.py: the moments are not corrected for their
/// start at 0, and no norm and no ratio is clipped. The paper's algorithm 2 corrects the moments and clips the length of p.
///
/// The ratio needs both lengths before any number moves: a first pass computes them and changes nothing, a second one moves.
/// @param g  gradient, of p's shape
/// @param options  rate, betas, epsilon, decay, adapts, scale
/// @param[in,out] p  parameter
/// @param[in,out] m  first moment
/// @param[in,out] v  second moment
/// @return  0, or how many numbers p has: if one of them, or of its moments, would not be finite, nothing moves
/// @throws std::invalid_argument if the shapes differ
/// @see You et al. 2020, algorithm 2; google-research/albert, lamb_optimizer.py
template <class Real, std::size_t rank, class Arch = fast::DefaultArch>
std::size_t lamb(const Tensor<Real, rank>& g, const UpdateOptions& options, Tensor<Real, rank>& p, Tensor<Real, rank>& m,
                 Tensor<Real, rank>& v)
{
    const Real decay = Real(options.decay), epsilon = Real(options.epsilon);
    const auto u_of = [&](const auto& m_t, const auto& v_t, const auto& p_t) {
        using Number = std::decay_t<decltype(p_t)>;
        return Number(m_t / (sqrt(v_t) + Number(epsilon)) + Number(decay) * p_t);
    };
    const StepLengths length = step_lengths<Arch>(g, options, p, m, v, u_of);
    const bool adapts = options.adapts && length.p > 0 && length.u > 0;
    const double factor = options.rate * (adapts ? length.p / length.u : 1);
    // No number of p moves farther than the whole of p does.
    const double farthest = length.p + std::abs(factor) * length.u;
    if (!(farthest <= static_cast<double>(std::numeric_limits<Real>::max()))) return p.size();
    return update_each<Arch>(g, options, p, m, v, [&](const auto& m_t, const auto& v_t, const auto& p_t) {
        using Number = std::decay_t<decltype(p_t)>;
        return Number(p_t - Number(Real(factor)) * u_of(m_t, v_t, p_t));
    });
}

}  // namespace bert
