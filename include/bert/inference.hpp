/// @file
/// The encoder in inference: keeps the activations of two blocks only. Its results are bit for bit those of Encoder::forward.
#pragma once

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string>

#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder.hpp"
#include "bert/encoder_block.hpp"

namespace bert {

/// Activations of the current block and of the previous one, whose result is its input.
template <class Real>
using InferenceActivations = std::array<EncoderBlockActivations<Real>, 2>;

/// Runs blocks one after the other.
/// @param encoder  the blocks
/// @param x  embeddings, [T, H]
/// @param pass  sequences and configuration
/// @param blocks  number of blocks to run, from the first
/// @param[out] act  used by the blocks alternately
/// @param visit  called as visit(l, y) after block l with its result y, [T, H]
/// @return  the result of the last block that ran, [T, H], held by act (x itself if no block ran)
/// @throws std::invalid_argument if the encoder has fewer blocks, or a shape doesn't fit
template <class Real, class Ops, class Visit>
const Tensor<Real, 2>& infer(const Encoder<Real, Ops>& encoder, const Tensor<Real, 2>& x, const Pass& pass, std::size_t blocks,
                             InferenceActivations<Real>& act, const Visit& visit)
{
    if (blocks > encoder.runs(pass.config))
        throw std::invalid_argument("encoder: blocks: expected at most " + std::to_string(encoder.runs(pass.config)) + ", got " +
                                    std::to_string(blocks));
    const Tensor<Real, 2>* input = &x;
    for (std::size_t l = 0; l < blocks; ++l) {
        encoder.layer[pass.config.block_of(l)].forward(*input, pass.in_layer(l), act[l % 2]);
        input = &act[l % 2].y();
        visit(l, *input);
    }
    return *input;
}

}  // namespace bert
