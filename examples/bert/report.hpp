/// @file
/// Comparisons as tables and as JSON, for verify and diff.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <bert/verify/comparison.hpp>

#include "output.hpp"

namespace program {

/// A row of the table: all tensors of one kind.
struct KindRow {
    std::string kind;              ///< input, forward, loss, grad or train
    std::size_t count = 0;         ///< number of tensors
    double worst_error = 0;        ///< largest error
    double limit = 0;              ///< largest limit
    std::size_t failed = 0;        ///< number of tensors that don't hold
    std::size_t not_compared = 0;  ///< number of tensors without a counterpart
};

/// Summarizes comparisons by kind.
/// @param comparisons  in any order
/// @return  a row for each kind that occurs
std::vector<KindRow> rows_by_kind(const std::vector<bert::Comparison>& comparisons);

/// A text table: the messages of tensors that don't hold, in the order of the computation; then a row for each kind, or for each
/// tensor.
/// @param rows  by kind
/// @param comparisons  in the order of the computation
/// @param verbose  whether there is a row for each tensor
/// @return  the lines
std::string comparison_table(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose);

/// Adds the comparisons to a JSON object.
/// @param rows  by kind
/// @param comparisons  in the order of the computation
/// @param verbose  whether every tensor is listed
/// @param[in,out] object  gets `kinds` and `failures`, and `tensors` if verbose
void add_comparisons(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose,
                     JsonObject& object);

}  // namespace program
