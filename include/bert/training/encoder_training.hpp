/// @file
/// The encoder in training: Encoder's computation, with less memory and less work according to a plan. With gradient
/// checkpointing the results are identical. With selected rows, these rows of the result are, and gradients agree up to rounding.
///
/// - Gradient checkpointing keeps only the result of each block, and backward computes the rest again, which costs one more
///   forward and saves most of the memory of activations. (Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost,
///   section 4; every block is a segment of its own, as in the transformers library.)
/// - Selected rows: the last block computes only the rows that heads read (selected_rows.hpp).
///
/// The last block is separate: backward begins with it, so it is never computed again, and only its rows are selected.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
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
    SelectedBlockActivations<Real> last;               ///< of the last block; the members beside block are for selected rows
};

/// What EncoderTraining::backward computes besides the gradients of parameters and input. As in Encoder, its type differs from
/// the activations': one block's gradients at a time are enough.
template <class Real>
struct EncoderTrainingGradients {
    EncoderBlockActivations<Real> block;       ///< gradients of one block's tensors; reused for every block
    SelectedBlockActivations<Real> last;       ///< of the last block, for selected rows
    EncoderBlockActivations<Real> recomputed;  ///< no gradients: one block's activations, with gradient checkpointing
};

/// An encoder's forward and backward according to a plan.
template <class Real, class Ops>
struct EncoderTraining {
    const Encoder<Real, Ops>& encoder;  ///< the blocks
    EncoderPlan plan = {};              ///< how they run, the same in both directions

    /// Encoder::forward.
    /// \f[ x_0 = x,\quad x_{l+1} = \mathrm{EncoderBlock}_l(x_l) \f]
    /// Symbols: \f$x_l\f$ `x_l`, \f$x_{l+1}\f$ `act.results[l]` with gradient checkpointing, or else `act.layer[l].y()`; of the
    /// last block `act.last.y`, or `act.last.block.y()` where all rows are computed.
    /// @param x  embeddings, [T, H]
    /// @param pass  as for the encoder
    /// @param[out] act  what backward reads
    /// @return  the last block's result, [T, H], held by act (x itself if there is no block); with selected rows, the other rows
    ///     are zero
    /// @throws std::invalid_argument if a shape doesn't fit
    const Tensor<Real, 2>& forward(const Tensor<Real, 2>& x, const Pass& pass, EncoderTrainingActivations<Real>& act) const
    {
        const std::size_t layers = encoder.runs(pass.config);
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        if (layers == 0) return x;
        act.layer.resize(plan.gradient_checkpointing ? 0 : layers - 1);
        act.results.resize(plan.gradient_checkpointing ? layers - 1 : 0);
        for (std::size_t l = 0; l + 1 < layers; ++l) {
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            // With gradient checkpointing, every block uses act.last.block as scratch; in the end it holds the last block's.
            EncoderBlockActivations<Real>& block = plan.gradient_checkpointing ? act.last.block : act.layer[l];
            block_of(l, pass).forward(x_l, pass.in_layer(l), block);
            // Swapping costs nothing and reuses the previous step's buffer.
            if (plan.gradient_checkpointing) std::swap(act.results[l], block.feed_forward.output.norm.y);
        }
        const Tensor<Real, 2>& last_input = input(layers - 1, x, act);  // [T, H]
        const Pass last_pass = pass.in_layer(layers - 1);
        if (!plan.rows.empty()) {
            SelectedBlock<Real, Ops>{block_of(layers - 1, pass), plan.rows}.forward(last_input, last_pass, act.last);
            return act.last.y;
        }
        block_of(layers - 1, pass).forward(last_input, last_pass, act.last.block);
        return act.last.block.y();
    }

    /// Encoder::backward. (keep_all is ignored: the gradients of the blocks' results are not kept.)
    /// \f[ \delta x_l = \mathrm{EncoderBlock}_l'(\delta x_{l+1}) \f]
    /// where a prime is a block's backward. Symbols: both are `d_x`, which each block overwrites.
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_encoder  the gradients are added to it
    /// @param[out] d_act  see EncoderTrainingGradients
    /// @param[in,out] d_x  the gradient of the last block's result, [T, H]; becomes that of x
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& x, const Pass& pass, const EncoderTrainingActivations<Real>& act,
                  Encoder<Real, Ops>& d_encoder, EncoderTrainingGradients<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        const std::size_t layers = encoder.runs(pass.config);
        encoder.require_layers("encoder: d_encoder", d_encoder.layer.size(), encoder.layer.size());
        if (layers == 0) return;
        require_shape("encoder: d_x", d_x, x.shape());
        require_sequences("encoder: sequences", pass.sequences, x.shape(0));
        if (!plan.gradient_checkpointing && !act.results.empty())
            throw std::invalid_argument(
                "encoder: act: expected that of a forward without gradient checkpointing, got one with it");
        const std::size_t kept = plan.gradient_checkpointing ? act.results.size() : act.layer.size();
        encoder.require_layers("encoder: act (forward computes it), blocks before the last", kept, layers - 1);
        const Tensor<Real, 2>& last_input = input(layers - 1, x, act);  // [T, H]
        const Pass last_pass = pass.in_layer(layers - 1);
        const EncoderBlock<Real, Ops>& last = block_of(layers - 1, pass);
        EncoderBlock<Real, Ops>& d_last = d_encoder.layer[pass.config.block_of(layers - 1)];
        if (!plan.rows.empty())
            SelectedBlock<Real, Ops>{last, plan.rows}.backward(last_input, last_pass, act.last, d_last, d_act.last, d_x);
        else
            last.backward(d_x, last_input, last_pass, act.last.block, d_last, d_act.block, d_x);
        for (std::size_t l = layers - 1; l-- > 0;) {
            const Tensor<Real, 2>& x_l = input(l, x, act);  // [T, H]
            if (plan.gradient_checkpointing) block_of(l, pass).forward(x_l, pass.in_layer(l), d_act.recomputed);
            const EncoderBlockActivations<Real>& block = plan.gradient_checkpointing ? d_act.recomputed : act.layer[l];
            EncoderBlock<Real, Ops>& d_block = d_encoder.layer[pass.config.block_of(l)];
            block_of(l, pass).backward(d_x, x_l, pass.in_layer(l), block, d_block, d_act.block, d_x);
        }
    }

private:
    /// The block that runs in layer l: in BERT, block l.
    const EncoderBlock<Real, Ops>& block_of(std::size_t l, const Pass& pass) const
    {
        return encoder.layer[pass.config.block_of(l)];
    }

    /// The input of block l, as Encoder::input, [T, H].
    const Tensor<Real, 2>& input(std::size_t l, const Tensor<Real, 2>& x, const EncoderTrainingActivations<Real>& act) const
    {
        if (l == 0) return x;
        if (plan.gradient_checkpointing) return act.results.at(l - 1);
        return act.layer.at(l - 1).y();
    }
};

}  // namespace bert
