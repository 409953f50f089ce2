#include "bert/io/safetensors.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

/// A file of a header and as many bytes of data: 0, 1, 2 and so on.
std::string file_of(std::string_view header, std::size_t bytes = 0)
{
    const std::uint64_t length = header.size();
    std::string file(sizeof length, '\0');
    std::memcpy(file.data(), &length, sizeof length);
    file += header;
    for (std::size_t i = 0; i < bytes; ++i)
        file += static_cast<char>(i);
    return file;
}

std::string message_of_file(const std::string& file)
{
    return input_error([&] { parse_safetensors("f", std::as_bytes(std::span(file.data(), file.size()))); });
}

std::string message(std::string_view header, std::size_t bytes = 0) { return message_of_file(file_of(header, bytes)); }

/// The header of one tensor, "a", with these fields; at most the last one is given twice.
std::string tensor_a(const std::string& fields) { return "{\"a\":{" + fields + "}}"; }

}  // namespace

TEST_CASE("tensors and metadata of a file that the safetensors library wrote")
{
    // safetensors 0.8: save({"s": float64 2.5, "w": float32 [[1, 2], [3, 4], [5, 6.5]], "h": bfloat16 [1, 2]}, {"format": "pt"})
    std::string file = file_of(
        R"({"__metadata__":{"format":"pt"},"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},)"
        R"("w":{"dtype":"F32","shape":[3,2],"data_offsets":[8,32]},"h":{"dtype":"BF16","shape":[2],"data_offsets":[32,36]}}  )");
    const double s = 2.5;
    const float w[] = {1, 2, 3, 4, 5, 6.5};
    file.append(reinterpret_cast<const char*>(&s), sizeof s).append(reinterpret_cast<const char*>(w), sizeof w);
    file.append("\x80\x3F\x00\x40", 4);
    const TemporaryFolder folder;
    put(folder / "f", file);

    const SafetensorsFile opened(folder / "f");
    CHECK(opened.name() == (folder / "f").string());
    CHECK(opened.metadata() == std::map<std::string, std::string>{{"format", "pt"}});
    REQUIRE(opened.tensors().size() == 3);
    CHECK(opened.tensors()[1].name == "w");
    REQUIRE(opened.find("w") != nullptr);
    CHECK(opened.find("x") == nullptr);
    CHECK((read_tensor<float, 2>(*opened.find("w")) == Tensor<float, 2>{{1, 2}, {3, 4}, {5, 6.5}}));
    CHECK(read_tensor<double, 0>(*opened.find("s"))() == 2.5);
    CHECK((read_tensor<double, 1>(*opened.find("h")) == Tensor<double, 1>{1, 2}));
    CHECK(input_error([&] { read_tensor<float, 1>(*opened.find("w")); }) ==
          (folder / "f").string() + ": tensor \"w\": expected rank 1, got [3, 2]");
}

TEST_CASE("tensors come in the order of their bytes, an empty one before the one that begins there")
{
    const std::string file = file_of(R"({"z":{"dtype":"U8","shape":[2],"data_offsets":[3,5]},)"
                                     R"("e":{"dtype":"F32","shape":[0,9],"data_offsets":[3,3]},)"
                                     R"("a":{"dtype":"I8","shape":[3,1],"data_offsets":[0,3]}})",
                                     5);
    const SafetensorsContents contents = parse_safetensors("f", std::as_bytes(std::span(file.data(), file.size())));
    REQUIRE(contents.tensors.size() == 3);
    CHECK(contents.tensors[0].name == "a");
    CHECK(contents.tensors[1].name == "e");
    CHECK(contents.tensors[1].shape == std::vector<std::size_t>{0, 9});
    CHECK(contents.tensors[2].name == "z");
    CHECK(contents.tensors[2].data[1] == std::byte{4});
}

