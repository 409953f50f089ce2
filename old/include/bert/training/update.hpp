/// @file
/// How an optimizer goes over a tensor: in pieces on all threads, with vectors, once. A step is bound by memory, 28 bytes for
/// each float, so what clips the gradient is folded in, and gradient, moments and parameter are touched one time.
///
/// Every number is computed by itself from its own gradient, moments and value: threads change no bit, nor does, compiled with
/// -ffp-contract=off, whether it is computed in a vector or alone.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <type_traits>

#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/ops/fast/vector.hpp"

namespace bert {

/// What an optimizer is told about one tensor in one step.
struct UpdateOptions {
    double rate = 0;        ///< learning rate, schedule and all
    double beta1 = 0.9;     ///< of m, in [0, 1)
    double beta2 = 0.999;   ///< of v, in [0, 1)
    double epsilon = 1e-6;  ///< beside the root of v; PyTorch's default is 1e-8
    double decay = 0;       ///< of this tensor; 0: it isn't decayed
    bool adapts = true;     ///< LAMB's: the step is made as long as the tensor
    double scale = 1;       ///< what the gradient is multiplied by first: clipping
    std::size_t step = 1;   ///< t, from 1
};

namespace detail {

/// How many numbers one thread takes at least at a time.
inline constexpr std::size_t update_piece = 1 << 14;

/// Gradient and moments are of the parameter's shape.
template <class Real, std::size_t rank>
void require_same_shapes(const Tensor<Real, rank>& g, const Tensor<Real, rank>& p, const Tensor<Real, rank>& m,
                         const Tensor<Real, rank>& v)
{
    require_shape("optimizer: gradient", g, p.shape());
    require_shape("optimizer: first moment", m, p.shape());
    require_shape("optimizer: second moment", v, p.shape());
}

/// The vector that a scalar is updated with.
template <class Real, class Arch>
using UpdateVector = std::conditional_t<std::is_same_v<Real, float> || std::is_same_v<Real, double>, fast::Vector<Real, Arch>,
                                        fast::OneNumber<Real>>;

/// Both moments, moved on by a gradient.
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

/// Moves a vector of numbers and their moments; those whose step is not finite stay as they are.
/// @param g  gradients
/// @param options  betas and scale
/// @param moved  moved(m, v, p): where p goes, m and v being the moments after this step
/// @param p  parameters
/// @param m  first moments
/// @param v  second moments
/// @return  how many stay
template <class V, class Real, class Moved>
Real update_vector(const Real* g, const UpdateOptions& options, const Moved& moved, Real* p, Real* m, Real* v)
{
    const V m_before = V::load_unaligned(m), v_before = V::load_unaligned(v), p_before = V::load_unaligned(p);
    const Moments<V, Real> after(V::load_unaligned(g), m_before, v_before, options);
    const V p_after = moved(after.m, after.v, p_before);
    const V zero = (after.m - after.m) + (after.v - after.v) + (p_after - p_after);  // NaN where one is infinite or NaN
    const auto finite = zero < V(Real(1));
    V(select(finite, after.m, m_before)).store_unaligned(m);
    V(select(finite, after.v, v_before)).store_unaligned(v);
    V(select(finite, p_after, p_before)).store_unaligned(p);
    return fast::sum_of(V(select(finite, V(Real(0)), V(Real(1)))));
}

}  // namespace detail

/// One step of every number of a tensor.
/// \f[ m \leftarrow \beta_1 m + (1 - \beta_1)\,g,\quad v \leftarrow \beta_2 v + (1 - \beta_2)\,g^2,\quad
///     p \leftarrow \mathrm{moved}(m, v, p) \f]
/// @param g  gradient, of p's shape
/// @param options  betas and scale
/// @param[in,out] p  parameter
/// @param[in,out] m  first moment
/// @param[in,out] v  second moment
/// @param moved  moved(m, v, p): where p goes, m and v being the moments after this step; takes numbers and vectors
/// @return  how many numbers were left as they are because their step was not finite
/// @throws std::invalid_argument if the shapes differ
template <class Arch = fast::DefaultArch, class Real, std::size_t rank, class Moved>
std::size_t update_each(const Tensor<Real, rank>& g, const UpdateOptions& options, Tensor<Real, rank>& p, Tensor<Real, rank>& m,
                        Tensor<Real, rank>& v, const Moved& moved)
{
    using V = detail::UpdateVector<Real, Arch>;
    detail::require_same_shapes(g, p, m, v);
    const Pieces pieces(p.size(), detail::update_piece);
    std::atomic<std::size_t> left{0};
    parallel_for(pieces.count, [&](std::size_t piece, std::size_t) {
        std::size_t i = pieces.begin(piece);
        const std::size_t end = pieces.end(piece);
        Real count = 0;
        for (; i + V::size <= end; i += V::size)
            count += detail::update_vector<V>(g.data() + i, options, moved, p.data() + i, m.data() + i, v.data() + i);
        for (; i < end; ++i)
            count += detail::update_vector<fast::OneNumber<Real>>(g.data() + i, options, moved, p.data() + i, m.data() + i,
                                                                  v.data() + i);
        left += static_cast<std::size_t>(count);
    });
    return left;
}

/// How long a parameter and its step are, as vectors.
struct StepLengths {
    double p;  ///< of the parameter
    double u;  ///< of its step; not finite if a number of it, or one of its moments, is not
};

namespace detail {

/// Sums of squares that don't wait for each other; of 16 of them g++ 12 makes no vectors.
template <class Real>
struct Squares {
    static constexpr std::size_t lanes = 64;
    double sums[lanes] = {};

