#include "bert/io/file_kind.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "catch.hpp"

namespace {

std::string kind(std::string_view contents)
{
    return std::string(bert::file_kind(std::as_bytes(std::span(contents.data(), contents.size()))));
}

}  // namespace

TEST_CASE("formats are told by their first bytes")
{
    // What the libraries write: torch.save in its two formats, pickle.dump, h5py, numpy.save, gzip, gguf.
    CHECK(kind({"PK\x03\x04\x00\x00\x08\x08\x00\x00", 10}) == "a zip archive, as PyTorch's pytorch_model.bin");
    CHECK(kind("\x80\x02\x8A\x0Al\xFC\x9C"
               "F\xF9 j\xA8P\x19.") == "a Python pickle, as PyTorch's older pytorch_model.bin");
    CHECK(kind({"\x80\x04\x95\x0B\x00\x00\x00\x00\x00\x00\x00", 11}) == "a Python pickle");
    CHECK(kind("\x89HDF\r\n\x1A\n") == "an HDF5 file, as TensorFlow's tf_model.h5");
    CHECK(kind({"\x93NUMPY\x01\x00v\x00{'descr'", 18}) == "a NumPy array (.npy)");
    CHECK(kind("\x1F\x8B\x08") == "a gzip archive");
    CHECK(kind({"GGUF\x03\x00\x00\x00", 8}) == "a GGUF file");
}

TEST_CASE("texts are told from bytes")
{
    CHECK(kind("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n") ==
          "a pointer of Git LFS, whose file `git lfs pull` fetches");
    CHECK(kind("<!DOCTYPE html>\n<html>") == "a web page");
    CHECK(kind("{\"hidden_size\": 48}") == "a JSON text");
    CHECK(kind("the\nof\n") == "a text");
    CHECK(kind("\xD0\xBA\xD0\xBE\xD1\x82") == "a text");                   // кот
    CHECK(kind(std::string(199, 'a') + "\xD0\xBA" + "\x00") == "a text");  // the last examined byte begins a character
    CHECK(kind("\xD0\xBA\xD0") == "");                                     // ends within a character
    CHECK(kind({"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":", 13}) == "");    // a safetensors file
    CHECK(kind("") == "");
    CHECK(kind("\xFF\xFF") == "");
}
