#include "bert/io/safetensors_folder.hpp"

#include <filesystem>
#include <string>

#include "bert/io/safetensors_writer.hpp"
#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

const Tensor<float, 1> one = {1}, two = {2}, three = {3};

std::string message(const TemporaryFolder& folder, const std::string& index)
{
    put(folder / "model.safetensors.index.json", index);
    const std::string text = input_error([&] { SafetensorsFolder{folder.path()}; });
    const std::string place = (folder / "model.safetensors.index.json").string() + ": ";
    return text.substr(0, place.size()) == place ? text.substr(place.size()) : text;
}

}  // namespace

TEST_CASE("a folder with a single file")
{
    const TemporaryFolder folder;
    write_safetensors(folder / "model.safetensors", {view_of("b", two), view_of("a", one)});
    put(folder / "model.safetensors.index.json", "not read");
    const SafetensorsFolder files(folder.path());
    REQUIRE(files.tensors().size() == 2);
    CHECK(files.tensors()[0]->name == "a");
    REQUIRE(files.find("b") != nullptr);
    CHECK(read_tensor<float, 1>(*files.find("b"))(0) == 2);
    CHECK(files.find("c") == nullptr);
}

TEST_CASE("a folder with shards is one set of tensors")
{
    const TemporaryFolder folder;
    write_safetensors(folder / "model-00001-of-00002.safetensors", {view_of("a", one), view_of("c", three)});
    write_safetensors(folder / "model-00002-of-00002.safetensors", {view_of("a", three), view_of("b", two)});
    put(folder / "model.safetensors.index.json",
        R"({"metadata": {"total_size": 12}, "weight_map": {"a": "model-00001-of-00002.safetensors",)"
        R"("b": "model-00002-of-00002.safetensors", "c": "model-00001-of-00002.safetensors"}})");
    const SafetensorsFolder files(folder.path());
    REQUIRE(files.tensors().size() == 3);  // the second "a" isn't in the index
    CHECK(files.tensors()[1]->name == "c");
    CHECK(read_tensor<float, 1>(*files.find("a"))(0) == 1);
    CHECK(read_tensor<float, 1>(*files.find("b"))(0) == 2);
}

TEST_CASE("a folder without weights is refused")
{
    const TemporaryFolder folder;
    CHECK(input_error([&] { SafetensorsFolder{folder.path()}; }) ==
          folder.path().string() + ": expected model.safetensors or model.safetensors.index.json, got neither");
    put(folder / "pytorch_model.bin", "PK");
    CHECK(input_error([&] { bert::SafetensorsFolder files(folder.path()); }) ==
          folder.path().string() +
              ": expected model.safetensors or model.safetensors.index.json, got neither, but pytorch_model.bin; "
              "reference_outputs/convert_checkpoint.py makes a model folder of it");
    CHECK(input_error([&] { SafetensorsFolder{folder / "x"}; }) ==
          (folder / "x").string() + ": expected a model folder, got no folder");
    put(folder / "x", "a file");
    CHECK(input_error([&] { SafetensorsFolder{folder / "x"}; }) ==
          (folder / "x").string() + ": expected a model folder, got no folder");
}

TEST_CASE("an index that doesn't fit its shards is refused")
{
    const TemporaryFolder folder;
    write_safetensors(folder / "s.safetensors", {view_of("a", one)});
    std::filesystem::create_directory(folder / "sub");
    write_safetensors(folder / "sub" / "t.safetensors", {view_of("b", two)});

    const std::string map = "weight_map: expected an object that gives each tensor its file";
    CHECK(message(folder, "[]") == map);
    CHECK(message(folder, "{}") == map);
    CHECK(message(folder, R"({"weight_map":[]})") == map);
    CHECK(message(folder, "{").substr(0, 14) == "expected JSON:");
    CHECK(message(folder, "") == "expected a file with contents, got an empty one");
    CHECK(message(folder, R"({"weight_map":{"a":1}})") == "weight_map: \"a\": expected the name of a file, got 1");
    CHECK(message(folder, R"({"weight_map":{"b":"s.safetensors"}})") ==
          "weight_map: \"b\": expected in \"s.safetensors\", which doesn't have it");
    CHECK(message(folder, R"({"weight_map":{"a":"u.safetensors"}})") ==
          (folder / "u.safetensors").string() + ": expected a readable file: No such file or directory");
    CHECK(message(folder, R"({"weight_map":{"a":"s.safetensors","b":"sub/t.safetensors"}})") == "no error");

    const std::string outside = "weight_map: \"a\": expected a file of this folder, got ";
    CHECK(message(folder, R"({"weight_map":{"a":""}})") == outside + "\"\"");
    CHECK(message(folder, R"({"weight_map":{"a":"../s.safetensors"}})") == outside + "\"../s.safetensors\"");
    CHECK(message(folder, R"({"weight_map":{"a":"sub/../s.safetensors"}})") == outside + "\"sub/../s.safetensors\"");
    CHECK(message(folder, R"({"weight_map":{"a":"/s.safetensors"}})") == outside + "\"/s.safetensors\"");
}
