#include "bert/io/npy.hpp"

#include <array>
#include <cstddef>
#include <string>

#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

/// numpy 2 writes these: magic number and version, length of the header, the header padded to 128 bytes in all.
std::string expected_header(std::string description)
{
    description.resize(128 - 10 - 1, ' ');
    return std::string("\x93NUMPY\x01\0\x76\0", 10) + description + "\n";
}

template <class Value, std::size_t rank>
std::string written(const Tensor<Value, rank>& tensor)
{
    const TemporaryFolder folder;
    write_npy(folder / "x.npy", tensor);
    return contents_of(folder / "x.npy");
}

}  // namespace

TEST_CASE("a tensor has the bytes that numpy.save writes")
{
    const Tensor<float, 2> matrix = {{1, 2, 3}, {4, 5, 6.5}};
    CHECK(written(matrix) == expected_header("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }") +
                                 std::string("\0\0\x80\x3F\0\0\0\x40\0\0\x40\x40\0\0\x80\x40\0\0\xA0\x40\0\0\xD0\x40", 24));
    const Tensor<double, 1> vector = {1};
    CHECK(written(vector) ==
          expected_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }") + std::string("\0\0\0\0\0\0\xF0\x3F", 8));
    const IndexTensor<1> ids = {-2};
    CHECK(written(ids) == expected_header("{'descr': '<i8', 'fortran_order': False, 'shape': (1,), }") +
                              std::string("\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8));
}

TEST_CASE("single numbers and empty tensors have the bytes that numpy.save writes")
{
    Tensor<float, 0> single;
    single() = 2;
    CHECK(written(single) ==
          expected_header("{'descr': '<f4', 'fortran_order': False, 'shape': (), }") + std::string("\0\0\0\x40", 4));
    const Tensor<double, 4> empty = zeros<double, 4>({2, 3, 0, 5});
    CHECK(written(empty) == expected_header("{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3, 0, 5), }"));
}

TEST_CASE("a tensor that can't be written is an error")
{
    CHECK(input_error([] { write_npy("/dev/full", zeros<float, 1>({3})); }) ==
          "/dev/full: expected to write it: No space left on device");
}
