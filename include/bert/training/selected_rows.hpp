/// @file
/// A block that computes only selected rows: the pooler reads [CLS] alone, the masked-LM head 15 % of the tokens. Every token
/// still has its key and its value, and attention is unchanged; what follows attention works row by row, and is computed for the
/// selected rows alone. That part is three quarters of a block's products; leaving rows out saves a tenth of a fine-tuning step
/// of 6 layers.
///
/// A selected row has the same bits as if all rows were computed, dropout included. Nothing reads the other rows, so their
/// gradient is zero, and leaving them out changes the gradients of parameters only by rounding, because fewer terms are summed.
#pragma once

#include <cstddef>
#include <span>

#include "bert/attention.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder_block.hpp"

namespace bert {

/// What SelectedBlock::forward computes. Its gradients are of the same type.
template <class Real>
struct SelectedBlockActivations {
    EncoderBlockActivations<Real> block;  ///< qkv and heads of all T rows, everything else of the M selected rows
    Tensor<Real, 2> selected_x;           ///< selected rows of the block's input, [M, H]
    Tensor<Real, 2> selected_context;     ///< selected rows of attention's context, [M, H]
    Tensor<Real, 2> y;                    ///< the block's result, [T, H], zero in the other rows; as a gradient [M, H]
};

/// A block and its selected rows.
template <class Real, class Ops>
struct SelectedBlock {
    const EncoderBlock<Real, Ops>& block;  ///< the parameters
    std::span<const std::size_t> rows;     ///< the selected rows, M of T, ascending

    /// EncoderBlock::forward for the selected rows.
    /// \f[ c = \mathrm{attend}(x),\quad a = \mathrm{AddAndNorm}(c_{\mathrm{rows}}, x_{\mathrm{rows}}),\quad
    ///     y_{\mathrm{rows}} = \mathrm{FeedForward}(a) \f]
    /// Symbols: \f$c\f$ `attention.heads.context`, its rows `act.selected_context`, those of x `act.selected_x`, \f$a\f$
    /// `attention.y()`, \f$y\f$ `act.y`.
    /// @param x  hidden states, [T, H]
    /// @param pass  as for the block
    /// @param[out] act  every tensor
    /// @throws std::invalid_argument for rows that aren't ascending, or that x doesn't have
    void forward(const Tensor<Real, 2>& x, const Pass& pass, SelectedBlockActivations<Real>& act) const
    {
        require_rows("selected rows", rows, x.shape(0));
        require_ascending("selected rows", rows);
        const Pass pass_of_rows = of_rows(pass);
        SelfAttentionActivations<Real>& attention = act.block.attention;
        block.attention.attend(x, pass, attention);
        take_rows("selected rows", attention.heads.context, rows, act.selected_context);
        take_rows("selected rows", x, rows, act.selected_x);
        block.attention.output.forward(act.selected_context, act.selected_x, pass_of_rows.at(DropoutSite::attention),
                                       attention.output);
        block.feed_forward.forward(attention.y(), pass_of_rows, act.block.feed_forward);
        put_rows(act.block.y(), rows, x.shape(0), act.y);
    }

    /// EncoderBlock::backward for selected rows; a prime is a component's backward.
    /// \f[ \delta a = \mathrm{FeedForward}'(\delta y_{\mathrm{rows}}),\quad
    ///     (\delta c_{\mathrm{rows}}, \delta x_{\mathrm{rows}}) = \mathrm{AddAndNorm}'(\delta a),\quad
    ///     \delta x \mathrel{+}= \mathrm{attend}'(\delta c) \f]
    /// where the gradients of the other rows of c and x begin at 0.
    /// Symbols: \f$\delta y_{\mathrm{rows}}\f$ `d_act.y`, \f$\delta a\f$ `d_attention.output.norm.y`,
    /// \f$\delta c_{\mathrm{rows}}\f$ `d_act.selected_context`, \f$\delta c\f$ `d_attention.heads.context`,
    /// \f$\delta x_{\mathrm{rows}}\f$ `d_attention.output.sum`, \f$\delta x\f$ `d_x`.
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_block  the gradients are added to it
    /// @param[out] d_act  the gradients of act's tensors; that of selected_x is block.attention.output.sum
    /// @param[in,out] d_x  the gradient of the result, [T, H], read in the selected rows; becomes that of x
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& x, const Pass& pass, const SelectedBlockActivations<Real>& act,
                  EncoderBlock<Real, Ops>& d_block, SelectedBlockActivations<Real>& d_act, Tensor<Real, 2>& d_x) const
    {
        require_rows("selected rows", rows, x.shape(0));
        require_ascending("selected rows", rows);
        require_shape("selected rows: d_x", d_x, x.shape());
        const Pass pass_of_rows = of_rows(pass);
        const SelfAttentionActivations<Real>& attention = act.block.attention;
        SelfAttentionActivations<Real>& d_attention = d_act.block.attention;
        take_rows("selected rows", d_x, rows, d_act.y);
        block.feed_forward.backward(d_act.y, attention.y(), pass_of_rows, act.block.feed_forward, d_block.feed_forward,
                                    d_act.block.feed_forward, d_attention.output.norm.y);
        block.attention.output.backward(d_attention.output.norm.y, act.selected_context, pass_of_rows.at(DropoutSite::attention),
                                        attention.output, d_block.attention.output, d_attention.output, d_act.selected_context);
        put_rows(d_act.selected_context, rows, x.shape(0), d_attention.heads.context);
        put_rows(d_attention.output.sum, rows, x.shape(0), d_x);  // through the residual
        block.attention.attend_backward(x, pass, attention, d_block.attention, d_attention, d_x);
    }

private:
    /// The same pass for the selected rows, each of which draws the dropout that it has among all rows.
    Pass of_rows(const Pass& pass) const
    {
        Pass selected = pass;
        selected.dropout.rows = rows;
        return selected;
    }
};

}  // namespace bert
