#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

using Json = nlohmann::json;

namespace {

/// Writes a file with one number for each tensor.
std::string file_of(const std::filesystem::path& path, const std::vector<std::string>& names, double number = 0.5)
{
    std::vector<bert::TensorView> views;
    for (const std::string& name : names) {
        bert::TensorView& view = views.emplace_back();
        view.name = name;
        view.dtype = bert::Dtype::F64;
        view.data = reinterpret_cast<const std::byte*>(&number);
        view.bytes = sizeof number;
    }
    bert::write_safetensors(path, views);
    return path;
}

}  // namespace

TEST_CASE("with --common, tensors that only one file has are counted and left out")
{
    const TemporaryFolder folder;
    const std::string found = file_of(folder / "found", {"forward.pooled", "forward.logits.nsp", "loss.total"}),
                      expected = file_of(folder / "expected", {"forward.pooled", "forward.logits.mlm", "loss.total", "grad.a"});
    const Run every = run({"diff", found, expected});
    CHECK(every.status == 1);  // forward.logits.mlm is missing

    const Run common = run({"diff", "--common", found, expected});
    REQUIRE(common.status == 0);
    CHECK(common.out == found + " against " + expected +
                            "\n"
                            "  kind     tensors  worst error  limit  verdict\n"
                            "  forward        1            0  1e-12  holds\n"
                            "  loss           1            0  1e-12  holds\n"
                            "  2 of 5 compared: 1 only in " +
                            found + ", 2 only in " + expected + "\n");
    const Json line = run({"diff", "--common", "--json", found, expected}).json()[0];
    CHECK(line["holds"] == true);
    CHECK(line["compared"] == 2);
    CHECK(line["only_in_found"] == 1);
    CHECK(line["only_in_expected"] == 2);

    const std::string other = file_of(folder / "other", {"forward.pooled", "loss.mlm"}, 0.25);
    CHECK(run({"diff", "--common", other, expected}).status == 1);  // pooled: 0.25 against 0.5
    const std::string apart = file_of(folder / "apart", {"loss.mlm"});
    const Run nothing = run({"diff", "--common", apart, expected});
    CHECK(nothing.status == 1);
    CHECK(nothing.out.ends_with("FAILS: the files have nothing to compare\n"));
}

TEST_CASE("with --common, a tensor is judged as without it")
{
    // The scale of an error is at least a hundredth of the largest element of its kind, whichever tensor that is in.
    const TemporaryFolder folder;
    const double numbers[] = {1e-15, 2e-15, 1000};
    const auto file = [&](const std::string& name, std::size_t first, bool with_large) {
        std::vector<bert::TensorView> views(with_large ? 2 : 1);
        for (std::size_t i = 0; i < views.size(); ++i) {
            views[i].name = i == 0 ? "forward.pooled" : "forward.logits.nsp";
            views[i].dtype = bert::Dtype::F64;
            views[i].data = reinterpret_cast<const std::byte*>(numbers + (i == 0 ? first : 2));
            views[i].bytes = sizeof(double);
        }
        bert::write_safetensors(folder / name, views);
        return (folder / name).string();
    };
    CHECK(run({"diff", file("found", 0, true), file("expected", 1, true)}).status == 0);
    CHECK(run({"diff", "--common", file("found", 0, false), file("expected", 1, true)}).status == 0);
    CHECK(run({"diff", "--common", file("found", 0, false), file("expected", 1, false)}).status == 1);
}

TEST_CASE("tensors are listed in the order of the computation, missing ones too")
{
    const std::vector<std::string> computed{"forward.embeddings",
                                            "forward.layer.0.query",
                                            "forward.layer.0.output",
                                            "forward.layer.2.key",
                                            "forward.layer.10.query",
                                            "forward.pooled",
                                            "forward.mlm.transform",
                                            "forward.logits.mlm",
                                            "forward.logits.nsp",
                                            "loss.total",
                                            "grad.cls.predictions.bias",
                                            "grad.forward.layer.10.output",
                                            "grad.bert.encoder.layer.10.output.dense.bias",
                                            "grad.bert.encoder.layer.2.output.dense.bias",
                                            "grad.forward.embeddings",
                                            "grad.bert.embeddings.LayerNorm.bias",
                                            "train.loss"};
    const TemporaryFolder folder;
    std::vector<std::string> some = computed;
    std::erase(some, "forward.layer.2.key");
    const std::string expected = file_of(folder / "expected", computed), found = file_of(folder / "found", some);
    const Json line = run({"diff", "--json", "--verbose", found, expected}).json()[0];
    std::vector<std::string> listed;
    for (const Json& tensor : line["tensors"])
        listed.push_back(tensor["name"]);
    CHECK(listed == computed);
    CHECK(line["failures"] == Json({"forward.layer.2.key: expected [], got no such tensor"}));
}

TEST_CASE("what verify lists, diff lists in the same order")
{
    const TemporaryFolder folder;
    const std::string expected = default_case() + "/expected.safetensors", found = folder / "found.safetensors";
    REQUIRE(run({"dump", "--scalar", "double", "--inputs", expected, "--output", found}).status == 0);
    const auto names = [](const Run& result) {
        REQUIRE(result.status == 0);
        const Json line = result.json()[0];
        std::vector<std::string> tensors;
        for (const Json& tensor : line["tensors"])
            if (!tensor["name"].get<std::string>().starts_with("input.")) tensors.push_back(tensor["name"]);
        return tensors;
    };
    const std::vector<std::string> verified = names(run({"verify", "--json", "--verbose"}));
    CHECK(verified.size() == 23);
    CHECK(names(run({"diff", "--json", "--verbose", found, expected})) == verified);
}
