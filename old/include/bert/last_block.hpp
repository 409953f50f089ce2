/// @file
/// The last block of an encoder where only some rows of its result are asked for: the pooler reads [CLS] alone, the masked-word
/// head 15 % of the tokens. Every token still gives its key and its value, and attention is as ever; but what follows attention
/// works row by row, and is computed of the asked rows alone. That is three quarters of a block's products: of a fine-tuning step
/// of 6 layers it saves a tenth.
///
/// An asked row has the same bits as if all were computed, dropout included. The other rows are read by nobody: their gradient is
/// zero, and leaving them out changes no parameter's.
#pragma once

#include <cstddef>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/encoder_block.hpp"

namespace bert {

/// Which rows are asked for, and what forward_asked computes beside the block's own activations.
template <class Real>
struct AskedRows {
    std::vector<std::size_t> rows;  ///< set by the caller: M of the T rows, ascending; none: all are asked for
    Tensor<Real, 2> x;              ///< what went into the block, [M, H]
    Tensor<Real, 2> context;        ///< what attention made of it, [M, H]
    Tensor<Real, 2> y;              ///< the block's result, [T, H], zero in rows that weren't asked for
};

/// What backward_asked computes beside the gradients of the block's activations.
template <class Real>
struct AskedRowsGradients {
    Tensor<Real, 2> y;        ///< of the block's result, [M, H]
    Tensor<Real, 2> context;  ///< of AskedRows::context, [M, H]
};

/// EncoderBlock::forward for the rows asked.rows.
/// @param block  the parameters
/// @param x  hidden states, [T, H]
/// @param sequences  where each sequence begins
/// @param config  heads, activation, epsilon
/// @param[in,out] act  query, key, value and heads of all T rows, the rest of the M asked ones; attention.keep_scores and both
///     dropouts, which must know the rows, are read
/// @param[in,out] asked  every tensor; rows are read
/// @param workspace  scratch
/// @throws std::invalid_argument for a row that x doesn't have
template <class Real, class Ops>
void forward_asked(const EncoderBlock<Real, Ops>& block, const Tensor<Real, 2>& x, const Sequences& sequences,
                   const Config& config, EncoderBlockActivations<Real>& act, AskedRows<Real>& asked, Workspace& workspace)
{
    const SelfAttention<Real, Ops>& maps = block.attention;
    SelfAttentionActivations<Real>& attention = act.attention;
    Ops::query_key_value(Ops{}, x, maps.query, maps.key, maps.value, attention.query, attention.key, attention.value, workspace);
    Ops::attention(Ops{}, attention.query, attention.key, attention.value, sequences, maps.options_of(config, attention),
                   attention.heads, workspace);
    take_rows("asked rows", attention.heads.context, asked.rows, asked.context);
    take_rows("asked rows", x, asked.rows, asked.x);
    Ops::linear_residual_layer_norm(Ops{}, asked.context, maps.output, asked.x, maps.norm, Real(config.layer_norm_eps),
                                    attention.dropout.at(DropoutSite::attention), attention.output, workspace);
    block.feed_forward.forward(attention.output.norm.y, config, act.feed_forward, workspace);
    put_rows(act.y(), asked.rows, x.shape(0), asked.y);
}

/// EncoderBlock::backward for these rows.
/// @param block  as in forward_asked
/// @param d_y  [T, H], of which the asked rows are read
/// @param x  as in forward_asked
/// @param sequences  as in forward_asked
/// @param config  as in forward_asked
/// @param act  what forward_asked computed
/// @param asked  what forward_asked computed
/// @param[in,out] d_block  is added to
/// @param[out] d_act  as EncoderBlock::backward, of T or M rows as act
/// @param[out] d_asked  the gradients of the asked rows
/// @param[out] d_x  [T, H]
/// @param workspace  scratch
/// @throws std::invalid_argument if a shape doesn't fit
template <class Real, class Ops>
void backward_asked(const EncoderBlock<Real, Ops>& block, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x,
                    const Sequences& sequences, const Config& config, const EncoderBlockActivations<Real>& act,
                    const AskedRows<Real>& asked, EncoderBlock<Real, Ops>& d_block, EncoderBlockActivations<Real>& d_act,
                    AskedRowsGradients<Real>& d_asked, Tensor<Real, 2>& d_x, Workspace& workspace)
{
    const SelfAttention<Real, Ops>& maps = block.attention;
    const SelfAttentionActivations<Real>& attention = act.attention;
    SelfAttention<Real, Ops>& d_maps = d_block.attention;
    SelfAttentionActivations<Real>& d_attention = d_act.attention;
    const std::size_t T = x.shape(0);
    take_rows("asked rows", d_y, asked.rows, d_asked.y);
    block.feed_forward.backward(d_asked.y, attention.output.norm.y, config, act.feed_forward, d_block.feed_forward,
                                d_act.feed_forward, d_attention.output.norm.y, workspace);
    Ops::linear_residual_layer_norm_backward(Ops{}, d_attention.output.norm.y, asked.context, maps.output, maps.norm,
                                             attention.dropout.at(DropoutSite::attention), attention.output, d_maps.output,
                                             d_maps.norm, d_attention.output, d_asked.context, workspace);
    put_rows(d_asked.context, asked.rows, T, d_attention.heads.context);
    Ops::attention_backward(Ops{}, d_attention.heads.context, attention.query, attention.key, attention.value, sequences,
                            maps.options_of(config, attention), attention.heads, d_attention.heads, d_attention.query,
                            d_attention.key, d_attention.value, workspace);
    put_rows(d_attention.output.sum, asked.rows, T, d_x);  // by the residual
    Ops::query_key_value_backward(Ops{}, d_attention.query, d_attention.key, d_attention.value, x, maps.query, maps.key,
                                  maps.value, d_maps.query, d_maps.key, d_maps.value, d_x, workspace);
}

}  // namespace bert
