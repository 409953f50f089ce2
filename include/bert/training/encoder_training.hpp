/// @file
/// The encoder in training: Encoder's computation, with less memory and less work according to a plan. Gradient checkpointing
/// keeps every bit; selected rows keep those of forward, and gradients to rounding.
///
/// - Gradient checkpointing keeps only the result of each block; backward computes the rest again: the time of one more forward
///   for a small part of the memory. (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost, section 4; every block is
///   a segment of its own, as in the transformers library.)
/// - Selected rows: the last block computes only the rows that heads read (selected_rows.hpp).
///
/// The last block is separate: backward begins with it, so it is never computed again, and only its rows are selected.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder.hpp"
#include "bert/encoder_block.hpp"
#include "bert/training/selected_rows.hpp"

namespace bert {

/// How an encoder runs in training.
struct EncoderPlan {
    bool gradient_checkpointing = false;     ///< whether activations are computed again in backward rather than kept
    std::span<const std::size_t> rows = {};  ///< selected rows of the last block, ascending; if empty, all rows
};

/// What EncoderTraining::forward computes.
template <class Real>
struct EncoderTrainingActivations {
    std::vector<EncoderBlockActivations<Real>> layer;  ///< of each block but the last; none with gradient checkpointing
    std::vector<Tensor<Real, 2>> results;              ///< with gradient checkpointing: of each block but the last, [T, H] each
    SelectedBlockActivations<Real> last;               ///< of the last block; all members but block are for selected rows
};

/// What EncoderTraining::backward computes besides the gradients of parameters and input: the gradients of one block at a time,
/// and what gradient checkpointing computes again.
template <class Real>
struct EncoderTrainingScratch {
    EncoderBlockActivations<Real> block;  ///< gradients of one block's tensors; reused for every block
    SelectedBlockActivations<Real> last;  ///< of the last block, for selected rows
    EncoderBlockActivations<Real> again;  ///< with gradient checkpointing: activations computed again
};

/// An encoder's forward and backward according to a plan.
template <class Real, class Ops>
struct EncoderTraining {
    const Encoder<Real, Ops>& encoder;  ///< the blocks
    EncoderPlan plan = {};              ///< how they run, the same in both directions

    /// Encoder::forward.
    /// @param x  embeddings, [T, H]
    /// @param pass  as for the encoder
    /// @param[out] act  what backward reads
    /// @return  the last block's result, [T, H], held by act (x itself if there is no block); with selected rows, the other rows
    ///     are zero
    /// @throws std::invalid_argument if a shape doesn't fit
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Pass& pass, EncoderTrainingActivations<Real>& act) const
    {
        const std::size_t layers = encoder.layer.size();
        if (layers == 0) return x;
        act.layer.resize(plan.gradient_checkpointing ? 0 : layers - 1);
        act.results.resize(plan.gradient_checkpointing ? layers - 1 : 0);
        for (std::size_t l = 0; l + 1 < layers; ++l) {
            const Tensor<Real, 2>& block_input = input(l, x, act);  // [T, H]
            // With gradient checkpointing, each block is computed where the next one will be, and at last the last.
            EncoderBlockActivations<Real>& block = plan.gradient_checkpointing ? act.last.block : act.layer[l];
            encoder.layer[l].forward(block_input, pass.in_layer(l), block);
            // Swapped rather than copied: no time, and the memory of the step before is used again.
            if (plan.gradient_checkpointing) std::swap(act.results[l], block.feed_forward.output.norm.y);
        }
        const Tensor<Real, 2>& last_input = input(layers - 1, x, act);  // [T, H]
        const Pass last_pass = pass.in_layer(layers - 1);
        if (!plan.rows.empty()) {
            SelectedBlock<Real, Ops>{encoder.layer.back(), plan.rows}.forward(last_input, last_pass, act.last);
            return act.last.y;
        }
        encoder.layer.back().forward(last_input, last_pass, act.last.block);
        return act.last.block.y();
    }

    /// Encoder::backward; it never keeps the gradient of each block's result.
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_encoder  is added to
    /// @param[out] d_act  see EncoderTrainingScratch
    /// @param[in,out] d_x  the gradient of the last block's result, [T, H]; becomes that of x
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& x, const Pass& pass, const EncoderTrainingActivations<Real>& act,
                  Encoder<Real, Ops>& d_encoder, EncoderTrainingScratch<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t layers = encoder.layer.size();
        if (d_encoder.layer.size() != layers)
            throw std::invalid_argument("encoder: d_encoder: expected " + std::to_string(layers) + " layers, got " +
                                        std::to_string(d_encoder.layer.size()));
        if (layers == 0) return;
        if (!plan.gradient_checkpointing && !act.results.empty())
            throw std::invalid_argument(
                "encoder: act: expected that of a forward without gradient checkpointing, got one with it");
        const std::size_t kept = plan.gradient_checkpointing ? act.results.size() : act.layer.size();
        if (kept + 1 != layers)
            throw std::invalid_argument("encoder: act (forward computes it): expected " + std::to_string(layers - 1) +
                                        " layers before the last, got " + std::to_string(kept));
        const Tensor<Real, 2>& last_input = input(layers - 1, x, act);  // [T, H]
        const Pass last_pass = pass.in_layer(layers - 1);
        if (!plan.rows.empty())
            SelectedBlock<Real, Ops>{encoder.layer.back(), plan.rows}.backward(last_input, last_pass, act.last,
                                                                               d_encoder.layer.back(), d_act.last, d_x);
        else
            encoder.layer.back().backward(d_x, last_input, last_pass, act.last.block, d_encoder.layer.back(), d_act.block, d_x);
        for (std::size_t l = layers - 1; l-- > 0;) {
            const Tensor<Real, 2>& block_input = input(l, x, act);  // [T, H]
            if (plan.gradient_checkpointing) encoder.layer[l].forward(block_input, pass.in_layer(l), d_act.again);
            const EncoderBlockActivations<Real>& block = plan.gradient_checkpointing ? d_act.again : act.layer[l];
            encoder.layer[l].backward(d_x, block_input, pass.in_layer(l), block, d_encoder.layer[l], d_act.block, d_x);
        }
    }

private:
    const Tensor<Real, 2>& input(std::size_t l, const Tensor<Real, 2>& x, const EncoderTrainingActivations<Real>& act) const
    {
        if (l == 0) return x;
        if (plan.gradient_checkpointing) return act.results.at(l - 1);
        return act.layer.at(l - 1).y();
    }
};

}  // namespace bert
