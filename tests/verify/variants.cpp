// Every case of a variant of BERT, with every set of operations.
#include "bert/verify/variants.hpp"

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

#include <variants.hpp>
#include "bert/ops/fast.hpp"

#include "catch.hpp"

namespace {

template <class Real, class Ops>
void hold_all()
{
    std::map<std::string, std::size_t> cases;  // of each family
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases")) {
        const bert::ReferenceCase reference(entry.path());
        const std::string family = bert::model_type_of(reference.model_folder() / "config.json");
        if (family == "bert") continue;
        ++cases[family];
        const bert::CaseReport report = bert::verify_case_of_family<Real, Ops>(reference);
        INFO(report.name);
        CHECK(report.holds());
        for (const bert::Comparison& comparison : report.comparisons)
            if (!comparison.holds) FAIL_CHECK(comparison.message);
    }
    CHECK(cases["roberta"] >= 6);
    CHECK(cases["distilbert"] >= 6);
    CHECK(cases["albert"] >= 7);
    CHECK(cases["mobilebert"] >= 13);
}

}  // namespace

TEST_CASE("Every case of a variant, Reference in double") { hold_all<double, bert::Reference>(); }
TEST_CASE("Every case of a variant, Reference in float") { hold_all<float, bert::Reference>(); }
TEST_CASE("Every case of a variant, Reference in long double") { hold_all<long double, bert::Reference>(); }
TEST_CASE("Every case of a variant, Fast in double") { hold_all<double, bert::Fast>(); }
TEST_CASE("Every case of a variant, Fast in float") { hold_all<float, bert::Fast>(); }
TEST_CASE("Every case of a variant, Fast with products in bfloat16") { hold_all<float, bert::FastBf16>(); }
