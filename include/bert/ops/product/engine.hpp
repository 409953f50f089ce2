/// @file
/// Engines of matrix products other than our own kernel (ops/product/kernel.hpp): any CBLAS (ops/product/cblas.hpp), oneDNN
/// (ops/product/onednn.hpp), plain loops (ops/product/loops.hpp). A program includes the header of the engine that it chooses;
/// one that chooses none links no library for them.
#pragma once

#include <atomic>
#include <optional>
#include <string>

#include "bert/core/language.hpp"
#include "bert/ops/product/rows.hpp"

namespace bert {

namespace product {

/// Layout of the right operand of a product.
enum class Right {
    transposed,  ///< W, [out, in]: the product is x Wᵀ, as in forward
    plain,       ///< M, [in, out]: the product is x M, as in backward
};

/// Vector width of a processor, or of a kernel.
enum class VectorWidth {
    narrow,  ///< 128 bits
    avx2,    ///< 256 bits
    avx512,  ///< 512 bits
};

}  // namespace product

/// Computes matrix products. Work is divided, and results are finished, in ops/product.hpp.
class ProductEngine {
public:
    virtual ~ProductEngine() = default;

    /// @return  its name, such as `cblas`
    virtual std::string name() const = 0;
    /// @return  the library or the kernels that it uses, such as `OpenBLAS SkylakeX`
    virtual std::string kernel() const { return name(); }
    /// @return  the vector width of these kernels, if it is known
    virtual std::optional<product::VectorWidth> kernel_width() const { return std::nullopt; }
    /// @param processor  vector width of the processor, above that of the kernels
    /// @return  a remedy, one line
    virtual std::string advice([[maybe_unused]] product::VectorWidth processor) const { return {}; }
    /// @return  whether the engine takes whole products in float and divides them among threads of its own; if not, it takes
    /// blocks
    ///     whose size depends on the shapes alone, each computed by one thread
    virtual bool takes_whole_products(float) const { return false; }
    /// @return  the same in double
    virtual bool takes_whole_products(double) const { return false; }

    /// sums = x Wᵀ or x M
    /// @param x  [T, in], T and in above 0
    /// @param right  layout of the operand
    /// @param operand  [out, in] or [in, out]
    /// @param[out] sums  [T, out], row by row
    virtual void multiply(const product::Rows<float>& x, product::Right right, const product::Rows<float>& operand,
                          float* sums) const = 0;
    /// @copydoc multiply
    virtual void multiply(const product::Rows<double>& x, product::Right right, const product::Rows<double>& operand,
                          double* sums) const = 0;
};

namespace detail {

/// The engine of the whole program; a weight that was packed for one engine is always multiplied by that engine.
inline std::atomic<const ProductEngine*> chosen_engine{nullptr};

}  // namespace detail

/// @return  the engine in use; nullptr for our own kernel, the default
inline const ProductEngine* engine() { return detail::chosen_engine; }

/// Sets the engine of all later products. No environment variable and no code before main sets one.
/// @param engine  must outlive its use; nullptr for our own kernel
inline void set_engine(const ProductEngine* engine) { detail::chosen_engine = engine; }

/// @param engine  an engine; nullptr for our own kernel
/// @return  its name
inline std::string engine_name(const ProductEngine* engine) { return engine == nullptr ? "own" : engine->name(); }

}  // namespace bert
