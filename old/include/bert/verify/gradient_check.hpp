/// @file
/// Gradients against central differences: the check that needs nothing but the forward pass.
///
/// Whoever writes a `backward` holds it to this before anything else:
/// ```cpp
/// const auto loss = [&] { model.forward(batch, act, workspace); return model_loss(model, batch, act, labels).total; };
/// loss();
/// model_loss_backward(model, batch, act, labels, {}, d_act);
/// model.backward(batch, act, gradient, d_act, workspace);  // gradient was 0 before; all in double
/// const GradientCheck check = check_gradient(model, gradient, loss);
/// if (!check.holds) std::puts(check.message.c_str());
/// // bert.pooler.dense.weight[3, 0]: expected 0.125 by differences, got 0.25: error 1, limit 1e-07
/// ```
/// Why a step of 1e-5, when smaller is closer? The difference's own error is of the order h^2, but rounding adds about 1e-16 / h
/// times the loss: near 1e-5 both are small, at 1e-12 no digit is left.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/verify/comparison.hpp"

namespace bert {

/// How gradients are checked.
struct GradientCheckOptions {
    double step = 1e-5;     ///< h of the differences, times the size of the number if that is above 1
    double limit = 1e-7;    ///< largest error allowed, scaled as in verify/comparison.hpp
    std::size_t most = 64;  ///< numbers of one tensor that are tried, spread over it; 0: all
};

/// What came of it.
struct GradientCheck {
    bool holds = true;      ///< whether every error is within the limit
    std::size_t count = 0;  ///< numbers that were tried
    double error = 0;       ///< the largest
    std::string name;       ///< the parameter where it was found
    std::string message;    ///< of the first parameter that doesn't hold: index, expected (the difference), found; else empty
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

/// The numbers of one tensor that are tried, and what the differences say of each.
struct TriedTensor {
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
TriedTensor try_tensor(const std::string& name, Tensor<double, rank>& tensor, const Tensor<double, rank>& gradient,
                       const Loss& loss, const GradientCheckOptions& options)
{
    require_shape("check_gradient: " + name, gradient, tensor.shape());
    TriedTensor tried{name, {tensor.shape().begin(), tensor.shape().end()}, {}, {}, {}};
    const std::size_t count = options.most == 0 ? tensor.size() : std::min(options.most, tensor.size());
    for (std::size_t k = 0; k < count; ++k) {
        const std::size_t i = k * tensor.size() / count;
        tried.elements.push_back(i);
        tried.expected.push_back(central_difference(tensor.data()[i], options.step, loss));
        tried.found.push_back(gradient.data()[i]);
    }
    return tried;
}

inline GradientCheck judge(const std::vector<TriedTensor>& tensors, const GradientCheckOptions& options)
{
    double largest = 0;
    for (const TriedTensor& tensor : tensors)
        largest = std::max(largest, tensor.largest());
    GradientCheck check;
    for (const TriedTensor& tensor : tensors) {
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
                            number_text(tensor.expected[k], 10) + " by differences, got " + number_text(tensor.found[k], 10) +
                            ": error " + number_text(error, 3) + ", limit " + number_text(options.limit, 3);
        }
    }
    return check;
}

}  // namespace detail

/// Holds the gradient of every parameter of a component to central differences.
/// @param component  its parameters are moved one at a time, and moved back
/// @param gradient  what backward says
/// @param loss  computes the loss anew from the component as it is then
/// @param options  step, limit, how many numbers of each tensor
/// @return  the largest error, and the first parameter that doesn't hold
template <class Component, class Loss>
GradientCheck check_gradient(Component& component, const Component& gradient, const Loss& loss,
                             const GradientCheckOptions& options = {})
{
    std::vector<detail::TriedTensor> tensors;
    Component::parameters(
        [&](const std::string& name, auto& tensor, const auto& d_tensor) {
            tensors.push_back(detail::try_tensor(name, tensor, d_tensor, loss, options));
        },
        "", component, gradient);
    return detail::judge(tensors, options);
}

/// The same for a single tensor, as the input of an operation.
/// @param name  for the message
/// @param tensor  its numbers are moved one at a time, and moved back
/// @param gradient  what backward says
/// @param loss  computes the loss anew from the tensor as it is then
/// @param options  step, limit, how many numbers
/// @return  the largest error, and where it doesn't hold
template <class Loss, std::size_t rank>
GradientCheck check_tensor_gradient(const std::string& name, Tensor<double, rank>& tensor, const Tensor<double, rank>& gradient,
                                    const Loss& loss, const GradientCheckOptions& options = {})
{
    return detail::judge({detail::try_tensor(name, tensor, gradient, loss, options)}, options);
}

}  // namespace bert
