/// @file
/// Holding a set of operations with a deliberate mistake to all cases: verify must see every one of them.
#pragma once

#include <algorithm>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/verify/case.hpp"
#include "catch.hpp"

namespace replaced {

using bert::CaseReport;
using bert::Reference;
using bert::ReferenceCase;

inline std::vector<std::filesystem::path> all_cases()
{
    std::vector<std::filesystem::path> cases;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases"))
        cases.push_back(entry.path());
    std::sort(cases.begin(), cases.end());
    return cases;
}

/// 1 % too much.
template <class Tensor>
void spoil(Tensor& y)
{
    for (auto& value : y)
        value *= static_cast<std::decay_t<decltype(value)>>(1.01);
}

template <class Real>
using Matrix = bert::Tensor<Real, 2>;

/// Whether any of the cases fails with these operations, and the first failing tensor of the first one that does.
template <class Ops>
bool is_caught(const std::string& expected_first)
{
    std::string caught;
    for (const auto& folder : all_cases()) {
        const CaseReport report = bert::verify_case<double, Ops>(ReferenceCase(folder));
        for (const bert::Comparison& comparison : report.comparisons)
            if (!comparison.holds) {
                if (comparison.name == expected_first) return true;
                caught += " " + comparison.name;
                break;
            }
    }
    if (!caught.empty())
        FAIL_CHECK("caught, but never with " << expected_first << " as the first wrong tensor, but with" << caught);
    return false;
}

}  // namespace replaced
