/// @file
/// All parameters of a component as one list, for zeroing, optimizers, clipping, saving and comparing. Lists of the same
/// component (model, gradient, moments) are traversed side by side.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/core/name.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// A parameter of a component: its description and a view of its numbers.
/// @tparam Real  the scalar, const if the component is
template <class Real>
struct Parameter {
    std::string name;                  ///< its name in our components
    std::vector<std::size_t> shape;    ///< as in [768, 768]
    ParameterKind kind;                ///< its kind
    std::optional<std::size_t> depth;  ///< 0 for embeddings, l + 1 for block l; std::nullopt for pooler and heads
    std::span<Real> values;            ///< its values, row by row
};

/// The parameters of a component, in its own order. A list views the component's numbers: it is valid until a tensor of the
/// component is resized, assigned or destroyed.
/// @tparam Real  the scalar, const if the component is
template <class Real>
using ParameterList = std::vector<Parameter<Real>>;

/// Makes the list of a component's parameters.
/// @tparam Real  the scalar, const if the component is
/// @param component  anything with a `parameters` function
/// @return  the list
template <class Real, class Component>
ParameterList<Real> parameter_list(Component& component)
{
    ParameterList<Real> list;
    std::remove_const_t<Component>::parameters(
        [&](const Name& name, auto& tensor) {
            list.push_back({name.text(),
                            {tensor.shape().begin(), tensor.shape().end()},
                            name.kind(),
                            name.depth(),
                            {tensor.data(), tensor.size()}});
        },
        "", component);
    return list;
}

/// Checks that two lists have equally many parameters, of the same names and shapes.
/// @param what  beginning of the message, as in `optimizer: gradient`
/// @param list  the list
/// @param expected  the list to compare it with
/// @throws std::invalid_argument naming the first parameter that differs
template <class Real, class Other>
void require_same_parameters(const char* what, const ParameterList<Real>& list, const ParameterList<Other>& expected)
{
    if (list.size() != expected.size())
        throw std::invalid_argument(std::string(what) + ": expected " + std::to_string(expected.size()) + " parameters, got " +
                                    std::to_string(list.size()));
    for (std::size_t i = 0; i < list.size(); ++i) {
        if (list[i].name != expected[i].name)
            throw std::invalid_argument(std::string(what) + ": expected " + expected[i].name + ", got " + list[i].name);
        if (list[i].shape != expected[i].shape)
            throw std::invalid_argument(std::string(what) + ": " + expected[i].name + ": expected " +
                                        shape_text(expected[i].shape) + ", got " + shape_text(list[i].shape));
    }
}

}  // namespace bert
