// What the program says of input that it can't take, and of one thing.
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

using Json = nlohmann::json;

namespace {

/// The message about arguments that are refused.
std::string error(const std::vector<std::string>& arguments, const std::string& input = "")
{
    const Run result = run(arguments, input);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    return result.error;
}

}  // namespace

TEST_CASE("dump writes safetensors only, to a file that has a name")
{
    const TemporaryFolder folder;
    const std::string npy = folder / "x.npy";
    CHECK(error({"dump", "--output", npy, "a"}) ==
          "bert: --output: expected a name that ends in .safetensors, the only format of dump, got \"" + npy + "\"\n");
    CHECK(error({"dump", "--output", "-", "a"}) ==
          "bert: --output: expected the name of a file, got \"-\"; the name of standard output is /dev/stdout\n");
    CHECK(
        error({"encode", "--output", "-", "a"}) ==
        "bert: --output: expected a name that ends in .safetensors or .npy, got \"-\"; without --output, vectors go to standard "
        "output\n");
    CHECK(run({"dump", "--output", folder / "trace", "a"}).status == 0);
    CHECK(folder.names() == std::vector<std::string>{"trace"});
}

TEST_CASE("a tokenizer.json says itself whether to lower-case: --lowercase and --no-lowercase are refused")
{
    const TemporaryFolder folder;
    const std::string tokenizer = folder / "tokenizer.json";
    put(tokenizer, R"({"model": {"vocab": {"[UNK]": 0, "a": 1, "A": 2}, "unk_token": "[UNK]"},
                       "pre_tokenizer": {"type": "BertPreTokenizer"}, "normalizer": {"type": "BertNormalizer"}})");
    const std::string says =
        ": expected a tokenizer from a vocab.txt, got " + tokenizer + ", which says itself whether it lower-cases\n";
    CHECK(error({"tokenize", "--no-lowercase", "--tokenizer", tokenizer, "A"}) == "bert: --no-lowercase" + says);
    CHECK(error({"tokenize", "--lowercase", "--tokenizer", folder.path(), "A"}) == "bert: --lowercase" + says);
    CHECK(run({"tokenize", "--json", "--tokenizer", tokenizer, "A"}).json()[0]["ids"] == Json({1}));
    CHECK(run({"tokenize", "--json", "--no-lowercase", "A"}).status == 0);  // the default model's vocab.txt
}

TEST_CASE("the text of --pair needs a first text")
{
    CHECK(error({"tokenize", "--pair", "b"}, "a\n") ==
          "bert: --pair: expected a first text beside it, an argument or --file, got none\n");
    CHECK(run({"tokenize", "--json", "--pair", "b", "--file", "-"}, "a\n").out ==
          run({"tokenize", "--json", "--pair", "b", "a"}).out);
}

TEST_CASE("verify says how to verify the cases of a folder")
{
    const TemporaryFolder folder;
    const std::string cases = folder / "cases";
    std::filesystem::create_directories(folder / "cases/one");
    std::filesystem::create_directories(folder / "cases/none");
    put(folder / "cases/one/case.json", "{}");
    const std::string says = ": expected a case, which is a folder with case.json, got a folder of ";
    CHECK(error({"verify", cases}) == "bert: " + cases + says + "1 case; all of them: " + cases + "/*\n");
    std::filesystem::create_directories(folder / "cases/two");
    put(folder / "cases/two/case.json", "{}");
    CHECK(error({"verify", cases}) == "bert: " + cases + says + "2 cases; all of them: " + cases + "/*\n");
    CHECK(error({"verify", cases + "/none"}) ==
          "bert: " + cases + "/none/case.json: expected a readable file: No such file or directory\n");
    CHECK(error({"verify", cases + "/one/case.json"}) ==
          "bert: " + cases + "/one/case.json: expected a case, which is a folder with case.json, got a file\n");
}

TEST_CASE("search can't read lines and queries from standard input")
{
    CHECK(error({"search", "--file", "-"}, "a\n") ==
          "bert: search: expected a QUERY beside --file -, which reads standard input to its end, got none\n");
    CHECK(run({"search", "--quiet", "--file", "-", "a"}, "a\n").out == "1  1  a\n");
}

TEST_CASE("a file of another format is named where safetensors are expected")
{
    const TemporaryFolder folder;
    copy_folder(project("examples/models/default"), folder / "model");
    const std::string weights = folder / "model/model.safetensors";
    const auto says = [&](const std::string& kind) {
        return "bert: " + weights + ": expected a safetensors file, got what looks like " + kind + "\n";
    };
    put(weights, std::string("PK\x03\x04\0\0\x08\x08", 8) + std::string(100, '\0'));
    CHECK(error({"encode", "--model", folder / "model", "a"}) == says("a zip archive, as PyTorch's pytorch_model.bin"));
    CHECK(error({"info", weights}) == says("a zip archive, as PyTorch's pytorch_model.bin"));
    CHECK(error({"diff", weights, weights}) == says("a zip archive, as PyTorch's pytorch_model.bin"));
    put(weights, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n");
    CHECK(error({"encode", "--model", folder / "model", "a"}) == says("a pointer of Git LFS, whose file `git lfs pull` fetches"));
}

TEST_CASE("one thing is not many")
{
    const TemporaryFolder folder;
    const std::string one = folder / "one.safetensors";
    const std::string inputs = inputs_file(folder / "in.safetensors", {1, 1}, {2});
    CHECK(run({"dump", "--output", one, "--inputs", inputs}).out.ends_with(" tensors of 1 sequence, 1 token\n"));
    CHECK(run({"dump", "--output", one, "a", "b"}).out.ends_with(" tensors of 2 sequences, 6 tokens\n"));
    const Run bench = run({"bench", "--length", "1", "--repeat", "1", "--threads", "1"});
    CHECK(bench.out.find(", 1 thread\n") != std::string::npos);
    CHECK(bench.out.find("1 x 1 token,") != std::string::npos);
    CHECK(bench.out.find(" of 1 run)") != std::string::npos);
}
