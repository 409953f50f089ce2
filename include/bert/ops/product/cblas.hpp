/// @file
/// Products by any CBLAS. This project divides a product into blocks, each of which CBLAS computes on one thread. The program
/// must link a CBLAS, as the CMake target bert::cblas does.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <xflens/cxxblas/drivers/cblas.h>  // xtensor-blas's declarations; <cblas.h> doesn't compile beside xtensor-blas

#include "bert/ops/product/engine.hpp"

extern "C" {
/// OpenBLAS only: sets its number of threads. This project divides the work itself, and sets 1.
/// @param count  threads of the whole process
void openblas_set_num_threads(int count) __attribute__((weak));
/// OpenBLAS only: the processor that its kernels are made for.
/// @return  its name
char* openblas_get_corename() __attribute__((weak));
}

namespace bert {

/// The CBLAS that the program is linked with.
class CblasEngine : public ProductEngine {
public:
    /// Sets OpenBLAS to one thread.
    CblasEngine()
    {
        if (openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
    }

    std::string name() const override { return "cblas"; }
    std::string kernel() const override
    {
        return openblas_get_corename != nullptr ? std::string("OpenBLAS ") + openblas_get_corename()
                                                : "a CBLAS that is not OpenBLAS";
    }
    std::optional<product::VectorWidth> kernel_width() const override
    {
        if (openblas_get_corename == nullptr) return std::nullopt;
        return openblas_width(openblas_get_corename());
    }
    std::string advice(product::VectorWidth processor) const override
    {
        return std::string("set OPENBLAS_CORETYPE=") + (processor == product::VectorWidth::avx512 ? "SkylakeX" : "Haswell") +
               ": OpenBLAS chose kernels for an older processor";
    }

    void multiply(const product::Rows<float>& x, product::Right right, const product::Rows<float>& operand,
                  float* sums) const override
    {
        const Shape shape(x, right, operand);
        cblas_sgemm(CblasRowMajor, shape.left, shape.right, shape.rows, shape.columns, shape.K, 1.0F, x.data, shape.x_stride,
                    operand.data, shape.stride, 0.0F, sums, shape.columns);
    }
    void multiply(const product::Rows<double>& x, product::Right right, const product::Rows<double>& operand,
                  double* sums) const override
    {
        const Shape shape(x, right, operand);
        cblas_dgemm(CblasRowMajor, shape.left, shape.right, shape.rows, shape.columns, shape.K, 1.0, x.data, shape.x_stride,
                    operand.data, shape.stride, 0.0, sums, shape.columns);
    }

    /// The width of the vectors that OpenBLAS's kernels for a processor use.
    /// @param core  a name from openblas_get_corename
    /// @return  the width
    static product::VectorWidth openblas_width(std::string_view core)
    {
        for (const std::string_view name : {"SkylakeX", "Cooperlake", "SapphireRapids"})
            if (core == name) return product::VectorWidth::avx512;
        for (const std::string_view name : {"Haswell", "Zen", "Excavator"})
            if (core == name) return product::VectorWidth::avx2;
        return product::VectorWidth::narrow;
    }

private:
    /// A product in terms of CBLAS's arguments.
    struct Shape {
        CBLAS_TRANSPOSE left, right;
        int rows, columns, K, x_stride, stride;

        template <class Real>
        Shape(const product::Rows<Real>& x, product::Right side, const product::Rows<Real>& operand)
            : left(x.column_stride != 1 ? CblasTrans : CblasNoTrans),
              right(side == product::Right::transposed ? CblasTrans : CblasNoTrans),
              rows(static_cast<int>(x.count)),
              columns(static_cast<int>(side == product::Right::transposed ? operand.count : operand.width)),
              K(static_cast<int>(x.width)),
              // The stride of a single row has no effect, but CBLAS requires one that is not below its width.
              x_stride(static_cast<int>(x.column_stride != 1 ? x.column_stride : std::max(x.stride, x.width))),
              stride(static_cast<int>(operand.stride))
        {
        }
    };
};

}  // namespace bert
