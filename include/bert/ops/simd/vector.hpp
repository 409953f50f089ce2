/// @file
/// Vectors of numbers for the fast operations: xsimd's batch, as wide as the compiler's flags allow (SSE2 to AVX-512, NEON),
/// or a vector of one number where xsimd has none.
///
/// Two rules make the bits of a number independent of its position in a row. Loads never require alignment, and the last numbers
/// of a row pass through the same vector instructions as all others, masked or padded in a small buffer: std::exp and a vector's
/// exp differ in the last bit, so a loop with a scalar remainder would give the same number other bits at another position.
///
/// Every function that contains vector instructions is a template on the instruction set, and has one body for each set: the body
/// depends on its type, not on the compiler's flags. Objects compiled for different processors may therefore be linked into one
/// program, in any order: in each, `Fast` and `FastBf16` give the same results as if it were linked alone. There are two limits:
/// - The processor must be able to run all objects of the program. For a function that is not such a template, as those of the
///   standard library, the linker keeps one body, compiled for any of the processors.
/// - This holds for DefaultArch. A set that is named explicitly, such as NoVectors or xsimd::sse2, has one name in all objects.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <type_traits>

#include "bert/core/language.hpp"
#include "bert/ops/simd/intrinsics.hpp"  // before xsimd, which includes <immintrin.h>

#include <xsimd/xsimd.hpp>

#include "bert/core/threads.hpp"

namespace bert::simd {

/// The instruction set of a vector of one number.
struct NoVectors {};

/// One number that can be used like a batch of xsimd.
template <class Real>
struct OneNumber {
    using value_type = Real;                ///< type of the number
    using arch_type = NoVectors;            ///< the instruction set
    static constexpr std::size_t size = 1;  ///< how many numbers
    Real number{};                          ///< the number

    OneNumber() = default;
    /// @param value  the number
    explicit OneNumber(Real value) : number(value) {}
    /// @param from  address of the number
    /// @return  the vector
    static OneNumber load_unaligned(const Real* from) { return OneNumber(*from); }
    /// @param to  address that it is stored at
    void store_unaligned(Real* to) const { *to = number; }

    /// @cond  arithmetic, elementary functions
    friend OneNumber operator+(OneNumber a, OneNumber b) { return OneNumber(a.number + b.number); }
    friend OneNumber operator-(OneNumber a, OneNumber b) { return OneNumber(a.number - b.number); }
    friend OneNumber operator*(OneNumber a, OneNumber b) { return OneNumber(a.number * b.number); }
    friend OneNumber operator/(OneNumber a, OneNumber b) { return OneNumber(a.number / b.number); }
    friend bool operator<(OneNumber a, OneNumber b) { return a.number < b.number; }
    friend OneNumber select(bool condition, OneNumber a, OneNumber b) { return condition ? a : b; }
    friend OneNumber min(OneNumber a, OneNumber b) { return a.number < b.number ? a : b; }  // b if one is NaN, as on x86
    friend OneNumber max(OneNumber a, OneNumber b) { return OneNumber(std::max(a.number, b.number)); }
    friend OneNumber fma(OneNumber a, OneNumber b, OneNumber c) { return OneNumber(a.number * b.number + c.number); }
    friend OneNumber exp(OneNumber a) { return OneNumber(std::exp(a.number)); }
    friend OneNumber abs(OneNumber a) { return OneNumber(std::abs(a.number)); }
    friend OneNumber tanh(OneNumber a) { return OneNumber(std::tanh(a.number)); }
    friend OneNumber sqrt(OneNumber a) { return OneNumber(std::sqrt(a.number)); }
    /// @endcond
};

#ifdef XSIMD_NO_SUPPORTED_ARCHITECTURE
using DefaultArch = NoVectors;
#else
/// The widest instruction set that this file is compiled for.
using DefaultArch = xsimd::default_arch;
#endif

namespace detail {

template <class Real, class Arch>
struct VectorOf {
    using type = xsimd::batch<Real, Arch>;
};
template <class Real>
struct VectorOf<Real, NoVectors> {
    using type = OneNumber<Real>;
};

}  // namespace detail

/// The vector of an instruction set.
template <class Real, class Arch>
using Vector = typename detail::VectorOf<Real, Arch>::type;

namespace detail {

/// Whether a vector is AVX-512's for a type of number. xsimd 8 lacks functions for these: a product and a sum in one rounding,
/// masked loads and stores, and sums and maxima by shuffles. A head of attention over 11 tokens takes 0.8 µs with the last two,
/// 1.5 without.
template <class V, class Real>
inline constexpr bool is_avx512_of =
    std::is_base_of_v<xsimd::avx512f, typename V::arch_type>&& std::is_same_v<typename V::value_type, Real> && sizeof(V) == 64;

}  // namespace detail

/// a b + c, in one rounding where the instruction set has it. With AVX-512, xsimd 8 has no function for it, and
/// would multiply, then add, at half the speed.
/// @param a  numbers
/// @param b  numbers
/// @param c  numbers
/// @return  a b + c
template <class V>
inline V multiply_add(const V& a, const V& b, const V& c)
{
#ifdef __AVX512F__
    if constexpr (detail::is_avx512_of<V, float>)
        return _mm512_fmadd_ps(a, b, c);
    else if constexpr (detail::is_avx512_of<V, double>)
        return _mm512_fmadd_pd(a, b, c);
    else
#endif
        return fma(a, b, c);
}

/// Loads the first numbers of a vector.
/// @param from  address of the first number
/// @param count  how many, fewer than the vector holds
/// @param padding  value of the others
/// @return  the vector
template <class V, class Real = typename V::value_type>
V load_first(const Real* from, std::size_t count, Real padding = Real(0))
{
#ifdef __AVX512F__
    if constexpr (detail::is_avx512_of<V, float>)
        return _mm512_mask_loadu_ps(V(padding), static_cast<__mmask16>((1U << count) - 1U), from);
    else
#endif
    {
        Real buffer[V::size];
        for (std::size_t i = 0; i < V::size; ++i)
            buffer[i] = i < count ? from[i] : padding;
        return V::load_unaligned(buffer);
    }
}

/// Stores the first numbers of a vector.
/// @param vector  the vector
/// @param to  address that the first number is stored at
/// @param count  how many, fewer than the vector holds
template <class V, class Real = typename V::value_type>
void store_first(const V& vector, Real* to, std::size_t count)
{
#ifdef __AVX512F__
    if constexpr (detail::is_avx512_of<V, float>)
        _mm512_mask_storeu_ps(to, static_cast<__mmask16>((1U << count) - 1U), vector);
    else
#endif
    {
        Real buffer[V::size];
        vector.store_unaligned(buffer);
        for (std::size_t i = 0; i < count; ++i)
            to[i] = buffer[i];
    }
}

/// Applies a function to each number: y = function(x).
/// @param n  how many numbers
/// @param x  numbers, [n]
/// @param y  results, [n]; may alias x
/// @param function  takes a vector and returns one
template <class V, class Real, class Function>
void map(std::size_t n, const Real* x, Real* y, const Function& function)
{
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size)
        V(function(V::load_unaligned(x + i))).store_unaligned(y + i);
    if (i < n) store_first(V(function(load_first<V>(x + i, n - i))), y + i, n - i);
}

