/// @file
/// The fast operations: the same signatures as `Reference` and the same results within rounding, for float and double.
///
/// They are vectorised with xsimd for the instruction set that the including file is compiled for, and share the work among
/// OpenMP's threads in chunks that depend on shapes alone. As with Reference, any number of threads gives the
/// same bits, and a row has the same bits in any batch (with our own product engine, the default). Both hold in bfloat16 too,
/// with or without a matrix unit (ops/product/tiles.hpp). The bits themselves differ with a unit and without one, as they do
/// between instruction sets.
///
/// In a program whose files are all compiled with the same options, these guarantees need no particular option: they are tested
/// with -O2 -march=native alone. Between programs the last bits differ: a compiler may fuse a product and a sum into one rounding
/// (g++ does so across statements), and wider vectors add in another order. With `-ffp-contract=off`, which this project's own
/// programs and tests are compiled with, only multiply_add fuses them.
#pragma once

#include "bert/ops/fast/activations.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/block.hpp"
#include "bert/ops/fast/dropout.hpp"
#include "bert/ops/fast/embedding_lookup.hpp"
#include "bert/ops/fast/layer_norm.hpp"
#include "bert/ops/fast/linear.hpp"
#include "bert/ops/fast/losses.hpp"
#include "bert/ops/fast/optimizers.hpp"
#include "bert/ops/fast/softmax.hpp"
#include "bert/ops/product/format.hpp"
#include "bert/ops/simd/vector.hpp"

namespace bert {

/// All operations for one instruction set.
/// @tparam Arch  an instruction set of xsimd, or simd::NoVectors
template <class Arch>
struct FastOperations : fast::LinearOperations<Arch>,
                        fast::ActivationOperations<Arch>,
                        fast::SoftmaxOperations<Arch>,
                        fast::LayerNormOperations<Arch>,
                        fast::DropoutOperations<Arch>,
                        fast::EmbeddingLookupOperations<Arch>,
                        fast::AttentionOperations<Arch>,
                        fast::BlockOperations<Arch>,
                        fast::LossOperations<Arch>,
                        fast::OptimizerOperations<Arch> {
    using Itself = FastOperations;  ///< tells components that no operation was replaced (ops/fuses.hpp)
    using InstructionSet = Arch;    ///< for templates on it, such as PackedEncoder
    static constexpr bool products_in_bf16 =
        product::FormatOf<float, Arch>::type::per_element == 2;  ///< whether products round their operands to bfloat16
};

/// All fast operations, for the instruction set that the file is compiled for.
using Fast = FastOperations<simd::DefaultArch>;

/// The same with products in bfloat16, for float: weights and activations are rounded when they enter a product; sums, softmax,
/// layer norms, gradients of parameters, master weights and an optimizer's moments stay float.
using FastBf16 = FastOperations<fast::Bf16Products<simd::DefaultArch>>;

}  // namespace bert
