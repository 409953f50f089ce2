/// @file
/// The file of `bert search --index`: lines and their vectors.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/core/tensor.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/safetensors_writer.hpp>
#include <bert/io/tensor_view.hpp>
#include <bert/text/utf8.hpp>

#include "output.hpp"

namespace program {

/// Lines and their vectors, of length 1.
///
/// The file is safetensors with `vectors` [N, W], `texts` (U8, the concatenated lines) and `ends` (I64 [N], the end of each line
/// in `texts`); its metadata have `format`, which is `bert-search-index-1`, and `made`, the options of the vectors.
template <class Real>
struct SearchIndex {
    std::vector<std::string> lines;  ///< N lines
    bert::Tensor<Real, 2> vectors;   ///< [N, W]
    std::string made;                ///< options of the vectors
};

/// The `format` of the metadata.
inline constexpr const char* search_index_format = "bert-search-index-1";

/// Checks that all vectors have the length 1, so that their products are cosines.
/// @param place  the index file, for the message
/// @param vectors  [N, W]
/// @throws bert::InputError for the first one whose length isn't 1
template <class Real>
void require_length_1(const std::string& place, const bert::Tensor<Real, 2>& vectors)
{
    for (std::size_t i = 0; i < vectors.shape(0); ++i) {
        Real squares = 0;
        for (std::size_t w = 0; w < vectors.shape(1); ++w)
            squares += vectors(i, w) * vectors(i, w);
        if (!(std::abs(squares - 1) < Real(1e-3)))
            bert::fail_input(place, "tensor \"vectors\"[" + std::to_string(i) + "]: expected a vector of length 1, got length " +
                                        number_text(std::sqrt(squares)));
    }
}

/// Reads and checks an index.
/// @param path  the file
/// @param width  W
/// @return  the index
/// @throws bert::InputError if it can't be read, isn't an index, or is inconsistent
template <class Real>
SearchIndex<Real> read_search_index(const std::filesystem::path& path, std::size_t width)
{
    const bert::SafetensorsFile file(path);
    const auto metadata = [&](const char* key) -> std::string {
        const auto found = file.metadata().find(key);
        return found == file.metadata().end() ? "" : found->second;
    };
    const auto tensor = [&](const char* name) -> const bert::TensorView& {
        const bert::TensorView* view = file.find(name);
        if (view == nullptr) bert::fail_input(file.name(), std::string("tensor \"") + name + "\": expected, got no such tensor");
        return *view;
    };
    if (metadata("format") != search_index_format)
        bert::fail_input(file.name(), std::string("format: expected ") + search_index_format + ", got " +
                                          (metadata("format").empty() ? "none" : bert::in_quotes(metadata("format"))));

    const auto ends = bert::read_tensor<std::int64_t, 1>(tensor("ends"));
    const bert::TensorView& texts = tensor("texts");
    const std::size_t N = ends.size();
    if (texts.dtype != bert::Dtype::U8 || texts.shape.size() != 1)
        bert::fail_input(file.name(), "tensor \"texts\": expected U8 of rank 1, got " +
                                          std::string(bert::dtype_info(texts.dtype).name) + " " + bert::shape_text(texts.shape));
    bert::check_tensor<Real>(tensor("vectors"), std::vector<std::size_t>{N, width});

    SearchIndex<Real> index{{}, bert::read_tensor<Real, 2>(tensor("vectors")), metadata("made")};
    require_length_1(file.name(), index.vectors);
    std::size_t begin = 0;
    for (std::size_t i = 0; i < N; ++i) {
        const std::string place = file.name() + ": tensor \"ends\"[" + std::to_string(i) + "]";
        if (ends(i) < static_cast<std::int64_t>(begin) || ends(i) > static_cast<std::int64_t>(texts.bytes))
            bert::fail_input(place, "expected " + std::to_string(begin) + " to " + std::to_string(texts.bytes) + ", got " +
                                        std::to_string(ends(i)));
        const auto end = static_cast<std::size_t>(ends(i));
        index.lines.emplace_back(reinterpret_cast<const char*>(texts.data) + begin, end - begin);
        bert::require_utf8(file.name() + ": text " + std::to_string(i), index.lines.back());
        begin = end;
    }
    if (begin != texts.bytes)
        bert::fail_input(file.name(), "tensor \"ends\": expected " + std::to_string(texts.bytes) + " as the last, got " +
                                          std::to_string(begin));
    return index;
}

/// Writes an index.
/// @param path  the file
/// @param index  the index
/// @throws bert::InputError if it can't be written
template <class Real>
void write_search_index(const std::filesystem::path& path, const SearchIndex<Real>& index)
{
    std::string texts;
    bert::IndexTensor<1> ends;
    ends.resize({index.lines.size()});
    for (std::size_t i = 0; i < index.lines.size(); ++i) {
        texts += index.lines[i];
        ends(i) = static_cast<std::int64_t>(texts.size());
    }
    bert::TensorView bytes;
    bytes.name = "texts";
    bytes.dtype = bert::Dtype::U8;
    bytes.shape = {texts.size()};
    bytes.data = reinterpret_cast<const std::byte*>(texts.data());
    bytes.bytes = texts.size();
    const Uninterrupted writing(path);
    bert::write_safetensors(path, {bert::view_of("vectors", index.vectors), bert::view_of("ends", ends), bytes},
                            {{"format", search_index_format}, {"made", index.made}});
}

}  // namespace program
