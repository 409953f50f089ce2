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
#include <utility>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/core/tensor.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/safetensors_writer.hpp>
#include <bert/io/tensor_view.hpp>
#include <bert/text/utf8.hpp>

#include "output.hpp"

namespace program {

/// Where a line stands.
struct LinePlace {
    std::size_t file = 0;  ///< index of its file
    std::size_t line = 0;  ///< its number in that file, from 1
};

/// Lines and their vectors, of length 1.
///
/// The file is safetensors with `vectors` [N, W], `texts` (U8, the concatenated lines) and `ends` (I64 [N], the end of each line
/// in `texts`); `files` (U8, the concatenated names of F files), `file_ends` (I64 [F]) and `places` (I64 [N, 2], the index of
/// each line's file and its number there), which an index of an earlier version lacks; its metadata have `format`, which is
/// `bert-search-index-1`, and `made`, the options of the vectors.
template <class Real>
struct SearchIndex {
    std::vector<std::string> lines;  ///< N lines
    bert::Tensor<Real, 2> vectors;   ///< [N, W]
    std::string made;                ///< options of the vectors
    std::vector<std::string> files;  ///< names of F files
    std::vector<LinePlace> places;   ///< of N lines; empty if not known
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

/// Texts as a tensor of bytes and one of ends.
struct Concatenated {
    std::string bytes;          ///< the concatenated texts
    bert::IndexTensor<1> ends;  ///< end of each text

    /// @param texts  texts of any length
    explicit Concatenated(const std::vector<std::string>& texts)
    {
        ends.resize({texts.size()});
        for (std::size_t i = 0; i < texts.size(); ++i) {
            bytes += texts[i];
            ends(i) = static_cast<std::int64_t>(bytes.size());
        }
    }

    /// @param name  name of the tensor
    /// @return  a view of the bytes, U8
    bert::TensorView view(const std::string& name) const
    {
        bert::TensorView view;
        view.name = name;
        view.dtype = bert::Dtype::U8;
        view.shape = {bytes.size()};
        view.data = reinterpret_cast<const std::byte*>(bytes.data());
        view.bytes = bytes.size();
        return view;
    }
};

/// A tensor of an index.
/// @param file  the index
/// @param name  name of the tensor
/// @return  the tensor
/// @throws bert::InputError if there is none
inline const bert::TensorView& tensor_of(const bert::SafetensorsFile& file, const std::string& name)
{
    const bert::TensorView* view = file.find(name);
    if (view == nullptr) bert::fail_input(file.name(), "tensor \"" + name + "\": expected, got no such tensor");
    return *view;
}

/// Splits concatenated texts.
/// @param file  the index
/// @param bytes_name  name of the tensor of their bytes
/// @param ends_name  name of the tensor of their ends
/// @return  the texts
/// @throws bert::InputError if a tensor is missing, of another type, or inconsistent with the other one
inline std::vector<std::string> split_texts(const bert::SafetensorsFile& file, const std::string& bytes_name,
                                            const std::string& ends_name)
{
    const auto ends = bert::read_tensor<std::int64_t, 1>(tensor_of(file, ends_name));
    const bert::TensorView& bytes = tensor_of(file, bytes_name);
    if (bytes.dtype != bert::Dtype::U8 || bytes.shape.size() != 1)
        bert::fail_input(file.name(), "tensor \"" + bytes_name + "\": expected U8 of rank 1, got " +
                                          std::string(bert::dtype_info(bytes.dtype).name) + " " + bert::shape_text(bytes.shape));
    std::vector<std::string> texts;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < ends.size(); ++i) {
        if (ends(i) < static_cast<std::int64_t>(begin) || ends(i) > static_cast<std::int64_t>(bytes.bytes))
            bert::fail_input(file.name(), "tensor \"" + ends_name + "\"[" + std::to_string(i) + "]: expected " +
                                              std::to_string(begin) + " to " + std::to_string(bytes.bytes) + ", got " +
                                              std::to_string(ends(i)));
        const auto end = static_cast<std::size_t>(ends(i));
        texts.emplace_back(reinterpret_cast<const char*>(bytes.data) + begin, end - begin);
        begin = end;
    }
    if (begin != bytes.bytes)
        bert::fail_input(file.name(), "tensor \"" + ends_name + "\": expected " + std::to_string(bytes.bytes) +
                                          " as the last, got " + std::to_string(begin));
    return texts;
}

/// Reads where N lines stand.
/// @param file  the index
/// @param N  number of lines
/// @param F  number of files
/// @return  a place for each line
/// @throws bert::InputError if the tensor is missing, or a place isn't in one of the files
inline std::vector<LinePlace> read_places(const bert::SafetensorsFile& file, std::size_t N, std::size_t F)
{
    const bert::TensorView& view = tensor_of(file, "places");
    const auto numbers = bert::read_tensor<std::int64_t, 2>(view);
    bert::check_tensor<std::int64_t>(view, std::vector<std::size_t>{N, 2});
    std::vector<LinePlace> places;
    for (std::size_t i = 0; i < N; ++i) {
        const std::string place = "tensor \"places\"[" + std::to_string(i) + "]: ";
        if (numbers(i, 0) < 0 || numbers(i, 0) >= static_cast<std::int64_t>(F))
            bert::fail_input(file.name(), place + "expected the index of one of " + std::to_string(F) + " files, got " +
                                              std::to_string(numbers(i, 0)));
        if (numbers(i, 1) < 1)
            bert::fail_input(file.name(), place + "expected the number of a line, got " + std::to_string(numbers(i, 1)));
        places.push_back({static_cast<std::size_t>(numbers(i, 0)), static_cast<std::size_t>(numbers(i, 1))});
    }
    return places;
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
    if (metadata("format") != search_index_format)
        bert::fail_input(file.name(), std::string("format: expected ") + search_index_format + ", got " +
                                          (metadata("format").empty() ? "none" : bert::in_quotes(metadata("format"))));

    std::vector<std::string> lines = split_texts(file, "texts", "ends");
    const std::size_t N = lines.size();
    bert::check_tensor<Real>(tensor_of(file, "vectors"), std::vector<std::size_t>{N, width});
    SearchIndex<Real> index{std::move(lines), bert::read_tensor<Real, 2>(tensor_of(file, "vectors")), metadata("made"), {}, {}};
    require_length_1(file.name(), index.vectors);
    for (std::size_t i = 0; i < N; ++i)
        bert::require_utf8(file.name() + ": text " + std::to_string(i), index.lines[i]);
    if (file.find("places") == nullptr) return index;
    index.files = split_texts(file, "files", "file_ends");
    index.places = read_places(file, N, index.files.size());
    return index;
}

/// Writes an index.
/// @param path  the file
/// @param index  the index
/// @throws bert::InputError if it can't be written
template <class Real>
void write_search_index(const std::filesystem::path& path, const SearchIndex<Real>& index)
{
    const Concatenated lines(index.lines), files(index.files);
    bert::IndexTensor<2> places;
    places.resize({index.places.size(), 2});
    for (std::size_t i = 0; i < index.places.size(); ++i) {
        places(i, 0) = static_cast<std::int64_t>(index.places[i].file);
        places(i, 1) = static_cast<std::int64_t>(index.places[i].line);
    }
    const Uninterrupted writing(path);
    bert::write_safetensors(path,
                            {bert::view_of("vectors", index.vectors), lines.view("texts"), bert::view_of("ends", lines.ends),
                             files.view("files"), bert::view_of("file_ends", files.ends), bert::view_of("places", places)},
                            {{"format", search_index_format}, {"made", index.made}});
}

}  // namespace program
