/// @file
/// Matrix products, x Wᵀ and x M, by the program's engine: our own kernel, unless set_engine (ops/product/engine.hpp) has chosen
/// another for the whole program. Components don't depend on the choice.
///
/// The caller's `finish(which, row, column, sums, count)` receives each row of each tile, `count` sums of the operand `which` from
/// `column` on, while they are in the cache, and writes the final result. With our kernel, and with engines that take blocks, a
/// bias, an activation or a residual therefore needs no separate pass over memory; an engine that takes whole products costs one
/// more.
///
/// The callers have checked shapes: all operands have the same one, and a row of x has as many numbers as a product sums.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/product/engine.hpp"
#include "bert/ops/product/fetch.hpp"
#include "bert/ops/product/kernel.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// Tokens in a group; large products take the tokens in groups of this size, or up to twice as many. A group is multiplied by all
/// panels before the next group is, and a weight's gradient is summed over one group at a time. Larger groups would leave the
/// cache before the next panel, and smaller groups would not repay the packing of a panel.
inline constexpr std::size_t group_size = 1024;

/// @param right  layout of the operand
/// @param operand  the right operand
/// @return  columns of the product
template <class Real>
std::size_t product_width(Right right, const Rows<Real>& operand)
{
    return right == Right::transposed ? operand.count : operand.width;
}

namespace detail {

/// The memory that a panel will be packed from; empty if there is no such panel, or if it isn't full.
/// @param chunk  index of the panel, counted through all operands
/// @param right  layout of the operands
/// @param operands  [out, in] each, or [in, out] each
/// @param K  elements in a row of x
/// @return  the memory
template <class Kernel, class Real, std::size_t n>
NextPanel next_panel(std::size_t chunk, Right right, const std::array<Rows<Real>, n>& operands, std::size_t K)
{
    const std::size_t width = product_width(right, operands[0]), panels = Kernel::panels(width);
    const std::size_t column = chunk % panels * Kernel::panel_width;
    if (chunk >= n * panels || column + Kernel::panel_width > width) return {};
    const Rows<Real>& operand = operands[chunk / panels];
    if (right == Right::plain) return next_in_columns(operand, column, Kernel::panel_width, Kernel::Format::per_element);
    if (operand.stride != operand.width) return {};
    return next_contiguous(operand.data + column * operand.stride, Kernel::panel_width * operand.width, K);
}

/// Multiplies by our own kernel. Each panel is packed just before it is used, and so is in the cache.
template <class Arch, class Value, class Real, std::size_t n, class Finish>
void multiply_own(const Rows<Value>& x, Right right, const std::array<Rows<Real>, n>& operands, Workspace& workspace,
                  const Finish& finish)
{
    using Kernel = product::KernelOf<Real, Arch>;
    using Element = typename Kernel::Element;
    const std::size_t width = product_width(right, operands[0]), panels = Kernel::panels(width);
    Rows<Element> left{};
    if constexpr (std::is_same_v<Value, Real>)
        left = left_operand<typename Kernel::Format>(x, workspace);
    else
        left = x;  // elements already
    workspace.prepare_threads<Real>(Scratch::sums, Kernel::strip_size);
    workspace.prepare_threads<Element>(Scratch::panel, left.width * Kernel::panel_width);
    parallel_for(n * panels, [&](std::size_t chunk, std::size_t thread) {
        const std::size_t which = chunk / panels, column = chunk % panels * Kernel::panel_width;
        const std::size_t count = std::min(Kernel::panel_width, width - column);
        Real* const strip = workspace.of_thread<Real>(thread, Scratch::sums, Kernel::strip_size);
        Element* const panel = workspace.of_thread<Element>(thread, Scratch::panel, left.width * Kernel::panel_width);
        if (right == Right::transposed)
            Kernel::pack(operands[which], column, panel);
        else
            Kernel::pack_columns(operands[which], column, panel);
        Kernel::multiply(
            left, panel, strip, [&](std::size_t row, const Real* sums) { finish(which, row, column, sums, count); },
            next_panel<Kernel>(chunk + threads(), right, operands, left.width));
    });
}

/// The rows or columns of the right operand that belong to a range of a product's columns.
template <class Real>
Rows<Real> some_columns(Right right, const Rows<Real>& operand, std::size_t first, std::size_t count)
{
    if (right == Right::transposed) return {operand.data + first * operand.stride, count, operand.width, operand.stride};
    return {operand.data + first, operand.count, count, operand.stride};
}

/// Multiplies by an engine, in blocks whose size depends on the shapes alone, each computed by one thread.
template <class Real, std::size_t n, class Finish>
void multiply_in_blocks(const ProductEngine& engine, const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands,
                        Workspace& workspace, const Finish& finish)
{
    constexpr std::size_t block_height = 256, block_width = 192;
    const std::size_t width = product_width(right, operands[0]);
    const std::size_t high = (x.count + block_height - 1) / block_height, wide = (width + block_width - 1) / block_width;
    workspace.prepare_threads<Real>(Scratch::sums, block_height * block_width);
    parallel_for(n * wide * high, [&](std::size_t chunk, std::size_t thread) {
        const std::size_t which = chunk / (wide * high);
        const std::size_t column = chunk / high % wide * block_width, row = chunk % high * block_height;
        const Rows<Real> rows = some_rows(x, row, std::min(block_height, x.count - row));
        const std::size_t count = std::min(block_width, width - column);
        Real* sums = workspace.of_thread<Real>(thread, Scratch::sums, block_height * block_width);
        if (x.width > 0)
            engine.multiply(rows, right, some_columns(right, operands[which], column, count), sums);
        else
            std::fill_n(sums, rows.count * count, Real(0));
        for (std::size_t t = 0; t < rows.count; ++t)
            finish(which, row + t, column, sums + t * count, count);
    });
}

/// Multiplies by an engine, a whole product at a time.
template <class Real, std::size_t n, class Finish>
void multiply_whole(const ProductEngine& engine, const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands,
                    Workspace& workspace, const Finish& finish)
{
    for (std::size_t which = 0; which < n; ++which) {
        const std::size_t out = product_width(right, operands[which]);
        if (x.count == 0 || out == 0) return;
        Real* sums = workspace.shared<Real>(Scratch::sums, x.count * out);
        if (x.width > 0)
            engine.multiply(x, right, operands[which], sums);
        else
            std::fill_n(sums, x.count * out, Real(0));
        parallel_for(x.count, [&](std::size_t row, std::size_t) { finish(which, row, std::size_t{0}, sums + row * out, out); });
    }
}

}  // namespace detail

