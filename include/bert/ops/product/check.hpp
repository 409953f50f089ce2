/// @file
/// A report on the engine of matrix products: its name, whether it suits the processor, and whether a row has the same bits in
/// any batch. The checks run on demand only, as in `bert info`.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/product.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

/// A report on the matrix unit, which products in bfloat16 may use.
struct MatrixUnitReport {
    std::string name = "none";  ///< name of the processor's unit
    bool is_used = false;       ///< whether products in bfloat16 use it
    bool sums_as_loops = true;  ///< if it is used, whether its products have the bits of LoopTiles
    std::string advice;         ///< why it is not used, or must not be used, one line; empty if all is well
};

/// Result of check_engine.
struct EngineReport {
    std::string engine;            ///< the engine's name
    std::string kernel;            ///< the instruction set or the processor that its kernels are made for
    bool suits_processor = true;   ///< false: the processor has wider vectors than the kernel uses
    bool same_bits_float = true;   ///< a row's bits don't depend on its position or the number of rows, in float
    bool same_bits_double = true;  ///< the same in double
    bool same_bits_bf16 = true;    ///< the same for products in bfloat16, which only our own engine computes
    MatrixUnitReport matrix_unit;  ///< of our own engine; no other engine uses one
    std::string advice;            ///< remedy for the above, one line; empty if all is well
};

namespace product {

/// @return  the processor's vector width, which may be more than the program was compiled for
inline VectorWidth processor_width()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return VectorWidth::avx512;
    if (__builtin_cpu_supports("avx2")) return VectorWidth::avx2;
#endif
    return VectorWidth::narrow;
}

/// Whether the processor has AMX with tiles of bfloat16. The operating system may still not let a process use it.
/// @return  true if so
inline bool processor_has_amx()
{
#if defined(__x86_64__)
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    constexpr unsigned amx_bf16 = 1U << 22U, amx_tile = 1U << 24U;  // of leaf 7, in edx
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & amx_bf16) != 0 && (edx & amx_tile) != 0;
#else
    return false;
#endif
}

/// Pseudo-random numbers that use most of their bits, always the same.
/// @param rows  how many rows
/// @param width  numbers in each
/// @return  the matrix
template <class Real>
Tensor<Real, 2> any_matrix(std::size_t rows, std::size_t width)
{
    Tensor<Real, 2> matrix;
    matrix.resize({rows, width});
    std::size_t state = 12345;
    for (Real& value : matrix) {
        state = (state * 1103515245 + 12345) % (std::size_t{1} << 31);
        value = Real(state) / Real(std::size_t{1} << 30) - 1;
    }
    return matrix;
}

/// The product of some rows by the engine in use.
/// @tparam Arch  the instruction set
/// @param x  [T, in]
/// @param first  index of the first row
/// @param count  how many
/// @param weight  [out, in]
/// @param workspace  scratch memory
/// @return  [count, out]
template <class Arch, class Real>
Tensor<Real, 2> product_of_rows(const Tensor<Real, 2>& x, std::size_t first, std::size_t count, const Tensor<Real, 2>& weight,
                                Workspace& workspace)
{
    const std::size_t out = weight.shape(0);
    Tensor<Real, 2> y;
    y.resize({count, out});
    multiply<Arch>(some_rows(rows_of(x), first, count), Right::transposed, std::array{rows_of(weight)}, workspace,
                   [&](std::size_t, std::size_t row, std::size_t column, const Real* sums, std::size_t n) {
                       std::copy_n(sums, n, y.data() + row * out + column);
                   });
    return y;
}

