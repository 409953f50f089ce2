// What isn't finite is never given as an answer: the text and the tensor that is to blame are named.

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

namespace {

constexpr float not_a_number = std::numeric_limits<float>::quiet_NaN();

/// The one line that is said of a text when the first of the spoiled model's biases is to blame.
std::string said_of(const std::string& place, const std::string& text)
{
    return "bert: " + place + ": \"" + text +
           "\": expected finite numbers, got non-finite ones; tensor \"bert.encoder.layer.0.attention.output.dense.bias\" of the "
           "model "
           "is non-finite\n";
}

using Words = std::vector<std::string>;

Words joined(Words words, const Words& more)
{
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

}  // namespace

TEST_CASE("encode refuses a model with NaN, whatever is made of the hidden states")
{
    const TemporaryFolder folder;
    const std::string model = folder / "model";
    changed_model(model, {"output.dense.bias"}, not_a_number, 0);
    const Words encode{"encode", "--model", model, "a cat"};
    const std::vector<Words> ways{{},
                                  {"--pooling", "cls"},
                                  {"--pooling", "max"},
                                  {"--pooling", "pooler"},
                                  {"--pooling", "none"},
                                  {"--pooling", "none", "--json"},
                                  {"--json"},
                                  {"--normalize"},
                                  {"--layer", "1"},
                                  {"--precision", "bf16"},
                                  {"--scalar", "double"},
                                  {"--ops", "reference"},
                                  {"--ops", "reference", "--scalar", "double"},
                                  {"--ops", "reference", "--scalar", "long-double"},
                                  {"--output", folder / "vectors.npy"},
                                  {"--output", folder / "vectors.safetensors", "--pooling", "none"}};
    for (const Words& way : ways) {
        INFO((way.empty() ? "" : way[0] + " " + way.back()));
        const Run result = run(joined(encode, way));
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        CHECK(result.error == said_of("argument 1", "a cat"));
        CHECK(folder.names().size() == 1);
    }
    // The embeddings come before all that is NaN.
    CHECK(run(joined(encode, {"--layer", "0"})).status == 0);
    // A long text is shortened.
    CHECK(run({"encode", "--model", model}, std::string(300, 'x') + "\n").error ==
          said_of("standard input:1", std::string(200, 'x') + "..."));
}

TEST_CASE("layers that are added or put side by side are refused, too")
{
    const TemporaryFolder folder;
    const std::filesystem::path model = folder / "model";
    copy_folder(project("examples/models/default"), model);
    nlohmann::json config = nlohmann::json::parse(contents_of(model / "config.json"));
    config["num_hidden_layers"] = 4;
    put(model / "config.json", config.dump());
    // Layers 2 and 3 are those of 0 and 1. In the last one, a bias is NaN.
    const bert::SafetensorsFile file(project("examples/models/default/model.safetensors"));
    std::vector<bert::TensorView> views = file.tensors();
    std::vector<float> spoiled;
    for (const bert::TensorView& original : file.tensors()) {
        const std::size_t place = original.name.find("layer.");
        if (place == std::string::npos) continue;
        bert::TensorView view = original;
        view.name[place + 6] = static_cast<char>(view.name[place + 6] + 2);
        if (view.name.ends_with("layer.3.output.dense.bias")) {
            spoiled.assign(view.bytes / sizeof(float), not_a_number);
            view.data = reinterpret_cast<const std::byte*>(spoiled.data());
        }
        views.push_back(view);
    }
    bert::write_safetensors(model / "model.safetensors", views);
    for (const char* layers : {"sum4", "concat4"}) {
        const Run result = run({"encode", "--model", model, "--layers", layers, "a cat"});
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        CHECK(result.error ==
              "bert: argument 1: \"a cat\": expected finite numbers, got non-finite ones; tensor "
              "\"bert.encoder.layer.3.output.dense.bias\" of the model is non-finite\n");
    }
}

TEST_CASE("the text that is named is the one whose token isn't finite")
{
    // The first row of the word table is [PAD]'s: a text that has it.
    const TemporaryFolder folder;
    const std::string model = folder / "model";
    changed_model(model, {"word_embeddings.weight", "predictions.decoder.weight"}, not_a_number, 1);
    const std::string wrong =
        "bert: standard input:2: \"a [PAD]\": expected finite numbers, got non-finite ones; tensor "
        "\"bert.embeddings.word_embeddings.weight\" of the model is non-finite\n";
    for (const Words& way : std::vector<Words>{{}, {"--pooling", "none"}, {"--pooling", "max", "--layer", "0"}}) {
        const Run result = run(joined({"encode", "--model", model}, way), "a cat\na [PAD]\na whale\n");
        CHECK(result.status == 2);
        CHECK(result.error == wrong);
        CHECK(run(joined({"encode", "--model", model}, way), "a cat\na whale\n").status == 0);
    }
}

TEST_CASE("similarity, search and fill-mask refuse a model with NaN")
{
    const TemporaryFolder folder;
    const std::string model = folder / "model", lines = folder / "lines", index = folder / "index.safetensors";
    changed_model(model, {"output.dense.bias"}, not_a_number, 0);
    put(lines, "one\ntwo\n");
    const auto refused = [](const Words& arguments) {
        const Run result = run(arguments);
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        return result.error;
    };
    for (const Words& how : std::vector<Words>{{}, {"--json"}, {"--ops", "reference"}}) {
        CHECK(refused(joined({"similarity", "--model", model, "a cat", "a whale"}, how)) == said_of("argument 1", "a cat"));
        CHECK(refused(joined({"search", "--model", model, "--file", lines, "a"}, how)) == said_of(lines + ":1", "one"));
        CHECK(refused(joined({"search", "--model", model, "--file", lines, "--index", index, "a"}, how)) ==
              said_of(lines + ":1", "one"));
        CHECK(refused(joined({"fill-mask", "--model", model, "a [MASK]"}, how)) == said_of("argument 1", "a [MASK]"));
    }
    CHECK(folder.names().size() == 2);

    // A good model's index, and this model's query.
    REQUIRE(run({"search", "--file", lines, "--index", index, "a"}).status == 0);
    CHECK(refused({"search", "--model", model, "--index", index, "a"}) == said_of(index + ": text 0", "one"));

    // The head alone has NaN: vectors are right, words aren't.
    const std::string head = folder / "head";
    changed_model(head, {"cls.predictions.bias"}, not_a_number, 0);
    CHECK(run({"encode", "--model", head, "a"}).status == 0);
    CHECK(refused({"fill-mask", "--model", head, "a [MASK]"})
              .ends_with(
                  "expected finite numbers, got non-finite ones; tensor \"cls.predictions.bias\" of the model is non-finite\n"));
}

TEST_CASE("vectors of an index that aren't of length 1 are refused")
{
    const TemporaryFolder folder;
    const std::string lines = folder / "lines", index = folder / "index.safetensors";
    put(lines, "one\ntwo\n");
    REQUIRE(run({"search", "--file", lines, "--index", index, "a"}).status == 0);
    for (const float wrong : {not_a_number, std::numeric_limits<float>::infinity(), 1e30F, 2.0F}) {
        const bert::SafetensorsFile file(index);
        std::vector<bert::TensorView> views = file.tensors();
        std::vector<float> vectors;
        for (bert::TensorView& view : views) {
            if (view.name != "vectors") continue;
            vectors.resize(view.bytes / sizeof(float));
            std::memcpy(vectors.data(), view.data, view.bytes);
            vectors.back() = wrong;
            view.data = reinterpret_cast<const std::byte*>(vectors.data());
        }
        bert::write_safetensors(folder / "other.safetensors", views, file.metadata());
        const Run result = run({"search", "--index", folder / "other.safetensors", "a"});
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        CHECK(result.error.starts_with("bert: " + (folder / "other.safetensors").string() +
                                       ": tensor \"vectors\"[1]: expected a vector of length 1, got length "));
    }
}

TEST_CASE("numbers that overflow are told from weights that aren't finite")
{
    // A layer norm that multiplies by 1e35: the first scores, products of two such numbers, are infinite, and weights are finite.
    const TemporaryFolder folder;
    const std::string model = folder / "model";
    changed_model(model, {"embeddings.LayerNorm.weight"}, 1e35F, 1e35F);
    for (const char* ops : {"fast", "reference"}) {
        const Run result = run({"encode", "--ops", ops, "--model", model, "a cat"});
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        CHECK(result.error ==
              "bert: argument 1: \"a cat\": expected finite numbers, got non-finite ones; all weights of the model are finite: "
              "the computation overflows\n");
    }
    // The embeddings themselves are finite, but not the squares of their numbers.
    CHECK(run({"encode", "--layer", "0", "--model", model, "a cat"}).status == 0);
    CHECK(run({"encode", "--layer", "0", "--normalize", "--model", model, "a cat"}).error ==
          "bert: argument 1: \"a cat\": expected finite numbers, got non-finite ones; all weights of the model are finite: "
          "the computation overflows\n");
    CHECK(run({"similarity", "--layer", "0", "--model", model, "a cat", "a whale"}).error ==
          "bert: argument 1: \"a cat\": expected a vector of finite length above 0, got length inf\n");
}

TEST_CASE("a vector of zeros has no cosine")
{
    const TemporaryFolder folder;
    const std::string model = folder / "model";
    changed_model(model, {"layer.1.output.LayerNorm.weight", "layer.1.output.LayerNorm.bias"}, 0, 0);
    CHECK(run({"encode", "--model", model, "a cat"}).out.starts_with("0 0 0 "));
    const Run result = run({"similarity", "--model", model, "a cat", "a whale"});
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK(result.error == "bert: argument 1: \"a cat\": expected a vector of finite length above 0, got length 0\n");
    put(folder / "lines", "one\ntwo\n");
    CHECK(run({"search", "--model", model, "--file", folder / "lines", "a"}).error ==
          "bert: " + (folder / "lines").string() + ":1: \"one\": expected a vector of finite length above 0, got length 0\n");
}
