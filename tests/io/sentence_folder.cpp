// sentence-transformers folders: what is said of a bad one. That the others give the library's vectors is tested with the
// program and with Pretrained (tests/pretrained.cpp).
#include "bert/io/sentence_folder.hpp"

#include <map>
#include <string>
#include <vector>

#include "catch.hpp"
#include "helpers.hpp"

namespace {

using Pooling = bert::Pooling;

const std::string transformer = R"({"type": "sentence_transformers.models.Transformer", "path": ""})";
const std::string pooling = R"({"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"})";

/// The pipeline of a folder with a modules.json and the configuration of its pooling module.
bert::SentencePipeline<double> pipeline(const std::string& modules, const std::string& pooling_config,
                                        const TemporaryFolder& folder)
{
    put(folder / "modules.json", modules);
    std::filesystem::create_directories(folder / "1_Pooling");
    put(folder / "1_Pooling/config.json", pooling_config);
    return bert::load_pipeline<double>(folder.path());
}

std::vector<Pooling> poolings(const std::string& config)
{
    const TemporaryFolder folder;
    return pipeline("[" + transformer + "," + pooling + "]", config, folder).pooling;
}

/// What is said of a folder, without the folder's name.
std::string refusal(const std::string& modules, const std::string& pooling_config = "{}")
{
    const TemporaryFolder folder;
    const std::string message = input_error([&] { pipeline(modules, pooling_config, folder); });
    const std::string path = folder.path().string();
    return message.starts_with(path) ? message.substr(path.size() + 1) : message;
}

}  // namespace

TEST_CASE("without modules.json, a text's vector is the mean, and long texts are refused")
{
    const TemporaryFolder folder;
    const auto pipeline = bert::load_pipeline<float>(folder.path());
    CHECK(pipeline.transformer == folder.path());
    CHECK(pipeline.pooling == std::vector{Pooling::mean});
    CHECK_FALSE(pipeline.truncates);
    CHECK(pipeline.modules.empty());
}

TEST_CASE("pooling in the old form and the new one")
{
    CHECK(poolings(R"({"pooling_mode": "cls"})") == std::vector{Pooling::cls});
    CHECK(poolings(R"({"pooling_mode": ["mean", "mean_sqrt_len_tokens"]})") ==
          std::vector{Pooling::mean, Pooling::mean_sqrt_len});
    CHECK(poolings(R"({"pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true, "pooling_mode_lasttoken": false})") ==
          std::vector{Pooling::cls, Pooling::mean});
    CHECK(poolings(R"({"pooling_mode_weightedmean_tokens": true, "pooling_mode_max_tokens": true})") ==
          std::vector{Pooling::max, Pooling::weightedmean});
    CHECK(poolings("{}") == std::vector{Pooling::mean});
}

TEST_CASE("a module that isn't known, or stands elsewhere, is refused")
{
    CHECK(refusal("[" + transformer + R"(, {"type": "sentence_transformers.models.LSTM", "path": "1_LSTM"}])") ==
          "modules.json[1].type: expected Pooling, got \"LSTM\"");
    CHECK(refusal(R"([{"type": "sentence_transformers.models.WordEmbeddings", "path": "0"}])") ==
          "modules.json[0].type: expected a Transformer, then one Pooling, then other modules, got \"WordEmbeddings\"");
    CHECK(refusal("[" + transformer + "," + pooling + R"(, {"type": "my.Own", "path": "2"}])") ==
          "modules.json[2].type: expected Dense, LayerNorm, Normalize or Dropout, got \"Own\"");
    CHECK(refusal("[" + transformer + "]") == "modules.json: expected a Pooling module, got none");
    CHECK(refusal("[" + transformer + R"(, {"type": "x.Pooling", "path": "../elsewhere"}])") ==
          "modules.json[1].path: expected a folder in this one, got \"../elsewhere\"");
    CHECK(refusal("{}") == "modules.json: expected an array, got {}");
    CHECK(refusal("[" + transformer + "," + pooling + "]", R"({"pooling_mode": "median"})").find("got \"median\"") !=
          std::string::npos);
    CHECK(refusal("[" + transformer + "," + pooling + "]", R"({"pooling_mode": []})") ==
          "1_Pooling/config.json: pooling_mode: expected at least one way of pooling, got []");
}

TEST_CASE("prompts are read; the default one must be there")
{
    const TemporaryFolder folder;
    put(folder / "config_sentence_transformers.json",
        R"({"prompts": {"query": "query: ", "document": null}, "default_prompt_name": "query"})");
    const auto prompted = pipeline("[" + transformer + "," + pooling + "]", "{}", folder);
    CHECK(prompted.prompt == "query: ");
    CHECK(prompted.prompts == std::map<std::string, std::string>{{"query", "query: "}, {"document", ""}});
    put(folder / "config_sentence_transformers.json", R"({"default_prompt_name": "other"})");
    CHECK(input_error([&] { bert::load_pipeline<double>(folder.path()); }).find("default_prompt_name: expected the name of") !=
          std::string::npos);
}
