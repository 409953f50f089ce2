/// @file
/// The nonlinear functions that a configuration may name.
#pragma once

#include <optional>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// The function between the two linear layers of a feed-forward network, and in the masked-LM head. The formulas are in
/// ops/reference/activations.hpp.
enum class Activation {
    gelu,       ///< x Phi(x), with the error function: "gelu" in a config.json of the transformers library
    gelu_tanh,  ///< its approximation with tanh, as in GPT-2 and ALBERT
    relu,       ///< max(0, x)
};

/// The activation of a published name (`hidden_act` in config.json).
/// @param name  as published
/// @return  std::nullopt for an unknown name
inline std::optional<Activation> activation_named(std::string_view name)
{
    if (name == "gelu" || name == "gelu_python") return Activation::gelu;
    if (name == "gelu_new" || name == "gelu_accurate" || name == "gelu_pytorch_tanh" || name == "gelu_python_tanh")
        return Activation::gelu_tanh;
    if (name == "relu") return Activation::relu;
    return std::nullopt;
}

}  // namespace bert
