/// @file
/// A Catch2 matcher that compares a tensor with one of a stored reference case:
/// ```cpp
/// const bert::ReferenceCase reference("reference_outputs/cases/pretraining_gelu");
/// Tensor<double, 2> y;
/// my_layer_norm(..., y);
/// CHECK_THAT(y, bert::matches(reference, "forward.layer.0.output"));
/// ```
/// Catch2 prints the tensors of failed assertions, large ones by their shape alone.
/// bert/bert.hpp doesn't include this header, as it needs Catch2.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>

#if __has_include(<catch2/catch_all.hpp>)  // Catch2 3
#include <catch2/catch_tostring.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#else
#include <catch2/catch.hpp>
#endif

#include "bert/core/tensor.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/comparison.hpp"
#include "bert/verify/named_tensor.hpp"

namespace Catch {

/// A tensor isn't printed as a range, which would be all its numbers.
template <class Value, std::size_t rank>
struct is_range<bert::Tensor<Value, rank>> : std::false_type {
};

/// The text of a tensor in the message of a failed assertion.
template <class Value, std::size_t rank>
struct StringMaker<bert::Tensor<Value, rank>> {
    /// Converts a tensor to text.
    /// @param tensor  of any shape
    /// @return  its shape and, if there are few, its numbers: `tensor [2, 2] {0.5, 1, -2, 0}`
    static std::string convert(const bert::Tensor<Value, rank>& tensor)
    {
        constexpr std::size_t few = 16;
        std::string text = "tensor " + bert::shape_text(tensor.shape());
        if (tensor.size() > few) return text;
        const char* separator = " {";
        for (const Value value : tensor) {
            text += separator + bert::detail::number_text(static_cast<double>(value), 6);
            separator = ", ";
        }
        return text + (tensor.size() == 0 ? "" : "}");
    }
};

}  // namespace Catch

namespace bert {

#if __has_include(<catch2/catch_all.hpp>)
/// Catch2's base class of matchers; its name differs between releases.
template <class Value>
using CatchMatcher = Catch::Matchers::MatcherBase<Value>;
#else
/// Catch2's base class of matchers; its name differs between releases.
template <class Value>
using CatchMatcher = Catch::MatcherBase<Value>;
#endif

/// Compares a matrix with an expected one by the rules of verify/comparison.hpp.
template <class Real>
class TensorMatcher : public CatchMatcher<Tensor<Real, 2>> {
public:
    /// @param expected  name, shape and values
    /// @param limit  the largest error allowed
    /// @param smallest_scale  lower bound of the scale of errors
    TensorMatcher(NamedTensor expected, double limit, double smallest_scale)
        : expected_(std::move(expected)), limit_(limit), smallest_scale_(smallest_scale)
    {
    }

    /// Compares a matrix with the expected one.
    /// @param found  the computed matrix
    /// @return  whether the error is within the limit
    bool match(const Tensor<Real, 2>& found) const override
    {
        const NamedTensor named{expected_.name, {found.shape().begin(), found.shape().end()}, {found.begin(), found.end()}};
        const Comparison result = compare(named, expected_, {}, limit_, smallest_scale_);
        message_ = result.message;
        return result.holds;
    }

    /// The text that Catch2 prints for a failure.
    /// @return  the tensor, the index of its worst element, expected and computed value, error and limit
    std::string describe() const override { return message_.empty() ? "holds " + expected_.name : "but " + message_; }

private:
    NamedTensor expected_;
    double limit_, smallest_scale_;
    mutable std::string message_;
};

/// Makes a matcher for a stored tensor. A tensor over positions is compared by the rows of its real tokens, [T, W], any other as
/// it is stored, [B, W].
/// @param reference  the case
/// @param name  as in `forward.layer.0.query` or `forward.pooled`
/// @return  a matcher with the limit for the scalar and the kind of tensor
/// @throws InputError if the case lacks the tensor, or stores it with another rank
template <class Real = double>
TensorMatcher<Real> matches(const ReferenceCase& reference, const std::string& name)
{
    const Tensor<double, 2> expected =
        layout_of(name) == Layout::rows ? reference.rows<double>(name) : reference.tensor<double, 2>(name);
    double largest = 0;
    for (const TensorView& view : reference.expected().tensors())
        if (kind_of(view.name) == kind_of(name))
            largest = std::max(largest, largest_magnitude(named_tensor(view), reference.mask()));
    // TensorMatcher compares without a mask: these rows are packed already.
    NamedTensor rows{name, {expected.shape().begin(), expected.shape().end()}, {expected.begin(), expected.end()}};
    return {std::move(rows), limit_of(name, limits_of<Real>()), largest / 100};
}

}  // namespace bert
