// The program says that its default model is not trained, where that matters.
#include "../../examples/bert/default_model.hpp"

#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

using Arguments = std::vector<std::string>;

TEST_CASE("a result of random weights is followed by a warning, one line on standard error")
{
    for (const Arguments& arguments :
         {Arguments{"encode", "a"}, Arguments{"similarity", "a", "the whale"}, Arguments{"fill-mask", "the [MASK]"},
          Arguments{"search", "--file", project("LICENSE"), "a"}, Arguments{"similarity", "--json", "a", "b"},
          Arguments{"encode", "--model", project("examples/models/default"), "a"}}) {
        INFO(arguments[0]);
        const Run result = run(arguments);
        CHECK(result.status == 0);
        CHECK(result.error == random_weights_warning());
        Arguments quiet = arguments;
        quiet.push_back("--quiet");
        CHECK(run(quiet).error.empty());
        CHECK(run(quiet).out == result.out);
    }
}

TEST_CASE("there is no such warning of another model, of a command that needs no trained model, and of bad input")
{
    const TemporaryFolder folder;
    changed_model(folder / "model", {}, 0, 0);
    CHECK(run({"similarity", "--model", folder / "model", "a", "the whale"}).error.empty());
    CHECK(run({"tokenize", "a"}).error.empty());
    CHECK(run({"verify"}).error.empty());
    CHECK(run({"dump", "--output", folder / "trace.safetensors", "a"}).error.empty());
    CHECK(run({"bench", "--length", "4", "--repeat", "1"}).error.empty());
    CHECK(run({"encode", "--layer", "3", "a"}).error == "bert: --layer: expected 0 to 2, got 3\n");
}

TEST_CASE("info says that the weights are random")
{
    const TemporaryFolder folder;
    changed_model(folder / "model", {}, 0, 0);
    const std::string row = "\n  weights                  random: what this model computes has no meaning\n";
    const bool is_random = !program::default_model_is_trained;
    CHECK((run({"info"}).out.find(row) != std::string::npos) == is_random);
    CHECK(run({"info", "--json", project("examples/models/default")}).json()[0].contains("weights") == is_random);
    CHECK_FALSE(run({"info", "--json", folder / "model"}).json()[0].contains("weights"));
    CHECK(run({"encode", "--help"}).out.find("random weights") != std::string::npos);
}