/// Multiplies the same rows by one or several operands of one shape, with an engine other than our own kernel.
/// @param engine  the engine
/// @param x  [T, in]
/// @param right  layout of the operands
/// @param operands  [out, in] each, or [in, out] each
/// @param workspace  scratch memory
/// @param finish  as in multiply
template <class Real, std::size_t n, class Finish>
void multiply_with(const ProductEngine& engine, const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands,
                   Workspace& workspace, const Finish& finish)
{
    if (engine.takes_whole_products(Real{}))
        detail::multiply_whole(engine, x, right, operands, workspace, finish);
    else
        detail::multiply_in_blocks(engine, x, right, operands, workspace, finish);
}

/// The engine of an instruction set's products: only our own kernel supports bfloat16.
/// @return  the engine in use; nullptr for our own kernel
template <class Real, class Arch>
const ProductEngine* engine_of()
{
    return KernelOf<Real, Arch>::Format::is_converted ? nullptr : engine();
}

/// Multiplies the same rows by one or several operands of one shape.
/// @tparam Arch  the instruction set, which says whether products are in bfloat16
/// @param x  [T, in], as numbers or as elements of the instruction set's format (format.hpp)
/// @param right  layout of the operands
/// @param operands  [out, in] each, or [in, out] each
/// @param workspace  scratch memory of the threads
/// @param finish  called as finish(which, row, column, sums, count) by several threads; gets every number of every product once
template <class Arch, class Value, class Real, std::size_t n, class Finish>
void multiply(const Rows<Value>& x, Right right, const std::array<Rows<Real>, n>& operands, Workspace& workspace,
              const Finish& finish)
{
    if (x.count == 0) return;
    if constexpr (std::is_same_v<Value, Real>) {
        if (const ProductEngine* const engine = engine_of<Real, Arch>())
            return multiply_with(*engine, x, right, operands, workspace, finish);
    }
    const Chunks groups(x.count, group_size);
    for (std::size_t group = 0; group < groups.count; ++group) {
        const std::size_t first = groups.begin(group);
        detail::multiply_own<Arch>(some_rows(x, first, groups.end(group) - first), right, operands, workspace,
                                   [&](std::size_t which, std::size_t row, std::size_t column, const Real* sums,
                                       std::size_t some) { finish(which, first + row, column, sums, some); });
    }
}

}  // namespace bert::product
