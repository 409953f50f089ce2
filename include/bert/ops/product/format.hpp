/// @file
/// Formats of the kernel's operands: numbers as they are, or pairs of bfloat16.
///
/// In each iteration, the kernel takes one *element* of a row of x and one of each column of Wᵀ, and adds their product to a sum
/// of floats or doubles. An element is one number, or two numbers that are consecutive in k, each rounded to the nearest bfloat16
/// (8 bits of exponent, 7 of fraction). Pairs take half the memory, and one instruction of AVX-512 BF16 multiplies and adds both
/// numbers (pairs.hpp). Without such an instruction, pairs are converted back to floats, multiplied exactly and added in the same
/// order. A matrix unit adds in an order of its own (tiles.hpp).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "bert/core/float16.hpp"
#include "bert/ops/product/pairs.hpp"
#include "bert/ops/product/rows.hpp"
#include "bert/ops/product/tiles.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert::simd {

/// An instruction set whose matrix products take numbers in bfloat16; sums and everything else are float, as in the set itself.
/// @tparam Arch  the instruction set
/// @tparam Unit  its matrix unit; DefaultTiles is the one that the file is compiled for, if any
/// @tparam Pairs  its instructions for pairs; DefaultPairs are those that the file is compiled for, if any
template <class Arch, class Unit = product::DefaultTiles, class Pairs = product::DefaultPairs>
struct Bf16Products {
    template <class Other>
    using WithUnit = Bf16Products<Arch, Other, Pairs>;  ///< the same with another matrix unit
};

namespace detail {

template <class Real, class Arch, class Unit, class Pairs>
struct VectorOf<Real, Bf16Products<Arch, Unit, Pairs>> : VectorOf<Real, Arch> {
};

}  // namespace detail
}  // namespace bert::simd

namespace bert::product {

/// Numbers as they are.
/// @tparam V  a vector of sums
template <class V>
struct PlainFormat {
    using Real = typename V::value_type;           ///< type of the sums and the operands
    using Element = Real;                          ///< what the kernel multiplies
    using Elements = V;                            ///< a vector of elements
    using Tiles = NoTiles;                         ///< the matrix unit
    static constexpr std::size_t per_element = 1;  ///< numbers in an element
    static constexpr bool is_converted = false;    ///< whether a number is changed before it is multiplied

    /// @param K  numbers of a row of x
    /// @return  number of elements
    static constexpr std::size_t elements(std::size_t K) { return K; }

    /// A range of a row as elements.
    /// @param numbers  [K]
    /// @param K  how many
    /// @param buffer  memory for elements(K)
    /// @return  the elements, in the buffer or in place
    static const Element* along(const Real* numbers, [[maybe_unused]] std::size_t K, [[maybe_unused]] Element* buffer)
    {
        return numbers;
    }

    /// Writes a row, or a range of one that begins at a whole element, as elements.
    /// @param numbers  [K]
    /// @param K  how many
    /// @param[out] to  elements(K)
    static void write(const Real* numbers, std::size_t K, Element* to) { std::copy_n(numbers, K, to); }

    /// Consecutive rows of a matrix, as many as an element holds, as one row of elements.
    /// @param rows  the first number of the first row
    /// @param stride  from one row to the next
    /// @param count  how many rows there are
    /// @param width  numbers in a row
    /// @param[out] to  [width]
    static void across(const Real* rows, [[maybe_unused]] std::size_t stride, [[maybe_unused]] std::size_t count,
                       std::size_t width, Element* to)
    {
        std::copy_n(rows, width, to);
    }

    /// @param from  elements
    /// @return  a vector of the first ones
    static Elements load(const Element* from) { return V::load_unaligned(from); }

    /// @param x  an element of a row
    /// @param panel  an element of each column
    /// @param sum  the sum of each column
    /// @return  x panel + sum
    static V multiply_add(Element x, const Elements& panel, const V& sum) { return simd::multiply_add(V(x), panel, sum); }
};

namespace detail {

/// Vectors of the words that hold pairs.
template <class V>
struct WordsOf {
    using type = xsimd::batch<std::uint32_t, typename V::arch_type>;
};
template <>
struct WordsOf<simd::OneNumber<float>> {
    using type = std::uint32_t;
};

}  // namespace detail

/// Pairs of bfloat16, the first number in the lower half of a word. A pair without a second number has a zero there.
/// @tparam V  a vector of sums, floats
/// @tparam Unit  the matrix unit, which computes as much of a product as it can
/// @tparam Pairs  the instructions for pairs
template <class V, class Unit, class Pairs>
struct Bf16Format {
    using Tiles = Unit;                                  ///< the matrix unit
    using Real = float;                                  ///< type of the sums, and of the operands before they are rounded
    using Element = std::uint32_t;                       ///< two numbers
    using Elements = typename detail::WordsOf<V>::type;  ///< a vector of elements
    static constexpr std::size_t per_element = 2;        ///< numbers in an element
    static constexpr bool is_converted = true;           ///< whether a number is changed before it is multiplied
    static_assert(std::is_same_v<typename V::value_type, float>, "products in bfloat16 have sums in float");