TEST_CASE("what the safetensors library accepts is accepted")
{
    const std::string fields = R"("dtype":"F32","shape":[1],"data_offsets":[0,4])";
    CHECK(message("{}") == "no error");
    CHECK(message(" \n{\t}\r ") == "no error");
    CHECK(message(R"({"__metadata__":{}})") == "no error");
    CHECK(message(R"({"__metadata__":{"a":"b","a":"c"}})") == "no error");
    CHECK(message(tensor_a(fields), 4) == "no error");
    CHECK(message(tensor_a(fields + R"(,"x":{"y":[1,-2.5e3,null,true,"z"]},"x":1)"), 4) == "no error");
    CHECK(message(R"({"":{)" + fields + "}}", 4) == "no error");
    CHECK(message(R"({"a\u0000":{)" + fields + "}}", 4) == "no error");
    CHECK(message(R"({"__metadata__":{"shape":"x","dtype":"y"},"a":{)" + fields + "}}", 4) == "no error");
    CHECK(message(tensor_a(R"("dtype":"F4","shape":[2],"data_offsets":[0,1])"), 1) == "no error");
    CHECK(message(tensor_a(R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3])"), 3) == "no error");
    CHECK(message(tensor_a(R"("dtype":"F32","shape":[0,9223372036854775808,9223372036854775808],"data_offsets":[0,0])")) ==
          "no error");
    const auto nested = [&](std::size_t levels) {
        return message(tensor_a(fields + ",\"x\":" + std::string(levels, '[') + std::string(levels, ']')), 4);
    };
    CHECK(nested(125) == "no error");
    CHECK(nested(126) == "f: header: expected JSON: at most 127 levels of nesting, got more");
}

TEST_CASE("of a name that is there twice the last entry counts")
{
    const std::string file = file_of(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                                     R"("a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})",
                                     4);
    const SafetensorsContents contents = parse_safetensors("f", std::as_bytes(std::span(file.data(), file.size())));
    REQUIRE(contents.tensors.size() == 1);
    CHECK(contents.tensors[0].dtype == Dtype::U8);
}

TEST_CASE("a file whose parts have wrong lengths is refused")
{
    const std::string header = tensor_a(R"("dtype":"F32","shape":[2,3],"data_offsets":[0,24])");
    CHECK(message_of_file(std::string(7, '\0')) == "f: expected at least 8 bytes, got 7");
    CHECK(message_of_file(std::string("\x01\xE1\xF5\x05\0\0\0\0", 8)) ==
          "f: expected a header of at most 100000000 bytes, got 100000001");
    CHECK(message_of_file(std::string(8, '\xFF')) == "f: expected a header of at most 100000000 bytes, got 18446744073709551615");
    CHECK(message_of_file(std::string("\x09\0\0\0\0\0\0\0{}", 10)) == "f: expected a header of 9 bytes, got 2");
    CHECK(message(header, 23) == "f: expected 24 bytes after the header, got 23");
    CHECK(message(header, 25) == "f: expected 24 bytes after the header, got 25");
}

TEST_CASE("a file of another format is named")
{
    const auto other = [](std::string_view begin) { return message_of_file(std::string(begin) + std::string(500, ' ')); };
    // torch.save's zip archive; one whose first bytes would be a length that is allowed; torch.save's older format
    CHECK(other({"PK\x03\x04\0\0\x08\x08", 8}) ==
          "f: expected a safetensors file, got what looks like a zip archive, as PyTorch's pytorch_model.bin");
    CHECK(other({"PK\x03\x04\0\0\0\0", 8}) ==
          "f: expected a safetensors file, got what looks like a zip archive, as PyTorch's pytorch_model.bin");
    CHECK(other("\x80\x02\x8A\x0Al\xFC\x9C") ==
          "f: expected a safetensors file, got what looks like a Python pickle, as PyTorch's older pytorch_model.bin");
    CHECK(other("[PAD]\n[UNK]\n") == "f: expected a safetensors file, got what looks like a text");
    CHECK(message_of_file("the\n") == "f: expected a safetensors file, got what looks like a text");
}

