/// @file
/// What follows a product, done to each tile of it while the tile is in the cache: bias and activation, bias and residual.
/// The reference passes over memory once for each.
#pragma once

#include <array>
#include <cstddef>

#include "bert/core/activation.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fast/activations.hpp"
#include "bert/ops/fast/linear.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert::fast {

/// The operations `linear_activation` and `linear_residual_layer_norm`.
/// @tparam Arch  the instruction set
template <class Arch>
struct FusedOperations {
    /// @copydoc bert::reference::FusedOperations::linear_activation
    template <class Ops, class Real>
    static void linear_activation(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map, Activation activation,
                                  Tensor<Real, 2>& pre_activation, Tensor<Real, 2>& y, Workspace& workspace)
    {
        using V = Vector<Real, Arch>;
        using Functions = ActivationOperations<Arch>;
        static_assert(same_function<&Ops::template linear<Real>, &LinearOperations<Arch>::template linear<Real>> &&
                          same_function<&Ops::template activate<Ops, Real>, &Functions::template activate<Ops, Real>> &&
                          same_function<&Ops::template gelu<Real>, &Functions::template gelu<Real>> &&
                          same_function<&Ops::template gelu_tanh<Real>, &Functions::template gelu_tanh<Real>> &&
                          same_function<&Ops::template relu<Real>, &Functions::template relu<Real>>,
                      "Fast::linear_activation has linear and the activations inside: whoever replaces one replaces it too");
        const std::size_t T = x.shape(0), in = x.shape(1), out = map.weight.shape(0);
        require_shape("linear: weight", map.weight, {out, in});
        require_shape("linear: bias", map.bias, {out});
        pre_activation.resize({T, out});
        y.resize({T, out});
        const std::array weights{product::rows_of(map.weight)};
        product::multiply<Arch>(product::rows_of(x), weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    Real* before = pre_activation.data() + t * out + column;
                                    add<V>(count, sums, map.bias.data() + column, before);
                                    Activations<V>::row(activation, count, before, y.data() + t * out + column);
                                });
    }

    /// @copydoc bert::reference::FusedOperations::linear_residual_layer_norm
    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           const Tensor<Real, 2>& residual, const LayerNorm<Real>& norm, Real epsilon,
                                           ResidualActivations<Real>& act, Workspace& workspace)
    {
        using V = Vector<Real, Arch>;
        static_assert(same_function<&Ops::template linear<Real>, &LinearOperations<Arch>::template linear<Real>>,
                      "Fast::linear_residual_layer_norm has linear inside: whoever replaces linear replaces it too");
        const std::size_t T = x.shape(0), in = x.shape(1), H = map.weight.shape(0);
        require_shape("linear: weight", map.weight, {H, in});
        require_shape("linear: bias", map.bias, {H});
        require_shape("linear_residual_layer_norm: residual", residual, {T, H});
        act.projected.resize({T, H});
        act.sum.resize({T, H});
        const std::array weights{product::rows_of(map.weight)};
        product::multiply<Arch>(product::rows_of(x), weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    const std::size_t place = t * H + column;
                                    Real* projected = act.projected.data() + place;
                                    add<V>(count, sums, map.bias.data() + column, projected);
                                    add<V>(count, projected, residual.data() + place, act.sum.data() + place);
                                });
        Ops::layer_norm(act.sum, norm, epsilon, act.norm);
    }
};

}  // namespace bert::fast
