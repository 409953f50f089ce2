/// @file
/// Holding computed tensors to expected ones.
///
/// The error of a tensor is max |found - expected| / scale over its compared elements, where scale is the largest
/// |expected| among them, but not below a hundredth of the largest of its kind: a gradient that is zero but for rounding
/// would otherwise be compared with noise.
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

/// The largest error that each kind of tensor may have.
struct Limits {
    double forward;    ///< forward.*
    double loss;       ///< loss.*
    double gradient;   ///< grad.*
    double curve;      ///< train.loss, train.grad_norm, train.learning_rate
    double parameter;  ///< train.parameter.*
};

/// The limits of a scalar and a set of operations. Double's leave a factor of some hundred over the largest error seen (3e-15 in
/// forward, 2e-14 in gradients); training steps, which accumulate more, get more. Float's are what sums of some hundred terms
/// leave. Long double is held to double's, as the expected values are doubles.
///
/// With products in bfloat16 every operand is off by up to 2⁻⁹ of itself, some thirty thousand times what float's rounding does:
/// the limits are two to three times the largest errors seen. A gradient is off by more where it is proportional to a difference
/// that is itself small, as a regression's is to prediction minus label.
/// @tparam Ops  the set, if it is one whose products are in another format than its scalar
/// @return  the limits
template <class Real, class Ops = void>
constexpr Limits limits_of()
{
    if constexpr (requires { requires Ops::products_in_bf16; })
        return {.forward = 6e-2, .loss = 1e-2, .gradient = 8e-1, .curve = 1.5e-1, .parameter = 2e-1};
    else if constexpr (std::is_same_v<Real, float>)
        return {.forward = 2e-5, .loss = 5e-6, .gradient = 1e-4, .curve = 5e-5, .parameter = 4e-4};
    else
        return {.forward = 1e-12, .loss = 1e-12, .gradient = 1e-10, .curve = 1e-10, .parameter = 1e-9};
}

/// The kind of a tensor: what it shares its limit and the floor of its scale with.
/// @param name  as in `grad.bert.pooler.dense.bias`
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
/// @param limits  of each kind
/// @return  the limit
inline double limit_of(std::string_view name, const Limits& limits)
{
    const std::string kind = kind_of(name);
    if (kind == "forward") return limits.forward;
    if (kind == "loss") return limits.loss;
    if (kind == "grad") return limits.gradient;
    if (kind == "train.parameter") return limits.parameter;
    return limits.curve;
}

/// What came of comparing one tensor.
struct Comparison {
    std::string name;     ///< the tensor's
    bool holds = false;   ///< whether the error is within the limit
    double error = 0;     ///< scaled; infinity if nothing could be compared
    double limit = 0;     ///< the largest error allowed
    std::string message;  ///< empty if it holds; else `name[1, 0, 3]: expected 0.5, got 0.25: error 0.5, limit 1e-12`
};

namespace detail {

/// The index of an element in a shape, as it is written in messages.
inline std::string index_text(std::size_t element, const std::vector<std::size_t>& shape)
{
    std::vector<std::size_t> index(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        index[axis] = element % shape[axis];
        element /= shape[axis];
    }
    return shape_text(index);
}

/// A number as it is written in messages: seventeen digits tell any two doubles apart.
inline std::string number_text(double number, int digits = 17)
{
    std::ostringstream text;
    text.precision(digits);
    text << number;
    return text.str();
}

/// What is done with an element of a padded tensor.
enum class Element {
    compared,
    skipped,       ///< belongs to a padded position
    must_be_zero,  ///< the probability of a masked key
};

/// @param mask  [B, L], or empty: nothing is padded
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

/// Whether the tensor's leading sizes are the mask's, so that element_rule can be asked.
inline bool fits_mask(const NamedTensor& tensor, const IndexTensor<2>& mask)
{
    const Layout layout = layout_of(tensor.name);
    if (mask.size() == 0 || layout == Layout::whole) return true;
    const std::size_t B = mask.shape(0), L = mask.shape(1);
    if (layout == Layout::rows) return tensor.shape.size() >= 2 && tensor.shape[0] == B && tensor.shape[1] == L;
    return tensor.shape.size() == 4 && tensor.shape[0] == B && tensor.shape[2] == L && tensor.shape[3] == L;
}

}  // namespace detail

