/// @file
/// Linear layers whose weights are packed once, for inference, and kept in the engine's layout alone.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "bert/core/linear.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

/// One linear layer, or several with the same input side by side: y = x Wᵀ + b.
/// @tparam Real  the scalar
/// @tparam Arch  the instruction set, whose vectors give the panels their width
template <class Real, class Arch = simd::DefaultArch>
struct PackedLinear {
    using Element = typename product::KernelOf<Real, Arch>::Element;  ///< element of the weight: a number, or two in bfloat16

    std::size_t in = 0;                     ///< columns of x
    std::size_t out = 0;                    ///< columns of y
    const ProductEngine* engine = nullptr;  ///< for which the weight is packed; nullptr for our own kernel
    std::vector<Element, AlignedAllocator<Element>>
        weight;            ///< panels of our own kernel, [panels][in][panel_width]; for other engines [out, in]
    Tensor<Real, 1> bias;  ///< [out]
};

/// Packs linear layers with the same input for the engine in use.
/// @param layers  the layers, as query, key and value; their columns of y are side by side
/// @return  the packed layer; the originals are not needed afterwards
/// @throws std::invalid_argument if the layers don't have the same number of inputs, or a bias doesn't fit
template <class Arch = simd::DefaultArch, class Real, std::size_t n>
PackedLinear<Real, Arch> pack_linear(const std::array<const Linear<Real>*, n>& layers)
{
    using Kernel = product::KernelOf<Real, Arch>;
    PackedLinear<Real, Arch> packed;
    packed.engine = product::engine_of<Real, Arch>();
    packed.in = layers[0]->weight.shape(1);
    for (const Linear<Real>* layer : layers) {
        require_shape("pack_linear: weight", layer->weight, {layer->weight.shape(0), packed.in});
        require_shape("pack_linear: bias", layer->bias, {layer->weight.shape(0)});
        packed.out += layer->weight.shape(0);
    }
    packed.bias.resize({packed.out});
    std::vector<const Real*> rows;  // of all layers, one layer after the other
    for (const Linear<Real>* layer : layers) {
        std::copy(layer->bias.begin(), layer->bias.end(), packed.bias.data() + rows.size());
        for (std::size_t o = 0; o < layer->weight.shape(0); ++o)
            rows.push_back(layer->weight.data() + o * packed.in);
    }
    if constexpr (!Kernel::Format::is_converted) {
        if (packed.engine != nullptr) {
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
/// @param dense  the packed layer; finish adds its bias
/// @param workspace  scratch memory
/// @param finish  called as finish(row, column, sums, count) by several threads; gets every number of the product once
template <class Real, class Arch, class Finish>
void multiply_packed(const Rows<typename PackedLinear<Real, Arch>::Element>& x, const PackedLinear<Real, Arch>& dense,
                     Workspace& workspace, const Finish& finish)
{
    using Kernel = product::KernelOf<Real, Arch>;
    if constexpr (!Kernel::Format::is_converted) {
        if (dense.engine != nullptr) {
            const std::array weights{Rows<Real>{dense.weight.data(), dense.out, dense.in, dense.in}};
            multiply_with(*dense.engine, x, Right::transposed, weights, workspace,
                          [&](std::size_t, std::size_t row, std::size_t column, const Real* sums, std::size_t count) {
                              finish(row, column, sums, count);
                          });
            return;
        }
    }
    const auto panel_of = [&](std::size_t index) { return dense.weight.data() + index * Kernel::panel_width * x.width; };
    const std::size_t panels = Kernel::panels(dense.out);
    workspace.prepare_threads<Real>(Scratch::sums, Kernel::strip_size);
    parallel_for(panels, [&](std::size_t index, std::size_t thread) {
        const std::size_t column = index * Kernel::panel_width, count = std::min(Kernel::panel_width, dense.out - column);
        const std::size_t next = index + threads();  // the threads take the panels in turn
        Kernel::multiply(
            x, panel_of(index), workspace.of_thread<Real>(thread, Scratch::sums, Kernel::strip_size),
            [&](std::size_t row, const Real* sums) { finish(row, column, sums, count); },
            next < panels ? next_contiguous(panel_of(next), Kernel::panel_width * x.width, x.width) : NextPanel{});
    });
}

}  // namespace product
}  // namespace bert
