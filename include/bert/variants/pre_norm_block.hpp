/// @file
/// GPT-2's block: BERT's, with the layer norms in front of the sub-layers instead of behind them (pre-norm), so that a path of
/// additions alone leads from the last block to the embeddings.
#pragma once

#include <cstddef>

#include "bert/add_and_norm.hpp"
#include "bert/attention.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/encoder_block.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/attention.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What PreNormBlock::forward computes.
template <class Real>
struct PreNormBlockActivations {
    LayerNormActivations<Real> norm1;           ///< in front of attention: rstd [T], x_hat and y [T, H]
    SelfAttentionActivations<Real> attention;   ///< qkv, heads; of output: projected, after_dropout, sum, [T, H] each; no norm
    LayerNormActivations<Real> norm2;           ///< in front of the feed-forward network: rstd [T], x_hat and y [T, H]
    FeedForwardActivations<Real> feed_forward;  ///< pre_activation, activated, [T, I] each; of output likewise

    /// @return  attention's result, the sum with its input, [T, H]
    const Tensor<Real, 2>& attended() const { return attention.output.sum; }
    /// @return  the block's result, the sum with attention's, [T, H]
    const Tensor<Real, 2>& y() const { return feed_forward.output.sum; }
};

/// The parameters of BERT's block, computed in another order: norm, attention, sum, norm, feed-forward network, sum. (Radford et
/// al. 2019, section 2.3; Xiong et al. 2020 show why it trains without warm-up.) The norms stay where BERT's block has them:
/// `attention.output.norm` is the one in front of attention, `feed_forward.output.norm` that in front of the feed-forward
/// network.
template <class Real, class Ops = Reference>
struct PreNormBlock : EncoderBlock<Real, Ops> {
    using EncoderBlock<Real, Ops>::attention;     ///< query, key, value; output.dense mixes the heads
    using EncoderBlock<Real, Ops>::feed_forward;  ///< intermediate widens, output.dense narrows

    using Activations = PreNormBlockActivations<Real>;  ///< what forward computes

    /// Makes the component of a configuration.
    /// @param config  sizes
    /// @return  the component, all zeros
    static PreNormBlock make(const Config& config) { return {EncoderBlock<Real, Ops>::make(config)}; }

