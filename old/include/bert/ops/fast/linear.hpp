/// @file
/// The affine map y = x Wᵀ + b as a blocked product, the bias added while a tile is in the cache; query, key and value in
/// one parallel loop. How the product is computed stands in ops/product/kernel.hpp. (Figures of these headers: two cores of a
/// Zen 4 with AVX-512, float, 8 x 128 tokens of BERT-base.) 768 to 3,072 numbers: 23 ms, 12 with products in bfloat16, where
/// the reference takes 2,860.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert::fast {

/// Both halves of a linear map's backward, as products.
/// @tparam Arch  the instruction set
template <class Arch>
struct LinearGradients {
    /// d_y W, row by row.
    /// @param d_y  [T, out]
    /// @param weight  W, [out, in]
    /// @param workspace  scratch
    /// @param finish  called as finish(row, column, sums, count)
    template <class Real, class Finish>
    static void of_input(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& weight, Workspace& workspace, const Finish& finish)
    {
        product::multiply<Arch>(product::rows_of(d_y), product::Right::plain, std::array{product::rows_of(weight)}, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    finish(t, column, sums, count);
                                });
    }

    /// d_weight += d_yᵀ x; d_bias += the columns of d_y. In groups of tokens, whose columns stay in the cache: with 8,192
    /// tokens and 256 to 1,024 numbers 26 ms instead of 54.
    /// @param d_y  [T, out]
    /// @param x  [T, in]
    /// @param[in,out] d_weight  [out, in]
    /// @param[in,out] d_bias  [out]
    /// @param workspace  scratch
    template <class Real>
    static void of_parameters(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_weight,
                              Tensor<Real, 1>& d_bias, Workspace& workspace)
    {
        using V = Vector<Real, Arch>;
        const std::size_t T = x.shape(0), in = x.shape(1), out = d_y.shape(1);
        if (T == 0) return;
        const Pieces groups(T, product::group_size);
        for (std::size_t group = 0; group < groups.count; ++group) {
            const std::size_t first = groups.begin(group), tokens = groups.end(group) - first;
            const auto d_y_columns = product::transposed(product::some_rows(product::rows_of(d_y), first, tokens));
            const std::array x_rows{product::some_rows(product::rows_of(x), first, tokens)};
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

/// The operation `linear`, what is made of it, and their backward.
/// @tparam Arch  the instruction set
template <class Arch>
struct LinearOperations {
    /// @copydoc bert::reference::LinearOperations::linear
    /// @param workspace  scratch for packed weights
    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace& workspace)
    {
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        require_shape("linear: weight", weight, {out, in});
        require_shape("linear: bias", bias, {out});
        y.resize({T, out});
        const std::array weights{product::rows_of(weight)};
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    product::fetch_ahead(product::rows_of(y), t, column, count);
                                    add<Vector<Real, Arch>>(count, sums, bias.data() + column, y.data() + t * out + column);
                                });
    }

    /// @copydoc bert::reference::LinearOperations::query_key_value
    template <class Ops, class Real>
    static void query_key_value(Ops, const Tensor<Real, 2>& x, const Linear<Real>& query_map, const Linear<Real>& key_map,
                                const Linear<Real>& value_map, Tensor<Real, 2>& query, Tensor<Real, 2>& key,
                                Tensor<Real, 2>& value, Workspace& workspace)
    {
        static_assert(same_function<&Ops::template linear<Real>, &LinearOperations::linear<Real>>,
                      "Fast::query_key_value has linear inside: whoever replaces linear replaces query_key_value too");
        const std::size_t T = x.shape(0), in = x.shape(1), out = query_map.weight.shape(0);
        const std::array<const Linear<Real>*, 3> maps{&query_map, &key_map, &value_map};
        const std::array<Tensor<Real, 2>*, 3> results{&query, &key, &value};
        for (std::size_t which = 0; which < 3; ++which) {
            require_shape("linear: weight", maps[which]->weight, {out, in});
            require_shape("linear: bias", maps[which]->bias, {out});
            results[which]->resize({T, out});
        }
        const std::array weights{product::rows_of(query_map.weight), product::rows_of(key_map.weight),
                                 product::rows_of(value_map.weight)};
        product::multiply<Arch>(product::rows_of(x), product::Right::transposed, weights, workspace,
                                [&](std::size_t which, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    product::fetch_ahead(product::rows_of(*results[which]), t, column, count);
                                    add<Vector<Real, Arch>>(count, sums, maps[which]->bias.data() + column,
                                                            results[which]->data() + t * out + column);
                                });
    }

    /// @copydoc bert::reference::LinearOperations::linear_backward
    /// @param workspace  scratch
    template <class Real>
    static void linear_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                                Tensor<Real, 2>& d_weight, Tensor<Real, 1>& d_bias, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        const std::size_t T = x.shape(0), in = x.shape(1), out = weight.shape(0);
        require_shape("linear_backward: d_y", d_y, {T, out});
        require_shape("linear_backward: weight", weight, {out, in});
        require_shape("linear_backward: d_weight", d_weight, {out, in});
        require_shape("linear_backward: d_bias", d_bias, {out});
        d_x.resize({T, in});
        LinearGradients<Arch>::of_input(d_y, weight, workspace,
                                        [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                            product::fetch_ahead(product::rows_of(d_x), t, column, count);
                                            std::copy_n(sums, count, d_x.data() + t * in + column);
                                        });
        LinearGradients<Arch>::of_parameters(d_y, x, d_weight, d_bias, workspace);
    }

    /// @copydoc bert::reference::LinearOperations::query_key_value_backward
    template <class Ops, class Real>
    static void query_key_value_backward(Ops, const Tensor<Real, 2>& d_query, const Tensor<Real, 2>& d_key,
                                         const Tensor<Real, 2>& d_value, const Tensor<Real, 2>& x, const Linear<Real>& query_map,
                                         const Linear<Real>& key_map, const Linear<Real>& value_map, Linear<Real>& d_query_map,
                                         Linear<Real>& d_key_map, Linear<Real>& d_value_map, Tensor<Real, 2>& d_x,
                                         Workspace& workspace)
    {
        static_assert(same_function<&Ops::template linear_backward<Real>, &LinearOperations::linear_backward<Real>>,
                      "Fast::query_key_value_backward has linear_backward inside: whoever replaces one replaces both");
        add_backward(d_query, x, query_map, d_query_map, d_x, workspace);
        add_backward(d_key, x, key_map, d_key_map, d_x, workspace);
        add_backward(d_value, x, value_map, d_value_map, d_x, workspace);
    }

    /// linear_backward that adds to d_x.
    /// @param d_y  [T, out]
    /// @param x  [T, in]
    /// @param map  [out, in] and [out]
    /// @param[in,out] d_map  is added to
    /// @param[in,out] d_x  [T, in], is added to
    /// @param workspace  scratch
    template <class Real>
    static void add_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Linear<Real>& map, Linear<Real>& d_map,
                             Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        const std::size_t T = x.shape(0), in = x.shape(1), out = map.weight.shape(0);
        require_shape("linear_backward: d_y", d_y, {T, out});
        require_shape("linear_backward: weight", map.weight, {out, in});
        require_shape("linear_backward: d_weight", d_map.weight, {out, in});
        require_shape("linear_backward: d_bias", d_map.bias, {out});
        require_shape("linear_backward: d_x", d_x, {T, in});
        LinearGradients<Arch>::of_input(d_y, map.weight, workspace,
                                        [&](std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                            product::fetch_ahead(product::rows_of(d_x), t, column, count);
                                            Real* const row = d_x.data() + t * in + column;
                                            add<Vector<Real, Arch>>(count, sums, row, row);
                                        });
        LinearGradients<Arch>::of_parameters(d_y, x, d_map.weight, d_map.bias, workspace);
    }
};

}  // namespace bert::fast