TEST_CASE("a file that ends early is refused, wherever it ends")
{
    const std::string file =
        file_of(R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24);
    const TemporaryFolder folder;
    for (std::size_t size = 0; size < file.size(); ++size) {
        put(folder / "f", file.substr(0, size));
        INFO(size);
        const std::string text = input_error([&] { SafetensorsFile{folder / "f"}; });
        CHECK(text.substr(0, text.find(": ")) == (folder / "f").string());
    }
    put(folder / "f", file);
    CHECK(input_error([&] { SafetensorsFile{folder / "f"}; }) == "no error");
}

TEST_CASE("a header that isn't a JSON object is refused")
{
    CHECK_THAT(message(""), Catch::StartsWith("f: header: expected JSON: line 1, column 1: "));
    CHECK(message("[]") == "f: header: expected an object, got an array");
    CHECK(message("null") == "f: header: expected an object, got null");
    CHECK(message(std::string_view("{}\0", 3)) == "f: header: expected JSON: byte 3: got a zero byte");
    CHECK(message("\xEF\xBB\xBF{}") == "f: header: expected JSON: byte 1: got a byte order mark");
    CHECK(message("{} x").substr(0, 46) == "f: header: expected JSON: line 1, column 4: sy");
    CHECK(message("{\"\xFF\":{}}").find("invalid string: ill-formed UTF-8 byte") != std::string::npos);
    CHECK(message("{\"\xED\xA0\x80\":{}}").find("invalid string: ill-formed UTF-8 byte") != std::string::npos);
    CHECK(message(R"({"\ud800":{}})").find("must be followed by U+DC00..U+DFFF") != std::string::npos);
    CHECK(message("{\"a\x01\":{}}").find("control character U+0001") != std::string::npos);
    CHECK(message(R"({"a":{"x":1e999}})") == "f: header: expected JSON: number overflow parsing '1e999'");
    CHECK(message(std::string(1000, '{')).size() < 300);
}

