/// @file
/// Writes NumPy's .npy files (format 1.0), for examining tensors in Python.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <type_traits>

#include "bert/core/tensor.hpp"
#include "bert/io/atomic_file.hpp"

namespace bert {

/// Writes a tensor so that `numpy.load(path)` returns it.
/// @param path  the file
/// @param tensor  float, double or std::int64_t, of any rank
/// @throws InputError if the file can't be written
/// @see numpy.lib.format
template <class Value, std::size_t rank>
void write_npy(const std::filesystem::path& path, const Tensor<Value, rank>& tensor)
{
    static_assert(std::is_same_v<Value, float> || std::is_same_v<Value, double> || std::is_same_v<Value, std::int64_t>,
                  "write_npy: convert other numbers first");
    static_assert(std::endian::native == std::endian::little);
    std::string shape;  // a tuple: (), (3,) or (3, 768)
    for (std::size_t axis = 0; axis < rank; ++axis) {
        shape += (axis > 0 ? ", " : "") + std::to_string(tensor.shape(axis));
        if (rank == 1) shape += ',';
    }
    const std::string kind = (std::is_floating_point_v<Value> ? "<f" : "<i") + std::to_string(sizeof(Value));
    std::string header = "{'descr': '" + kind + "', 'fortran_order': False, 'shape': (" + shape + "), }";

    // Magic number, version 1.0, the header's length, and the header, whose newline is the last byte before a multiple of 64.
    const std::string magic("\x93NUMPY\x01\x00", 8);
    const std::size_t size = (magic.size() + 2 + header.size() + 1 + 63) / 64 * 64;
    header.resize(size - magic.size() - 2 - 1, ' ');
    header += '\n';
    const auto length = static_cast<std::uint16_t>(header.size());

    AtomicFile file(path);
    file.write(magic);
    file.write(&length, sizeof length);
    file.write(header);
    file.write(tensor.data(), tensor.size() * sizeof(Value));
    file.commit();
}

}  // namespace bert
