/// @file
/// What a file looks like by its first bytes, for the message where another format was expected.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "bert/text/utf8.hpp"

namespace bert {

namespace detail {

/// A format, and the bytes with which its files begin.
struct FileKind {
    std::string_view begin;
    std::string_view name;
};

/// Formats of weights, of archives and of arrays.
inline constexpr std::array<FileKind, 9> binary_kinds{{
    {"PK\x03\x04", "a zip archive, as PyTorch's pytorch_model.bin"},
    {"\x80\x02", "a Python pickle, as PyTorch's older pytorch_model.bin"},
    {"\x80\x03", "a Python pickle"},
    {"\x80\x04", "a Python pickle"},
    {"\x80\x05", "a Python pickle"},
    {"\x89HDF\r\n", "an HDF5 file, as TensorFlow's tf_model.h5"},
    {"\x93NUMPY", "a NumPy array (.npy)"},
    {"\x1F\x8B", "a gzip archive"},
    {"GGUF", "a GGUF file"},
}};

/// What is stored or downloaded in place of a file, and a JSON text.
inline constexpr std::array<FileKind, 3> text_kinds{{
    {"version https://git-lfs.", "a pointer of Git LFS, whose file `git lfs pull` fetches"},
    {"<", "a web page"},
    {"{", "a JSON text"},
}};

/// Whether the first bytes are UTF-8 without control characters.
inline bool begins_with_text(std::string_view bytes)
{
    constexpr std::size_t examined = 200;
    constexpr std::u32string_view blank = U"\t\n\r";
    for (std::size_t position = 0; position < std::min(bytes.size(), examined);) {
        const Utf8Character character = read_utf8(bytes, position);
        if (!character.valid || (character.code < 0x20 && blank.find(character.code) == blank.npos)) return false;
        position += character.length;
    }
    return !bytes.empty();
}

}  // namespace detail

/// What a file looks like.
/// @param bytes  its contents
/// @return  as in `a zip archive` or `a text`; empty if the first bytes don't show it
inline std::string_view file_kind(std::span<const std::byte> bytes)
{
    const std::string_view contents(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    for (const detail::FileKind& kind : detail::binary_kinds)
        if (contents.starts_with(kind.begin)) return kind.name;
    if (!detail::begins_with_text(contents)) return {};
    for (const detail::FileKind& kind : detail::text_kinds)
        if (contents.starts_with(kind.begin)) return kind.name;
    return "a text";
}

}  // namespace bert
