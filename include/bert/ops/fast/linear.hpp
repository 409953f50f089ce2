/// @file
/// The linear layer y = x Wᵀ + b as a blocked product (ops/product/kernel.hpp). The bias is added while a tile is in the cache.
/// From 768 to 3,072 numbers it takes 23 ms, 12 with products in bfloat16, and 2,860 in Reference. (Figures of these headers: two
/// cores of a Zen 4 with AVX-512, float, 8 x 128 tokens of BERT-base.)
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "bert/core/linear.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/linear.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert::fast {

/// The gradients of a linear layer's input and parameters, as products.
/// @tparam Arch  the instruction set
template <class Arch>
struct LinearGradients {
    /// The gradient of the input: d_y W.
    /// @param d_y  [T, out]
    /// @param weight  W, [out, in]
    /// @param workspace  scratch memory
    /// @param finish  called as finish(row, column, sums, count)
    template <class Real, class Finish>
    static void of_input(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& weight, Workspace& workspace, const Finish& finish)
    {
        product::multiply<Arch>(product::rows_of(d_y), product::Right::plain, std::array{product::rows_of(weight)}, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    finish(t, column, sums, count);
                                });
    }

    /// The gradients of the parameters: d_weight += d_yᵀ x, d_bias += the column sums of d_y. Tokens are taken in groups, whose
    /// columns stay in the cache: 8,192 tokens with 256 to 1,024 numbers take 26 ms instead of 54.
    /// @param d_y  [T, out]
    /// @param x  [T, in]
    /// @param[in,out] d_weight  [out, in]
    /// @param[in,out] d_bias  [out]
    /// @param workspace  scratch memory
    template <class Real>
    static void of_parameters(const Tensor<Real, 2>& d_y, const product::Rows<Real>& x, Tensor<Real, 2>& d_weight,
                              Tensor<Real, 1>& d_bias, Workspace& workspace)
    {
        using V = Vector<Real, Arch>;
        const std::size_t T = x.count, in = x.width, out = d_y.shape(1);
        if (T == 0) return;
        const Chunks groups(T, product::group_size);
        for (std::size_t group = 0; group < groups.count; ++group) {
            const std::size_t first = groups.begin(group), tokens = groups.end(group) - first;
            const auto d_y_columns = product::transposed(product::some_rows(product::rows_of(d_y), first, tokens));
            const std::array x_rows{product::some_rows(x, first, tokens)};
            product::multiply<Arch>(d_y_columns, product::Right::plain, x_rows, workspace,
                                    [&](std::size_t, std::size_t o, std::size_t column, const Real* sums, std::size_t count) {
                                        product::fetch_ahead(product::rows_of(d_weight), o, column, count);
                                        Real* const row = d_weight.data() + o * in + column;
                                        add<V>(count, sums, row, row);
                                    });
        }
        add_columns<V>(T, out, d_bias.data(), LoadRow<V>{d_y.data(), out});
    }
};

/// The operation `linear` and its backward.
/// @tparam Arch  the instruction set
template <class Arch>
struct LinearOperations {
    /// @copydoc bert::reference::LinearOperations::linear
    /// @param workspace  scratch memory for packed weights
    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace& workspace)
    {
        require_linear_inputs(x, weight, bias, y);
        const std::size_t T = x.shape(0), out = weight.shape(0);
        y.resize({T, out});
        const std::array weights{product::rows_of(weight)};
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    product::fetch_ahead(product::rows_of(y), t, column, count);
                                    add<Vector<Real, Arch>>(count, sums, bias.data() + column, y.data() + t * out + column);
                                });
    }

    /// @copydoc bert::reference::LinearOperations::linear_backward
    /// @param workspace  scratch memory
    template <class Real>
    static void linear_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                                Tensor<Real, 2>& d_weight, Tensor<Real, 1>& d_bias, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        require_linear_gradients(d_y, x, weight, d_weight, d_bias);
        require_own_gradient(d_x, d_y, x);
        const std::size_t T = x.shape(0), in = x.shape(1);
        d_x.resize({T, in});
        LinearGradients<Arch>::of_input(d_y, weight, workspace,
                                        [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                            product::fetch_ahead(product::rows_of(d_x), t, column, count);
                                            std::copy_n(sums, count, d_x.data() + t * in + column);
                                        });
        LinearGradients<Arch>::of_parameters(d_y, product::rows_of(x), d_weight, d_bias, workspace);
    }

    /// linear_backward, but d_x is added to.
    /// @param d_y  [T, out]
    /// @param x  [T, in]
    /// @param dense  [out, in] and [out]
    /// @param[in,out] d_dense  is added to
    /// @param[in,out] d_x  [T, in], is added to
    /// @param workspace  scratch memory
    template <class Real>
    static void add_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Linear<Real>& dense,
                             Linear<Real>& d_dense, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        require_linear_gradients(d_y, x, dense.weight, d_dense.weight, d_dense.bias);
        require_shape("linear_backward: d_x", d_x, x.shape());
        const std::size_t in = x.shape(1);
        LinearGradients<Arch>::of_input(d_y, dense.weight, workspace,
                                        [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                            product::fetch_ahead(product::rows_of(d_x), t, column, count);
                                            Real* const row = d_x.data() + t * in + column;
                                            add<Vector<Real, Arch>>(count, sums, row, row);
                                        });
        LinearGradients<Arch>::of_parameters(d_y, product::rows_of(x), d_dense.weight, d_dense.bias, workspace);
    }
};

}  // namespace bert::fast
