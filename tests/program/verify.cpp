#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include <bert/io/safetensors.hpp>
#include <bert/io/tensor_view.hpp>

#include "program.hpp"

namespace {

/// Adds to the first number of a tensor of a safetensors file.
void change(const std::filesystem::path& path, const std::string& name, double by)
{
    std::string contents = contents_of(path);
    std::size_t offset = 0;
    {
        const bert::SafetensorsFile file(path);
        const bert::TensorView* const tensor = file.find(name);
        REQUIRE(tensor != nullptr);
        REQUIRE(tensor->dtype == bert::Dtype::F64);
        std::uint64_t header = 0;
        std::memcpy(&header, contents.data(), sizeof header);
        std::size_t before = 0;
        for (const bert::TensorView& other : file.tensors()) {
            if (&other == tensor) break;
            before += other.bytes;
        }
        offset = sizeof header + header + before;
    }
    double value = 0;
    std::memcpy(&value, contents.data() + offset, sizeof value);
    value += by;
    std::memcpy(contents.data() + offset, &value, sizeof value);
    put(path, contents);
}

}  // namespace

TEST_CASE("every case holds, in double and float, with both sets of operations")
{
    std::vector<std::string> arguments{"verify", "--json"};
    for (const auto& entry : std::filesystem::directory_iterator(project("reference_outputs/cases")))
        arguments.push_back(entry.path());
    const std::size_t cases = arguments.size() - 2;
    for (const char* scalar : {"double", "float"}) {
        for (const char* ops : {"reference", "fast"}) {
            std::vector<std::string> all = arguments;
            all.insert(all.end(), {"--scalar", scalar, "--ops", ops});
            const Run result = run(all);
            INFO(scalar << " " << ops << result.error);
            CHECK(result.status == 0);
            CHECK(result.json().size() == cases);
            for (const nlohmann::json& line : result.json())
                CHECK(line["holds"] == true);
        }
    }
}

TEST_CASE("without a case the default model's is verified; the table has a row a kind, or a row a tensor")
{
    const Run result = run({"verify"});
    CHECK(result.status == 0);
    CHECK(result.error.empty());
    CHECK(result.out.starts_with("default_model (double, reference)\n  kind"));
    CHECK(result.out.find("\n  forward ") != std::string::npos);
    const Run verbose = run({"verify", "--verbose"});
    CHECK(verbose.out.find("\n  forward.layer.1.probabilities ") != std::string::npos);

    const Run pretraining = run({"verify", project("reference_outputs/cases/pretraining_gelu")});
    CHECK(pretraining.status == 0);
    for (const char* kind : {"forward", "loss", "grad", "train"})
        CHECK(pretraining.out.find(std::string("\n  ") + kind + " ") != std::string::npos);
}

TEST_CASE("one changed value fails and is named")
{
    const TemporaryFolder folder;
    const std::filesystem::path changed = folder / "changed";
    copy_folder(project("reference_outputs/cases/pretraining_gelu"), changed);
    change(changed / "expected.safetensors", "forward.layer.1.key", 1e-6);
    const Run result = run({"verify", changed});
    CHECK(result.status == 1);
    CHECK(result.error.empty());
    CHECK(result.out.starts_with("changed (double, reference)\n  forward.layer.1.key[0, 0, 0]: expected "));
    CHECK(result.out.find("FAILS: 1") != std::string::npos);
    const nlohmann::json line = run({"verify", "--json", changed}).json()[0];
    CHECK(line["holds"] == false);
    REQUIRE(line["failures"].size() == 1);
    CHECK(line["failures"][0].get<std::string>().starts_with("forward.layer.1.key[0, 0, 0]: expected "));
    // In float it is still within the limit.
    CHECK(run({"verify", "--scalar", "float", changed}).status == 0);

    const Run several = run({"verify", changed, default_case()});
    CHECK(several.status == 1);
    CHECK(several.out.ends_with("1 of 2 cases FAIL: changed\n"));
}

