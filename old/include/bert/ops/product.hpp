/// @file
/// Matrix products, x Wᵀ and x M, by whichever engine is chosen. Components never name one.
///
/// A product ends in the caller's `finish(which, row, column, sums, count)`: it is given each row of each tile, `count` sums
/// from `column` on, while they are in the cache, and writes what it makes of them. So a bias, an activation or a residual
/// costs no pass of its own over memory, whatever the engine.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <type_traits>

#include <xflens/cxxblas/drivers/cblas.h>  // xtensor-blas's declarations; <cblas.h> doesn't compile beside xtensor-blas

#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product/engine.hpp"
#include "bert/ops/product/fetch.hpp"
#include "bert/ops/product/kernel.hpp"
#include "bert/ops/product/left_operand.hpp"
#include "bert/ops/product/onednn.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert::product {

/// How many tokens a product takes at a time, or up to twice as many: as rows that go through all panels before the next ones
/// do, or as numbers that a weight's gradient is summed over. More of them only leave the cache before the next panel comes,
/// fewer don't pay for its packing.
inline constexpr std::size_t group_size = 1024;

/// How the right operand of a product lies in memory.
enum class Right {
    transposed,  ///< W, [out, in]: the product is x Wᵀ, as in forward
    plain,       ///< M, [in, out]: the product is x M, as in backward
};

/// @param right  how it lies
/// @param operand  it
/// @return  columns of the product
template <class Real>
std::size_t product_width(Right right, const Rows<Real>& operand)
{
    return right == Right::transposed ? operand.count : operand.width;
}

namespace detail {

/// What a panel will be packed from; nothing if there is no such panel, or it isn't full.
/// @param piece  which, counted through all operands
/// @param right  how they lie
/// @param operands  [out, in] each, or [in, out] each
/// @param K  elements in a row of x
/// @return  its memory
template <class Kernel, class Real, std::size_t n>
NextPanel next_panel(std::size_t piece, Right right, const std::array<Rows<Real>, n>& operands, std::size_t K)
{
    const std::size_t width = product_width(right, operands[0]), panels = Kernel::panels(width);
    const std::size_t column = piece % panels * Kernel::panel_width;
    if (piece >= n * panels || column + Kernel::panel_width > width) return {};
    const Rows<Real>& operand = operands[piece / panels];
    if (right == Right::plain) return next_in_columns(operand, column, Kernel::panel_width, Kernel::Format::per_element);
    if (operand.stride != operand.width) return {};
    return next_in_one_piece(operand.data + column * operand.stride, Kernel::panel_width * operand.width, K);
}

/// The own kernel, weights packed on the way: a panel that has just been packed is in the cache when it is used.
template <class Arch, class Real, std::size_t n, class Finish>
void multiply_own(const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands, Workspace& workspace,
                  const Finish& finish)
{
    using Kernel = product::KernelOf<Real, Arch>;
    using Element = typename Kernel::Element;
    const std::size_t width = product_width(right, operands[0]), panels = Kernel::panels(width);
    const Rows<Element> left = left_operand<typename Kernel::Format>(x, workspace);
    workspace.prepare_threads<Real>(Scratch::sums, Kernel::strip_size);
    workspace.prepare_threads<Element>(Scratch::panel, left.width * Kernel::panel_width);
    parallel_for(n * panels, [&](std::size_t piece, std::size_t thread) {
        const std::size_t which = piece / panels, column = piece % panels * Kernel::panel_width;
        const std::size_t count = std::min(Kernel::panel_width, width - column);
        Real* const strip = workspace.of_thread<Real>(thread, Scratch::sums, Kernel::strip_size);
        Element* const panel = workspace.of_thread<Element>(thread, Scratch::panel, left.width * Kernel::panel_width);
        if (right == Right::transposed)
            Kernel::pack(operands[which], column, panel);
        else
            Kernel::pack_columns(operands[which], column, panel);
        Kernel::multiply(
            left, panel, strip, [&](std::size_t row, const Real* sums) { finish(which, row, column, sums, count); },
            next_panel<Kernel>(piece + threads(), right, operands, left.width));
    });
}

/// sums = x Wᵀ or x M by the CBLAS.
inline void gemm(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, int rows, int columns, int K, const float* x, int x_stride,
                 const float* operand, int stride, float* sums)
{
    cblas_sgemm(CblasRowMajor, left, right, rows, columns, K, 1.0F, x, x_stride, operand, stride, 0.0F, sums, columns);
}
inline void gemm(CBLAS_TRANSPOSE left, CBLAS_TRANSPOSE right, int rows, int columns, int K, const double* x, int x_stride,
                 const double* operand, int stride, double* sums)
{
    cblas_dgemm(CblasRowMajor, left, right, rows, columns, K, 1.0, x, x_stride, operand, stride, 0.0, sums, columns);
}

/// The sums of one block, [x.count, columns of operand].
template <class Real>
void multiply_block(Engine engine, const Rows<Real>& x, Right right, const Rows<Real>& operand, Real* sums)
{
    const std::size_t width = product_width(right, operand);
    if (engine != Engine::loops && x.width > 0) {
        // A row that is alone has no next one, and CBLAS wants a stride that it could lie in.
        const std::size_t x_stride = x.step != 1 ? x.step : std::max(x.stride, x.width);
        gemm(x.step != 1 ? CblasTrans : CblasNoTrans, right == Right::transposed ? CblasTrans : CblasNoTrans,
             static_cast<int>(x.count), static_cast<int>(width), static_cast<int>(x.width), x.data, static_cast<int>(x_stride),
             operand.data, static_cast<int>(operand.stride), sums);
        return;
    }
    const std::size_t of_column = right == Right::transposed ? operand.stride : 1;  // from one column of the product to the next
    const std::size_t of_k = right == Right::transposed ? 1 : operand.stride;       // from one k to the next
    for (std::size_t t = 0; t < x.count; ++t) {
        for (std::size_t o = 0; o < width; ++o) {
            Real sum = 0;
            for (std::size_t k = 0; k < x.width; ++k)
                sum += x.data[t * x.stride + k * x.step] * operand.data[o * of_column + k * of_k];
            sums[t * width + o] = sum;
        }
    }
}

/// Some columns of a product.
template <class Real>
Rows<Real> some_columns(Right right, const Rows<Real>& operand, std::size_t first, std::size_t count)
{
    if (right == Right::transposed) return {operand.data + first * operand.stride, count, operand.width, operand.stride};
    return {operand.data + first, operand.count, count, operand.stride};
}

/// CBLAS or plain loops, on blocks whose size depends on the shapes alone, each by one thread.
template <class Real, std::size_t n, class Finish>
void multiply_in_blocks(Engine engine, const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands,
                        Workspace& workspace, const Finish& finish)
{
    constexpr std::size_t block_height = 256, block_width = 192;
    const std::size_t width = product_width(right, operands[0]);
    const std::size_t high = (x.count + block_height - 1) / block_height, wide = (width + block_width - 1) / block_width;
    workspace.prepare_threads<Real>(Scratch::sums, block_height * block_width);
    parallel_for(n * wide * high, [&](std::size_t piece, std::size_t thread) {
        const std::size_t which = piece / (wide * high);
        const std::size_t column = piece / high % wide * block_width, row = piece % high * block_height;
        const Rows<Real> rows = some_rows(x, row, std::min(block_height, x.count - row));
        const std::size_t count = std::min(block_width, width - column);
        Real* sums = workspace.of_thread<Real>(thread, Scratch::sums, block_height * block_width);
        multiply_block(engine, rows, right, some_columns(right, operands[which], column, count), sums);
        for (std::size_t t = 0; t < rows.count; ++t)
            finish(which, row + t, column, sums + t * count, count);
    });
}

#ifdef BERT_WITH_ONEDNN
/// oneDNN, a whole product at a time.
template <std::size_t n, class Finish>
void multiply_whole(const Rows<float>& x, Right right, const std::array<Rows<float>, n>& operands, Workspace& workspace,
                    const Finish& finish)
{
    for (std::size_t which = 0; which < n; ++which) {
        const std::size_t out = product_width(right, operands[which]);
        if (x.count == 0 || out == 0) return;
        float* sums = workspace.shared<float>(Scratch::sums, x.count * out);
        if (x.width > 0)
            multiply_onednn(x, right == Right::transposed, operands[which], sums);
        else
            std::fill_n(sums, x.count * out, 0.0F);
        parallel_for(x.count, [&](std::size_t row, std::size_t) { finish(which, row, std::size_t{0}, sums + row * out, out); });
    }
}
#endif

}  // namespace detail

