#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

using Json = nlohmann::json;

TEST_CASE("a line of several files is named by its file and its number there")
{
    const TemporaryFolder folder;
    const std::string first = folder / "first", second = folder / "second", index = folder / "index.safetensors";
    put(first, "the whale swam\nParis is in France\n");
    put(second, "\nthe cat sat\n");
    const std::vector<std::string> asking{"search", "--quiet", "--top", "1", "--file", first, "--file", second, "the cat sat"};
    const auto with = [&](std::vector<std::string> options) {
        options.insert(options.begin(), asking.begin(), asking.end());
        const Run result = run(options);
        INFO(result.error);
        REQUIRE(result.status == 0);
        return result;
    };
    CHECK(with({}).out == "1  " + second + ":2  the cat sat\n");
    const Json found = with({"--json"}).json()[0]["found"][0];
    CHECK(found["file"] == second);
    CHECK(found["line_in_file"] == 2);
    CHECK(found["line"] == 4);  // of all
    CHECK(found["text"] == "the cat sat");

    // The index keeps it.
    CHECK(with({"--index", index}).out == with({}).out);
    CHECK(with({"--index", index}).out == with({}).out);
    CHECK(run({"search", "--quiet", "--top", "1", "--index", index, "the cat sat"}).out == with({}).out);
    CHECK(run({"search", "--quiet", "--top", "1", "--json", "--index", index, "the cat sat"}).json()[0]["found"][0] == found);

    // Of one file the number is enough; objects may have blank lines between them.
    CHECK(run({"search", "--quiet", "--top", "1", "--file", second, "the cat sat"}).out == "1  2  the cat sat\n");
    put(first, "{\"text\": \"a whale\"}\n\n{\"text\": \"the cat sat\"}\n");
    const Run of_objects = run({"search", "--quiet", "--top", "1", "--json", "--input", "jsonl", "--file", first, "the cat sat"});
    CHECK(of_objects.json()[0]["found"][0]["line_in_file"] == 3);
}

TEST_CASE("an index without places is searched as before, and one with wrong places is refused")
{
    const TemporaryFolder folder;
    const std::string lines = folder / "lines", index = folder / "index.safetensors", other = folder / "other.safetensors";
    put(lines, "the whale swam\nthe cat sat\n");
    REQUIRE(run({"search", "--file", lines, "--index", index, "a"}).status == 0);
    const bert::SafetensorsFile file(index);
    const auto changed = [&](std::vector<std::int64_t> places) {
        std::vector<bert::TensorView> views;
        for (bert::TensorView view : file.tensors()) {
            const bool is_place = view.name == "places" || view.name == "files" || view.name == "file_ends";
            if (is_place && places.empty()) continue;
            if (view.name == "places") view.data = reinterpret_cast<const std::byte*>(places.data());
            views.push_back(view);
        }
        bert::write_safetensors(other, views, file.metadata());
        return run({"search", "--quiet", "--top", "1", "--index", other, "the cat sat"});
    };
    CHECK(changed({}).out == "1  2  the cat sat\n");
    CHECK(changed({0, 1, 0, 7}).out == "1  7  the cat sat\n");
    CHECK(changed({0, 1, 1, 2}).error ==
          "bert: " + other + ": tensor \"places\"[1]: expected the index of one of 1 files, got 1\n");
    CHECK(changed({0, 1, 0, 0}).error == "bert: " + other + ": tensor \"places\"[1]: expected the number of a line, got 0\n");
}
