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

#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast/vector.hpp"
#include "bert/ops/product.hpp"

namespace bert {

/// What check_engine found.
struct EngineReport {
    std::string engine;            ///< the engine's name
    std::string kernel;            ///< the instruction set or the processor that its kernels are made for
    bool suits_processor = true;   ///< false: the processor has wider vectors than the kernel uses
    bool same_bits_float = true;   ///< a row's bits don't depend on its place and on the number of rows, in float
    bool same_bits_double = true;  ///< the same in double
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

/// Whether the rows of a product have the same bits alone, in pairs, and in a batch, at every place.
/// @return  true if not one bit differed in products of the size of a small model
template <class Real>
bool rows_keep_their_bits()
{
    constexpr std::size_t rows = 70, in = 384, out = 200;
    const auto filled = [](std::size_t height, std::size_t width) {
        Tensor<Real, 2> matrix;
        matrix.resize({height, width});
        std::size_t state = 12345;  // any numbers will do, if most of their bits are used
        for (Real& value : matrix) {
            state = (state * 1103515245 + 12345) % (std::size_t{1} << 31);
            value = Real(state) / Real(std::size_t{1} << 30) - 1;
        }
        return matrix;
    };
    const Tensor<Real, 2> x = filled(rows, in), weight = filled(out, in);
    Workspace workspace;
    const auto multiply_rows = [&](std::size_t first, std::size_t count) {
        Tensor<Real, 2> y;
        y.resize({count, out});
        const Rows<Real> some{x.data() + first * in, count, in, in};
        multiply<fast::DefaultArch>(some, Right::transposed, std::array{rows_of(weight)}, workspace,
                                    [&](std::size_t, std::size_t row, std::size_t column, const Real* sums, std::size_t n) {
                                        std::copy_n(sums, n, y.data() + row * out + column);
                                    });
        return y;
    };
    const Tensor<Real, 2> all = multiply_rows(0, rows);
    for (const std::size_t count : {1U, 2U, 7U, 33U}) {
        for (std::size_t first = 0; first + count <= rows; ++first) {
            const Tensor<Real, 2> some = multiply_rows(first, count);
            if (!std::equal(some.begin(), some.end(), all.data() + first * out)) return false;
        }
    }
    return true;
}

}  // namespace product

/// Looks at the engine in use: runs small products and compares bits, and asks the processor what it can do.
/// @return  what was found, with advice in words
inline EngineReport check_engine()
{
    EngineReport report;
    report.engine = engine_name(engine());
    report.same_bits_float = product::rows_keep_their_bits<float>();
    report.same_bits_double = product::rows_keep_their_bits<double>();
    const product::VectorWidth processor = product::processor_width();
    if (engine() == Engine::own) {
        constexpr std::size_t bytes = sizeof(fast::Vector<float, fast::DefaultArch>);
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
    return report;
}

}  // namespace bert
