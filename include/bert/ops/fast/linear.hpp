/// @file
/// The affine map y = x Wᵀ + b as a blocked product, the bias added while a tile is in the cache; query, key and value in
/// one parallel loop. How the product is computed stands in ops/product/kernel.hpp.
#pragma once

#include <array>
#include <cstddef>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/replaced.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert::fast {

/// The operation `linear` and what is made of it.
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
        product::multiply<Arch>(product::rows_of(x), weights, workspace,
                                [&](std::size_t, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
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
        product::multiply<Arch>(product::rows_of(x), weights, workspace,
                                [&](std::size_t which, std::size_t t, std::size_t column, const Real* sums, std::size_t count) {
                                    add<Vector<Real, Arch>>(count, sums, maps[which]->bias.data() + column,
                                                            results[which]->data() + t * out + column);
                                });
    }
};

}  // namespace bert::fast
