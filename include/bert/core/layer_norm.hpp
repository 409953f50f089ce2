/// @file
/// The parameters of a layer norm. The operation: ops/reference/layer_norm.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bert/core/name.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// Scale and shift of a layer norm, y = gamma x̂ + beta, where x̂ are the normalized rows, [T, H]. Its gradient and its optimizer
/// moments are LayerNorms too.
template <class Real>
struct LayerNorm {
    Tensor<Real, 1> gamma;  ///< scale, [H]; published as weight by PyTorch, as gamma by TensorFlow
    Tensor<Real, 1> beta;   ///< shift, [H]; published as bias by PyTorch, as beta by TensorFlow

    /// Calls visit for gamma and beta.
    /// @param visit  called with name and tensors
    /// @param name  prefix of their names
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        visit((name + ".weight").of(ParameterKind::scale), selves.gamma...);
        visit((name + ".bias").of(ParameterKind::shift), selves.beta...);
    }
};

/// @param width  of the normalized rows
/// @return  a layer norm of zeros
template <class Real>
LayerNorm<Real> make_layer_norm(std::size_t width)
{
    return {zeros<Real, 1>({width}), zeros<Real, 1>({width})};
}

/// @param what  beginning of the message, as in `embeddings: LayerNorm`
/// @param norm  a layer norm
/// @param width  that of the rows
/// @throws std::invalid_argument `embeddings: LayerNorm.weight: expected [6], got [5]`
template <class Real>
void require_layer_norm(std::string_view what, const LayerNorm<Real>& norm, std::size_t width)
{
    if (norm.gamma.shape(0) == width && norm.beta.shape(0) == width) return;
    require_shape(std::string(what) + ".weight", norm.gamma, {width});
    require_shape(std::string(what) + ".bias", norm.beta, {width});
}

}  // namespace bert
