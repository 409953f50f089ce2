// The program over a sentence-transformers folder: what the folder says is the default, options win. The numbers are what the
// library stored (reference_outputs/folders/sentences).
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <catch.hpp>

#include "../folders.hpp"
#include "program.hpp"

namespace {

using Json = nlohmann::json;

Json stored(const std::string& name)
{
    const Json all = folders::expected("sentences");
    for (const Json& folder : all)
        if (folder["name"] == name) return folder;
    throw std::runtime_error("no folder " + name);
}

std::vector<float> vector(std::vector<std::string> words)
{
    words.insert(words.begin(), {"encode", "--json"});
    const Run result = run(words);
    INFO(result.error);
    REQUIRE(result.status == 0);
    return result.json()[0]["vector"].get<std::vector<float>>();
}

bool same(const std::vector<float>& found, const std::vector<float>& expected)
{
    bool same = found.size() == expected.size();
    for (std::size_t w = 0; same && w < found.size(); ++w)
        same = std::abs(found[w] - expected[w]) < 1e-5F;
    return same;
}

double length(const std::vector<float>& vector)
{
    double squares = 0;
    for (const float x : vector)
        squares += double(x) * double(x);
    return std::sqrt(squares);
}

}  // namespace

TEST_CASE("pooling, modules and normalization are the folder's unless options say otherwise")
{
    const Json usual = stored("usual"), several = stored("pooling_several"), normalized = stored("dense_normalized");
    for (const Json& expected : {usual, several, normalized}) {
        const folders::Copy folder(expected);
        for (const Json& wanted : expected["vectors"])
            CHECK(same(vector({"--quiet", "--model", folder.path, wanted["text"]}), wanted["vector"].get<std::vector<float>>()));
    }
    const std::string text = "Hello the new world";
    const auto cls = stored("pooling_cls")["vectors"][0];
    {
        const folders::Copy folder(usual);
        CHECK(same(vector({"--model", folder.path, "--pooling", "cls", cls["text"]}), cls["vector"].get<std::vector<float>>()));
        CHECK(vector({"--model", folder.path, "--pooling", "cls,mean", text}).size() == 16);
        CHECK(length(vector({"--model", folder.path, "--normalize", text})) == Approx(1));
        const Run every = run({"encode", "--json", "--model", folder.path, "--pooling", "none", text});
        CHECK(every.json()[0]["vectors"].size() == 6);
    }
    const folders::Copy folder(normalized);
    CHECK(length(vector({"--model", folder.path, text})) == Approx(1));
    CHECK(std::abs(length(vector({"--model", folder.path, "--no-normalize", text})) - 1) > 0.01);
    CHECK(
        run({"encode", "--model", folder.path, "--pooling", "median", text}).error.find("bert: --pooling: expected mean|cls|") ==
        0);
}

TEST_CASE("texts are truncated where the folder says, and counted; an option gives another length")
{
    const folders::Copy folder(stored("usual"));  // max_seq_length 20
    std::string long_text;
    for (int i = 0; i < 30; ++i)
        long_text += "the ";
    const Run truncated = run({"encode", "--model", folder.path, long_text, "hello", long_text});
    CHECK(truncated.status == 0);
    CHECK(truncated.error.find("2 texts were truncated to 20 tokens, as the folder says") != std::string::npos);
    CHECK(
        run({"encode", "--model", folder.path, "--max-length", "8", long_text}).error.find("1 text was truncated to 8 tokens") !=
        std::string::npos);
    CHECK(run({"encode", "--quiet", "--model", folder.path, long_text}).error == "");
}

TEST_CASE("prompts of a folder, by default, by name, by hand")
{
    const Json expected = stored("prompts_default");
    const folders::Copy folder(expected);
    const std::string text = "Hello the new world";
    for (const Json& wanted : expected["vectors"]) {
        if (!wanted.contains("vector") || wanted.contains("as")) continue;
        std::vector<std::string> words{"--model", folder.path, wanted["text"]};
        if (wanted.contains("prompt_name")) words.insert(words.end(), {"--prompt-name", wanted["prompt_name"]});
        CHECK(same(vector(words), wanted["vector"].get<std::vector<float>>()));
    }
    CHECK(same(vector({"--model", folder.path, "--prompt", "", text}),
               vector({"--model", folder.path, "--prompt-name", "empty", text})));
    CHECK(run({"encode", "--model", folder.path, "--prompt-name", "other", text}).error ==
          "bert: --prompt-name: expected one of document, empty, passage, query, got \"other\"\n");
}

TEST_CASE("similarity is the library's")
{
    const Json expected = stored("usual");
    const folders::Copy folder(expected);
    const Run result =
        run({"similarity", "--json", "--model", folder.path, expected["similarity_of"][0], expected["similarity_of"][1]});
    REQUIRE(result.status == 0);
    CHECK(result.json()[0]["similarity"].get<double>() == Approx(expected["similarity"].get<double>()).margin(1e-5));
}
