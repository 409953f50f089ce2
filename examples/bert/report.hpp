/// @file
/// Comparisons as tables and as JSON: what verify and diff show.
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
    std::size_t count = 0;         ///< tensors
    double worst_error = 0;        ///< of them
    double limit = 0;              ///< what it is held to; the largest, where there are several
    std::size_t failed = 0;        ///< tensors that don't hold
    std::size_t not_compared = 0;  ///< tensors for which there is nothing to compare yet
};

/// Sorts comparisons by kind.
/// @param comparisons  in any order
/// @return  a row for each kind that occurs
std::vector<KindRow> rows_by_kind(const std::vector<bert::Comparison>& comparisons);

/// A table for people: the messages of what doesn't hold, the first in the order of the computation first; then a row a kind,
/// or a row a tensor.
/// @param rows  by kind
/// @param comparisons  in the order of the computation
/// @param verbose  a row a tensor
/// @return  lines
std::string comparison_table(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose);

/// The same as JSON.
/// @param rows  by kind
/// @param comparisons  in the order of the computation
/// @param verbose  every tensor
/// @param[in,out] object  gets `kinds` and `failures`, and `tensors` if verbose
void add_comparisons(const std::vector<KindRow>& rows, const std::vector<bert::Comparison>& comparisons, bool verbose,
                     JsonObject& object);

}  // namespace program
