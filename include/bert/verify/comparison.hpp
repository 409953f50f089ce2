/// @file
/// Comparison of computed tensors with expected ones.
///
/// The error of a tensor is max |found - expected| / scale over its compared elements. The scale is the largest |expected| among
/// them, but at least a hundredth of the largest of its kind: otherwise a gradient that is zero except for rounding would be
/// compared with noise. If products are in bfloat16, the error is measured by norms: see compare_norms().
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "bert/core/tensor.hpp"
#include "bert/verify/named_tensor.hpp"

namespace bert {

/// How the error of a tensor is measured.
enum class Measure {
    largest,  ///< by its worst element: compare()
    norm,     ///< by norms of the whole tensor: compare_norms()
};

/// The largest error that each kind of tensor may have.
struct Limits {
    double forward;                      ///< forward.*
    double loss;                         ///< loss.*; if measured by norms, also train.loss
    double gradient;                     ///< grad.*
    double curve;                        ///< train.loss, train.grad_norm, train.learning_rate
    double parameter;                    ///< train.parameter.*
    Measure measure = Measure::largest;  ///< how errors are measured
};

/// The limits for a scalar and a set of operations. Those of double are some hundred times the largest error observed (3e-15 in
/// forward, 2e-14 in gradients); those of training steps are larger, as errors accumulate. Those of float allow for sums of some
/// hundred terms. Long double has the limits of double, as the expected values are doubles.
///
/// With products in bfloat16, every operand has a relative error of up to 2⁻⁹, some thirty thousand times that of float. The
/// limits are above the largest errors of an independent implementation on the stored cases, PyTorch with operands rounded to
/// bfloat16 (reference_outputs/measure_bfloat16.py): 0.014 in forward, 0.007 in losses, 0.075 in gradients, 0.13 in the curve of
/// gradient norms, 0.011 in that of losses, 0.28 in the change of parameters. The last three occur where ReLU has switched a unit
/// (see take_stored_branches()); elsewhere they are 0.02, 0.006 and 0.13. Our implementation has the same errors. A wrong factor
/// of 0.9 causes an error of 0.2.
/// @tparam Ops  the set of operations; needed if its products are in another format than its scalar
/// @return  the limits
template <class Real, class Ops = void>
constexpr Limits limits_of()
{
    if constexpr (requires { requires Ops::products_in_bf16; })
        return {.forward = 4e-2, .loss = 2e-2, .gradient = 1.5e-1, .curve = 1.5e-1, .parameter = 4e-1, .measure = Measure::norm};
    else if constexpr (std::is_same_v<Real, float>)
        return {.forward = 2e-5, .loss = 5e-6, .gradient = 1e-4, .curve = 5e-5, .parameter = 4e-4};
    else
        return {.forward = 1e-12, .loss = 1e-12, .gradient = 1e-10, .curve = 1e-10, .parameter = 1e-9};
}

/// The kind of a tensor. Tensors of one kind have the same limit and the same lower bound of their scale.
/// @param name  its name, as in `grad.bert.pooler.dense.bias`
/// @return  forward, loss, grad, train.parameter, or the whole name of a train curve; empty for inputs and labels
inline std::string kind_of(std::string_view name)
{
    if (name.starts_with("train.") && !name.starts_with("train.parameter.")) return std::string(name);
    for (const std::string_view kind : {"forward", "loss", "grad", "train.parameter"})
        if (name.starts_with(kind) && name.substr(kind.size()).starts_with('.')) return std::string(kind);
    return {};
}

/// The limit of a tensor.
/// @param name  its name
/// @param limits  the limit of each kind
/// @return  the limit
inline double limit_of(std::string_view name, const Limits& limits)
{
    const std::string kind = kind_of(name);
    if (kind == "forward") return limits.forward;
    if (kind == "loss" || (kind == "train.loss" && limits.measure == Measure::norm)) return limits.loss;
    if (kind == "grad") return limits.gradient;
    if (kind == "train.parameter") return limits.parameter;
    return limits.curve;
}

/// Result of comparing one tensor.
struct Comparison {
    std::string name;     ///< name of the tensor
    bool holds = false;   ///< whether the error is within the limit
    double error = 0;     ///< relative error; infinity if the tensors can't be compared
    double limit = 0;     ///< the largest error allowed
    std::string message;  ///< empty if it holds; else as in `name[1, 0, 3]: expected 0.5, got 0.25: error 0.5, limit 1e-12`
};

namespace detail {

/// The index of an element in a shape, as text for messages.
inline std::string index_text(std::size_t element, const std::vector<std::size_t>& shape)
{
    std::vector<std::size_t> index(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        index[axis] = element % shape[axis];
        element /= shape[axis];
    }
    return shape_text(index);
}

/// A number as text for messages. Seventeen digits distinguish any two doubles.
inline std::string number_text(double number, int digits = 17)
{
    std::ostringstream text;
    text.precision(digits);
    text << number;
    return text.str();
}

/// The rule for an element of a padded tensor.
enum class Element {
    compared,
    skipped,       ///< at a padded position
    must_be_zero,  ///< the probability of a padded key
};

/// @param mask  [B, L]; if empty, nothing is padded
inline Element element_rule(const NamedTensor& tensor, std::size_t element, const IndexTensor<2>& mask)
{
    const Layout layout = layout_of(tensor.name);
    if (mask.size() == 0 || layout == Layout::whole) return Element::compared;
    if (layout == Layout::rows) {
        const std::size_t positions = mask.shape(0) * mask.shape(1);
        const std::size_t position = element / (tensor.values.size() / positions);
        return mask.data()[position] != 0 ? Element::compared : Element::skipped;
    }
    const std::size_t A = tensor.shape[1], L = tensor.shape[2];
    const std::size_t key = element % L, query = element / L % L, b = element / (L * L * A);
    if (mask(b, query) == 0) return Element::skipped;
    if (mask(b, key) != 0) return Element::compared;
    return tensor.name.ends_with(".probabilities") ? Element::must_be_zero : Element::skipped;
}

/// Whether an element fails whatever the limit is: it is non-finite, or it is the probability of a padded key and not 0.
inline bool is_broken(double found, double expected, Element rule)
{
    return !std::isfinite(found) || !std::isfinite(expected) || (rule == Element::must_be_zero && found != 0);
}

/// Whether the tensor's shape fits the mask, as element_rule requires.
inline bool fits_mask(const NamedTensor& tensor, const IndexTensor<2>& mask)
{
    const Layout layout = layout_of(tensor.name);
    if (mask.size() == 0 || layout == Layout::whole) return true;
    const std::size_t B = mask.shape(0), L = mask.shape(1);
    if (layout == Layout::rows) return tensor.shape.size() >= 2 && tensor.shape[0] == B && tensor.shape[1] == L;
    return tensor.shape.size() == 4 && tensor.shape[0] == B && tensor.shape[2] == L && tensor.shape[3] == L;
}

/// Why two tensors can't be compared; empty if they can.
inline std::string shape_mismatch(const NamedTensor& found, const NamedTensor& expected, const IndexTensor<2>& mask)
{
    if (found.shape != expected.shape)
        return expected.name + ": expected shape " + shape_text(expected.shape) + ", got " + shape_text(found.shape);
    if (!fits_mask(expected, mask))
        return expected.name + ": expected a shape over the positions " + shape_text(mask.shape()) + ", got " +
               shape_text(expected.shape);
    return {};
}

/// The message for a tensor whose positions are all padded.
inline std::string only_padding(const NamedTensor& expected)
{
    return expected.name + ": expected an element to compare, got padding alone";
}

}  // namespace detail

/// The largest |value| among a tensor's compared elements.
/// @param tensor  an expected tensor
/// @param mask  which positions are real, [B, L]; if empty, all
/// @return  their largest magnitude; 0 for a tensor without elements
inline double largest_magnitude(const NamedTensor& tensor, const IndexTensor<2>& mask)
{
    double largest = 0;
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
        if (detail::element_rule(tensor, i, mask) == detail::Element::compared)
            largest = std::max(largest, std::abs(tensor.values[i]));
    return largest;
}

/// The norm of a tensor's compared elements.
/// @param tensor  an expected tensor
/// @param mask  which positions are real, [B, L]; if empty, all
/// @return  the root of the sum of their squares
inline double norm_of(const NamedTensor& tensor, const IndexTensor<2>& mask)
{
    double squares = 0;
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
        if (detail::element_rule(tensor, i, mask) == detail::Element::compared) squares += tensor.values[i] * tensor.values[i];
    return std::sqrt(squares);
}

/// Compares a tensor with the expected one of the same name. Shapes must be equal, dimension by dimension. Elements at padded
/// positions are not compared, but the probability of a padded key must be exactly 0. A tensor fails if an element is non-finite
/// on either side, or if all positions are padded.
/// @param found  the computed tensor
/// @param expected  the expected tensor
/// @param mask  which positions are real, [B, L]; if empty, all
/// @param limit  the largest error allowed
/// @param smallest_scale  lower bound of the scale of errors
/// @return  error, whether it is within the limit, message
inline Comparison compare(const NamedTensor& found, const NamedTensor& expected, const IndexTensor<2>& mask, double limit,
                          double smallest_scale = 0)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Comparison result{expected.name, true, 0, limit, ""};
    if (const std::string mismatch = detail::shape_mismatch(found, expected, mask); !mismatch.empty())
        return {expected.name, false, infinity, limit, mismatch};
    const double scale = std::max(largest_magnitude(expected, mask), smallest_scale);
    const auto describe = [&](std::size_t i, double error) {
        return expected.name + detail::index_text(i, expected.shape) + ": expected " + detail::number_text(expected.values[i]) +
               ", got " + detail::number_text(found.values[i]) + ": error " + detail::number_text(error, 3) + ", limit " +
               detail::number_text(limit, 3);
    };
    bool has_elements = expected.values.empty();
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
        const detail::Element rule = detail::element_rule(expected, i, mask);
        if (rule == detail::Element::skipped) continue;
        has_elements = true;
        double error = 0;
        if (detail::is_broken(found.values[i], expected.values[i], rule))
            error = infinity;
        else if (rule == detail::Element::compared && found.values[i] != expected.values[i])
            error = std::abs(found.values[i] - expected.values[i]) / scale;
        if (error > result.error) {
            result.error = error;
            if (!(error <= limit)) {
                result.holds = false;
                result.message = describe(i, error);
            }
        }
    }
    if (!has_elements) return {expected.name, false, infinity, limit, detail::only_padding(expected)};
    return result;
}

