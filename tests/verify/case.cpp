#include "bert/verify/case.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/io/safetensors_writer.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/ops/fast.hpp"

#include "catch.hpp"

using bert::CaseReport;
using bert::Reference;
using bert::ReferenceCase;

namespace {

std::vector<std::filesystem::path> all_cases()
{
    std::vector<std::filesystem::path> cases;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases"))
        if (bert::model_type_of(ReferenceCase(entry.path()).model_folder() / "config.json") == "bert")
            cases.push_back(entry.path());
    std::sort(cases.begin(), cases.end());
    return cases;
}

template <class Real, class Ops>
void hold_all()
{
    const auto cases = all_cases();
    REQUIRE(cases.size() >= 10);
    for (const auto& folder : cases) {
        const CaseReport report = bert::verify_case<Real, Ops>(ReferenceCase(folder));
        INFO(report.name);
        CHECK(report.holds());
        for (const bert::Comparison& comparison : report.comparisons)
            if (!comparison.holds) FAIL_CHECK(comparison.message);
    }
}

}  // namespace

TEST_CASE("Every case, Reference in double") { hold_all<double, Reference>(); }
TEST_CASE("Every case, Reference in float") { hold_all<float, Reference>(); }
TEST_CASE("Every case, Reference in long double") { hold_all<long double, Reference>(); }
TEST_CASE("Every case, Fast in double") { hold_all<double, bert::Fast>(); }
TEST_CASE("Every case, Fast in float") { hold_all<float, bert::Fast>(); }
TEST_CASE("Every case, Fast with products in bfloat16") { hold_all<float, bert::FastBf16>(); }

TEST_CASE("A case that lacks a file or is broken is refused in one line")
{
    const auto folder = std::filesystem::temp_directory_path() / "bert_test_case";
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    CHECK_THROWS_AS(ReferenceCase(folder), bert::InputError);
    std::ofstream(folder / "case.json") << "[]";
    CHECK_THROWS_WITH(ReferenceCase(folder), (folder / "case.json").string() + ": expected an object");
    std::ofstream(folder / "case.json") << R"({"model": "."})";
    CHECK_THROWS_WITH(ReferenceCase(folder), (folder / "case.json").string() + ": format: expected 1, got none");
    std::ofstream(folder / "case.json") << R"({"format": 2})";
    CHECK_THROWS_WITH(ReferenceCase(folder), (folder / "case.json").string() + ": format: expected 1, got 2");
    std::ofstream(folder / "case.json") << R"({"format": 1, "model": 3})";
    CHECK_THROWS_WITH(ReferenceCase(folder), (folder / "case.json").string() + ": model: expected the path of a folder, got 3");
    std::ofstream(folder / "case.json") << R"({"format": 1})";
    bert::TensorView nothing;
    nothing.name = "input.ids";
    nothing.dtype = bert::Dtype::I64;
    nothing.shape = {std::size_t{1} << 40U, 0};  // so many sequences, of no token each
    bert::write_safetensors(folder / "expected.safetensors", {nothing});
    CHECK_THROWS_WITH(ReferenceCase(folder),
                      (folder / "expected.safetensors").string() +
                          ": tensor \"input.ids\": expected at least one sequence of one token, got [1099511627776, 0]");
    std::filesystem::remove_all(folder);
}