/// Whether the rows of a product have the same bits alone, in pairs, and in a batch, at every position.
/// @tparam Arch  the instruction set, which says whether products are in bfloat16
/// @return  true if no bit differed in products as large as those of a small model
template <class Real, class Arch>
bool rows_keep_their_bits()
{
    constexpr std::size_t rows = 70, in = 384, out = 200;
    const Tensor<Real, 2> x = any_matrix<Real>(rows, in), weight = any_matrix<Real>(out, in);
    Workspace workspace;
    const Tensor<Real, 2> all = product_of_rows<Arch>(x, 0, rows, weight, workspace);
    for (const std::size_t count : {1U, 2U, 7U, 33U}) {
        for (std::size_t first = 0; first + count <= rows; ++first) {
            const Tensor<Real, 2> some = product_of_rows<Arch>(x, first, count, weight, workspace);
            if (!std::equal(some.begin(), some.end(), all.data() + first * out)) return false;
        }
    }
    return true;
}

/// Whether a matrix unit computes the documented sums.
/// @tparam Products  an instruction set whose products are in bfloat16, with a unit that can be used
/// @return  true if a product has the same bits as with LoopTiles; it takes several blocks of k, the last one incomplete
template <class Products>
bool sums_as_loops()
{
    constexpr std::size_t rows = 53, in = 1701, out = 70;
    const Tensor<float, 2> x = any_matrix<float>(rows, in), weight = any_matrix<float>(out, in);
    Workspace workspace;
    const Tensor<float, 2> found = product_of_rows<Products>(x, 0, rows, weight, workspace);
    const auto expected = product_of_rows<typename Products::template WithUnit<LoopTiles>>(x, 0, rows, weight, workspace);
    return std::equal(found.begin(), found.end(), expected.begin());
}

}  // namespace product

/// Checks the processor's matrix unit and the sums that it computes.
/// @tparam Products  an instruction set whose products are in bfloat16
/// @return  the results, with advice in words
template <class Products = fast::Bf16Products<simd::DefaultArch>>
MatrixUnitReport check_matrix_unit()
{
    using Tiles = typename product::FormatOf<float, Products>::type::Tiles;
    MatrixUnitReport report;
    if (product::processor_has_amx()) report.name = "AMX";
    if constexpr (Tiles::exists) {
        report.is_used = Tiles::is_usable();
        if (report.is_used) {
            report.name = Tiles::name;
            report.sums_as_loops = product::sums_as_loops<Products>();
        }
    }
    if (!report.sums_as_loops)
        report.advice = "use products in float: the unit's sums are not the documented ones";
    else if (!report.is_used && report.name != "none")
        report.advice =
            Tiles::exists ? "the operating system does not let this process use it" : "compile with -march=native to use it";
    return report;
}

/// Checks the engine in use: runs small products, compares bits, and queries the processor's features.
/// @tparam Arch  the instruction set of our own engine
/// @tparam Products  the same with products in bfloat16
/// @return  the results, with advice in words
template <class Arch = simd::DefaultArch, class Products = fast::Bf16Products<Arch>>
EngineReport check_engine()
{
    EngineReport report;
    report.engine = engine_name(engine());
    report.same_bits_float = product::rows_keep_their_bits<float, Arch>();
    report.same_bits_double = product::rows_keep_their_bits<double, Arch>();
    const product::VectorWidth processor = product::processor_width();
    const ProductEngine* const chosen = engine();
    if (chosen == nullptr) {
        report.same_bits_bf16 = product::rows_keep_their_bits<float, Products>();
        report.matrix_unit = check_matrix_unit<Products>();
        constexpr std::size_t bytes = sizeof(simd::Vector<float, Arch>);
        report.kernel = "vectors of " + std::to_string(8 * bytes) + " bits";
        report.suits_processor =
            processor == product::VectorWidth::narrow || bytes >= (processor == product::VectorWidth::avx512 ? 64U : 32U);
        if (!report.suits_processor) report.advice = "compile with -march=native: the processor has wider vectors";
    } else {
        report.kernel = chosen->kernel();
        report.suits_processor = chosen->kernel_width().value_or(processor) >= processor;
        if (!report.suits_processor) report.advice = chosen->advice(processor);
    }
    if (report.advice.empty() && !(report.same_bits_float && report.same_bits_double))
        report.advice = "use our own engine if a sentence must have the same bits in any batch";
    if (report.advice.empty()) report.advice = report.matrix_unit.advice;
    return report;
}

}  // namespace bert
