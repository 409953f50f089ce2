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
    CHECK(headless.error.find("bert: " + model.string() +
                              ": expected a model with a masked-LM head, as BertForMaskedLM, got BertModel\n") !=
          std::string::npos);
    CHECK(headless.error.starts_with("bert: warning: " + model.string() + ": "));  // of the head's tensors
}