    /// @copydoc PlainFormat::elements
    static constexpr std::size_t elements(std::size_t K) { return (K + 1) / 2; }

    /// @param first  a number
    /// @param second  the next one in k
    /// @return  both, rounded
    static Element pair(float first, float second)
    {
        return bfloat16_from_float(first) | std::uint32_t{bfloat16_from_float(second)} << 16;
    }

    /// @copydoc PlainFormat::along
    static const Element* along(const Real* numbers, std::size_t K, Element* buffer)
    {
        write(numbers, K, buffer);
        return buffer;
    }

    /// @copydoc PlainFormat::write
    static void write(const Real* numbers, std::size_t K, Element* to)
    {
        std::size_t k = 0;
        if constexpr (Pairs::have_instructions)
            for (; k + 2 * Pairs::count <= K; k += 2 * Pairs::count)
                Pairs::write(numbers + k, to + k / 2);
        for (; k + 2 <= K; k += 2)
            to[k / 2] = pair(numbers[k], numbers[k + 1]);
        if (k < K) to[k / 2] = pair(numbers[k], 0);
    }

    /// @copydoc PlainFormat::across
    static void across(const Real* rows, std::size_t stride, std::size_t count, std::size_t width, Element* to)
    {
        if (count == 1) {
            for (std::size_t j = 0; j < width; ++j)
                to[j] = pair(rows[j], 0);
            return;
        }
        std::size_t j = 0;
        if constexpr (Pairs::have_instructions)
            for (; j + Pairs::count <= width; j += Pairs::count)
                Pairs::across(rows + j, rows + stride + j, to + j);
        for (; j < width; ++j)
            to[j] = pair(rows[j], rows[stride + j]);
    }

    /// @copydoc PlainFormat::load
    static Elements load(const Element* from)
    {
        if constexpr (std::is_same_v<Elements, std::uint32_t>)
            return *from;
        else
            return Elements::load_unaligned(from);
    }

    /// @param x  a pair of a row
    /// @param panel  a pair of each column
    /// @param sum  the sum of each column
    /// @return  (sum + second second) + first first, in the order of the processor's instruction
    static V multiply_add(Element x, const Elements& panel, const V& sum)
    {
        if constexpr (Pairs::have_instructions) {
            return Pairs::multiply_add(Elements(x), panel, sum);
        } else {
            const V with_second = simd::multiply_add(second_of(Elements(x)), second_of(panel), sum);
            return simd::multiply_add(first_of(Elements(x)), first_of(panel), with_second);
        }
    }

private:
    static V first_of(const Elements& pairs) { return floats(pairs << 16); }
    static V second_of(const Elements& pairs) { return floats(pairs & Elements(0xFFFF0000U)); }
    static V floats(const Elements& bits) { return std::bit_cast<V>(bits); }
};

/// The format of an instruction set's products.
template <class Real, class Arch>
struct FormatOf {
    using type = PlainFormat<simd::Vector<Real, Arch>>;  ///< numbers as they are
};
/// The format of an instruction set whose products are in bfloat16. The instructions for pairs and the matrix unit are used if a
/// vector has 16 floats: then a panel is as wide as two tiles.
template <class Real, class Arch, class Unit, class Pairs>
struct FormatOf<Real, fast::Bf16Products<Arch, Unit, Pairs>> {
    using V = simd::Vector<Real, Arch>;             ///< vector of sums
    static constexpr bool is_wide = V::size == 16;  ///< as the instructions and the unit require
    using type = Bf16Format<V, std::conditional_t<is_wide, Unit, NoTiles>,
                            std::conditional_t<is_wide, Pairs, FloatPairs>>;  ///< pairs in bfloat16
};

}  // namespace bert::product