/// Compares a tensor with the expected one of the same name, by norms over the compared elements. Operands of 8 significant
/// bits cause errors that are small relative to the tensor, though an element whose terms cancel may be wrong altogether. The
/// error of a wrong factor, by contrast, is parallel to the expected tensor, which that of rounding hardly is: the parallel part
/// of an error counts twice.
/// \f[ \max\Big(\frac{\lVert f - e\rVert}{n},\; \frac{2\,\lvert\langle f - e, e\rangle\rvert}{n^2}\Big),\quad
///     n = \max(\lVert e\rVert, \text{smallest\_norm}) \f]
/// Symbols: \f$f\f$ `found`, \f$e\f$ `expected`. Shapes, padding and non-finite elements are treated as in compare().
/// @param found  the computed tensor
/// @param expected  the expected tensor
/// @param mask  which positions are real, [B, L]; if empty, all
/// @param limit  the largest error allowed
/// @param smallest_norm  lower bound of the norm to which errors are relative
/// @return  error, whether it is within the limit, message
inline Comparison compare_norms(const NamedTensor& found, const NamedTensor& expected, const IndexTensor<2>& mask, double limit,
                                double smallest_norm = 0)
{
    Comparison result{expected.name, false, std::numeric_limits<double>::infinity(), limit,
                      detail::shape_mismatch(found, expected, mask)};
    if (!result.message.empty()) return result;
    double found_squares = 0, expected_squares = 0, squares = 0, along = 0;  // along: inner product of difference and expected
    bool has_elements = expected.values.empty();
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
        const detail::Element rule = detail::element_rule(expected, i, mask);
        if (rule == detail::Element::skipped) continue;
        has_elements = true;
        const double f = found.values[i], e = expected.values[i];
        if (detail::is_broken(f, e, rule)) {
            result.message = expected.name + detail::index_text(i, expected.shape) + ": expected " + detail::number_text(e) +
                             ", got " + detail::number_text(f);
            return result;
        }
        found_squares += f * f;
        expected_squares += e * e;
        squares += (f - e) * (f - e);
        along += (f - e) * e;
    }
    if (!has_elements) {
        result.message = detail::only_padding(expected);
        return result;
    }
    const double norm = std::max(std::sqrt(expected_squares), smallest_norm);
    const double whole = squares == 0 ? 0 : std::sqrt(squares) / norm;
    const double part = squares == 0 ? 0 : 2 * std::abs(along) / (norm * norm);
    if (std::isfinite(whole) && std::isfinite(part)) result.error = std::max(whole, part);
    result.holds = result.error <= limit;
    if (!result.holds) {
        const char* const what =
            part > whole ? "twice the relative difference along the expected tensor " : "relative norm of the difference ";
        result.message = expected.name + ": expected norm " + detail::number_text(std::sqrt(expected_squares), 6) + ", got " +
                         detail::number_text(std::sqrt(found_squares), 6) + ": " + what + detail::number_text(result.error, 3) +
                         ", limit " + detail::number_text(limit, 3);
    }
    return result;
}

