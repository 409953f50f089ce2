/// @file
/// Fuzzes the reader of safetensors: whatever the bytes, it refuses them with InputError, or its tensors can be read. The bytes
/// are tried as a file, and as a header with the right length before it and their first byte's number of bytes behind it.
#include "bert/io/safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>

#include "bert/core/error.hpp"

namespace {

/// Reads a tensor as every type of number. Reading is refused for the types that its own doesn't become.
template <std::size_t rank>
void read_as_all(const bert::TensorView& view)
{
    try {
        bert::read_tensor<float, rank>(view);
        bert::read_tensor<double, rank>(view);
        bert::read_tensor<long double, rank>(view);
    } catch (const bert::InputError&) {
    }
    try {
        bert::read_tensor<std::int64_t, rank>(view);
    } catch (const bert::InputError&) {
    }
}

void read_file(const std::string& file)
{
    try {
        std::size_t bytes = 0;
        for (const bert::TensorView& view : bert::parse_safetensors("file", std::as_bytes(std::span(file))).tensors) {
            bytes += view.bytes;
            read_as_all<0>(view);
            read_as_all<1>(view);
            read_as_all<2>(view);
            read_as_all<3>(view);
        }
        if (bytes > file.size()) std::abort();
    } catch (const bert::InputError&) {
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    const std::string input(reinterpret_cast<const char*>(data), size);
    read_file(input);
    if (size == 0) return 0;
    const std::uint64_t length = size - 1;
    const std::string prefix(reinterpret_cast<const char*>(&length), sizeof length);
    read_file(prefix + input.substr(1) + std::string(data[0], '\0'));
    return 0;
}
