/// @file
/// What the kernel multiplies: numbers as they are, or bfloat16 in pairs.
///
/// A step of the kernel takes one *element* of a row of x and one of each column of Wᵀ and adds their product to a sum of
/// floats or doubles. An element is a number, or two numbers that follow each other in k, each rounded to bfloat16 (8 bits of
/// exponent, 7 of fraction, to the nearest): then operands take half the memory, and one instruction of AVX-512 BF16
/// multiplies and adds both (pairs.hpp). Where there is no such instruction, pairs become floats again, are multiplied exactly
/// and added in the same order. A matrix unit adds in an order of its own (tiles.hpp).
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "bert/core/float16.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product/pairs.hpp"
#include "bert/ops/product/rows.hpp"
#include "bert/ops/product/tiles.hpp"

namespace bert::fast {

/// An instruction set whose matrix products take numbers in bfloat16; sums and all else are float, as in the set itself.
/// @tparam Arch  the instruction set
/// @tparam Unit  a matrix unit beside it: DefaultTiles is the one that the file is compiled for, if there is one
/// @tparam Pairs  instructions for pairs beside it: DefaultPairs are those that the file is compiled for, if there are any
template <class Arch, class Unit = product::DefaultTiles, class Pairs = product::DefaultPairs>
struct Bf16Products {
    template <class Other>
    using WithUnit = Bf16Products<Arch, Other, Pairs>;  ///< the same beside another matrix unit
};

namespace detail {

template <class Real, class Arch, class Unit, class Pairs>
struct VectorOf<Real, Bf16Products<Arch, Unit, Pairs>> : VectorOf<Real, Arch> {
};

}  // namespace detail
}  // namespace bert::fast

namespace bert::product {

/// Numbers as they are.
/// @tparam V  a vector of sums
template <class V>
struct PlainFormat {
    using Real = typename V::value_type;           ///< of the sums and the operands
    using Element = Real;                          ///< what a step of the kernel multiplies
    using Elements = V;                            ///< a vector of them
    using Tiles = NoTiles;                         ///< the matrix unit
    static constexpr std::size_t per_element = 1;  ///< numbers in an element
    static constexpr bool is_converted = false;    ///< whether a number is changed before it is multiplied

    /// @param K  numbers of a row of x
    /// @return  how many elements they are
    static constexpr std::size_t elements(std::size_t K) { return K; }

    /// Part of a row as elements.
    /// @param numbers  [K]
    /// @param K  how many
    /// @param buffer  room for elements(K)
    /// @return  the elements: in the buffer, or where they were
    static const Element* along(const Real* numbers, [[maybe_unused]] std::size_t K, [[maybe_unused]] Element* buffer)
    {
        return numbers;
    }

    /// Writes a row, or a part of one that begins at a whole element, as elements.
    /// @param numbers  [K]
    /// @param K  how many
    /// @param[out] to  elements(K)
    static void write(const Real* numbers, std::size_t K, Element* to) { std::copy_n(numbers, K, to); }

    /// Consecutive rows of a matrix, as many as an element holds, as one row of elements.
    /// @param rows  where the first begins
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
    /// @return  as many as a vector holds
    static Elements load(const Element* from) { return V::load_unaligned(from); }

    /// @param x  an element
    /// @param panel  one of each column
    /// @param sum  of each column
    /// @return  x panel + sum
    static V multiply_add(Element x, const Elements& panel, const V& sum) { return fast::multiply_add(V(x), panel, sum); }
};

namespace detail {

/// Vectors of the words that hold pairs.
template <class V>
struct WordsOf {
    using type = xsimd::batch<std::uint32_t, typename V::arch_type>;
};
template <>
struct WordsOf<fast::OneNumber<float>> {
    using type = std::uint32_t;
};

}  // namespace detail

/// Pairs of bfloat16, the first number in the lower half of a word. A pair that has no second number has a zero there.
/// @tparam V  a vector of sums, floats
/// @tparam Unit  the matrix unit, which takes what it can of a product
/// @tparam Pairs  the instructions for pairs
template <class V, class Unit, class Pairs>
struct Bf16Format {
    using Tiles = Unit;                                  ///< the matrix unit
    using Real = float;                                  ///< of the sums and of the operands before they are rounded
    using Element = std::uint32_t;                       ///< two numbers
    using Elements = typename detail::WordsOf<V>::type;  ///< a vector of them
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

    /// @param x  a pair
    /// @param panel  one of each column
    /// @param sum  of each column
    /// @return  (sum + second second) + first first, in the order of the processors' instruction
    static V multiply_add(Element x, const Elements& panel, const V& sum)
    {
        if constexpr (Pairs::have_instructions) {
            return Pairs::multiply_add(Elements(x), panel, sum);
        } else {
            const V with_second = fast::multiply_add(second_of(Elements(x)), second_of(panel), sum);
            return fast::multiply_add(first_of(Elements(x)), first_of(panel), with_second);
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
    using type = PlainFormat<fast::Vector<Real, Arch>>;  ///< numbers as they are
};
/// The format of an instruction set's products, where they are in bfloat16. Instructions and a matrix unit are used where a
/// vector has 16 floats: then a panel is as wide as two tiles.
template <class Real, class Arch, class Unit, class Pairs>
struct FormatOf<Real, fast::Bf16Products<Arch, Unit, Pairs>> {
    using V = fast::Vector<Real, Arch>;             ///< of the sums
    static constexpr bool is_wide = V::size == 16;  ///< as instructions and unit want it
    using type = Bf16Format<V, std::conditional_t<is_wide, Unit, NoTiles>,
                            std::conditional_t<is_wide, Pairs, FloatPairs>>;  ///< pairs in bfloat16
};

}  // namespace bert::product
