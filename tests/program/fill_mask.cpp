#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include <bert/core/tensor.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/tensor_view.hpp>

#include "program.hpp"

TEST_CASE("words and probabilities are those of the transformers library's logits")
{
    const bert::SafetensorsFile file(default_case() + "/expected.safetensors");
    const auto logits = bert::read_tensor<double, 3>(*file.find("forward.logits.mlm"));
    constexpr std::size_t text = 1, position = 9;  // of the default case: The whale swam under the [MASK].
    std::size_t best = 0;
    for (std::size_t v = 0; v < logits.shape(2); ++v)
        if (logits(text, position, v) > logits(text, position, best)) best = v;
    double sum = 0;
    for (std::size_t v = 0; v < logits.shape(2); ++v)
        sum += std::exp(logits(text, position, v) - logits(text, position, best));

    const Run result = run({"fill-mask", "--json", "--scalar", "double", "--top", "3", "The whale swam under the [MASK]."});
    INFO(result.error);
    REQUIRE(result.status == 0);
    const nlohmann::json line = result.json()[0];
    CHECK(line["text"] == "The whale swam under the [MASK].");
    REQUIRE(line["masks"].size() == 1);
    CHECK(line["masks"][0]["position"] == position);
    REQUIRE(line["masks"][0]["words"].size() == 3);
    const nlohmann::json word = line["masks"][0]["words"][0];
    CHECK(word["id"] == best);
    CHECK(std::abs(word["probability"].get<double>() - 1 / sum) < 1e-11);
    CHECK(line["masks"][0]["words"][1]["probability"] <= word["probability"]);
}

TEST_CASE("a text without a mask, and a model without the head, are refused")
{
    const Run without = run({"fill-mask", "the whale"});
    CHECK(without.status == 2);
    CHECK(without.error == "bert: argument 1: expected [MASK] in the text, got \"the whale\"\n");

    const TemporaryFolder folder;
    const std::filesystem::path model = folder / "model";
    copy_folder(project("examples/models/default"), model);
    nlohmann::json config = nlohmann::json::parse(contents_of(model / "config.json"));
    config["architectures"] = {"BertModel"};
    put(model / "config.json", config.dump());
    const Run headless = run({"fill-mask", "--model", model, "a [MASK]"});
    CHECK(headless.status == 2);
    CHECK(headless.error ==
          "bert: " + model.string() + ": expected a model with a masked-LM head, as BertForMaskedLM, got BertModel\n");
}

TEST_CASE("people get a table with a head")
{
    const Run result = run({"fill-mask", "--quiet", "--top", "2", "The whale swam under the [MASK]."});
    CHECK(result.status == 0);
    CHECK(result.out.starts_with("position  token"));
    CHECK(result.out.substr(0, result.out.find('\n')).ends_with("  probability"));
    CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 3);
}

TEST_CASE("with --targets only these words are shown, with the probabilities that they have among all")
{
    const std::string text = "The whale swam under the [MASK].";
    const auto words_of = [](const Run& result) {
        INFO(result.error);
        REQUIRE(result.status == 0);
        return result.json()[0]["masks"][0]["words"];
    };
    const nlohmann::json all = words_of(run({"fill-mask", "--json", "--top", "1103", text}));
    REQUIRE(all.size() == 1103);
    const nlohmann::json words = words_of(run({"fill-mask", "--json", "--targets", "the,of,Is", text}));
    REQUIRE(words.size() == 3);
    std::vector<std::string> tokens;
    for (const nlohmann::json& word : words) {
        tokens.push_back(word["token"]);
        CHECK(std::find(all.begin(), all.end(), word) != all.end());
    }
    CHECK(words[0]["probability"] >= words[1]["probability"]);
    CHECK(words[1]["probability"] >= words[2]["probability"]);
    std::sort(tokens.begin(), tokens.end());
    CHECK(tokens == std::vector<std::string>{"is", "of", "the"});  // the vocabulary is uncased
    CHECK(words_of(run({"fill-mask", "--json", "--targets", "the,of,Is", "--top", "1", text})) == nlohmann::json({words[0]}));
    CHECK(words_of(run({"fill-mask", "--json", "--targets", "the,The", text})).size() == 1);
    CHECK(words_of(run({"fill-mask", "--json", "--targets", "[SEP]", text}))[0]["token"] == "[SEP]");

    const auto error = [&](const std::string& targets) {
        const Run result = run({"fill-mask", "--targets", targets, text});
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        return result.error;
    };
    const std::string one = ": expected one token of the vocabulary, got ";
    const nlohmann::json pieces = run({"tokenize", "--json", "--no-special-tokens", "thewhale"}).json()[0]["tokens"];
    std::string joined;
    for (const nlohmann::json& piece : pieces)
        joined += (joined.empty() ? "" : " ") + piece.get<std::string>();
    REQUIRE(pieces.size() > 1);
    CHECK(error("the,thewhale") == "bert: --targets: \"thewhale\"" + one + joined + "\n");
    CHECK(error("the,\xE2\x98\x83") == "bert: --targets: \"\xE2\x98\x83\"" + one + "[UNK]\n");
    CHECK(error("the,") == "bert: --targets: \"\"" + one + "none\n");
    CHECK(error("") == "bert: --targets: \"\"" + one + "none\n");
}

TEST_CASE("a text that is too long is truncated if that is wanted, and must not lose its mask")
{
    const Run cut = run({"fill-mask", "--json", "--truncation", "longest_first", "--max-length", "4", "the [MASK] is the is"});
    INFO(cut.error);
    REQUIRE(cut.status == 0);
    CHECK(cut.json()[0]["masks"][0]["position"] == 2);
    // What is left is [CLS] the [MASK] [SEP].
    CHECK(cut.json()[0]["masks"] == run({"fill-mask", "--json", "the [MASK]"}).json()[0]["masks"]);

    const auto error = [](const std::vector<std::string>& options, const std::string& text) {
        std::vector<std::string> arguments{"fill-mask", text};
        arguments.insert(arguments.end(), options.begin(), options.end());
        const Run result = run(arguments);
        CHECK(result.status == 2);
        CHECK(result.out.empty());
        return result.error;
    };
    CHECK(error({"--max-length", "4"}, "the [MASK] is the is") ==
          "bert: argument 1: expected at most 4 tokens, got 7; --truncation cuts\n");
    CHECK(error({"--max-length", "4", "--truncation", "longest_first"}, "the is the [MASK]") ==
          "bert: argument 1: expected every [MASK] in the 4 tokens that --truncation leaves, got 0 of 1\n");
    CHECK(error({"--max-length", "4", "--truncation", "longest_first"}, "the [MASK] the [MASK]") ==
          "bert: argument 1: expected every [MASK] in the 4 tokens that --truncation leaves, got 1 of 2\n");
    CHECK(error({"--max-length", "4", "--truncation", "longest_first"}, "the is the is") ==
          "bert: argument 1: expected [MASK] in the text, got \"the is the is\"\n");
    CHECK(error({"--max-length", "129"}, "[MASK]") ==
          "bert: --max-length: expected at most the model's 128 positions, got 129\n");
}
