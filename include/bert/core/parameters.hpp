/// @file
/// Parameters: how a component lists its own, and functions on all of them.
///
/// A component is a struct of its parameters and nothing else: linear layers (linear.hpp), layer norms (layer_norm.hpp), tables,
/// and smaller components. It lists them once, in a static function template:
/// ```cpp
/// template <class Visit, class... Selves>
/// static void parameters(Visit&& visit, const Name& name, Selves&... selves)
/// {
///     Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
///     LayerNorm<Real>::parameters(visit, name + ".LayerNorm", selves.norm...);
/// }
/// ```
/// `visit(name, tensor...)` is called once for each tensor, with the tensors of all given instances side by side: one
/// instance to count or save, two to copy or to compare. `Selves&... selves` stands for any number of instances, and
/// `selves.dense...` for that member of each. A visit that needs the name takes it as `const std::string&`, any other as
/// `const Name&`. Code that goes over the parameters in every step makes a list of them once (parameter_list.hpp).
#pragma once

#include <cstddef>
#include <string>
#include <type_traits>

#include "bert/core/name.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

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
    From::parameters([](const std::string& name, const auto& source,
                        const auto& target) { require_shape("copy_parameters: " + name, target, source.shape()); },
                     "", from, to);
    From::parameters(
        [](const Name&, const auto& source, auto& target) {
            using Target = typename std::decay_t<decltype(target)>::value_type;  // the scalar of `to`
            for (std::size_t i = 0; i < source.size(); ++i)
                target.data()[i] = static_cast<Target>(source.data()[i]);
        },
        "", from, to);
}

}  // namespace bert
