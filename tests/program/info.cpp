#include <filesystem>
#include <string>

#include <catch.hpp>

#include "program.hpp"

TEST_CASE("info tells what a folder and each kind of file hold")
{
    const std::string folder = project("examples/models/default");
    const nlohmann::json line = run({"info", "--json", folder}).json()[0];
    CHECK(line["architecture"] == "BertForPreTraining");
    CHECK(line["hidden_size"] == 48);
    CHECK(line["vocab_size"] == 1103);
    CHECK(line["tokenizer"]["vocab_size"] == 1103);
    // By the published formula: (V + P + T + 2) H + layers (4 H^2 + 9 H + 2 H I + I) + H^2 + H, the heads H^2 + 3 H + V and 2 H
    // + 2.
    const int V = 1103, H = 48, P = 128, I = 176;
    const int encoder = 2 * (4 * H * H + 9 * H + 2 * H * I + I);
    CHECK(line["parameters"] == (V + P + 2 + 2) * H + encoder + H * H + H + H * H + 3 * H + V + 2 * H + 2);
    CHECK(line["components"]["encoder"] == encoder);
    CHECK(line["components"]["pooler"] == H * H + H);
    CHECK(line["memory_double"] == 2 * line["memory_float"].get<int>());

    const nlohmann::json file = run({"info", "--json", "--verbose", folder + "/model.safetensors"}).json()[0];
    CHECK(file["tensors"] == line["tensors"]);
    CHECK(file["list"].size() == file["tensors"]);
    CHECK(run({"info", "--json", folder + "/config.json"}).json()[0]["hidden_size"] == 48);
    CHECK(run({"info", "--json", folder + "/vocab.txt"}).json()[0]["tokenizer"]["vocab_size"] == 1103);
    CHECK(run({"info", folder}).out.find("\n  architecture ") != std::string::npos);

    const std::string other = folder + "/../../../CMakePresets.json.in";
    CHECK(run({"info", other}).error == "bert: " + other + ": expected a readable file: No such file or directory\n");
    CHECK(run({"info", project("LICENSE")}).error ==
          "bert: " + project("LICENSE") +
              ": expected a model folder, or a file whose name ends in .safetensors, .json or .txt, got \"LICENSE\"\n");
}

TEST_CASE("info without a path describes the machine too")
{
    const Run result = run({"info", "--json"});
    REQUIRE(result.status == 0);
    REQUIRE(result.json().size() == 2);
    const nlohmann::json here = result.json()[1];
    CHECK(here["processors"] >= 1);
    CHECK(here["engine"] == "own");
    REQUIRE(here["engines"].size() >= 3);
    CHECK(here["engines"][0]["keeps_bits_float"] == true);  // the own kernel's promise
    CHECK(here["engines"][0]["keeps_bits_double"] == true);
    CHECK(here["engines"][0]["keeps_bits_bf16"] == true);
    const nlohmann::json unit = here["matrix_unit"];
    CHECK((unit["name"] == "none" || unit["name"] == "AMX"));
    if (unit["name"] == "none") CHECK(unit["is_used"] == false);
    CHECK(unit["sums_as_documented"] == true);
    CHECK(run({"info"}).out.find("\n  matrix_unit ") != std::string::npos);
}

TEST_CASE("a model that is empty or impossible is refused")
{
    const TemporaryFolder folder;
    const std::filesystem::path model = folder / "model";
    copy_folder(project("examples/models/default"), model);
    const auto error = [&] {
        const Run result = run({"encode", "--model", model, "a"});
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        CHECK(result.error.find('\n') == result.error.size() - 1);
        return result.error;
    };
    const std::string config = contents_of(model / "config.json"), weights = contents_of(model / "model.safetensors");
    put(model / "config.json", "");
    CHECK(error() == "bert: " + (model / "config.json").string() + ": expected a file with contents, got an empty one\n");
    nlohmann::json heads = nlohmann::json::parse(config);
    heads["num_attention_heads"] = 7;
    put(model / "config.json", heads.dump());
    CHECK(error() ==
          "bert: " + (model / "config.json").string() + ": num_attention_heads: expected a divisor of hidden_size (48), got 7\n");
    put(model / "config.json", config);
    put(model / "model.safetensors", weights.substr(0, weights.size() - 100));
    CHECK(error().starts_with("bert: " + (model / "model.safetensors").string() + ": "));
    put(model / "model.safetensors", "");
    CHECK(error() == "bert: " + (model / "model.safetensors").string() + ": expected a file with contents, got an empty one\n");
}
