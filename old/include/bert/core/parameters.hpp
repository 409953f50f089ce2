/// @file
/// Parameters: the two kinds that every component is made of, and what can be done with all parameters of anything.
///
/// A component is a struct of its parameters and nothing else. It lists them once, in a static function template:
/// ```cpp
/// template <class Visit, class... Selves>
/// static void parameters(Visit&& visit, const Name& name, Selves&... selves)
/// {
///     Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
///     LayerNorm<Real>::parameters(visit, name + ".LayerNorm", selves.norm...);
/// }
/// ```
/// `visit(name, tensor...)` is called once for each tensor, with the tensors of all given instances side by side: one
/// instance to count or save, two to copy, four for an optimizer step (model, gradient, two moments). A visit that reads names
/// takes a std::string.
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "bert/core/name.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// An affine map, y = x weightᵀ + bias. Its gradient and its optimizer moments are Linears too.
template <class Real>
struct Linear {
    Tensor<Real, 2> weight;  ///< [out, in]; published as weight
    Tensor<Real, 1> bias;    ///< [out]; published as bias

    /// Calls visit for weight and bias. @param visit  called with name and tensors @param name  published prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        visit(name + ".weight", selves.weight...);
        visit(name + ".bias", selves.bias...);
    }
};

/// Scale and shift of a layer norm. Its gradient and its optimizer moments are LayerNorms too.
template <class Real>
struct LayerNorm {
    Tensor<Real, 1> gamma;  ///< scale, [H]; published as weight
    Tensor<Real, 1> beta;   ///< shift, [H]; published as bias

    /// Calls visit for gamma and beta. @param visit  called with name and tensors @param name  published prefix
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        visit(name + ".weight", selves.gamma...);
        visit(name + ".bias", selves.beta...);
    }
};

/// @param out  width of y
/// @param in  width of x
/// @return  zeros of these sizes
template <class Real>
Linear<Real> make_linear(std::size_t out, std::size_t in)
{
    return {zeros<Real, 2>({out, in}), zeros<Real, 1>({out})};
}

/// @param width  of the normalized rows
/// @return  gamma and beta, zeros
template <class Real>
LayerNorm<Real> make_layer_norm(std::size_t width)
{
    return {zeros<Real, 1>({width}), zeros<Real, 1>({width})};
}

/// How many numbers a component holds.
/// @param component  anything with a `parameters` function
/// @return  the sum of its tensors' sizes
template <class Component>
std::size_t count_parameters(const Component& component)
{
    std::size_t count = 0;
    Component::parameters([&](const Name&, const auto& tensor) { count += tensor.size(); }, "", component);
    return count;
}

/// Copies all parameters, converting the scalar.
/// @param from  a component
/// @param[out] to  the same component, perhaps of another scalar or set of operations, of the same shapes
/// @throws std::invalid_argument if a shape differs
template <class From, class To>
void copy_parameters(const From& from, To& to)
{
    From::parameters(
        [](const std::string& name, const auto& source, auto& target) {
            require_shape("copy_parameters: " + name, target, source.shape());
            using Target = typename std::decay_t<decltype(target)>::value_type;
            for (std::size_t i = 0; i < source.size(); ++i)
                target.data()[i] = static_cast<Target>(source.data()[i]);
        },
        "", from, to);
}

}  // namespace bert