/// The largest |value| among a tensor's compared elements.
/// @param tensor  an expected tensor
/// @param mask  which positions are real, [B, L], or empty
/// @return  0 for a tensor without elements
inline double largest_magnitude(const NamedTensor& tensor, const IndexTensor<2>& mask)
{
    double largest = 0;
    for (std::size_t i = 0; i < tensor.values.size(); ++i)
        if (detail::element_rule(tensor, i, mask) == detail::Element::compared)
            largest = std::max(largest, std::abs(tensor.values[i]));
    return largest;
}

/// Compares a tensor with the expected one of the same name. Shapes must be equal, dimension by dimension. Elements of
/// padded positions are not compared, but the probability of a masked key must be exactly 0. A NaN or an infinity on either
/// side doesn't hold, nor does a tensor of padded positions alone.
/// @param found  what was computed
/// @param expected  what should have been
/// @param mask  which positions are real, [B, L]; empty: all
/// @param limit  the largest error allowed
/// @param smallest_scale  what the error's scale doesn't fall below
/// @return  error, verdict and message
inline Comparison compare(const NamedTensor& found, const NamedTensor& expected, const IndexTensor<2>& mask, double limit,
                          double smallest_scale = 0)
{
    constexpr double infinity = std::numeric_limits<double>::infinity();
    Comparison result{expected.name, true, 0, limit, ""};
    if (found.shape != expected.shape)
        return {expected.name, false, infinity, limit,
                expected.name + ": expected shape " + shape_text(expected.shape) + ", got " + shape_text(found.shape)};
    if (!detail::fits_mask(expected, mask))
        return {expected.name, false, infinity, limit,
                expected.name + ": expected a shape over the positions " + shape_text(mask.shape()) + ", got " +
                    shape_text(expected.shape)};
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
        if (!std::isfinite(found.values[i]) || !std::isfinite(expected.values[i]))
            error = infinity;
        else if (rule == detail::Element::must_be_zero)
            error = found.values[i] == 0 ? 0 : infinity;
        else if (found.values[i] != expected.values[i])
            error = std::abs(found.values[i] - expected.values[i]) / scale;
        if (error > result.error) {
            result.error = error;
            if (!(error <= limit)) {
                result.holds = false;
                result.message = describe(i, error);
            }
        }
    }
    if (!has_elements)
        return {expected.name, false, infinity, limit, expected.name + ": expected an element to compare, got padding alone"};
    return result;
}

/// Compares what was computed with a whole set of expected tensors. A missing tensor doesn't hold; one that isn't expected is
/// passed over.
/// @param found  in the order of the computation
/// @param expected  forward, loss, grad and train tensors, in any order; inputs and labels are passed over
/// @param mask  which positions are real, [B, L]; empty: all
/// @param limits  of each kind
/// @return  one comparison for each expected tensor, in the order of the computation, what is missing last
inline std::vector<Comparison> compare_all(const std::vector<NamedTensor>& found, const std::vector<NamedTensor>& expected,
                                           const IndexTensor<2>& mask, const Limits& limits)
{
    std::map<std::string, double> largest_of_kind;
    std::map<std::string, const NamedTensor*> missing;
    for (const NamedTensor& tensor : expected) {
        const std::string kind = kind_of(tensor.name);
        if (kind.empty()) continue;
        missing[tensor.name] = &tensor;
        double& largest = largest_of_kind[kind];
        if (detail::fits_mask(tensor, mask)) largest = std::max(largest, largest_magnitude(tensor, mask));
    }
    std::vector<Comparison> comparisons;
    for (const NamedTensor& tensor : found) {
        const auto entry = missing.find(tensor.name);
        if (entry == missing.end()) continue;
        const double smallest_scale = largest_of_kind[kind_of(tensor.name)] / 100;
        comparisons.push_back(compare(tensor, *entry->second, mask, limit_of(tensor.name, limits), smallest_scale));
        missing.erase(entry);
    }
    for (const auto& [name, tensor] : missing)
        comparisons.push_back({name, false, std::numeric_limits<double>::infinity(), limit_of(name, limits),
                               name + ": expected " + shape_text(tensor->shape) + ", got no such tensor"});
    return comparisons;
}

}  // namespace bert