    /// Attends, then passes through the feed-forward network; each reads its input normalized, and is added to it as it was.
    /// \f[ c = \mathrm{attend}(\mathrm{LayerNorm}_1(x)),\quad p_o = c W_o^T + b_o,\quad a = x + \mathrm{dropout}(p_o) \f]
    /// \f[ u = \mathrm{LayerNorm}_2(a) W_1^T + b_1,\quad z = f(u),\quad p_2 = z W_2^T + b_2,\quad
    ///     y = a + \mathrm{dropout}(p_2) \f]
    /// Symbols: LayerNorm(x) `act.norm1.y`, attend `attention.attend` (query, key, value and the heads), \f$c\f$
    /// `act.attention.heads.context`, \f$W_o, b_o\f$ `mix`, \f$p_o\f$ `after_attention.projected`, \f$a\f$ `act.attended()`,
    /// LayerNorm(a) `act.norm2.y`, \f$W_1, b_1\f$ `widen`, \f$u\f$ `network.pre_activation`, \f$f\f$ hidden_act, \f$z\f$
    /// `network.activated`, \f$W_2, b_2\f$ `narrow`, \f$p_2\f$ `network.output.projected`, \f$y\f$ `act.y()`.
    /// @param x  hidden states, [T, H]
    /// @param pass  sequences, num_attention_heads, is_causal, hidden_act, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula (`Fast`: see the structs)
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, Activations& act) const
    {
        const auto &mix = attention.output.dense, &widen = feed_forward.intermediate, &narrow = feed_forward.output.dense;
        const auto epsilon = static_cast<Real>(pass.config.layer_norm_eps);
        require_forward(x, pass);
        AddAndNormActivations<Real>& after_attention = act.attention.output;
        Ops::layer_norm(x, attention.output.norm, epsilon, act.norm1);
        attention.attend(act.norm1.y, pass, act.attention);
        Ops::linear(act.attention.heads.context, mix.weight, mix.bias, after_attention.projected, pass.workspace);
        Ops::dropout(after_attention.projected, pass.at(DropoutSite::attention).dropout.place(), after_attention.after_dropout);
        after_attention.sum = after_attention.after_dropout;
        add(x, after_attention.sum);

        FeedForwardActivations<Real>& network = act.feed_forward;
        Ops::layer_norm(act.attended(), feed_forward.output.norm, epsilon, act.norm2);
        Ops::linear(act.norm2.y, widen.weight, widen.bias, network.pre_activation, pass.workspace);
        // Ops{} is passed so that activate calls this set's functions, which may be replaced ones.
        Ops::activate(Ops{}, pass.config.hidden_act, network.pre_activation, network.activated);
        Ops::linear(network.activated, narrow.weight, narrow.bias, network.output.projected, pass.workspace);
        Ops::dropout(network.output.projected, pass.at(DropoutSite::feed_forward).dropout.place(), network.output.after_dropout);
        network.output.sum = network.output.after_dropout;
        add(act.attended(), network.output.sum);
    }

    /// The steps of forward in reverse order; a prime is an operation's backward.
    /// \f[ \delta p_2 = m_2 \cdot \delta y,\quad \delta z = \delta p_2\,W_2,\quad \delta u = \delta z \cdot f'(u),\quad
    ///     \delta a = \mathrm{LayerNorm}_2'(\delta u\,W_1) + \delta y \f]
    /// \f[ \delta p_o = m_o \cdot \delta a,\quad \delta c = \delta p_o\,W_o,\quad
    ///     \delta x = \mathrm{LayerNorm}_1'(\mathrm{attend}'(\delta c)) + \delta a \f]
    /// where a dot multiplies element by element. The terms \f$\delta y\f$ and \f$\delta a\f$ at the end of a line are the path
    /// of additions. For the parameters,
    /// \f[ \delta W_2 \mathrel{+}= \delta p_2^T z,\quad \delta W_1 \mathrel{+}= \delta u^T\,\mathrm{LayerNorm}_2(a),\quad
    ///     \delta W_o \mathrel{+}= \delta p_o^T c,\quad \delta b_2 \mathrel{+}= \sum_t \delta p_{2,t},\quad
    ///     \delta b_1 \mathrel{+}= \sum_t \delta u_t,\quad \delta b_o \mathrel{+}= \sum_t \delta p_{o,t} \f]
    /// and LayerNorm' and attend' add to those of theirs.
    /// Symbols: \f$\delta y\f$ `d_y`, \f$m_o, m_2\f$ the factors of dropout after attention and after the feed-forward network, 0
    /// or 1 / (1 - dropout's probability), \f$\delta p_2, \delta p_o\f$ `output.projected` of `d_network` and of `d_attention`,
    /// \f$\delta z, \delta u\f$ `d_network.activated`, `d_network.pre_activation`, \f$\delta u\,W_1\f$ `d_act.norm2.y`,
    /// \f$\delta a\f$ `d_attended`, \f$\delta c\f$ `d_attention.heads.context`, attend'(\f$\delta c\f$) `d_act.norm1.y`,
    /// \f$\delta x\f$ `d_x`; \f$\delta W_2, \delta b_2\f$ `d_narrow`, \f$\delta W_1, \delta b_1\f$ `d_widen`,
    /// \f$\delta W_o, \delta b_o\f$ `d_mix`.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_block  the gradients are added to it
    /// @param[out] d_act  the gradients of act's tensors; d_attended is stored in d_act.attention.output.sum
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass, const Activations& act,
                  PreNormBlock& d_block, Activations& d_act, Tensor<Real, 2>& d_x) const
    {
        const auto &mix = attention.output.dense, &widen = feed_forward.intermediate, &narrow = feed_forward.output.dense;
        auto &d_mix = d_block.attention.output.dense, &d_widen = d_block.feed_forward.intermediate,
             &d_narrow = d_block.feed_forward.output.dense;
        require_shape("pre_norm_block: d_y", d_y, x.shape());
        require_backward(x, pass, act, d_block);
        FeedForwardActivations<Real>& d_network = d_act.feed_forward;
        Tensor<Real, 2>& d_attended = d_act.attention.output.sum;  // [T, H]
        Ops::dropout_backward(d_y, pass.at(DropoutSite::feed_forward).dropout.place(), d_network.output.projected);
        Ops::linear_backward(d_network.output.projected, act.feed_forward.activated, narrow.weight, d_narrow.weight,
                             d_narrow.bias, d_network.activated, pass.workspace);
        Ops::activate_backward(Ops{}, pass.config.hidden_act, d_network.activated, act.feed_forward.pre_activation,
                               d_network.pre_activation);
        Ops::linear_backward(d_network.pre_activation, act.norm2.y, widen.weight, d_widen.weight, d_widen.bias, d_act.norm2.y,
                             pass.workspace);
        Ops::layer_norm_backward(d_act.norm2.y, feed_forward.output.norm, act.norm2, d_block.feed_forward.output.norm,
                                 d_attended);
        add(d_y, d_attended);

        SelfAttentionActivations<Real>& d_attention = d_act.attention;
        Ops::dropout_backward(d_attended, pass.at(DropoutSite::attention).dropout.place(), d_attention.output.projected);
        Ops::linear_backward(d_attention.output.projected, act.attention.heads.context, mix.weight, d_mix.weight, d_mix.bias,
                             d_attention.heads.context, pass.workspace);
        d_act.norm1.y.resize(x.shape());
        d_act.norm1.y.fill(Real(0));
        attention.attend_backward(act.norm1.y, pass, act.attention, d_block.attention, d_attention, d_act.norm1.y);
        Ops::layer_norm_backward(d_act.norm1.y, attention.output.norm, act.norm1, d_block.attention.output.norm, d_x);
        add(d_attended, d_x);
    }

