/// @file
/// Guesses at the mistake behind a wrong tensor.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <bert/verify/named_tensor.hpp>

#include "unwritten.hpp"

namespace exercise {

/// The known mistakes of one tensor.
struct Clues {
    std::vector<std::pair<double, std::string>> factors = {};                ///< found / expected, and its meaning
    std::vector<std::pair<std::vector<double>, std::string>> mistakes = {};  ///< the values with a mistake, and its name
    std::vector<double> start = {};                                          ///< initial values of a gradient that is added to
    std::string any = {};                                                    ///< if not empty, what any difference means
};

namespace detail {

inline double largest_of(const std::vector<double>& values)
{
    double largest = 0;
    for (const double value : values)
        largest = std::max(largest, std::abs(value));
    return largest;
}

/// Whether all numbers are equal up to rounding. NaN equals NaN.
inline bool same(const std::vector<double>& a, const std::vector<double>& b)
{
    if (a.size() != b.size()) return false;
    const double scale = std::max(largest_of(a), largest_of(b));
    for (std::size_t i = 0; i < a.size(); ++i)
        if (!(std::abs(a[i] - b[i]) <= 1e-6 * scale) && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
    return true;
}

inline std::vector<double> times(double factor, std::vector<double> values)
{
    for (double& value : values)
        value *= factor;
    return values;
}

}  // namespace detail

/// Guesses the mistake behind a small error.
/// @param error  relative to the largest number of the tensor
/// @return  a sentence; empty if the error isn't small
inline std::string small_error_hint(double error)
{
    if (!(error > 0 && error < 1e-5)) return "";
    return "right to " + std::to_string(static_cast<int>(-std::log10(error))) +
           " digits: a sum or a number is a float, which has 7 digits, or a constant is rounded; here all are double";
}

/// Guesses the mistake behind an exception.
/// @param what  its message
/// @return  a sentence; empty if there is no guess
inline std::string exception_hint(const std::string& what)
{
    if (what.find("out of bounds") == std::string::npos) return "";
    if (what.ends_with("with size 0")) return "a tensor has no size yet: `resize` is missing";
    return "axis 0 counts the rows, axis 1 the columns: are they exchanged, or does a loop go too far?";
}

/// Guesses the mistake behind a wrong tensor.
/// @param found  the computed tensor
/// @param expected  the expected tensor
/// @param clues  known mistakes of this tensor
/// @return  a sentence; empty if there is no guess
inline std::string hint(const bert::NamedTensor& found, const bert::NamedTensor& expected, const Clues& clues)
{
    using detail::same;
    const std::vector<double>&is = found.values, &should = expected.values;
    const std::size_t count = should.size();
    if (!clues.any.empty()) return clues.any;
    if (is.empty()) return "it has no size yet: `resize` is missing";
    if (found.shape != expected.shape) return "shape(0) is the number of rows, shape(1) that of columns: are they exchanged?";
    for (const auto& [values, meaning] : clues.mistakes)
        if (same(is, values)) return meaning;
    if (std::any_of(is.begin(), is.end(), is_unwritten))
        return "memory that was only resized, where all numbers are NaN here: write `=` before `+=`, and write every number";
    if (!std::all_of(is.begin(), is.end(), [](double value) { return std::isfinite(value); }))
        return "some numbers are not finite: an overflow, or a division by zero";
    if (!clues.start.empty()) {
        std::vector<double> added(count), sum(count);
        for (std::size_t i = 0; i < count; ++i) {
            added[i] = should[i] - clues.start[i];
            sum[i] = is[i] - clues.start[i];
        }
        if (same(is, added)) return "the gradient was overwritten, and should be added to what is there";
        if (same(is, clues.start)) return "nothing was added";
        const std::string of_sum = hint({"", found.shape, sum}, {"", expected.shape, added}, {clues.factors});
        if (!of_sum.empty()) return of_sum;
    }
    if (detail::largest_of(is) == 0) return "every number is 0: is there an integer division? 1 / 2 is 0, and 1.0 / 2 is 0.5";
    double largest_error = 0;
    for (std::size_t i = 0; i < count; ++i)
        largest_error = std::max(largest_error, std::abs(is[i] - should[i]));
    if (std::string small = small_error_hint(largest_error / detail::largest_of(should)); !small.empty()) return small;

    // The factor is found at the largest expected number, where rounding matters least.
    const std::size_t at = static_cast<std::size_t>(
        std::max_element(should.begin(), should.end(), [](double a, double b) { return std::abs(a) < std::abs(b); }) -
        should.begin());
    const double factor = should[at] == 0 ? 0 : is[at] / should[at];
    if (factor != 0 && same(is, detail::times(factor, should))) {
        for (const auto& [known, meaning] : clues.factors)
            if (std::abs(factor - known) < 1e-6 * std::abs(known)) return meaning;
        if (std::abs(factor + 1) < 1e-6) return "the sign is reversed";
        char text[80];
        std::snprintf(text, sizeof text, "every number is %.6g times what it should be", factor);
        return text;
    }

    if (expected.shape.size() != 2) return "";
    const std::size_t rows = expected.shape[0], columns = expected.shape[1];
    const auto exchanged = [&](std::size_t i) { return should[i % columns * columns + i / columns]; };
    std::vector<double> transposed;
    for (std::size_t i = 0; rows == columns && i < count; ++i)
        transposed.push_back(exchanged(i));
    if (rows == columns && same(is, transposed)) return "rows and columns are exchanged: a transpose";

    bool alike_in_column = rows > 1, alike_in_row = columns > 1;
    const double tolerance = 1e-6 * detail::largest_of(should);
    for (std::size_t t = 0; t < rows; ++t) {
        for (std::size_t h = 0; h < columns; ++h) {
            const double off = is[t * columns + h] - should[t * columns + h];
            alike_in_column = alike_in_column && std::abs(off - (is[h] - should[h])) <= tolerance;
            alike_in_row = alike_in_row && std::abs(off - (is[t * columns] - should[t * columns])) <= tolerance;
        }
    }
    if (alike_in_column) return "each column is off by the same amount in every row, as if something that is added were missing";
    if (alike_in_row) return "each row is off by one amount, as if a term of the row, its mean for instance, were missing";
    return "";
}

}  // namespace exercise
