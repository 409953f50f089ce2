#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include <bert/core/tensor.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/tensor_view.hpp>

#include "program.hpp"

using Json = nlohmann::json;

namespace {

/// The last hidden states that the transformers library computed for the default case, [B, L, H].
bert::Tensor<double, 3> expected_states()
{
    const bert::SafetensorsFile file(default_case() + "/expected.safetensors");
    return bert::read_tensor<double, 3>(*file.find("forward.layer.1.output"));
}

/// The first text of the default case, and how many tokens it has.
const std::string text = "The capital of France is Paris.";
constexpr std::size_t tokens = 16;

double largest_difference(const std::vector<double>& found, const std::vector<double>& expected)
{
    REQUIRE(found.size() == expected.size());
    double largest = 0;
    for (std::size_t i = 0; i < found.size(); ++i)
        largest = std::max(largest, std::abs(found[i] - expected[i]));
    return largest;
}

}  // namespace

TEST_CASE("vectors are the transformers library's hidden states, pooled")
{
    const auto states = expected_states();
    const std::size_t H = states.shape(2);
    std::vector<double> mean(H, 0), first(H), largest(H, -1e300);
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t h = 0; h < H; ++h) {
            mean[h] += states(0, t, h) / tokens;
            largest[h] = std::max(largest[h], states(0, t, h));
            first[h] = states(0, 0, h);
        }
    }
    const auto vector = [](std::vector<std::string> options) {
        options.insert(options.begin(), {"encode", "--json", text});
        const Run result = run(options);
        INFO(result.error);
        REQUIRE(result.status == 0);
        CHECK(result.json()[0]["text"] == text);
        return result.json()[0]["vector"].get<std::vector<double>>();
    };
    CHECK(largest_difference(vector({}), mean) < 1e-4);  // float, numbers of some units
    CHECK(largest_difference(vector({"--scalar", "double"}), mean) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "double", "--ops", "reference"}), mean) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "long-double", "--ops", "reference"}), mean) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "double", "--pooling", "cls"}), first) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "double", "--pooling", "max"}), largest) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "double", "--layer", "2"}), mean) < 1e-11);
    CHECK(largest_difference(vector({"--scalar", "double", "--layer", "1"}), mean) > 1e-3);
    double squares = 0;
    for (const double value : vector({"--scalar", "double", "--normalize"}))
        squares += value * value;
    CHECK(std::abs(squares - 1) < 1e-12);

    const Json every = run({"encode", "--json", "--scalar", "double", "--pooling", "none", text}).json()[0];
    REQUIRE(every["vectors"].size() == tokens);
    CHECK(every["tokens"][0] == "[CLS]");
    for (std::size_t t = 0; t < tokens; ++t)
        for (std::size_t h = 0; h < H; ++h)
            CHECK(std::abs(every["vectors"][t][h].get<double>() - states(0, t, h)) < 1e-11);
}

TEST_CASE("a sentence has the same vector alone, in a batch, and with any number of threads")
{
    std::string lines;
    for (int i = 0; i < 70; ++i)
        lines += "line " + std::string(static_cast<std::size_t>(i), 'a') + "\n";
    lines += text + "\n";
    const std::vector<Json> all = run({"encode", "--json"}, lines).json();
    REQUIRE(all.size() == 71);
    CHECK(all.back() == run({"encode", "--json", text}).json()[0]);
    CHECK(all.back() == run({"encode", "--json", "--threads", "1", text}).json()[0]);
    CHECK(all.back() == run({"encode", "--json", "--threads", "3", text}).json()[0]);
}