/// Applies a function of two inputs to each pair of numbers: y = function(x, z).
/// @param n  how many numbers
/// @param x  numbers, [n]
/// @param z  numbers, [n]
/// @param y  results, [n]; may alias x or z
/// @param function  takes two vectors and returns one
template <class V, class Real, class Function>
void map(std::size_t n, const Real* x, const Real* z, Real* y, const Function& function)
{
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size)
        V(function(V::load_unaligned(x + i), V::load_unaligned(z + i))).store_unaligned(y + i);
    if (i < n) store_first(V(function(load_first<V>(x + i, n - i), load_first<V>(z + i, n - i))), y + i, n - i);
}

/// Adds two rows.
/// @param n  how many numbers
/// @param a  [n]
/// @param b  [n]
/// @param sum  [n]; may alias a or b
template <class V, class Real>
void add(std::size_t n, const Real* a, const Real* b, Real* sum)
{
    map<V>(n, a, b, sum, [](const V& first, const V& second) { return first + second; });
}

/// y = residual + (sums + bias), which follows a product in a sub-layer.
/// @param n  how many numbers
/// @param sums  [n]
/// @param bias  [n]
/// @param residual  [n]
/// @param y  [n]; may alias residual
template <class V, class Real>
void add_biased(std::size_t n, const Real* sums, const Real* bias, const Real* residual, Real* y)
{
    std::size_t i = 0;
    const auto sum = [&](const V& s, const V& b, const V& r) { return (s + b) + r; };
    for (; i + V::size <= n; i += V::size)
        V(sum(V::load_unaligned(sums + i), V::load_unaligned(bias + i), V::load_unaligned(residual + i))).store_unaligned(y + i);
    if (i < n)
        store_first(V(sum(load_first<V>(sums + i, n - i), load_first<V>(bias + i, n - i), load_first<V>(residual + i, n - i))),
                    y + i, n - i);
}