TEST_CASE("a case that is broken is refused")
{
    const TemporaryFolder folder;
    const Run missing = run({"verify", folder / "no"});
    CHECK(missing.status == 2);
    CHECK(missing.error ==
          "bert: " + (folder / "no").string() + "/case.json: expected a readable file: No such file or directory\n");

    const std::filesystem::path broken = folder / "broken";
    copy_folder(project("reference_outputs/cases/pretraining_gelu"), broken);
    const std::string expected = contents_of(broken / "expected.safetensors");
    put(broken / "expected.safetensors", expected.substr(0, expected.size() / 2));
    const Run cut = run({"verify", broken});
    CHECK(cut.status == 2);
    CHECK(cut.out.empty());
    CHECK(cut.error.starts_with("bert: " + (broken / "expected.safetensors").string() + ": "));
}

TEST_CASE("a dump holds against the transformers library's tensors")
{
    const TemporaryFolder folder;
    const std::string expected = default_case() + "/expected.safetensors", found = folder / "found.safetensors",
                      single = folder / "single.safetensors";
    REQUIRE(run({"dump", "--scalar", "double", "--inputs", expected, "--output", found}).status == 0);
    const Run same = run({"diff", found, expected});
    INFO(same.out);
    CHECK(same.status == 0);
    CHECK(run({"diff", "--limit", "1e-18", found, expected}).status == 1);

    REQUIRE(run({"dump", "--inputs", expected, "--output", single}).status == 0);
    {
        const bert::SafetensorsFile file(single);
        CHECK(file.find("forward.layer.0.query")->dtype == bert::Dtype::F32);
        CHECK(file.find("input.mask")->dtype == bert::Dtype::I64);
    }
    CHECK(run({"diff", single, expected}).status == 0);
    CHECK(run({"diff", "--limit", "1e-12", single, expected}).status == 1);

    // From texts: padding and a pair, as the generator did it.
    const nlohmann::json texts = nlohmann::json::parse(contents_of(default_case() + "/texts.json"));
    std::string lines;
    for (const nlohmann::json& text : texts)
        lines += text.dump() + "\n";
    const std::string from_text = folder / "text.safetensors";
    REQUIRE(run({"dump", "--scalar", "double", "--input", "jsonl", "--output", from_text}, lines).status == 0);
    CHECK(run({"diff", from_text, expected}).status == 0);
    CHECK(folder.names().size() == 3);
}

TEST_CASE("diff names the first tensor that differs, in the order of the computation")
{
    const TemporaryFolder folder;
    const std::string one = folder / "one.safetensors", other = folder / "other.safetensors";
    REQUIRE(run({"dump", "--scalar", "double", "--output", one, "the cat"}).status == 0);
    put(other, contents_of(one));
    change(other, "forward.layer.1.context", 0.5);
    change(other, "forward.layer.0.value", 0.5);
    change(other, "forward.logits.mlm", 0.5);
    const Run result = run({"diff", one, other});
    CHECK(result.status == 1);
    const std::size_t value = result.out.find("\n  forward.layer.0.value[0, 0, 0]: expected "),
                      context = result.out.find("\n  forward.layer.1.context[0, 0, 0]: "),
                      logits = result.out.find("\n  forward.logits.mlm");
    CHECK(value < context);
    CHECK(context < logits);
    CHECK(logits != std::string::npos);

    REQUIRE(run({"dump", "--scalar", "double", "--output", other, "the whale"}).status == 0);
    const Run inputs = run({"diff", one, other});
    CHECK(inputs.status == 1);
    CHECK(inputs.out.find("\n  input.ids") != std::string::npos);
    const Run weights = run({"diff", project("examples/models/default/model.safetensors"), other});
    CHECK(weights.status == 2);
    CHECK(weights.error.ends_with("model.safetensors: expected tensors named forward.*, loss.*, grad.* or train.*, got none\n"));
}