TEST_CASE("vectors are written to files")
{
    const TemporaryFolder folder;
    const std::string npy = folder / "v.npy", safetensors = folder / "v.safetensors";
    const std::vector<Json> shown = run({"encode", "--json", "the", "a cat"}).json();
    const std::size_t H = shown[0]["vector"].size();

    REQUIRE(run({"encode", "--output", npy, "the", "a cat"}).status == 0);
    const std::string contents = contents_of(npy);
    CHECK(contents.substr(1, 5) == "NUMPY");
    CHECK(contents.find("'<f4', 'fortran_order': False, 'shape': (2, " + std::to_string(H) + ")") != std::string::npos);
    REQUIRE(contents.size() > 2 * H * sizeof(float));
    for (std::size_t i = 0; i < 2 * H; ++i) {
        float value = 0;
        std::memcpy(&value, contents.data() + contents.size() - (2 * H - i) * sizeof(float), sizeof value);
        CHECK(shown[i / H]["vector"][i % H].get<double>() == static_cast<double>(value));  // JSON reads back as the same number
    }
    REQUIRE(run({"encode", "--output", safetensors, "--pooling", "none", "the", "a cat"}).status == 0);
    const bert::SafetensorsFile file(safetensors);
    const auto begin = bert::read_tensor<std::int64_t, 1>(*file.find("begin"));
    const auto vectors = bert::read_tensor<float, 2>(*file.find("vectors"));
    REQUIRE(begin.size() == 3);
    CHECK(begin(1) == 3);
    CHECK(static_cast<std::size_t>(begin(2)) == vectors.shape(0));

    CHECK(run({"encode", "--output", folder / "v.txt", "the"})
              .error.starts_with("bert: --output: expected a name that ends in .safetensors or .npy"));
    const Run nowhere = run({"encode", "--output", "/nowhere/v.npy", "the"});
    CHECK(nowhere.status == 2);
    CHECK(nowhere.error == "bert: /nowhere/v.npy: expected to write it: No such file or directory\n");
    const Run full = run({"encode", "--output", "/dev/full", "the"});
    CHECK(full.status == 2);
    CHECK(folder.names().size() == 2);
}

TEST_CASE("what doesn't fit the model is refused")
{
    std::string longer;
    for (int i = 0; i < 200; ++i)
        longer += "the ";
    const Run refused = run({"encode"}, "fine\n" + longer + "\n");
    CHECK(refused.status == 2);
    CHECK(refused.error == "bert: standard input:2: expected at most 128 tokens, got 202; --truncation cuts\n");
    CHECK(run({"encode", "--truncation", "longest_first"}, longer + "\n").status == 0);
    CHECK(run({"encode", "--max-length", "129", "a"}).error ==
          "bert: --max-length: expected at most the model's 128 positions, got 129\n");
    CHECK(run({"encode", "--layer", "3", "a"}).error == "bert: --layer: expected 0 to 2, got 3\n");
    CHECK(run({"encode", "--layers", "sum4", "a"}).error ==
          "bert: --layers: expected a model with at least 4 layers, got one of 2\n");
}

TEST_CASE("a token that the tokenizer has and the model hasn't is named")
{
    const TemporaryFolder folder;
    const std::filesystem::path model = folder / "model";
    copy_folder(project("examples/models/default"), model);
    put(model / "vocab.txt", contents_of(model / "vocab.txt") + "zyxzyx\n");
    const Run result = run({"encode", "--model", model}, "old\nsome zyxzyx\n");
    CHECK(result.status == 2);
    CHECK(result.error == "bert: standard input:2: token \"zyxzyx\": expected an id below vocab_size (1103), got 1103\n");
    CHECK(run({"encode", "--model", model, "old"}).status == 0);
    CHECK(run({"fill-mask", "--model", model, "zyxzyx [MASK]"}).error ==
          "bert: argument 1: token \"zyxzyx\": expected an id below vocab_size (1103), got 1103\n");

    // One type, and a tokenizer that gives two.
    nlohmann::json config = nlohmann::json::parse(contents_of(model / "config.json"));
    config["type_vocab_size"] = 1;
    put(model / "config.json", config.dump());
    const bert::SafetensorsFile file(project("examples/models/default/model.safetensors"));
    std::vector<bert::TensorView> views = file.tensors();
    for (bert::TensorView& view : views)
        if (view.name.ends_with("token_type_embeddings.weight")) {
            view.shape[0] = 1;
            view.bytes /= 2;
        }
    bert::write_safetensors(model / "model.safetensors", views);
    CHECK(run({"encode", "--model", model, "--input", "jsonl"}, "{\"text\": \"a\", \"pair\": \"b\"}\n").error ==
          "bert: standard input:1: token \"b\": expected a token type id below type_vocab_size (1), got 1\n");
    CHECK(run({"encode", "--model", model, "a"}).status == 0);

    // A tokenizer without special tokens.
    put(model / "tokenizer.json", R"({"model": {"vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]"},
                                      "pre_tokenizer": {"type": "BertPreTokenizer"}})");
    put(model / "tokenizer_config.json", R"({"tokenizer_class": "PreTrainedTokenizerFast"})");
    CHECK(run({"encode", "--model", model, "a"}).status == 0);
    for (const char* pooling : {"mean", "none"})
        CHECK(run({"encode", "--model", model, "--pooling", pooling, ""}).error ==
              "bert: argument 1: text: expected at least one token, got none\n");
}