/// y = gamma x + beta, MobileBERT's NoNorm.
/// @param n  how many numbers
/// @param x  [n]
/// @param gamma  [n]
/// @param beta  [n]
/// @param y  [n]; may alias x
template <class V, class Real>
void scale_and_shift(std::size_t n, const Real* x, const Real* gamma, const Real* beta, Real* y)
{
    std::size_t i = 0;
    const auto scaled = [](const V& value, const V& scale, const V& shift) { return scale * value + shift; };
    for (; i + V::size <= n; i += V::size)
        V(scaled(V::load_unaligned(x + i), V::load_unaligned(gamma + i), V::load_unaligned(beta + i))).store_unaligned(y + i);
    if (i < n)
        store_first(V(scaled(load_first<V>(x + i, n - i), load_first<V>(gamma + i, n - i), load_first<V>(beta + i, n - i))),
                    y + i, n - i);
}

/// Visits a row as vectors, the last one padded.
/// @param n  how many numbers
/// @param x  the numbers, [n]
/// @param padding  value of the numbers that fill the last vector
/// @param visit  called with each vector
template <class V, class Real, class Visit>
void for_each_vector(std::size_t n, const Real* x, Real padding, const Visit& visit)
{
    std::size_t i = 0;
    for (; i + V::size <= n; i += V::size)
        visit(V::load_unaligned(x + i));
    if (i < n) visit(load_first<V>(x + i, n - i, padding));
}

/// Loads the numbers of a matrix for add_columns.
template <class V>
struct LoadRow {
    const typename V::value_type* matrix;  ///< [T, H]
    std::size_t H;                         ///< columns

    /// @param t  a row
    /// @param h  a column
    /// @return  a vector of the row from the column on
    V operator()(std::size_t t, std::size_t h) const { return V::load_unaligned(matrix + t * H + h); }
    /// @param t  a row
    /// @param h  a column
    /// @param count  how many numbers
    /// @return  the vector of these numbers, the others 0
    V operator()(std::size_t t, std::size_t h, std::size_t count) const { return load_first<V>(matrix + t * H + h, count); }
};

/// Adds up the columns of a matrix, or of the element-wise product of two matrices: sums[h] += sum over t of term(t, h). Each
/// chunk of columns is summed by one thread, in the order of the rows.
/// @param T  rows
/// @param H  columns
/// @param sums  [H], is added to
/// @param term  term(t, h): a vector of row t from column h on; term(t, h, count): its first count numbers, the others 0
template <class V, class Real, class Term>
void add_columns(std::size_t T, std::size_t H, Real* sums, const Term& term)
{
    constexpr std::size_t chunk_vectors = 4, chunk = chunk_vectors * V::size;
    parallel_for((H + chunk - 1) / chunk, [&](std::size_t index, std::size_t) {
        std::size_t h = index * chunk;
        if (h + chunk <= H) {  // all vectors of a row before the next row
            V sum[chunk_vectors] = {V(Real(0)), V(Real(0)), V(Real(0)), V(Real(0))};
            for (std::size_t t = 0; t < T; ++t)
                for (std::size_t v = 0; v < chunk_vectors; ++v)
                    sum[v] = sum[v] + term(t, h + v * V::size);
            for (std::size_t v = 0; v < chunk_vectors; ++v, h += V::size)
                V(V::load_unaligned(sums + h) + sum[v]).store_unaligned(sums + h);
            return;
        }
        for (; h < H; h += V::size) {
            const std::size_t count = std::min(V::size, H - h);
            V sum(Real(0));
            for (std::size_t t = 0; t < T; ++t)
                sum = sum + (count == V::size ? term(t, h) : term(t, h, count));
            if (count == V::size)
                V(V::load_unaligned(sums + h) + sum).store_unaligned(sums + h);
            else
                store_first(V(load_first<V>(sums + h, count) + sum), sums + h, count);
        }
    });
}

/// @param vector  numbers
/// @return  their sum, always in the same order
template <class V>
typename V::value_type sum_of(const V& vector)
{
#ifdef __AVX512F__
    if constexpr (detail::is_avx512_of<V, float>) return _mm512_reduce_add_ps(vector);
#endif
    typename V::value_type numbers[V::size];
    vector.store_unaligned(numbers);
    for (std::size_t half = V::size / 2; half > 0; half /= 2)
        for (std::size_t i = 0; i < half; ++i)
            numbers[i] += numbers[i + half];
    return numbers[0];
}

/// @param vector  numbers
/// @return  the largest
template <class V>
typename V::value_type largest_of(const V& vector)
{
#ifdef __AVX512F__
    if constexpr (detail::is_avx512_of<V, float>) return _mm512_reduce_max_ps(vector);
#endif
    typename V::value_type numbers[V::size];
    vector.store_unaligned(numbers);
    for (std::size_t i = 1; i < V::size; ++i)
        numbers[0] = numbers[0] < numbers[i] ? numbers[i] : numbers[0];
    return numbers[0];
}

}  // namespace bert::simd

namespace bert::fast {

using namespace bert::simd;  // the fast operations use these names

}  // namespace bert::fast
