/// @file
/// The optimizers, vectorised, on all threads, in one pass. An update is bound by memory, 28 bytes for each float. The factor
/// that clips the gradient is therefore applied in the same pass, which reads gradient, moments and parameter once (LAMB twice).
///
/// Every number is computed from its own gradient, moments and value. The number of threads therefore changes no bit; compiled
/// with -ffp-contract=off, neither does the use of vectors.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <type_traits>

#include "bert/core/threads.hpp"
#include "bert/ops/optimizers.hpp"
#include "bert/ops/reference/optimizers.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert::fast {

namespace detail {

/// The fewest numbers that one thread takes at a time.
inline constexpr std::size_t numbers_at_least = 1 << 14;

/// The vector for the update of a scalar type.
template <class Real, class Arch>
using UpdateVector =
    std::conditional_t<std::is_same_v<Real, float> || std::is_same_v<Real, double>, Vector<Real, Arch>, OneNumber<Real>>;

/// Both moments, updated with a gradient.
/// @tparam Number  the scalar, or a vector of them
/// @tparam Real  the scalar
template <class Number, class Real>
struct Moments {
    Number m, v;

    Moments(const Number& g, const Number& m_before, const Number& v_before, const UpdateOptions& options)
    {
        const Number scaled = g * Number(Real(options.scale));
        m = Number(Real(options.beta1)) * m_before + Number(Real(1 - options.beta1)) * scaled;
        v = Number(Real(options.beta2)) * v_before + Number(Real(1 - options.beta2)) * scaled * scaled;
    }
};

/// Updates a vector of numbers and their moments; those whose update is non-finite stay unchanged.
/// @param g  gradients
/// @param options  betas and scale
/// @param moved  moved(m, v, p): the new value of p, where m and v are the updated moments
/// @param p  parameters
/// @param m  first moments
/// @param v  second moments
/// @return  how many stay unchanged
template <class V, class Real, class Moved>
Real update_vector(const Real* g, const UpdateOptions& options, const Moved& moved, Real* p, Real* m, Real* v)
{
    const V m_before = V::load_unaligned(m), v_before = V::load_unaligned(v), p_before = V::load_unaligned(p);
    const Moments<V, Real> after(V::load_unaligned(g), m_before, v_before, options);
    const V p_after = moved(after.m, after.v, p_before);
    const V zero = (after.m - after.m) + (after.v - after.v) + (p_after - p_after);  // NaN where one is non-finite
    const auto finite = zero < V(Real(1));
    V(select(finite, after.m, m_before)).store_unaligned(m);
    V(select(finite, after.v, v_before)).store_unaligned(v);
    V(select(finite, p_after, p_before)).store_unaligned(p);
    return sum_of(V(select(finite, V(Real(0)), V(Real(1)))));
}

}  // namespace detail

/// Updates every number of a tensor.
/// \f[ m \leftarrow \beta_1 m + (1 - \beta_1)\,g,\quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2,\quad
///     p \leftarrow \mathrm{moved}(m, v, p) \f]
/// @param g  gradient
/// @param options  betas and scale
/// @param[in,out] numbers  parameter and moments, as many as g
/// @param moved  moved(m, v, p): the new value of p, where m and v are the updated moments; takes numbers and vectors
/// @return  how many numbers stay unchanged because their update is non-finite
template <class Arch, class Real, class Moved>
std::size_t update_each(std::span<const Real> g, const UpdateOptions& options, ParameterAndMoments<Real> numbers,
                        const Moved& moved)
{
    using V = detail::UpdateVector<Real, Arch>;
    const std::span<Real> p = numbers.p, m = numbers.m, v = numbers.v;
    const Chunks chunks(p.size(), detail::numbers_at_least);
    std::atomic<std::size_t> left{0};
    parallel_for(chunks.count, [&](std::size_t chunk, std::size_t) {
        std::size_t i = chunks.begin(chunk);
        const std::size_t end = chunks.end(chunk);
        Real count = 0;
        for (; i + V::size <= end; i += V::size)
            count += detail::update_vector<V>(g.data() + i, options, moved, p.data() + i, m.data() + i, v.data() + i);
        for (; i < end; ++i)
            count +=
                detail::update_vector<OneNumber<Real>>(g.data() + i, options, moved, p.data() + i, m.data() + i, v.data() + i);
        left += static_cast<std::size_t>(count);
    });
    return left;
}