TEST_CASE("similarity is a cosine")
{
    const auto one = run({"encode", "--json", "--scalar", "double", "a cat", "the whale"}).json();
    const std::vector<double> a = one[0]["vector"], b = one[1]["vector"];
    double dot = 0, aa = 0, bb = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        dot += a[i] * b[i];
        aa += a[i] * a[i];
        bb += b[i] * b[i];
    }
    const double expected = dot / std::sqrt(aa * bb);
    const auto found = [](const Run& result) { return result.json()[0]["similarity"].get<double>(); };
    CHECK(std::abs(found(run({"similarity", "--json", "--scalar", "double", "a cat", "the whale"})) - expected) < 1e-13);
    CHECK(std::abs(found(run({"similarity", "--json", "--scalar", "double"}, "a cat\tthe whale\n")) - expected) < 1e-13);
    CHECK(std::abs(found(run({"similarity", "--json", "--scalar", "double", "--input", "jsonl"},
                             R"({"text": "a cat", "pair": "the whale"})"
                             "\n")) -
                   expected) < 1e-13);
    CHECK(std::abs(found(run({"similarity", "--json", "same", "same"})) - 1) < 1e-6);
    CHECK(run({"similarity", "alone"}).error == "bert: similarity: expected two texts, got 1\n");
    CHECK(run({"similarity"}, "no tab\n").error ==
          "bert: standard input:1: expected two texts with one tab between them, got \"no tab\"\n");
}

TEST_CASE("search finds the nearest lines, and keeps their vectors")
{
    const TemporaryFolder folder;
    const std::string lines = folder / "lines", index = folder / "index.safetensors";
    put(lines, "the whale swam\nthe cat sat\n\nParis is in France\n");
    const std::vector<std::string> asking{"search", "--json", "--top", "2", "--file", lines, "--index", index, "the cat sat"};
    const Run first = run(asking);
    INFO(first.error);
    REQUIRE(first.status == 0);
    const Json found = first.json()[0];
    CHECK(found["query"] == "the cat sat");
    REQUIRE(found["found"].size() == 2);
    CHECK(found["found"][0]["line"] == 2);
    CHECK(found["found"][0]["text"] == "the cat sat");
    CHECK(std::abs(found["found"][0]["similarity"].get<double>() - 1) < 1e-6);

    const std::string kept = contents_of(index);
    CHECK(run(asking).json() == first.json());
    CHECK(contents_of(index) == kept);
    CHECK(run({"search", "--json", "--top", "2", "--index", index}, "the cat sat\n").json() == first.json());

    put(lines, "the cat sat\n");
    const Run changed = run(asking);
    CHECK(changed.error == "bert: warning: " + index + ": made of other lines, is made again\n" + random_weights_warning());
    CHECK(changed.json()[0]["found"].size() == 1);
    CHECK(run({"search", "--index", index, "--pooling", "cls", "x"}).error ==
          "bert: " + index +
              ": expected vectors made with this model and these options (pooling cls, layers one, layer last, at most all "
              "tokens), "
              "got others (pooling mean, layers one, layer last, at most all tokens)\n");

    put(index, kept.substr(0, kept.size() - 1));
    const Run cut = run({"search", "--index", index, "x"});
    CHECK(cut.status == 2);
    CHECK(cut.error.starts_with("bert: " + index + ": "));
    CHECK(run({"search", "--index", default_case() + "/expected.safetensors", "x"}).error ==
          "bert: " + default_case() + "/expected.safetensors: format: expected bert-search-index-1, got none\n");
    CHECK(run({"search", "x"}).error == "bert: search: expected --file or --index, got neither\n");
    CHECK(folder.names().size() == 2);

    // What only --truncation lets in, and what an index has no place for.
    std::string longer;
    for (int i = 0; i < 200; ++i)
        longer += "the ";
    put(lines, longer + "\nthe cat\n");
    std::filesystem::remove(index);
    REQUIRE(run({"search", "--quiet", "--truncation", "longest_first", "--file", lines, "--index", index, "x"}).status == 0);
    CHECK(run({"search", "--truncation", "longest_first", "--index", index, "x"}).status == 0);
    CHECK(run({"search", "--index", index, "x"}).error ==
          "bert: " + index + ": text 0: expected at most 128 tokens, got 202; --truncation cuts\n");
    put(lines, R"({"text": "a"})"
               "\n"
               R"({"text": "a", "pair": "b"})");
    CHECK(run({"search", "--input", "jsonl", "--file", lines, "x"}).error ==
          "bert: " + lines + ":2: pair: expected none in what is searched, got \"b\"\n");
}