/// Compares computed tensors with a set of expected ones. A missing tensor fails; one that isn't expected is ignored.
///
/// If errors are measured by norms, they are relative to the tensor's own norm, but to no less than a thirtieth of the norm of
/// all tensors of its kind together; for trained parameters to a tenth, as Adam makes full updates even if a gradient is rounding
/// only.
/// @param found  computed tensors, in the order of the computation
/// @param expected  forward, loss, grad and train tensors, in any order; inputs and labels are ignored
/// @param mask  which positions are real, [B, L]; if empty, all
/// @param limits  the limit of each kind
/// @return  one comparison for each expected tensor, in the order of the computation; missing tensors come last
inline std::vector<Comparison> compare_all(const std::vector<NamedTensor>& found, const std::vector<NamedTensor>& expected,
                                           const IndexTensor<2>& mask, const Limits& limits)
{
    const bool by_norm = limits.measure == Measure::norm;
    std::map<std::string, double> size_of_kind;  // the largest magnitude, or the norm of all
    std::map<std::string, const NamedTensor*> missing;
    for (const NamedTensor& tensor : expected) {
        const std::string kind = kind_of(tensor.name);
        if (kind.empty()) continue;
        missing[tensor.name] = &tensor;
        double& size = size_of_kind[kind];
        if (!detail::fits_mask(tensor, mask)) continue;
        size = by_norm ? std::hypot(size, norm_of(tensor, mask)) : std::max(size, largest_magnitude(tensor, mask));
    }
    std::vector<Comparison> comparisons;
    for (const NamedTensor& tensor : found) {
        const auto entry = missing.find(tensor.name);
        if (entry == missing.end()) continue;
        const std::string kind = kind_of(tensor.name);
        const double size = size_of_kind[kind], limit = limit_of(tensor.name, limits);
        comparisons.push_back(
            by_norm ? compare_norms(tensor, *entry->second, mask, limit, size / (kind == "train.parameter" ? 10 : 30))
                    : compare(tensor, *entry->second, mask, limit, size / 100));
        missing.erase(entry);
    }
    for (const auto& [name, tensor] : missing)
        comparisons.push_back({name, false, std::numeric_limits<double>::infinity(), limit_of(name, limits),
                               name + ": expected " + shape_text(tensor->shape) + ", got no such tensor"});
    return comparisons;
}

}  // namespace bert
