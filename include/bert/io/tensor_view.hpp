/// @file
/// A tensor as it is stored in a safetensors file (name, dtype, shape and bytes), and its conversion to a Tensor.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/float16.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"

namespace bert {

static_assert(std::endian::native == std::endian::little, "safetensors files are little-endian, and are copied as they are");

/// The element types of the format, from the least to the most aligned, which is the order in which the safetensors library
/// sorts.
enum class Dtype {
    BOOL,
    F4,
    F6_E2M3,
    F6_E3M2,
    U8,
    I8,
    F8_E5M2,
    F8_E4M3,
    F8_E8M0,
    F8_E4M3FNUZ,
    F8_E5M2FNUZ,
    I16,
    U16,
    F16,
    BF16,
    I32,
    U32,
    F32,
    C64,
    F64,
    I64,
    U64
};

/// Properties of an element type.
struct DtypeInfo {
    std::string_view name;  ///< its name in a header
    std::size_t bits;       ///< width of one element; with 4 or 6, the whole tensor must fill bytes
};

/// Name and width of every Dtype, in the order of the enumeration.
inline constexpr std::array<DtypeInfo, 22> dtype_infos{{
    {"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
    {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
    {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
    {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64},
}};

/// The name and width of an element type.
/// @param dtype  the type
/// @return  its entry in dtype_infos
constexpr const DtypeInfo& dtype_info(Dtype dtype) { return dtype_infos[static_cast<std::size_t>(dtype)]; }

/// Finds an element type by name.
/// @param name  its name in a header
/// @return  the type; std::nullopt if the format has none of this name
constexpr std::optional<Dtype> dtype_named(std::string_view name)
{
    for (std::size_t i = 0; i < dtype_infos.size(); ++i)
        if (dtype_infos[i].name == name) return static_cast<Dtype>(i);
    return std::nullopt;
}

/// The number of bytes of a tensor.
/// @param dtype  type of its elements
/// @param shape  its sizes; empty for a single number
/// @return  the number; std::nullopt if it doesn't fit 64 bits, or elements of 4 or 6 bits end within a byte
inline std::optional<std::size_t> byte_count(Dtype dtype, const std::vector<std::size_t>& shape)
{
    std::size_t bits = 1;
    // From left to right, as in the safetensors library: [0, n, n] is empty, [n, n, 0] with an n * n that doesn't fit is refused.
    for (const std::size_t size : shape)
        if (__builtin_mul_overflow(bits, size, &bits)) return std::nullopt;
    if (__builtin_mul_overflow(bits, dtype_info(dtype).bits, &bits)) return std::nullopt;
    if (bits % 8 != 0) return std::nullopt;
    return bits / 8;
}

/// A tensor whose elements are stored elsewhere: in a mapped file, or in memory that is to be written.
struct TensorView {
    std::string name;                 ///< published name
    Dtype dtype = Dtype::F32;         ///< type of its elements
    std::vector<std::size_t> shape;   ///< its sizes; empty for a single number
    const std::byte* data = nullptr;  ///< its elements, row-major and little-endian; may be unaligned: read them with memcpy
    std::size_t bytes = 0;            ///< number of bytes of the elements
    std::string_view file;            ///< the file it comes from, for messages
};

namespace detail {

[[noreturn]] inline void fail_view(const TensorView& view, const std::string& what)
{
    fail_input(view.file, "tensor " + in_quotes(view.name) + ": " + what);
}

/// Copies elements that are stored as Values, and converts others one by one. All threads share a large tensor, as memory access
/// takes most of the time.
template <class Stored, class Value, class Convert>
void convert_elements(const TensorView& view, Value* values, std::size_t count, Convert convert)
{
    constexpr std::size_t chunk_size = std::size_t{1} << 18;
    parallel_for((count + chunk_size - 1) / chunk_size, [&](std::size_t chunk, std::size_t) {
        const std::size_t first = chunk * chunk_size, end = std::min(count, first + chunk_size);
        if constexpr (std::is_same_v<Stored, Value>) {
            std::memcpy(values + first, view.data + first * sizeof(Value), (end - first) * sizeof(Value));
        } else {
            for (std::size_t i = first; i < end; ++i) {
                Stored stored;
                std::memcpy(&stored, view.data + i * sizeof(Stored), sizeof(Stored));
                values[i] = static_cast<Value>(convert(stored));
            }
        }
    });
}

}  // namespace detail

/// Checks a tensor before memory is allocated for it: its shape, dimension by dimension, and that its elements can become Values.
/// A floating-point Value is read from F32, F16, BF16 or F64, std::int64_t from I64 or I32.
/// @param view  the tensor
/// @param expected  its sizes
/// @throws InputError `model.safetensors: tensor "pooler.dense.bias": expected [768], got [767]`, or the same with element types
template <class Value>
void check_tensor(const TensorView& view, std::span<const std::size_t> expected)
{
    if (!std::equal(view.shape.begin(), view.shape.end(), expected.begin(), expected.end()))
        detail::fail_view(view, "expected " + shape_text(expected) + ", got " + shape_text(view.shape));
    const Dtype dtype = view.dtype;
    if constexpr (std::is_floating_point_v<Value>) {
        if (dtype != Dtype::F32 && dtype != Dtype::F16 && dtype != Dtype::BF16 && dtype != Dtype::F64)
            detail::fail_view(view, "expected F32, F16, BF16 or F64, got " + std::string(dtype_info(dtype).name));
    } else {
        static_assert(std::is_same_v<Value, std::int64_t>, "numbers are read as floating-point or std::int64_t");
        if (dtype != Dtype::I64 && dtype != Dtype::I32)
            detail::fail_view(view, "expected I64 or I32, got " + std::string(dtype_info(dtype).name));
    }
}

/// Reads a tensor whose shape is known. Each element is rounded at most once, from its stored type to Value.
/// @param view  the tensor
/// @param[in,out] tensor  has the expected shape; its elements are overwritten
/// @throws InputError if the view has another shape, or elements that can't become Values (see check_tensor)
template <class Value, std::size_t rank>
void read_into(const TensorView& view, Tensor<Value, rank>& tensor)
{
    check_tensor<Value>(view, tensor.shape());
    Value* const values = tensor.data();
    const std::size_t count = tensor.size();
    const auto same = [](auto stored) { return stored; };
    if constexpr (std::is_floating_point_v<Value>) {
        if (view.dtype == Dtype::F32) detail::convert_elements<float>(view, values, count, same);
        if (view.dtype == Dtype::F64) detail::convert_elements<double>(view, values, count, same);
        if (view.dtype == Dtype::F16) detail::convert_elements<std::uint16_t>(view, values, count, float_from_float16);
        if (view.dtype == Dtype::BF16) detail::convert_elements<std::uint16_t>(view, values, count, float_from_bfloat16);
    } else {
        if (view.dtype == Dtype::I64) detail::convert_elements<std::int64_t>(view, values, count, same);
        if (view.dtype == Dtype::I32) detail::convert_elements<std::int32_t>(view, values, count, same);
    }
}

/// Reads a tensor of known rank and any shape.
/// @param view  the tensor
/// @return  the tensor
/// @throws InputError if the view has another rank, elements that can't become Values (see check_tensor), or sizes too large even
/// for an empty tensor
template <class Value, std::size_t rank>
Tensor<Value, rank> read_tensor(const TensorView& view)
{
    if (view.shape.size() != rank)
        detail::fail_view(view, "expected rank " + std::to_string(rank) + ", got " + shape_text(view.shape));
    check_tensor<Value>(view, view.shape);
    std::array<std::size_t, rank> shape{};
    std::ptrdiff_t product = 1;  // of the sizes that aren't 0: xtensor multiplies them also in an empty tensor
    for (std::size_t axis = 0; axis < rank; ++axis) {
        shape[axis] = view.shape[axis];
        if (__builtin_mul_overflow(product, std::max<std::size_t>(shape[axis], 1), &product))
            detail::fail_view(view, "expected sizes whose product fits 63 bits, got " + shape_text(view.shape));
    }
    Tensor<Value, rank> tensor;
    tensor.resize(shape);
    read_into(view, tensor);
    return tensor;
}

/// Makes a view of numbers in memory, for writing them to a file.
/// @param name  published name
/// @param shape  of the tensor that they are
/// @param values  float, double or std::int64_t, row by row; must outlive the view
/// @return  the view: F32, F64 or I64
template <class Value>
TensorView view_of(std::string name, const std::vector<std::size_t>& shape, std::span<const Value> values)
{
    static_assert(std::is_same_v<Value, float> || std::is_same_v<Value, double> || std::is_same_v<Value, std::int64_t>,
                  "the format has no element type for others: convert them first");
    TensorView view;
    view.name = std::move(name);
    view.dtype = std::is_same_v<Value, float> ? Dtype::F32 : std::is_same_v<Value, double> ? Dtype::F64 : Dtype::I64;
    view.shape = shape;
    view.data = reinterpret_cast<const std::byte*>(values.data());
    view.bytes = values.size_bytes();
    return view;
}

/// Makes a view of a tensor in memory, for writing it to a file.
/// @param name  published name
/// @param tensor  float, double or std::int64_t; must outlive the view
/// @return  the view: F32, F64 or I64
template <class Value, std::size_t rank>
TensorView view_of(std::string name, const Tensor<Value, rank>& tensor)
{
    return view_of(std::move(name), {tensor.shape().begin(), tensor.shape().end()},
                   std::span<const Value>(tensor.data(), tensor.size()));
}

}  // namespace bert
