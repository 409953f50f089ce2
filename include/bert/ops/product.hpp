/// @file
/// Matrix products, x Wᵀ, by whichever engine is chosen. Components never name one.
///
/// A product ends in the caller's `finish(row, column, sums, count)`: it is given each row of each tile, `count` sums from
/// `column` on, while they are in the cache, and writes what it makes of them. So a bias, an activation or a residual costs
/// no pass of its own over memory, whatever the engine.
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
#include "bert/ops/product/kernel.hpp"
#include "bert/ops/product/onednn.hpp"

namespace bert::product {

/// All rows of a matrix.
/// @param matrix  [rows, width] @return  them
template <class Real>
Rows<Real> rows_of(const Tensor<Real, 2>& matrix)
{
    return {matrix.data(), matrix.shape(0), matrix.shape(1), matrix.shape(1)};
}

/// The workspace's shared buffer that a product may use.
inline constexpr std::size_t scratch_slot = 0;

namespace detail {

/// The own kernel, weights packed on the way: a panel that has just been packed is in the cache when it is used.
template <class Arch, class Real, std::size_t n, class Finish>
void multiply_own(const Rows<Real>& x, const std::array<Rows<Real>, n>& weights, Workspace& workspace, const Finish& finish)
{
    using Kernel = product::Kernel<fast::Vector<Real, Arch>>;
    const std::size_t panels = Kernel::panels(weights[0].count), K = x.width;
    workspace.prepare_threads();
    parallel_for(n * panels, [&](std::size_t piece, std::size_t thread) {
        const std::size_t which = piece / panels, column = piece % panels * Kernel::panel_width;
        const std::size_t count = std::min(Kernel::panel_width, weights[which].count - column);
        Real* strip = workspace.template of_thread<Real>(thread, Kernel::strip_size + K * Kernel::panel_width);
        Real* panel = strip + Kernel::strip_size;
        Kernel::pack(weights[which], column, panel);
        Kernel::multiply(x, panel, strip, [&](std::size_t row, const Real* sums) { finish(which, row, column, sums, count); });
    });
}

/// sums = x Wᵀ by the CBLAS.
inline void gemm(int rows, int columns, int K, const float* x, int x_stride, const float* weight, int weight_stride, float* sums)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, K, 1.0F, x, x_stride, weight, weight_stride, 0.0F, sums,
                columns);
}
inline void gemm(int rows, int columns, int K, const double* x, int x_stride, const double* weight, int weight_stride,
                 double* sums)
{
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, rows, columns, K, 1.0, x, x_stride, weight, weight_stride, 0.0, sums,
                columns);
}

/// The sums of one tile, [x.count, weight.count].
template <class Real>
void multiply_tile(Engine engine, const Rows<Real>& x, const Rows<Real>& weight, Real* sums)
{
    if (engine != Engine::loops && x.width > 0) {
        gemm(static_cast<int>(x.count), static_cast<int>(weight.count), static_cast<int>(x.width), x.data,
             static_cast<int>(x.stride), weight.data, static_cast<int>(weight.stride), sums);
        return;
    }
    for (std::size_t t = 0; t < x.count; ++t) {
        for (std::size_t o = 0; o < weight.count; ++o) {
            Real sum = 0;
            for (std::size_t i = 0; i < x.width; ++i)
                sum += x.data[t * x.stride + i] * weight.data[o * weight.stride + i];
            sums[t * weight.count + o] = sum;
        }
    }
}

/// CBLAS or plain loops, on tiles whose size depends on the shapes alone, each by one thread.
template <class Real, std::size_t n, class Finish>
void multiply_in_tiles(Engine engine, const Rows<Real>& x, const std::array<Rows<Real>, n>& weights, Workspace& workspace,
                       const Finish& finish)
{
    constexpr std::size_t height = 256, width = 192;
    const std::size_t high = (x.count + height - 1) / height, wide = (weights[0].count + width - 1) / width;
    workspace.prepare_threads();
    parallel_for(n * wide * high, [&](std::size_t piece, std::size_t thread) {
        const std::size_t which = piece / (wide * high), column = piece / high % wide * width, row = piece % high * height;
        const Rows<Real>& weight = weights[which];
        const Rows<Real> some_rows{x.data + row * x.stride, std::min(height, x.count - row), x.width, x.stride};
        const Rows<Real> some_columns{weight.data + column * weight.stride, std::min(width, weight.count - column), weight.width,
                                      weight.stride};
        Real* sums = workspace.template of_thread<Real>(thread, height * width);
        multiply_tile(engine, some_rows, some_columns, sums);
        for (std::size_t t = 0; t < some_rows.count; ++t)
            finish(which, row + t, column, sums + t * some_columns.count, some_columns.count);
    });
}

#ifdef BERT_WITH_ONEDNN
/// oneDNN, a whole product at a time.
template <std::size_t n, class Finish>
void multiply_whole(const Rows<float>& x, const std::array<Rows<float>, n>& weights, Workspace& workspace, const Finish& finish)
{
    for (std::size_t which = 0; which < n; ++which) {
        const std::size_t out = weights[which].count;
        if (x.count == 0 || out == 0) return;
        float* sums = workspace.shared<float>(scratch_slot, x.count * out);
        if (x.width > 0)
            multiply_onednn(x, weights[which], sums);
        else
            std::fill_n(sums, x.count * out, 0.0F);
        parallel_for(x.count, [&](std::size_t row, std::size_t) { finish(which, row, std::size_t{0}, sums + row * out, out); });
    }
}
#endif

}  // namespace detail

/// Multiplies the same rows by one or several weights of one shape, with any engine but the own kernel.
/// @param engine  which; in double, which oneDNN doesn't know, CBLAS stands in for it
/// @param x  [T, in]
/// @param weights  [out, in] each
/// @param workspace  scratch
/// @param finish  as in multiply
template <class Real, std::size_t n, class Finish>
void multiply_with(Engine engine, const Rows<Real>& x, const std::array<Rows<Real>, n>& weights, Workspace& workspace,
                   const Finish& finish)
{
#ifdef BERT_WITH_ONEDNN
    if constexpr (std::is_same_v<Real, float>) {
        if (engine == Engine::onednn) return detail::multiply_whole(x, weights, workspace, finish);
    }
#endif
    detail::multiply_in_tiles(engine, x, weights, workspace, finish);
}

/// Multiplies the same rows by one or several weights of one shape.
/// @param x  [T, in]
/// @param weights  [out, in] each
/// @param workspace  scratch; its threads' buffers
/// @param finish  called as finish(which, row, column, sums, count) once for every number of every product, by several threads
template <class Arch, class Real, std::size_t n, class Finish>
void multiply(const Rows<Real>& x, const std::array<Rows<Real>, n>& weights, Workspace& workspace, const Finish& finish)
{
    if (engine() == Engine::own)
        detail::multiply_own<Arch>(x, weights, workspace, finish);
    else
        multiply_with(engine(), x, weights, workspace, finish);
}

}  // namespace bert::product
