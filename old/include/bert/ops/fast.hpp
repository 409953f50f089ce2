/// @file
/// The fast operations: the same signatures as the reference's and the same results within rounding, for float and double.
///
/// They are vectorised with xsimd for the instruction set that the including file is compiled for, and share the work among
/// OpenMP's threads in pieces that depend on shapes alone. What they promise beyond the reference's contract: any number
/// of threads gives the same bits, and a row the same bits in any batch (with the own product engine, which is the default).
/// Both hold in bfloat16 too, with a matrix unit (ops/product/tiles.hpp) as without. The bits themselves differ with a unit and
/// without one, as they do between instruction sets.
///
/// Within a program whose files are all compiled with the same options, this asks for no particular option: it is tested at -O2
/// -march=native with nothing else. From one program to another the last bits differ: a compiler may fuse a product and a sum
/// into one rounding, each where it likes (g++ across statements), and wider vectors add in another order. With
/// `-ffp-contract=off`, as this project's own programs and tests are compiled, nothing is fused but where multiply_add says so.
#pragma once

#include "bert/ops/fast/activations.hpp"
#include "bert/ops/fast/attention.hpp"
#include "bert/ops/fast/dropout.hpp"
#include "bert/ops/fast/embedding_lookup.hpp"
#include "bert/ops/fast/fused.hpp"
#include "bert/ops/fast/layer_norm.hpp"
#include "bert/ops/fast/linear.hpp"
#include "bert/ops/fast/losses.hpp"
#include "bert/ops/fast/softmax.hpp"
#include "bert/ops/fast/vector.hpp"

namespace bert {

/// All operations for one instruction set.
/// @tparam Arch  an instruction set of xsimd, or fast::NoVectors
template <class Arch>
struct FastOperations : fast::LinearOperations<Arch>,
                        fast::ActivationOperations<Arch>,
                        fast::SoftmaxOperations<Arch>,
                        fast::LayerNormOperations<Arch>,
                        fast::DropoutOperations<Arch>,
                        fast::EmbeddingLookupOperations<Arch>,
                        fast::AttentionOperations<Arch>,
                        fast::FusedOperations<Arch>,
                        fast::LossOperations<Arch> {
    using InstructionSet = Arch;  ///< for what is a template on it, as PackedEncoder
    static constexpr bool products_in_bf16 =
        product::FormatOf<float, Arch>::type::per_element == 2;  ///< whether products round their operands to bfloat16
};

/// All operations, fast on the machine that the file is compiled for.
using Fast = FastOperations<fast::DefaultArch>;

/// The same with products in bfloat16, for float: weights and activations are rounded as they enter a product; its sums, softmax,
/// layer norms, gradients of parameters, master weights and an optimizer's moments stay float.
using FastBf16 = FastOperations<fast::Bf16Products<fast::DefaultArch>>;

}  // namespace bert
