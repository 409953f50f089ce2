/// @file
/// What the engine of matrix products is, whether it suits the processor, and whether it keeps the promise of equal bits.
/// Run on demand, as by `bert info`; nothing here runs by itself.
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
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert {

/// A matrix unit, which products in bfloat16 may use.
struct MatrixUnitReport {
    std::string name = "none";  ///< the processor's unit
    bool is_used = false;       ///< whether products in bfloat16 use it
    bool sums_as_loops = true;  ///< if it is used: its products have the bits of those by LoopTiles
    std::string advice;         ///< why it is not used or not to be trusted, one line; empty if all is well
};

/// What check_engine found.
struct EngineReport {
    std::string engine;            ///< the engine's name
    std::string kernel;            ///< the instruction set or the processor that its kernels are made for
    bool suits_processor = true;   ///< false: the processor has wider vectors than the kernel uses
    bool same_bits_float = true;   ///< a row's bits don't depend on its place and on the number of rows, in float
    bool same_bits_double = true;  ///< the same in double
    bool same_bits_bf16 = true;    ///< the same of products in bfloat16, which the own engine alone makes
    MatrixUnitReport matrix_unit;  ///< the own engine's; no other uses one
    std::string advice;            ///< what to do about the above, one line; empty if all is well
};

namespace product {

/// The widest vectors of the processor that the program runs on.
enum class VectorWidth {
    narrow,  ///< 128 bits
    avx2,    ///< 256 bits
    avx512,  ///< 512 bits
};

/// @return  what the processor has, which may be more than the program was compiled for
inline VectorWidth processor_width()
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return VectorWidth::avx512;
    if (__builtin_cpu_supports("avx2")) return VectorWidth::avx2;
#endif
    return VectorWidth::narrow;
}

/// The vectors that OpenBLAS's kernels for a processor use.
/// @param core  a name of openblas_get_corename
/// @return  their width
inline VectorWidth openblas_width(std::string_view core)
{
    for (const std::string_view name : {"SkylakeX", "Cooperlake", "SapphireRapids"})
        if (core == name) return VectorWidth::avx512;
    for (const std::string_view name : {"Haswell", "Zen", "Excavator"})
        if (core == name) return VectorWidth::avx2;
    return VectorWidth::narrow;
}

/// Whether the processor has AMX with tiles of bfloat16; it may, and the system keep it from its processes.
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

/// Any numbers of which most bits are used, the same every time.
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
/// @param first  the first of the rows
/// @param count  how many
/// @param weight  [out, in]
/// @param workspace  scratch
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

/// Whether the rows of a product have the same bits alone, in pairs, and in a batch, at every place.
/// @tparam Arch  the instruction set, which says whether products are in bfloat16
/// @return  true if not one bit differed in products of the size of a small model
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

/// Whether a matrix unit makes the sums that are documented.
/// @tparam Products  an instruction set whose products are in bfloat16, with a unit that can be used
/// @return  true if a product of several blocks of k, the last of which isn't whole, has the bits of LoopTiles'
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

/// Looks at the processor's matrix unit, and at the sums that it makes.
/// @tparam Products  an instruction set whose products are in bfloat16
/// @return  what was found, with advice in words
template <class Products = fast::Bf16Products<fast::DefaultArch>>
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
        report.advice = Tiles::exists ? "the system keeps this process from using it" : "compile with -march=native to use it";
    return report;
}

/// Looks at the engine in use: runs small products and compares bits, and asks the processor what it can do.
/// @tparam Arch  the instruction set of the own engine
/// @tparam Products  the same with products in bfloat16
/// @return  what was found, with advice in words
template <class Arch = fast::DefaultArch, class Products = fast::Bf16Products<Arch>>
EngineReport check_engine()
{
    EngineReport report;
    report.engine = engine_name(engine());
    report.same_bits_float = product::rows_keep_their_bits<float, Arch>();
    report.same_bits_double = product::rows_keep_their_bits<double, Arch>();
    const product::VectorWidth processor = product::processor_width();
    if (engine() == Engine::own) {
        report.same_bits_bf16 = product::rows_keep_their_bits<float, Products>();
        report.matrix_unit = check_matrix_unit<Products>();
        constexpr std::size_t bytes = sizeof(fast::Vector<float, Arch>);
        report.kernel = "vectors of " + std::to_string(8 * bytes) + " bits";
        report.suits_processor =
            processor == product::VectorWidth::narrow || bytes >= (processor == product::VectorWidth::avx512 ? 64U : 32U);
        if (!report.suits_processor) report.advice = "compile with -march=native: the processor has wider vectors";
    } else if (engine() == Engine::cblas && openblas_get_corename != nullptr) {
        const std::string core = openblas_get_corename();
        report.kernel = "OpenBLAS " + core;
        report.suits_processor = product::openblas_width(core) >= processor;
        if (!report.suits_processor)
            report.advice = std::string("set OPENBLAS_CORETYPE=") +
                            (processor == product::VectorWidth::avx512 ? "SkylakeX" : "Haswell") +
                            ": OpenBLAS took the processor for a lesser one";
    } else {
        report.kernel = engine() == Engine::cblas ? "a CBLAS that is not OpenBLAS" : engine_name(engine());
    }
    if (report.advice.empty() && !(report.same_bits_float && report.same_bits_double))
        report.advice = "use the own engine where a sentence must have the same bits in any batch";
    if (report.advice.empty()) report.advice = report.matrix_unit.advice;
    return report;
}

}  // namespace bert
