/// @file
/// Comparison of gradients with central differences, for which only the forward pass is needed.
///
/// This is the first test of a new `backward`:
/// ```cpp
/// const auto loss = [&] {
///     model.forward(batch, targets, pass, act);
///     return model.loss(batch, targets, counts, {}, act).total;
/// };
/// loss();
/// model.loss_backward(batch, targets, counts, {}, act, d_act);
/// model.backward(batch, pass, act, gradient, d_act);  // gradient was 0 before; all in double
/// const GradientCheck check = check_gradient(model, gradient, loss);
/// if (!check.holds) std::puts(check.message.c_str());
/// // bert.pooler.dense.weight[3, 0]: expected 0.125 by central differences, got 0.25: error 1, limit 1e-07
/// ```
/// Why is h 1e-5 and not smaller? The error of a central difference is of the order h^2, but rounding adds about 1e-16 / h times
/// the loss. Near 1e-5 both are small; at 1e-12 no digit is correct.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "bert/core/tensor.hpp"
#include "bert/verify/comparison.hpp"

namespace bert {

/// How gradients are checked.
struct GradientCheckOptions {
    double step = 1e-5;     ///< h of the differences; multiplied by the element's magnitude if that is above 1
    double limit = 1e-7;    ///< largest error allowed, scaled as in verify/comparison.hpp
    std::size_t most = 64;  ///< number of elements to check in each tensor, spread over it; 0 for all
};

/// Result of a gradient check.
struct GradientCheck {
    bool holds = true;      ///< whether every error is within the limit
    std::size_t count = 0;  ///< number of elements checked
    double error = 0;       ///< the largest error
    std::string name;       ///< the parameter that has it
    std::string message;    ///< for the first parameter that fails: index, expected (the difference), found; else empty
};

namespace detail {

/// The derivative by central differences of order 2, (f(x + h) - f(x - h)) / 2h, whose error is of the order h².
template <class Loss>
double central_difference(double& x, double step, const Loss& loss)
{
    const double before = x, h = step * std::max(1.0, std::abs(before));
    x = before + h;
    const double above = static_cast<double>(loss());
    x = before - h;
    const double below = static_cast<double>(loss());
    x = before;
    return (above - below) / (2 * h);
}

/// The checked elements of one tensor: their central differences (expected) and gradients (found).
struct CheckedTensor {
    std::string name;
    std::vector<std::size_t> shape, elements;
    std::vector<double> expected, found;

    double largest() const
    {
        double result = 0;
        for (const double value : expected)
            result = std::max(result, std::abs(value));
        return result;
    }
};

template <class Loss, std::size_t rank>
CheckedTensor check_elements(const std::string& name, Tensor<double, rank>& tensor, const Tensor<double, rank>& gradient,
                             const Loss& loss, const GradientCheckOptions& options)
{
    require_shape("check_gradient: " + name, gradient, tensor.shape());
    CheckedTensor checked{name, {tensor.shape().begin(), tensor.shape().end()}, {}, {}, {}};
    const std::size_t count = options.most == 0 ? tensor.size() : std::min(options.most, tensor.size());
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t i = k * tensor.size() / count;
        checked.elements.push_back(i);
        checked.expected.push_back(central_difference(tensor.data()[i], options.step, loss));
        checked.found.push_back(gradient.data()[i]);
    }
    return checked;
}

inline GradientCheck judge(const std::vector<CheckedTensor>& tensors, const GradientCheckOptions& options)
{
    double largest = 0;
    for (const CheckedTensor& tensor : tensors)
        largest = std::max(largest, tensor.largest());
    GradientCheck check;
    for (const CheckedTensor& tensor : tensors) {
        const double scale = std::max(tensor.largest(), largest / 100);
        double worst = -1;
        for (std::size_t k = 0; k < tensor.elements.size(); ++k) {
            const double difference = std::abs(tensor.found[k] - tensor.expected[k]);
            const double error = difference == 0              ? 0
                                 : !std::isfinite(difference) ? std::numeric_limits<double>::infinity()
                                                              : difference / scale;
            ++check.count;
            if (error > check.error || check.name.empty()) {
                check.error = error;
                check.name = tensor.name;
            }
            if (error <= options.limit || error <= worst || (!check.holds && worst < 0)) continue;
            worst = error;
            check.holds = false;
            check.message = tensor.name + index_text(tensor.elements[k], tensor.shape) + ": expected " +
                            number_text(tensor.expected[k], 10) + " by central differences, got " +
                            number_text(tensor.found[k], 10) + ": error " + number_text(error, 3) + ", limit " +
                            number_text(options.limit, 3);
        }
    }
    return check;
}

}  // namespace detail

/// Compares the gradient of every parameter of a component with central differences.
/// @param component  its parameters are changed one at a time and restored
/// @param gradient  the gradient from backward
/// @param loss  called without arguments; computes the loss for the component's current parameters
/// @param options  h, limit, number of elements to check in each tensor
/// @return  the largest error, and the first parameter that fails
template <class Component, class Loss>
GradientCheck check_gradient(Component& component, const Component& gradient, const Loss& loss,
                             const GradientCheckOptions& options = {})
{
    std::vector<detail::CheckedTensor> tensors;
    Component::parameters(
        [&](const std::string& name, auto& tensor, const auto& d_tensor) {
            tensors.push_back(detail::check_elements(name, tensor, d_tensor, loss, options));
        },
        "", component, gradient);
    return detail::judge(tensors, options);
}

/// Compares the gradient of a single tensor, such as the input of an operation, with central differences.
/// @param name  its name, for the message
/// @param tensor  its elements are changed one at a time and restored
/// @param gradient  the gradient from backward
/// @param loss  called without arguments; computes the loss for the tensor's current elements
/// @param options  h, limit, number of elements to check
/// @return  the largest error, and where the gradient fails
template <class Loss, std::size_t rank>
GradientCheck check_tensor_gradient(const std::string& name, Tensor<double, rank>& tensor, const Tensor<double, rank>& gradient,
                                    const Loss& loss, const GradientCheckOptions& options = {})
{
    return detail::judge({detail::check_elements(name, tensor, gradient, loss, options)}, options);
}

}  // namespace bert
