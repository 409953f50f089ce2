/// @file
/// The parameters of a linear layer. The operation: ops/reference/linear.hpp.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bert/core/name.hpp"
#include "bert/core/tensor.hpp"

namespace bert {

/// A linear layer, y = x weightᵀ + bias, from x, [T, in], to y, [T, out]. Its gradient and its optimizer moments are Linears too.
/// The layout is PyTorch's; the original TensorFlow files hold the transposed matrix, named kernel.
template <class Real>
struct Linear {
    Tensor<Real, 2> weight;  ///< [out, in]; published as weight
    Tensor<Real, 1> bias;    ///< [out]; published as bias

    /// Calls visit for weight and bias.
    /// @param visit  called with name and tensors
    /// @param name  prefix of their names
    /// @param selves  instances side by side: `selves.weight...` stands for `a.weight, b.weight, ...`
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        visit((name + ".weight").of(ParameterKind::matrix), selves.weight...);
        visit((name + ".bias").of(ParameterKind::bias), selves.bias...);
    }
};

/// @param out  width of y
/// @param in  width of x
/// @return  a linear layer of zeros
template <class Real>
Linear<Real> make_linear(std::size_t out, std::size_t in)
{
    return {zeros<Real, 2>({out, in}), zeros<Real, 1>({out})};
}

/// @param what  beginning of the message, as in `attention: query`
/// @param linear  a linear layer
/// @param out  width that y must have
/// @param in  width of x
/// @throws std::invalid_argument `attention: query.weight: expected [4, 6], got [4, 5]`
template <class Real>
void require_linear(std::string_view what, const Linear<Real>& linear, std::size_t out, std::size_t in)
{
    if (linear.weight.shape(0) == out && linear.weight.shape(1) == in && linear.bias.shape(0) == out)
        return;  // without building a text
    require_shape(std::string(what) + ".weight", linear.weight, {out, in});
    require_shape(std::string(what) + ".bias", linear.bias, {out});
}

}  // namespace bert
