/// @file
/// Writes safetensors files, byte for byte as the safetensors library does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/one_line.hpp"
#include "bert/io/atomic_file.hpp"
#include "bert/io/tensor_view.hpp"

namespace bert {

namespace detail {

/// The header for tensors in this order, padded so that the bytes after it begin at a multiple of 8.
inline std::string safetensors_header(const std::vector<TensorView>& tensors, const std::map<std::string, std::string>& metadata)
{
    std::string header = "{";
    if (!metadata.empty()) header += "\"__metadata__\":" + nlohmann::json(metadata).dump();
    std::size_t begin = 0;
    for (const TensorView& tensor : tensors) {
        const std::size_t end = begin + tensor.bytes;
        const nlohmann::json name = tensor.name, shape = tensor.shape, offsets = {begin, end};
        if (header.size() > 1) header += ',';
        header += name.dump() + ":{\"dtype\":\"" + std::string(dtype_info(tensor.dtype).name) + "\",\"shape\":" + shape.dump() +
                  ",\"data_offsets\":" + offsets.dump() + "}";
        begin = end;
    }
    header += '}';
    header.resize((header.size() + 7) / 8 * 8, ' ');
    return header;
}

}  // namespace detail

/// Writes a safetensors file, completely or not at all. The same tensors give the same bytes: they are sorted by alignment,
/// widest first, and then by name, as in the safetensors library.
/// @param path  the file
/// @param tensors  the tensors, for instance from view_of, in any order
/// @param metadata  texts for the header; the default gives the tensors' format, PyTorch's, which the transformers library
/// expects
/// @throws InputError if the file can't be written
/// @throws std::invalid_argument if a name occurs twice, isn't UTF-8 or is `__metadata__`, or a tensor's bytes don't fit its
/// shape
inline void write_safetensors(const std::filesystem::path& path, std::vector<TensorView> tensors,
                              const std::map<std::string, std::string>& metadata = {{"format", "pt"}})
{
    std::sort(tensors.begin(), tensors.end(),
              [](const TensorView& a, const TensorView& b) { return std::tie(b.dtype, a.name) < std::tie(a.dtype, b.name); });
    std::set<std::string_view> names = {"__metadata__"};
    for (const TensorView& tensor : tensors) {
        const std::string place = "write_safetensors: tensor " + in_quotes(tensor.name);
        if (!names.insert(tensor.name).second)
            throw std::invalid_argument(place + ": expected a name that is free, got it again");
        if (byte_count(tensor.dtype, tensor.shape) != tensor.bytes)
            throw std::invalid_argument(place + ": expected the bytes of " + shape_text(tensor.shape) + " of " +
                                        std::string(dtype_info(tensor.dtype).name) + ", got " + std::to_string(tensor.bytes));
    }
    std::string header;
    try {
        header = detail::safetensors_header(tensors, metadata);
    } catch (const nlohmann::json::exception& error) {
        throw std::invalid_argument(std::string("write_safetensors: expected names in UTF-8, got ") + error.what());
    }

    AtomicFile file(path);
    const std::uint64_t length = header.size();
    file.write(&length, sizeof length);
    file.write(header);
    for (const TensorView& tensor : tensors)
        file.write(tensor.data, tensor.bytes);
    file.commit();
}

}  // namespace bert
