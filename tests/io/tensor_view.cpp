#include "bert/io/tensor_view.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

/// A tensor in memory, its bytes at an odd address.
struct Stored {
    template <class Element>
    Stored(Dtype dtype, std::vector<std::size_t> shape, std::vector<Element> elements)
    {
        bytes.resize(elements.size() * sizeof(Element) + 1);
        if (!elements.empty()) std::memcpy(bytes.data() + 1, elements.data(), elements.size() * sizeof(Element));
        view = {"x", dtype, std::move(shape), bytes.data() + 1, elements.size() * sizeof(Element), "f"};
    }
    std::vector<std::byte> bytes;
    TensorView view;
};

}  // namespace

TEST_CASE("an element type has the name and the width of the format")
{
    CHECK(dtype_info(Dtype::BOOL).name == "BOOL");
    CHECK(dtype_info(Dtype::F8_E5M2FNUZ).name == "F8_E5M2FNUZ");
    CHECK(dtype_info(Dtype::BF16).name == "BF16");
    CHECK(dtype_info(Dtype::U64).name == "U64");
    CHECK(dtype_info(Dtype::C64).bits == 64);
    CHECK(dtype_named("F6_E3M2") == Dtype::F6_E3M2);
    CHECK(!dtype_named("f32"));
}

TEST_CASE("bytes of a shape")
{
    const std::size_t huge = std::size_t{1} << 63;
    CHECK(byte_count(Dtype::F32, {2, 3}) == 24U);
    CHECK(byte_count(Dtype::I64, {}) == 8U);
    CHECK(byte_count(Dtype::F64, {5, 0}) == 0U);
    CHECK(byte_count(Dtype::F4, {2}) == 1U);
    CHECK(byte_count(Dtype::F6_E2M3, {2, 2}) == 3U);
    CHECK(!byte_count(Dtype::F4, {1}));
    CHECK(!byte_count(Dtype::F6_E2M3, {2}));
    CHECK(!byte_count(Dtype::U8, {huge}));
    CHECK(byte_count(Dtype::U8, {0, huge, huge}) == 0U);
    CHECK(!byte_count(Dtype::U8, {huge, huge, 0}));
}

TEMPLATE_TEST_CASE("floating-point numbers are read from every format of 16, 32 and 64 bits", "", float, double, long double)
{
    const Tensor<TestType, 2> expected = {{1, -2.5}, {65504, 0.5}};
    const Stored stored[] = {
        {Dtype::F32, {2, 2}, std::vector<float>{1, -2.5F, 65504, 0.5F}},
        {Dtype::F64, {2, 2}, std::vector<double>{1, -2.5, 65504, 0.5}},
        {Dtype::F16, {2, 2}, std::vector<std::uint16_t>{0x3C00, 0xC100, 0x7BFF, 0x3800}},
    };
    for (const Stored& tensor : stored) {
        Tensor<TestType, 2> read;
        read.resize({2, 2});
        read_into(tensor.view, read);
        CHECK((read == expected));
        CHECK((read_tensor<TestType, 2>(tensor.view) == expected));
    }
    const Stored bfloat16(Dtype::BF16, {3}, std::vector<std::uint16_t>{0x3F80, 0xC040, 0x4049});
    CHECK((read_tensor<TestType, 1>(bfloat16.view) == Tensor<TestType, 1>{1, -3, 3.140625}));
}

TEST_CASE("a double is rounded once to a float, and kept by a long double")
{
    const Stored stored(Dtype::F64, {2}, std::vector<double>{0.1, 1 + 0x1p-24 + 0x1p-40});
    CHECK((read_tensor<float, 1>(stored.view) == Tensor<float, 1>{0.1F, 1 + 0x1p-23F}));
    CHECK(read_tensor<long double, 1>(stored.view)(0) == static_cast<long double>(0.1));
}

TEST_CASE("whole numbers are read from 32 and 64 bits")
{
    const Stored narrow(Dtype::I32, {2, 1}, std::vector<std::int32_t>{-100, 2'000'000'000});
    CHECK((read_tensor<std::int64_t, 2>(narrow.view) == IndexTensor<2>{{-100}, {2'000'000'000}}));
    const Stored wide(Dtype::I64, {1}, std::vector<std::int64_t>{-(std::int64_t{1} << 40)});
    CHECK(read_tensor<std::int64_t, 1>(wide.view)(0) == -(std::int64_t{1} << 40));
}

TEST_CASE("single numbers and empty tensors are read")
{
    const Stored single(Dtype::F32, {}, std::vector<float>{7});
    CHECK(read_tensor<double, 0>(single.view)() == 7);
    const Stored empty(Dtype::F32, {3, 0}, std::vector<float>{});
    CHECK(read_tensor<float, 2>(empty.view).shape(0) == 3);
}

TEST_CASE("another shape, rank or element type is refused")
{
    const Stored stored(Dtype::F32, {2, 2}, std::vector<float>{1, 2, 3, 4});
    const auto read_as = [&](auto tensor) { return input_error([&] { read_into(stored.view, tensor); }); };
    CHECK(read_as(zeros<float, 2>({1, 2})) == "f: tensor \"x\": expected [1, 2], got [2, 2]");
    CHECK(read_as(zeros<float, 1>({4})) == "f: tensor \"x\": expected [4], got [2, 2]");
    CHECK(read_as(zeros<float, 3>({2, 2, 1})) == "f: tensor \"x\": expected [2, 2, 1], got [2, 2]");
    CHECK(read_as(zeros<std::int64_t, 2>({2, 2})) == "f: tensor \"x\": expected I64 or I32, got F32");
    CHECK(input_error([&] { read_tensor<float, 1>(stored.view); }) == "f: tensor \"x\": expected rank 1, got [2, 2]");

    const Stored ids(Dtype::I64, {1}, std::vector<std::int64_t>{1});
    CHECK(input_error([&] { read_tensor<float, 1>(ids.view); }) == "f: tensor \"x\": expected F32, F16, BF16 or F64, got I64");
    const std::size_t shape[] = {1};
    CHECK(input_error([&] { check_tensor<std::int64_t>(ids.view, shape); }) == "no error");
}

TEST_CASE("an empty tensor of absurd sizes is refused")
{
    const std::size_t huge = std::size_t{1} << 62;
    const Stored fits(Dtype::F32, {0, huge}, std::vector<float>{});
    CHECK(read_tensor<float, 2>(fits.view).size() == 0);
    const Stored overflows(Dtype::F32, {0, huge, 2}, std::vector<float>{});
    CHECK(input_error([&] { read_tensor<float, 3>(overflows.view); }) ==
          "f: tensor \"x\": expected sizes whose product fits 63 bits, got [0, 4611686018427387904, 2]");
}

TEST_CASE("a tensor in memory is viewed with its element type")
{
    const Tensor<double, 2> tensor = {{1, 2, 3}};
    const TensorView view = view_of("x", tensor);
    CHECK(view.name == "x");
    CHECK(view.dtype == Dtype::F64);
    CHECK(view.shape == std::vector<std::size_t>{1, 3});
    CHECK(view.bytes == 24);
    CHECK((read_tensor<double, 2>(view) == tensor));
    CHECK(view_of("i", IndexTensor<1>{1, 2}).dtype == Dtype::I64);
    CHECK(view_of("f", Tensor<float, 1>{1, 2}).dtype == Dtype::F32);
}
