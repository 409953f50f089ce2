/// @file
/// bert verify

#include <cstddef>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <variants.hpp>

#include "commands.hpp"
#include "output.hpp"
#include "report.hpp"
#include "sets.hpp"

namespace program {

namespace {

std::string set_name(const CommonOptions& common)
{
    const char* scalar = common.scalar == Scalar::float32 ? "float" : common.scalar == Scalar::float64 ? "double" : "long double";
    return std::string(scalar) + ", " +
           (common.precision == Precision::bf16     ? "fast with products in bf16"
            : common.operations == Operations::fast ? "fast"
                                                    : "reference");
}

std::vector<std::filesystem::path> cases_of(const VerifyOptions& options)
{
    if (!options.cases.empty()) return options.cases;
    const std::filesystem::path folder = std::filesystem::path(BERT_SOURCE_DIR) / "reference_outputs" / "cases" / "default_model";
    std::error_code ignored;  // a folder that can't be accessed counts as missing
    if (!std::filesystem::is_directory(folder, ignored)) bert::fail_input("verify", "expected a case, got none");
    return {folder};
}

/// Refuses a file, and a folder that holds cases but is none, with a message that says how to verify them all.
void require_case(const std::filesystem::path& folder)
{
    std::error_code ignored;  // opening the case reports the error
    if (std::filesystem::exists(folder / "case.json", ignored)) return;
    if (std::filesystem::is_regular_file(folder, ignored))
        bert::fail_input(folder.string(), "expected a case, which is a folder with case.json, got a file");
    std::size_t cases = 0;
    for (std::filesystem::directory_iterator entry(folder, ignored), end; !ignored && entry != end; entry.increment(ignored)) {
        std::error_code unreadable;
        cases += std::filesystem::exists(entry->path() / "case.json", unreadable) ? 1 : 0;
    }
    if (cases > 0)
        bert::fail_input(folder.string(), "expected a case, which is a folder with case.json, got a folder of " +
                                              counted(cases, "case") + "; all of them: " + (folder / "*").string());
}

template <class Real, class Ops>
bert::CaseReport run_case(const std::filesystem::path& folder)
{
    require_case(folder);
    try {
        return bert::verify_case_of_family<Real, Ops>(bert::ReferenceCase(folder));
    } catch (const std::invalid_argument& error) {  // inputs that don't fit the model
        bert::fail_input(folder.string(), error.what());
    }
}

void show(const bert::CaseReport& report, const VerifyOptions& options)
{
    const std::vector<KindRow> rows = rows_by_kind(report.comparisons);
    if (options.common.json) {
        JsonObject object;
        object.add("case", report.name).add("set", set_name(options.common)).add("holds", report.holds());
        add_comparisons(rows, report.comparisons, options.verbose, object);
        print(object.text() + "\n");
        return;
    }
    print(report.name + " (" + set_name(options.common) + ")\n" + comparison_table(rows, report.comparisons, options.verbose));
    if (report.comparisons.empty()) print("  FAILS: the case has nothing to compare\n");
}

}  // namespace

int verify(const VerifyOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        std::size_t cases = 0;
        std::vector<std::string> failed;
        for (const std::filesystem::path& folder : cases_of(options)) {
            const bert::CaseReport report = run_case<Real, Ops>(folder);
            show(report, options);
            flush_output();
            ++cases;
            if (!report.holds()) failed.push_back(report.name);
        }
        if (!options.common.json && cases > 1) {
            std::string names;
            for (const std::string& name : failed)
                names += (names.empty() ? "" : ", ") + name;
            print(failed.empty()
                      ? "All " + std::to_string(cases) + " cases hold.\n"
                      : std::to_string(failed.size()) + " of " + std::to_string(cases) + " cases FAIL: " + names + "\n");
        }
        return failed.empty() ? 0 : 1;
    });
}

}  // namespace program