    /// Adds at most `lanes` squares.
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

/// The step of a vector of numbers, NaN where one of the moments is not finite.
template <class V, class Real, class Step>
void compute_step(const Real* g, const UpdateOptions& options, const Step& u_of, const Real* p, const Real* m, const Real* v,
                  Real* u)
{
    const Moments<V, Real> after(V::load_unaligned(g), V::load_unaligned(m), V::load_unaligned(v), options);
    const V zero = (after.m - after.m) + (after.v - after.v);
    V(u_of(after.m, after.v, V::load_unaligned(p)) + zero).store_unaligned(u);
}

}  // namespace detail

/// The lengths of a parameter and of its step, before anything moves. In double, always in the same order.
/// @param g  gradient, of p's shape
/// @param options  betas and scale
/// @param p  parameter
/// @param m  first moment
/// @param v  second moment
/// @param u_of  u_of(m, v, p): the step, m and v being the moments after it; takes numbers and vectors
/// @return  both lengths
/// @throws std::invalid_argument if the shapes differ
template <class Arch = fast::DefaultArch, class Real, std::size_t rank, class Step>
StepLengths step_lengths(const Tensor<Real, rank>& g, const UpdateOptions& options, const Tensor<Real, rank>& p,
                         const Tensor<Real, rank>& m, const Tensor<Real, rank>& v, const Step& u_of)
{
    using V = detail::UpdateVector<Real, Arch>;
    constexpr std::size_t block = detail::Squares<Real>::lanes;
    detail::require_same_shapes(g, p, m, v);
    const Pieces pieces(p.size(), detail::update_piece);
    std::array<double, Pieces::most> squares_p{}, squares_u{};
    parallel_for(pieces.count, [&](std::size_t piece, std::size_t) {
        detail::Squares<Real> of_p, of_u;
        for (std::size_t first = pieces.begin(piece), end = pieces.end(piece); first < end; first += block) {
            const std::size_t count = std::min(block, end - first);
            const auto step = [&]<class Number>(std::size_t i, Real* u) {
                detail::compute_step<Number>(g.data() + i, options, u_of, p.data() + i, m.data() + i, v.data() + i, u);
            };
            Real u[block];
            std::size_t i = 0;
            for (; i + V::size <= count; i += V::size)
                step.template operator()<V>(first + i, u + i);
            for (; i < count; ++i)
                step.template operator()<fast::OneNumber<Real>>(first + i, u + i);
            of_p.add(p.data() + first, count);
            of_u.add(u, count);
        }
        squares_p[piece] = of_p.sum();
        squares_u[piece] = of_u.sum();
    });
    return {std::sqrt(std::accumulate(squares_p.begin(), squares_p.end(), 0.0)),
            std::sqrt(std::accumulate(squares_u.begin(), squares_u.end(), 0.0))};
}

/// Makes all numbers of a tensor 0.
/// @tparam Arch  the instruction set, by which objects for different processors have their own
/// @param[out] tensor  the tensor
template <class Arch = fast::DefaultArch, class Real, std::size_t rank>
void set_to_zero(Tensor<Real, rank>& tensor)
{
    const Pieces pieces(tensor.size(), detail::update_piece);
    parallel_for(pieces.count, [&](std::size_t piece, std::size_t) {
        std::fill(tensor.data() + pieces.begin(piece), tensor.data() + pieces.end(piece), Real(0));
    });
}

/// The sum of all squares of a tensor, in double, always in the same order.
/// @tparam Arch  the instruction set, by which objects for different processors have their own
/// @param tensor  the tensor
/// @return  the sum
template <class Arch = fast::DefaultArch, class Real, std::size_t rank>
double sum_of_squares(const Tensor<Real, rank>& tensor)
{
    const Pieces pieces(tensor.size(), detail::update_piece);
    std::array<double, Pieces::most> sums{};
    parallel_for(pieces.count, [&](std::size_t piece, std::size_t) {
        constexpr std::size_t lanes = detail::Squares<Real>::lanes;
        detail::Squares<Real> squares;
        for (std::size_t i = pieces.begin(piece), end = pieces.end(piece); i < end; i += lanes)
            squares.add(tensor.data() + i, std::min(lanes, end - i));
        sums[piece] = squares.sum();
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace bert
