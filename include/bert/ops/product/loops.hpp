/// @file
/// Products by plain loops, for comparison with other engines.
#pragma once

#include <cstddef>
#include <string>

#include "bert/ops/product/engine.hpp"

namespace bert {

/// Computes each sum separately, from k = 0 on.
class LoopsEngine : public ProductEngine {
public:
    std::string name() const override { return "loops"; }
    void multiply(const product::Rows<float>& x, product::Right right, const product::Rows<float>& operand,
                  float* sums) const override
    {
        multiply_any(x, right, operand, sums);
    }
    void multiply(const product::Rows<double>& x, product::Right right, const product::Rows<double>& operand,
                  double* sums) const override
    {
        multiply_any(x, right, operand, sums);
    }

private:
    template <class Real>
    static void multiply_any(const product::Rows<Real>& x, product::Right right, const product::Rows<Real>& operand, Real* sums)
    {
        const bool is_transposed = right == product::Right::transposed;
        const std::size_t out = is_transposed ? operand.count : operand.width;
        const std::size_t of_column = is_transposed ? operand.stride : 1;  // from one column of the product to the next
        const std::size_t of_k = is_transposed ? 1 : operand.stride;       // from one k to the next
        for (std::size_t t = 0; t < x.count; ++t) {
            for (std::size_t o = 0; o < out; ++o) {
                Real sum = 0;
                for (std::size_t k = 0; k < x.width; ++k)
                    sum += x.data[t * x.stride + k * x.column_stride] * operand.data[o * of_column + k * of_k];
                sums[t * out + o] = sum;
            }
        }
    }
};

}  // namespace bert