TEST_CASE("a dump to standard output is the tensors and nothing else")
{
    const TemporaryFolder folder;
    REQUIRE(run({"dump", "--output", folder / "file.safetensors", "the cat"}).status == 0);
    const std::string expected = contents_of(folder / "file.safetensors");
    REQUIRE(expected.size() < 60'000);  // a pipe holds as much without a reader
    put(folder / "in", "");
    ::mkfifo((folder / "pipe").c_str(), 0600);
    const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    REQUIRE(reader >= 0);
    CHECK(Process({"dump", "--output", "/dev/stdout", "the cat"}, folder / "in", folder / "pipe", folder / "error").wait() == 0);
    std::string piped(expected.size() + 1000, ' ');
    std::size_t size = 0;
    for (ssize_t count; (count = ::read(reader, piped.data() + size, piped.size() - size)) > 0;)
        size += static_cast<std::size_t>(count);
    ::close(reader);
    CHECK(piped.substr(0, size) == expected);
}

TEST_CASE("two files without a tensor in common don't hold; endings that aren't as many for each example are refused")
{
    const TemporaryFolder folder;
    const double number = 1;
    const auto file = [&](const std::string& name, const std::string& tensor) {
        bert::TensorView view;
        view.name = tensor;
        view.dtype = bert::Dtype::F64;
        view.data = reinterpret_cast<const std::byte*>(&number);
        view.bytes = sizeof number;
        bert::write_safetensors(folder / name, {view});
        return (folder / name).string();
    };
    const Run result = run({"diff", file("forward", "forward.pooled"), file("loss", "loss.total")});
    CHECK(result.status == 1);
    CHECK(result.out.ends_with("FAILS: the files have nothing to compare\n"));

    const std::filesystem::path changed = folder / "changed";
    copy_folder(project("reference_outputs/cases/multiple_choice"), changed);
    std::string contents = contents_of(changed / "expected.safetensors");
    const std::string label = R"("label.choice":{"dtype":"I64","shape":[2])",
                      other = R"("label.choice":{"dtype":"I32","shape":[4])";
    const std::size_t place = contents.find(label);
    REQUIRE(place != std::string::npos);
    put(changed / "expected.safetensors", contents.replace(place, label.size(), other));
    const Run choices = run({"verify", changed});
    CHECK(choices.status == 2);
    CHECK(choices.error ==
          "bert: " + (changed / "expected.safetensors").string() + ": label.choice: expected a divisor of 6 sequences, got 4\n");
}

TEST_CASE("what can't be dumped is refused, and nothing is written")
{
    const TemporaryFolder folder;
    const std::string output = folder / "out.safetensors";
    CHECK(run({"dump", "a"}).error == "bert: dump: --output is required\n");
    CHECK(run({"dump", "--output", output, "--inputs", project("examples/models/default/model.safetensors")}).error ==
          "bert: " + project("examples/models/default/model.safetensors") +
              ": tensor \"input.ids\": expected, got no such tensor\n");
    const Run outside =
        run({"dump", "--output", output, "--inputs", project("reference_outputs/cases/pretraining_gelu/expected.safetensors"),
             "--model", project("reference_outputs/cases/pretraining_one")});
    CHECK(outside.status == 2);
    CHECK(outside.error.starts_with("bert: " + project("reference_outputs/cases/pretraining_gelu/expected.safetensors") +
                                    ": embeddings: "));
    CHECK(folder.names().empty());

    const auto error = [&](const std::vector<std::size_t>& shape, const std::vector<std::int64_t>& ids) {
        const TemporaryFolder other;
        const std::string inputs = inputs_file(other / "in.safetensors", shape, ids);
        const Run result = run({"dump", "--output", output, "--inputs", inputs});
        CHECK(result.status == 2);
        CHECK(result.error.starts_with("bert: " + inputs + ": "));
        return result.error.substr(std::string("bert: " + inputs + ": ").size());
    };
    CHECK(error({1, 3}, {2, 1103, 3}) == "embeddings: ids[1]: expected 0 to 1102, got 1103\n");
    CHECK(error({1, 2}, {2, -1}) == "embeddings: ids[1]: expected 0 to 1102, got -1\n");
    CHECK(error({0, 3}, {}) == "tensor \"input.ids\": expected at least one sequence of one token, got [0, 3]\n");
    CHECK(error({std::size_t{1} << 60U, 0}, {}) ==
          "tensor \"input.ids\": expected at least one sequence of one token, got [1152921504606846976, 0]\n");
    CHECK(folder.names().empty());
    CHECK(run({"dump", "--output", "/dev/full", "the cat"}).error ==
          "bert: /dev/full: expected to write it: No space left on device\n");
}
