#include "bert/io/safetensors_writer.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/io/safetensors.hpp"
#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

TEST_CASE("a file has the bytes that the safetensors library writes")
{
    const Tensor<double, 1> b = {1, 2};
    const Tensor<float, 2> weight = {{1, 2, 3}, {4, 5, 6.5}};
    Tensor<float, 1> bias;
    bias.resize({0});
    const IndexTensor<2> c = {{1, -2}};
    Tensor<double, 0> s;
    s() = 2.5;
    const std::uint16_t bfloat16[] = {0x3F80, 0x4000};
    const TensorView half = {"\xC3\xA9", Dtype::BF16, {2}, reinterpret_cast<const std::byte*>(bfloat16), sizeof bfloat16, {}};
    const TemporaryFolder folder;
    write_safetensors(folder / "f", {view_of("b", b), view_of("a.weight", weight), view_of("a.bias", bias), view_of("c\"\n", c),
                                     view_of("s", s), half});

    // safetensors 0.8: save({"b": ..., ...}, {"format": "pt"})
    const std::string header =
        R"({"__metadata__":{"format":"pt"},"c\"\n":{"dtype":"I64","shape":[1,2],"data_offsets":[0,16]},)"
        R"("b":{"dtype":"F64","shape":[2],"data_offsets":[16,32]},"s":{"dtype":"F64","shape":[],"data_offsets":[32,40]},)"
        R"("a.bias":{"dtype":"F32","shape":[0],"data_offsets":[40,40]},)"
        R"("a.weight":{"dtype":"F32","shape":[2,3],"data_offsets":[40,64]},)"
        "\"\xC3\xA9\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[64,68]}}  ";
    const unsigned char data[] = {1,    0, 0, 0,    0,    0,    0,    0,    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0,
                                  0,    0, 0, 0,    0,    0xF0, 0x3F, 0,    0,    0,    0,    0,    0,    0,    0x40, 0,    0,
                                  0,    0, 0, 0,    0x04, 0x40, 0,    0,    0x80, 0x3F, 0,    0,    0,    0x40, 0,    0,    0x40,
                                  0x40, 0, 0, 0x80, 0x40, 0,    0,    0xA0, 0x40, 0,    0,    0xD0, 0x40, 0x80, 0x3F, 0,    0x40};
    CHECK(contents_of(folder / "f") ==
          std::string("\x80\x01\0\0\0\0\0\0", 8) + header + std::string(reinterpret_cast<const char*>(data), sizeof data));
}

TEST_CASE("a file without tensors has the bytes that the safetensors library writes")
{
    const TemporaryFolder folder;
    write_safetensors(folder / "f", {}, {});
    CHECK(contents_of(folder / "f") == std::string("\x08\0\0\0\0\0\0\0{}      ", 16));
    write_safetensors(folder / "f", {});
    CHECK(contents_of(folder / "f") == std::string("\x20\0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}", 40));
}

TEST_CASE("a file of many tensors has the bytes that the safetensors library writes")
{
    // q.weight [5, 3] and k.bias [1, 7] of 12 layers, element j of layer i: float(j) / 7 - i
    std::vector<Tensor<float, 2>> tensors;
    std::vector<TensorView> views;
    tensors.reserve(24);
    for (int layer = 0; layer < 12; ++layer) {
        const std::string name = "encoder.layer." + std::to_string(layer);
        for (const bool weight : {true, false}) {
            Tensor<float, 2>& tensor = tensors.emplace_back();
            tensor.resize(weight ? std::array<std::size_t, 2>{5, 3} : std::array<std::size_t, 2>{1, 7});
            for (std::size_t j = 0; j < tensor.size(); ++j)
                tensor.data()[j] = static_cast<float>(j) / 7 - static_cast<float>(layer);
            views.push_back(view_of(name + (weight ? ".q.weight" : ".k.bias"), tensor));
        }
    }
    const TemporaryFolder folder;
    write_safetensors(folder / "f", views);
    const std::string contents = contents_of(folder / "f");
    std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char byte : contents)
        hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    CHECK(contents.size() == 3040);
    CHECK(hash == 0xa7c5490550285c9b);
}

TEST_CASE("what is written is read again")
{
    const TemporaryFolder folder;
    const Tensor<double, 2> x = {{0.1, -1e300}, {0, 4}};
    write_safetensors(folder / "f", {view_of("x", x)}, {{"key", "\"value\"\n"}});
    const SafetensorsFile file(folder / "f");
    CHECK((read_tensor<double, 2>(*file.find("x")) == x));
    CHECK(file.metadata().at("key") == "\"value\"\n");
}

TEST_CASE("tensors that can't be written are refused before anything is")
{
    const TemporaryFolder folder;
    const Tensor<float, 1> x = {1, 2};
    const auto write = [&](const std::vector<TensorView>& tensors) { write_safetensors(folder / "f", tensors); };
    CHECK_THROWS_WITH(write({view_of("x", x), view_of("x", x)}),
                      "write_safetensors: tensor \"x\": expected a name that is free, got it again");
    CHECK_THROWS_WITH(write({view_of("__metadata__", x)}),
                      "write_safetensors: tensor \"__metadata__\": expected a name that is free, got it again");
    CHECK_THROWS_WITH(write({view_of("\xFF", x)}), Catch::StartsWith("write_safetensors: expected names in UTF-8, got "));
    TensorView short_view = view_of("x", x);
    short_view.bytes = 4;
    CHECK_THROWS_WITH(write({short_view}), "write_safetensors: tensor \"x\": expected the bytes of [2] of F32, got 4");
    CHECK_THROWS_AS(write({short_view}), std::invalid_argument);
    CHECK(folder.names().empty());
}

TEST_CASE("a file that doesn't fit the disk leaves nothing behind")
{
    const Tensor<float, 1> x = {1, 2};
    CHECK(input_error([&] { write_safetensors("/dev/full", {view_of("x", x)}); }) ==
          "/dev/full: expected to write it: No space left on device");
}
