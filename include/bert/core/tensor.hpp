/// @file
/// The tensor type: xtensor's container of fixed rank, row-major, in aligned memory.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/language.hpp"

#if __has_include(<xtensor/containers/xtensor.hpp>)  // xtensor 0.26 and later
#include <xtensor/containers/xtensor.hpp>
#else
#include <xtensor/xtensor.hpp>
#endif

#include "bert/core/aligned_allocator.hpp"

namespace bert {

/// A dense row-major array of `rank` dimensions. `x(t, h)` is an element, `x.shape(1)` a size; `resize` keeps the capacity,
/// so reusing a tensor for a smaller or equal shape allocates nothing; its contents are then unspecified.
template <class Value, std::size_t rank>
using Tensor = xt::xtensor_container<std::vector<Value, AlignedAllocator<Value>>, rank, xt::layout_type::row_major>;

/// Token ids, segments, positions and labels.
template <std::size_t rank>
using IndexTensor = Tensor<std::int64_t, rank>;

/// A shape as it is written in messages: `[3, 768]`.
/// @param shape  the sizes
/// @return  the text
template <class Shape>
std::string shape_text(const Shape& shape)
{
    std::ostringstream text;
    text << '[';
    const char* separator = "";
    for (const auto size : shape) {
        text << separator << size;
        separator = ", ";
    }
    text << ']';
    return text.str();
}

/// Checks a shape, dimension by dimension: nothing broadcasts.
/// @param what  beginning of the message, as in `layer_norm: gamma`
/// @param tensor  the tensor
/// @param expected  its sizes
/// @throws std::invalid_argument `layer_norm: gamma: expected [768], got [767]`
template <class Value, std::size_t rank>
void require_shape(std::string_view what, const Tensor<Value, rank>& tensor, const std::array<std::size_t, rank>& expected)
{
    for (std::size_t axis = 0; axis < rank; ++axis)
        if (static_cast<std::size_t>(tensor.shape(axis)) != expected[axis])
            throw std::invalid_argument(std::string(what) + ": expected " + shape_text(expected) + ", got " +
                                        shape_text(tensor.shape()));
}

/// Checks that every index is from 0 to count - 1.
/// @param what  beginning of the message, as in `embeddings: ids`
/// @param indices  [T]
/// @param count  number of valid indices
/// @throws std::invalid_argument `embeddings: ids[3]: expected 0 to 30521, got 30522`
inline void require_below(std::string_view what, const IndexTensor<1>& indices, std::size_t count)
{
    for (std::size_t t = 0; t < indices.size(); ++t)
        if (indices(t) < 0 || static_cast<std::size_t>(indices(t)) >= count)
            throw std::invalid_argument(std::string(what) + "[" + std::to_string(t) + "]: expected 0 to " +
                                        std::to_string(static_cast<std::int64_t>(count) - 1) + ", got " +
                                        std::to_string(indices(t)));
}

/// A tensor of zeros.
/// @param shape  its sizes
/// @return  the tensor
template <class Value, std::size_t rank>
Tensor<Value, rank> zeros(const std::array<std::size_t, rank>& shape)
{
    Tensor<Value, rank> tensor;
    tensor.resize(shape);
    tensor.fill(Value(0));
    return tensor;
}

/// Adds a tensor to another.
/// @param term  what is added
/// @param[in,out] sum  the tensor that it is added to
/// @throws std::invalid_argument if the shapes differ
template <class Value, std::size_t rank>
void add(const Tensor<Value, rank>& term, Tensor<Value, rank>& sum)
{
    require_shape("add: sum", sum, term.shape());
    for (std::size_t i = 0; i < term.size(); ++i)
        sum.data()[i] += term.data()[i];
}

}  // namespace bert
