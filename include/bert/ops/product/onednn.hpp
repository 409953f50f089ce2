/// @file
/// Products by oneDNN's matmul, which divides them among threads of its own. It doesn't support double, for which a CBLAS is
/// used. The CMake target bert::onednn links both.
#pragma once

#include <cstddef>
#include <string>

#include <oneapi/dnnl/dnnl.hpp>

#include "bert/ops/product/cblas.hpp"
#include "bert/ops/product/engine.hpp"

namespace bert {

/// oneDNN for float, a CBLAS for double.
class OnednnEngine : public CblasEngine {
public:
    std::string name() const override { return "onednn"; }
    std::string kernel() const override { return name(); }
    std::optional<product::VectorWidth> kernel_width() const override { return std::nullopt; }
    using CblasEngine::takes_whole_products;
    bool takes_whole_products(float) const override { return true; }

    using CblasEngine::multiply;
    void multiply(const product::Rows<float>& x, product::Right right, const product::Rows<float>& operand,
                  float* sums) const override
    {
        using dnnl::memory;
        const auto matrix = [](std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride) {
            return memory::desc({static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)}, memory::data_type::f32,
                                memory::dims{static_cast<memory::dim>(row_stride), static_cast<memory::dim>(column_stride)});
        };
        const bool is_transposed = right == product::Right::transposed;
        const std::size_t out = is_transposed ? operand.count : operand.width;
        const memory::desc x_shape = matrix(x.count, x.width, x.stride, x.column_stride);
        const memory::desc operand_shape =
            is_transposed ? matrix(x.width, out, 1, operand.stride) : matrix(x.width, out, operand.stride, 1);
        const memory::desc sums_shape = matrix(x.count, out, out, 1);
        const dnnl::engine processor(dnnl::engine::kind::cpu, 0);
        dnnl::stream stream(processor);
#if DNNL_VERSION_MAJOR >= 3
        const dnnl::matmul::primitive_desc description(processor, x_shape, operand_shape, sums_shape);
#else
        const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x_shape, operand_shape, sums_shape), processor);
#endif
        const memory x_memory(x_shape, processor, const_cast<float*>(x.data));  // only read, but memory takes no pointer to const
        const memory operand_memory(operand_shape, processor, const_cast<float*>(operand.data));
        const memory sums_memory(sums_shape, processor, sums);
        dnnl::matmul(description)
            .execute(stream, {{DNNL_ARG_SRC, x_memory}, {DNNL_ARG_WEIGHTS, operand_memory}, {DNNL_ARG_DST, sums_memory}});
        stream.wait();
    }
};

}  // namespace bert