/// Multiplies the same rows by one or several operands of one shape, with any engine but the own kernel.
/// @param engine  which; in double, which oneDNN doesn't know, CBLAS stands in for it
/// @param x  [T, in]
/// @param right  how the operands lie
/// @param operands  [out, in] each, or [in, out] each
/// @param workspace  scratch
/// @param finish  as in multiply
template <class Real, std::size_t n, class Finish>
void multiply_with(Engine engine, const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands,
                   Workspace& workspace, const Finish& finish)
{
#ifdef BERT_WITH_ONEDNN
    if constexpr (std::is_same_v<Real, float>) {
        if (engine == Engine::onednn) return detail::multiply_whole(x, right, operands, workspace, finish);
    }
#endif
    detail::multiply_in_blocks(engine, x, right, operands, workspace, finish);
}

/// The engine of an instruction set's products: only the own kernel knows bfloat16.
/// @return  the engine in use, or the own kernel
template <class Real, class Arch>
Engine engine_of()
{
    return KernelOf<Real, Arch>::Format::is_converted ? Engine::own : engine();
}

/// Multiplies the same rows by one or several operands of one shape.
/// @tparam Arch  the instruction set, which says whether products are in bfloat16
/// @param x  [T, in]
/// @param right  how the operands lie
/// @param operands  [out, in] each, or [in, out] each
/// @param workspace  scratch; its threads' buffers
/// @param finish  called as finish(which, row, column, sums, count) once for every number of every product, by several threads
template <class Arch, class Real, std::size_t n, class Finish>
void multiply(const Rows<Real>& x, Right right, const std::array<Rows<Real>, n>& operands, Workspace& workspace,
              const Finish& finish)
{
    if (x.count == 0) return;
    const Engine engine = engine_of<Real, Arch>();
    if (engine != Engine::own) return multiply_with(engine, x, right, operands, workspace, finish);
    const Pieces groups(x.count, group_size);
    for (std::size_t group = 0; group < groups.count; ++group) {
        const std::size_t first = groups.begin(group);
        detail::multiply_own<Arch>(some_rows(x, first, groups.end(group) - first), right, operands, workspace,
                                   [&](std::size_t which, std::size_t row, std::size_t column, const Real* sums,
                                       std::size_t some) { finish(which, first + row, column, sums, some); });
    }
}

}  // namespace bert::product