/// Lengths of a parameter and of its update, as vectors.
struct StepLengths {
    double p;  ///< length of the parameter
    double u;  ///< length of its update; non-finite if one of its numbers or moments is
};

namespace detail {

/// Independent sums of squares, none of which waits for another; with 16 of them g++ 12 doesn't vectorise the loop.
template <class Real>
struct Squares {
    static constexpr std::size_t lanes = 64;
    double sums[lanes] = {};

    /// Adds the squares of at most `lanes` numbers.
    void add(const Real* numbers, std::size_t count)
    {
        if (count == lanes) {
            for (std::size_t lane = 0; lane < lanes; ++lane)
                sums[lane] += static_cast<double>(numbers[lane]) * static_cast<double>(numbers[lane]);
        } else {
            for (std::size_t i = 0; i < count; ++i)
                sums[0] += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
        }
    }

    double sum() const { return std::accumulate(sums, sums + lanes, 0.0); }
};

/// The update of a vector of numbers, NaN where one of the moments is non-finite.
template <class V, class Real, class Step>
void compute_step(const Real* g, const UpdateOptions& options, const Step& u_of, const Real* p, const Real* m, const Real* v,
                  Real* u)
{
    const Moments<V, Real> after(V::load_unaligned(g), V::load_unaligned(m), V::load_unaligned(v), options);
    const V zero = (after.m - after.m) + (after.v - after.v);
    V(u_of(after.m, after.v, V::load_unaligned(p)) + zero).store_unaligned(u);
}

}  // namespace detail

/// The lengths of a parameter and of its update, before the parameter changes; summed in double, always in the same order.
/// @param g  gradient
/// @param options  betas and scale
/// @param numbers  parameter and moments, as many as g
/// @param u_of  u_of(m, v, p): the update, where m and v are the updated moments; takes numbers and vectors
/// @return  both lengths
template <class Arch, class Real, class Step>
StepLengths step_lengths(std::span<const Real> g, const UpdateOptions& options, ParameterAndMoments<Real> numbers,
                         const Step& u_of)
{
    using V = detail::UpdateVector<Real, Arch>;
    constexpr std::size_t block = detail::Squares<Real>::lanes;
    const std::span<Real> p = numbers.p, m = numbers.m, v = numbers.v;
    const Chunks chunks(p.size(), detail::numbers_at_least);
    std::array<double, Chunks::max_count> squares_p{}, squares_u{};
    parallel_for(chunks.count, [&](std::size_t chunk, std::size_t) {
        detail::Squares<Real> of_p, of_u;
        for (std::size_t first = chunks.begin(chunk); first < chunks.end(chunk); first += block) {
            const std::size_t end = std::min(first + block, chunks.end(chunk));
            Real u[block];
            std::size_t i = first;
            for (; i + V::size <= end; i += V::size)
                detail::compute_step<V>(g.data() + i, options, u_of, p.data() + i, m.data() + i, v.data() + i, u + (i - first));
            for (; i < end; ++i)
                detail::compute_step<OneNumber<Real>>(g.data() + i, options, u_of, p.data() + i, m.data() + i, v.data() + i,
                                                      u + (i - first));
            of_p.add(p.data() + first, end - first);
            of_u.add(u, end - first);
        }
        squares_p[chunk] = of_p.sum();
        squares_u[chunk] = of_u.sum();
    });
    return {std::sqrt(std::accumulate(squares_p.begin(), squares_p.end(), 0.0)),
            std::sqrt(std::accumulate(squares_u.begin(), squares_u.end(), 0.0))};
}

