/// @file
/// Products by oneDNN's matmul, where the program is built with it. oneDNN knows no double.
#pragma once

#include "bert/core/language.hpp"

#ifdef BERT_WITH_ONEDNN

#include <cstddef>

#include <oneapi/dnnl/dnnl.hpp>

#include "bert/ops/product/kernel.hpp"

namespace bert::product {

/// y = x Wᵀ or x M, with oneDNN's own threads.
/// @param x  [T, in]
/// @param transposed  whether the operand is W, [out, in], or M, [in, out]
/// @param operand  W or M
/// @param[out] y  [T, out]
inline void multiply_onednn(const Rows<float>& x, bool transposed, const Rows<float>& operand, float* y)
{
    using dnnl::memory;
    const auto matrix = [](std::size_t rows, std::size_t columns, std::size_t row_stride, std::size_t column_stride) {
        return memory::desc({static_cast<memory::dim>(rows), static_cast<memory::dim>(columns)}, memory::data_type::f32,
                            memory::dims{static_cast<memory::dim>(row_stride), static_cast<memory::dim>(column_stride)});
    };
    const memory::desc x_shape = matrix(x.count, x.width, x.stride, x.step);
    const std::size_t out = transposed ? operand.count : operand.width;
    const memory::desc operand_shape =
        transposed ? matrix(x.width, out, 1, operand.stride) : matrix(x.width, out, operand.stride, 1);
    const memory::desc y_shape = matrix(x.count, out, out, 1);
    const dnnl::engine processor(dnnl::engine::kind::cpu, 0);
    dnnl::stream stream(processor);
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::matmul::primitive_desc description(processor, x_shape, operand_shape, y_shape);
#else
    const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(x_shape, operand_shape, y_shape), processor);
#endif
    const memory x_memory(x_shape, processor, const_cast<float*>(x.data));  // read only, though its type can't say so
    const memory operand_memory(operand_shape, processor, const_cast<float*>(operand.data));
    const memory y_memory(y_shape, processor, y);
    dnnl::matmul(description)
        .execute(stream, {{DNNL_ARG_SRC, x_memory}, {DNNL_ARG_WEIGHTS, operand_memory}, {DNNL_ARG_DST, y_memory}});
    stream.wait();
}

}  // namespace bert::product

#endif