private:
    void require_forward(const Tensor<Real, 2>& x, const Pass& pass) const
    {
        const std::size_t T = x.shape(0), H = x.shape(1), I = feed_forward.intermediate.weight.shape(0);
        require_layer_norm("pre_norm_block: norm1", attention.output.norm, H);
        require_linear("pre_norm_block: query", attention.query, H, H);
        require_linear("pre_norm_block: key", attention.key, H, H);
        require_linear("pre_norm_block: value", attention.value, H, H);
        require_linear("pre_norm_block: attention.output", attention.output.dense, H, H);
        require_layer_norm("pre_norm_block: norm2", feed_forward.output.norm, H);
        require_linear("pre_norm_block: intermediate", feed_forward.intermediate, I, H);
        require_linear("pre_norm_block: output", feed_forward.output.dense, H, I);
        require_attention_pass(pass, T, H);
        pass.at(DropoutSite::attention).dropout.place().require_valid(T);
        pass.at(DropoutSite::feed_forward).dropout.place().require_valid(T);
    }

    void require_backward(const Tensor<Real, 2>& x, const Pass& pass, const Activations& act, const PreNormBlock& d_block) const
    {
        const std::size_t T = x.shape(0), H = x.shape(1), I = feed_forward.intermediate.weight.shape(0);
        require_forward(x, pass);
        require_shape("pre_norm_block: act.norm1.x_hat (forward computes it)", act.norm1.x_hat, {T, H});
        require_shape("pre_norm_block: act.attention.heads.context (forward computes it)", act.attention.heads.context, {T, H});
        require_shape("pre_norm_block: act.norm2.x_hat (forward computes it)", act.norm2.x_hat, {T, H});
        require_shape("pre_norm_block: act.feed_forward.activated (forward computes it)", act.feed_forward.activated, {T, I});
        require_layer_norm("pre_norm_block: d_norm1", d_block.attention.output.norm, H);
        require_linear("pre_norm_block: d_query", d_block.attention.query, H, H);
        require_linear("pre_norm_block: d_key", d_block.attention.key, H, H);
        require_linear("pre_norm_block: d_value", d_block.attention.value, H, H);
        require_linear("pre_norm_block: d_attention.output", d_block.attention.output.dense, H, H);
        require_layer_norm("pre_norm_block: d_norm2", d_block.feed_forward.output.norm, H);
        require_linear("pre_norm_block: d_intermediate", d_block.feed_forward.intermediate, I, H);
        require_linear("pre_norm_block: d_output", d_block.feed_forward.output.dense, H, I);
    }
};

}  // namespace bert