TEST_CASE("an entry that isn't of the format is refused")
{
    CHECK(message(R"({"a":1})") == "f: header: tensor \"a\": expected an object, got 1");
    CHECK(message(R"({"a":["F32",[1],[0,4]]})", 4) == "f: header: tensor \"a\": expected an object, got an array");
    CHECK(message(tensor_a(R"("shape":[1],"data_offsets":[0,4])"), 4) == "f: header: tensor \"a\": expected a dtype, got none");
    CHECK(message(tensor_a(R"("dtype":"F32","data_offsets":[0,4])"), 4) == "f: header: tensor \"a\": expected a shape, got none");
    CHECK(message(tensor_a(R"("dtype":"F32","shape":[1])"), 4) == "f: header: tensor \"a\": expected data_offsets, got none");

    const auto dtype = [](const std::string& value) {
        return message(tensor_a("\"shape\":[1],\"data_offsets\":[0,4],\"dtype\":" + value), 4);
    };
    CHECK(dtype("\"f32\"") == "f: header: tensor \"a\": dtype: expected an element type of the format, got \"f32\"");
    CHECK(dtype("3") == "f: header: tensor \"a\": dtype: expected a string, got 3");
    CHECK(dtype("{\"F32\":null}") == "f: header: tensor \"a\": dtype: expected a string, got an object");
    CHECK(dtype("\"F32\",\"dtype\":\"F32\"") == "f: header: tensor \"a\": dtype: expected once, got it twice");

    const auto shape = [](const std::string& value) {
        return message(tensor_a("\"dtype\":\"F32\",\"data_offsets\":[0,4],\"shape\":" + value), 4);
    };
    const std::string shape_place = "f: header: tensor \"a\": shape: ", whole = "expected a whole number that fits 64 bits, got ";
    CHECK(shape("1") == shape_place + "expected an array, got 1");
    CHECK(shape("null") == shape_place + "expected an array, got null");
    CHECK(shape("{}") == shape_place + "expected an array, got an object");
    CHECK(shape("\"1\"") == shape_place + "expected an array, got \"1\"");
    CHECK(shape("[[1]]") == shape_place + whole + "an array");
    CHECK(shape("[-1]") == shape_place + whole + "-1");
    CHECK(shape("[-0]") == shape_place + whole + "-0");
    CHECK(shape("[1.0]") == shape_place + whole + "1.0");
    CHECK(shape("[true]") == shape_place + whole + "true");
    CHECK(shape("[\"1\"]") == shape_place + whole + "\"1\"");
    CHECK(shape("[18446744073709551616]") == shape_place + whole + "18446744073709551616");
    CHECK(shape("[1],\"shape\":[1]") == shape_place + "expected once, got it twice");

    const auto offsets = [](const std::string& value) {
        return message(tensor_a("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":" + value), 4);
    };
    CHECK(offsets("[0]") == "f: header: tensor \"a\": data_offsets: expected begin and end, got [0]");
    CHECK(offsets("[0,4,4]") == "f: header: tensor \"a\": data_offsets: expected begin and end, got [0, 4, 4]");
    CHECK(offsets("[0,-4]") == "f: header: tensor \"a\": data_offsets: " + whole + "-4");
}

TEST_CASE("metadata that isn't texts is refused")
{
    CHECK(message(R"({"__metadata__":null})") == "f: header: __metadata__: expected an object, got null");
    CHECK(message(R"({"__metadata__":[]})") == "f: header: __metadata__: expected an object, got an array");
    CHECK(message(R"({"__metadata__":{"a":1}})") == "f: header: __metadata__: \"a\": expected a string, got 1");
    CHECK(message(R"({"__metadata__":{"shape":[]}})") == "f: header: __metadata__: \"shape\": expected a string, got an array");
    CHECK(message(R"({"__metadata__":{},"__metadata__":{}})") == "f: header: __metadata__: expected once, got it twice");
}

TEST_CASE("ranges that don't fit the shapes or don't cover the data are refused")
{
    const auto range = [](const std::string& dtype, const std::string& shape, const std::string& offsets) {
        return message(tensor_a("\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets), 24);
    };
    const std::string place = "f: header: tensor \"a\": ";
    CHECK(range("F32", "[2,3]", "[0,20]") == place + "data_offsets: expected 24 bytes for [2, 3] of F32, got [0, 20]");
    CHECK(range("F32", "[2,3]", "[0,28]") == place + "data_offsets: expected 24 bytes for [2, 3] of F32, got [0, 28]");
    CHECK(range("F32", "[6]", "[4,28]") ==
          place + "data_offsets: expected to begin at 0, where the tensor before ends, got [4, 28]");
    CHECK(range("F32", "[0]", "[0,18446744073709551615]") ==
          place + "data_offsets: expected 0 bytes for [0] of F32, got [0, 18446744073709551615]");
    const std::string countable = "expected a whole number of bytes that fits 64 bits, got ";
    CHECK(range("U8", "[4294967296,4294967296]", "[0,0]") == place + countable + "[4294967296, 4294967296] of U8");
    CHECK(range("F64", "[2305843009213693952]", "[0,0]") == place + countable + "[2305843009213693952] of F64");
    CHECK(range("F4", "[3]", "[0,1]") == place + countable + "[3] of F4");

    const auto pair = [](const std::string& first, const std::string& second, std::size_t bytes) {
        return message("{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + first +
                           "},\"b\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":" + second + "}}",
                       bytes);
    };
    const std::string begin = "f: header: tensor \"b\": data_offsets: expected to begin at 4, where the tensor before ends, got ";
    CHECK(pair("[0,4]", "[4,8]", 8) == "no error");
    CHECK(pair("[4,8]", "[0,4]", 8) == "no error");
    CHECK(pair("[0,4]", "[5,9]", 9) == begin + "[5, 9]");
    CHECK(pair("[0,4]", "[3,7]", 7) == begin + "[3, 7]");
    CHECK(pair("[0,4]", "[0,4]", 4) == begin + "[0, 4]");
    CHECK(pair("[4,0]", "[0,4]", 4).substr(0, 40) == "f: header: tensor \"a\": data_offsets: exp");
}

TEST_CASE("a name from a file can't break the message")
{
    CHECK(message(R"({"a\nb":1})") == "f: header: tensor \"a\\u000ab\": expected an object, got 1");
    CHECK(message("{\"" + std::string(10000, 'x') + "\":1}").size() < 300);
}
