/// @file
/// The nonlinear functions that a configuration may name.
#pragma once

#include <optional>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// The function between the two products of a feed-forward network, and in the masked-word head.
enum class Activation {
    gelu,       ///< x Phi(x), with the error function: what "gelu" in a config.json means to the reference library
    gelu_tanh,  ///< its approximation with tanh: GPT-2's, ALBERT's
    relu,       ///< max(0, x)
};

/// The activation of a published name (`hidden_act` in config.json).
/// @param name  as published
/// @return  nothing for a name that is not known
inline std::optional<Activation> activation_named(std::string_view name)
{
    if (name == "gelu" || name == "gelu_python") return Activation::gelu;
    if (name == "gelu_new" || name == "gelu_accurate" || name == "gelu_pytorch_tanh" || name == "gelu_python_tanh")
        return Activation::gelu_tanh;
    if (name == "relu") return Activation::relu;
    return std::nullopt;
}

}  // namespace bert
