/// @file
/// The variants of BERT, instantiated once for each pair of scalar and operations, as instances.hpp does it for BERT.
#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include <bert/verify/variants.hpp>

#include "instances.hpp"

/// The instances of one pair. `linkage` is `extern` to declare them, nothing to define them.
#define BERT_VARIANT_INSTANCES(linkage, Real, Ops)                                                        \
    linkage template bert::CaseReport bert::verify_case_of_family<Real, Ops>(const bert::ReferenceCase&); \
    linkage template std::vector<bert::NamedTensor> bert::forward_trace_of_family<Real, Ops>(             \
        const std::filesystem::path&, bert::LoadReport&, const bert::Batch&, std::size_t)

BERT_VARIANT_INSTANCES(extern, float, bert::Fast);
BERT_VARIANT_INSTANCES(extern, float, bert::FastBf16);
BERT_VARIANT_INSTANCES(extern, double, bert::Fast);
BERT_VARIANT_INSTANCES(extern, float, bert::Reference);
BERT_VARIANT_INSTANCES(extern, double, bert::Reference);
BERT_VARIANT_INSTANCES(extern, long double, bert::Reference);
