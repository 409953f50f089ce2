/// @file
/// What follows a product, done to each tile of it while the tile is in the cache: bias and activation, bias, dropout and
/// residual. The reference passes over memory once for each. Of the end of a sub-layer only what backward reads is kept: the
/// projection, what dropout left of it and the sum are the same memory, in which the normalized row stands in the end. For
/// BERT-base that is 18 of 66 KB that a token and layer take in training.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "bert/core/activation.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/fast/activations.hpp"
#include "bert/ops/fast/dropout.hpp"
#include "bert/ops/fast/linear.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/reference/fused.hpp"

namespace bert::fast {

/// The operations `linear_activation` with its backward, and `linear_residual_layer_norm`; the backward of the latter is the
/// reference's, made of fast operations.
/// @tparam Arch  the instruction set
template <class Arch>
struct FusedOperations : reference::FusedOperations {
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
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    product::fetch_ahead(product::rows_of(pre_activation), t, column, count);
                                    product::fetch_ahead(product::rows_of(y), t, column, count);
                                    Real* before = pre_activation.data() + t * out + column;
                                    add<V>(count, sums, map.bias.data() + column, before);
                                    Activations<V>::row(activation, count, before, y.data() + t * out + column);
                                });
    }

    /// @copydoc bert::reference::FusedOperations::linear_activation_backward
    template <class Ops, class Real>
    static void linear_activation_backward(Ops, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           Activation activation, const Tensor<Real, 2>& pre_activation, Linear<Real>& d_map,
                                           Tensor<Real, 2>& d_pre_activation, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        static_assert(
            same_function<&Ops::template linear_backward<Real>, &LinearOperations<Arch>::template linear_backward<Real>>,
            "Fast::linear_activation_backward has linear_backward inside: whoever replaces one replaces both");
        Ops::activate_backward(Ops{}, activation, d_y, pre_activation, d_pre_activation);
        LinearOperations<Arch>::add_backward(d_pre_activation, x, map, d_map, d_x, workspace);
    }

    /// @copydoc bert::reference::FusedOperations::linear_residual_layer_norm
    template <class Ops, class Real>
    static void linear_residual_layer_norm(Ops, const Tensor<Real, 2>& x, const Linear<Real>& map,
                                           const Tensor<Real, 2>& residual, const LayerNorm<Real>& norm, Real epsilon,
                                           const DropoutPlace& place, ResidualActivations<Real>& act, Workspace& workspace)
    {
        using V = Vector<Real, Arch>;
        static_assert(same_function<&Ops::template linear<Real>, &LinearOperations<Arch>::template linear<Real>> &&
                          same_function<&Ops::template dropout<Real>, &DropoutOperations<Arch>::template dropout<Real>>,
                      "Fast::linear_residual_layer_norm has linear and dropout inside: whoever replaces one replaces it too");
        const std::size_t T = x.shape(0), in = x.shape(1), H = map.weight.shape(0);
        require_shape("linear: weight", map.weight, {H, in});
        require_shape("linear: bias", map.bias, {H});
        require_shape("linear_residual_layer_norm: residual", residual, {T, H});
        place.require_valid(T);
        act.norm.resize(T, H);
        const std::array weights{product::rows_of(map.weight)};
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    const std::size_t begin = t * H + column;
                                    product::fetch_ahead(product::rows_of(act.norm.x_hat), t, column, count);
                                    product::fetch_ahead(product::rows_of(residual), t, column, count, product::Access::read);
                                    Real* const sum = act.norm.x_hat.data() + begin;  // until it is normalized
                                    add<V>(count, sums, map.bias.data() + column, sum);
                                    if (place.probability > 0) dropout_row<V>(place, t, column, count, sum, sum);
                                    add<V>(count, sum, residual.data() + begin, sum);
                                });
        Ops::layer_norm(act.norm.x_hat, norm, epsilon, act.norm);
    }
};

}  // namespace bert::fast