/// The operations `adamw`, `bert_adam` and `lamb`.
/// @tparam Arch  the instruction set
template <class Arch>
struct OptimizerOperations {
    /// @copydoc bert::reference::OptimizerOperations::adamw
    template <class Real>
    static std::size_t adamw(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
    {
        const auto t = static_cast<double>(options.step);
        const Real correction1 = Real(1 - std::pow(options.beta1, t)), correction2 = Real(1 - std::pow(options.beta2, t));
        const Real rate = Real(options.learning_rate), keep = Real(1 - options.learning_rate * options.weight_decay),
                   epsilon = Real(options.epsilon);
        require_same_sizes(gradient, numbers);
        return update_each<Arch>(gradient, options, numbers, [&](const auto& m, const auto& v, const auto& p) {
            using Number = std::decay_t<decltype(p)>;
            const Number m_hat = m / Number(correction1), v_hat = v / Number(correction2);
            return Number(keep) * p - Number(rate) * m_hat / (sqrt(v_hat) + Number(epsilon));
        });
    }

    /// @copydoc bert::reference::OptimizerOperations::bert_adam
    template <class Real>
    static std::size_t bert_adam(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
    {
        const Real rate = Real(options.learning_rate), decay = Real(options.weight_decay), epsilon = Real(options.epsilon);
        require_same_sizes(gradient, numbers);
        return update_each<Arch>(gradient, options, numbers, [&](const auto& m, const auto& v, const auto& p) {
            using Number = std::decay_t<decltype(p)>;
            const Number u = m / (sqrt(v) + Number(epsilon)) + Number(decay) * p;
            return p - Number(rate) * u;
        });
    }

    /// @copydoc bert::reference::OptimizerOperations::lamb
    template <class Real>
    static std::size_t lamb(std::span<const Real> gradient, const UpdateOptions& options, ParameterAndMoments<Real> numbers)
    {
        const Real decay = Real(options.weight_decay), epsilon = Real(options.epsilon);
        const auto u_of = [&](const auto& m, const auto& v, const auto& p) {
            using Number = std::decay_t<decltype(p)>;
            return Number(m / (sqrt(v) + Number(epsilon)) + Number(decay) * p);
        };
        require_same_sizes(gradient, numbers);
        const StepLengths length = step_lengths<Arch>(gradient, options, numbers, u_of);
        const bool use_trust_ratio = options.use_trust_ratio && length.p > 0 && length.u > 0;
        const double factor = options.learning_rate * (use_trust_ratio ? length.p / length.u : 1);
        const double bound = length.p + std::abs(factor) * length.u;  // of the magnitude of every updated number of p
        constexpr auto largest = static_cast<double>(std::numeric_limits<Real>::max());
        if (!(bound <= largest) || !(std::abs(factor) <= largest)) return gradient.size();
        return update_each<Arch>(gradient, options, numbers, [&](const auto& m, const auto& v, const auto& p) {
            using Number = std::decay_t<decltype(p)>;
            return Number(p - Number(Real(factor)) * u_of(m, v, p));
        });
    }

    /// @copydoc bert::reference::OptimizerOperations::set_to_zero
    template <class Real>
    static void set_to_zero(std::span<Real> numbers)
    {
        const Chunks chunks(numbers.size(), detail::numbers_at_least);
        parallel_for(chunks.count, [&](std::size_t chunk, std::size_t) {
            std::fill(numbers.data() + chunks.begin(chunk), numbers.data() + chunks.end(chunk), Real(0));
        });
    }

    /// The sum of all squares, in double, always in the same order.
    /// @param numbers  [n]
    /// @return  the sum
    template <class Real>
    static double sum_of_squares(std::span<const Real> numbers)
    {
        const Chunks chunks(numbers.size(), detail::numbers_at_least);
        std::array<double, Chunks::max_count> sums{};
        parallel_for(chunks.count, [&](std::size_t chunk, std::size_t) {
            constexpr std::size_t lanes = detail::Squares<Real>::lanes;
            detail::Squares<Real> squares;
            for (std::size_t i = chunks.begin(chunk), end = chunks.end(chunk); i < end; i += lanes)
                squares.add(numbers.data() + i, std::min(lanes, end - i));
            sums[chunk] = squares.sum();
        });
        return std::accumulate(sums.begin(), sums.end(), 0.0);
    }
};

}  // namespace bert::fast
