/// @file
/// Affine maps whose weights are packed once, for inference: in the layout that the engine wants, and in no other.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert {

/// One affine map, or several of the same input side by side: y = x Wᵀ + b.
/// @tparam Real  the scalar
/// @tparam Arch  the instruction set, whose vectors give the panels their width
template <class Real, class Arch = fast::DefaultArch>
struct PackedLinear {
    using Element = typename product::KernelOf<Real, Arch>::Element;  ///< of the weight: a number, or two of them in bfloat16

    std::size_t in = 0;   ///< columns of x
    std::size_t out = 0;  ///< columns of y
    Engine engine{};      ///< which engine the weight is packed for
    std::vector<Element, AlignedAllocator<Element>>
        weight;            ///< panels of the own kernel, [panels][in][panel_width]; else [out, in]
    Tensor<Real, 1> bias;  ///< [out]
};

/// Packs affine maps of the same input for the engine in use.
/// @param maps  their columns of y stand side by side: query, key, value
/// @return  the packed map; the plain ones may go
/// @throws std::invalid_argument if the maps don't have the same number of inputs, or a bias doesn't fit
template <class Arch = fast::DefaultArch, class Real, std::size_t n>
PackedLinear<Real, Arch> pack_linear(const std::array<const Linear<Real>*, n>& maps)
{
    using Kernel = product::KernelOf<Real, Arch>;
    PackedLinear<Real, Arch> packed;
    packed.engine = product::engine_of<Real, Arch>();
    packed.in = maps[0]->weight.shape(1);
    for (const Linear<Real>* map : maps) {
        require_shape("pack_linear: weight", map->weight, {map->weight.shape(0), packed.in});
        require_shape("pack_linear: bias", map->bias, {map->weight.shape(0)});
        packed.out += map->weight.shape(0);
    }
    packed.bias.resize({packed.out});
    std::vector<const Real*> rows;  // of all maps, one map under the other
    for (const Linear<Real>* map : maps) {
        std::copy(map->bias.begin(), map->bias.end(), packed.bias.data() + rows.size());
        for (std::size_t o = 0; o < map->weight.shape(0); ++o)
            rows.push_back(map->weight.data() + o * packed.in);
    }
    if constexpr (!Kernel::Format::is_converted) {
        if (packed.engine != Engine::own) {
            packed.weight.resize(packed.out * packed.in);
            for (std::size_t o = 0; o < packed.out; ++o)
                std::copy_n(rows[o], packed.in, packed.weight.data() + o * packed.in);
            return packed;
        }
    }
    const std::size_t K = Kernel::Format::elements(packed.in);
    packed.weight.resize(Kernel::panels(packed.out) * Kernel::panel_width * K);
    parallel_for(Kernel::panels(packed.out), [&](std::size_t panel, std::size_t) {
        const std::size_t column = panel * Kernel::panel_width;
        Kernel::pack_rows(
            std::min(Kernel::panel_width, packed.out - column), packed.in, [&](std::size_t j) { return rows[column + j]; },
            packed.weight.data() + column * K);
    });
    return packed;
}

namespace product {

/// Multiplies rows by a packed weight.
/// @param x  [T, in], as elements (left_operand.hpp)
/// @param map  the packed weight; its bias is left to finish
/// @param workspace  scratch
/// @param finish  called as finish(row, column, sums, count) once for every number of the product, by several threads
template <class Real, class Arch, class Finish>
void multiply_packed(const Rows<typename PackedLinear<Real, Arch>::Element>& x, const PackedLinear<Real, Arch>& map,
                     Workspace& workspace, const Finish& finish)
{
    using Kernel = product::KernelOf<Real, Arch>;
    if constexpr (!Kernel::Format::is_converted) {
        if (map.engine != Engine::own) {
            const std::array weights{Rows<Real>{map.weight.data(), map.out, map.in, map.in}};
            multiply_with(map.engine, x, Right::transposed, weights, workspace,
                          [&](std::size_t, std::size_t row, std::size_t column, const Real* sums, std::size_t count) {
                              finish(row, column, sums, count);
                          });
            return;
        }
    }
    const auto panel_of = [&](std::size_t index) { return map.weight.data() + index * Kernel::panel_width * x.width; };
    const std::size_t panels = Kernel::panels(map.out);
    workspace.prepare_threads<Real>(Scratch::sums, Kernel::strip_size);
    parallel_for(panels, [&](std::size_t index, std::size_t thread) {
        const std::size_t column = index * Kernel::panel_width, count = std::min(Kernel::panel_width, map.out - column);
        const std::size_t next = index + threads();  // the threads take the panels in turn
        Kernel::multiply(
            x, panel_of(index), workspace.of_thread<Real>(thread, Scratch::sums, Kernel::strip_size),
            [&](std::size_t row, const Real* sums) { finish(row, column, sums, count); },
            next < panels ? next_in_one_piece(panel_of(next), Kernel::panel_width * x.width, x.width) : NextPanel{});
    });
}

}  // namespace product
}  // namespace bert
