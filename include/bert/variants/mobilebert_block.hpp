/// @file
/// One block of MobileBERT: through a bottleneck into a narrower width, attention and several feed-forward networks there, and
/// back to the width of the hidden states. N is the width of a block between its bottlenecks (Config::block_width).
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/add_and_norm.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/tensor.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert_add_and_norm.hpp"
#include "bert/variants/mobilebert_attention.hpp"
#include "bert/variants/mobilebert_bottleneck.hpp"
#include "bert/variants/mobilebert_feed_forward.hpp"
#include "bert/variants/no_norm.hpp"

namespace bert {

/// What MobileBertBlock::forward computes. Members of parts that the block doesn't have stay empty.
template <class Real>
struct MobileBertBlockActivations {
    BottleneckActivations<Real> input;                   ///< of the input bottleneck
    BottleneckActivations<Real> shared;                  ///< of the bottleneck that query and key share
    MobileBertSelfAttentionActivations<Real> attention;  ///< of attention
    std::vector<FeedForwardActivations<Real>> ffn;       ///< of all feed-forward networks but the last
    FeedForwardActivations<Real> feed_forward;           ///< of the last one
    AddAndNormActivations<Real> output;                  ///< of the output bottleneck

    /// @return  the block's result, [T, H]
    const Tensor<Real, 2>& y() const { return output.norm.y.shape(1) > 0 ? output.y() : feed_forward.y(); }
};

/// Bottlenecks around attention and feed-forward networks. (Sun et al. 2020, sections 3.1 and 3.2, figure 1c and table 1.)
template <class Real, class Ops = Reference>
struct MobileBertBlock {
    std::optional<Bottleneck<Real, Ops>> input;    ///< [N, H], [N], norm [N] each; published as bottleneck.input; none without
                                                   ///< use_bottleneck, and then no shared and no output
    std::optional<Bottleneck<Real, Ops>> shared;   ///< of the same shapes, read by query and key; published as
                                                   ///< bottleneck.attention; none if these read something else
    MobileBertSelfAttention<Real, Ops> attention;  ///< published as attention
    std::vector<MobileBertFeedForward<Real, Ops>> ffn;      ///< all feed-forward networks but the last; published as ffn.0, ...
    MobileBertFeedForward<Real, Ops> feed_forward;          ///< the last one; published as intermediate and output
    std::optional<MobileBertAddAndNorm<Real, Ops>> output;  ///< to H: [H, N], [H], norm [H] each; published as output.bottleneck

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `encoder.layer.0`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if they don't have the same parts
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_parts(first, selves), ...);  // for each of selves
        using Narrow = Bottleneck<Real, Ops>;
        using Network = MobileBertFeedForward<Real, Ops>;
        if (first.input) Narrow::parameters(visit, name + ".bottleneck.input", *first.input, *selves.input...);
        if (first.shared) Narrow::parameters(visit, name + ".bottleneck.attention", *first.shared, *selves.shared...);
        MobileBertSelfAttention<Real, Ops>::parameters(visit, name + ".attention", first.attention, selves.attention...);
        for (std::size_t k = 0; k < first.ffn.size(); ++k)
            Network::parameters(visit, name + ".ffn." + k, first.ffn[k], selves.ffn[k]...);
        Network::parameters(visit, name, first.feed_forward, selves.feed_forward...);
        if (first.output)
            MobileBertAddAndNorm<Real, Ops>::parameters(visit, name + ".output.bottleneck", *first.output, *selves.output...);
    }

    /// Makes the component of a configuration.
    /// @param config  sizes, which bottlenecks there are, num_feedforward_networks
    /// @return  the component, all zeros
    static MobileBertBlock make(const Config& config)
    {
        const MobileBertConfig& own = config.mobilebert.value();
        MobileBertBlock block;
        block.attention = MobileBertSelfAttention<Real, Ops>::make(config);
        block.feed_forward = MobileBertFeedForward<Real, Ops>::make(config);
        for (std::size_t k = 0; k + 1 < own.num_feedforward_networks; ++k)
            block.ffn.push_back(MobileBertFeedForward<Real, Ops>::make(config));
        if (!own.use_bottleneck) return block;
        block.input = Bottleneck<Real, Ops>::make(config);
        if (own.key_query_shared_bottleneck && !own.use_bottleneck_attention) block.shared = Bottleneck<Real, Ops>::make(config);
        block.output = MobileBertAddAndNorm<Real, Ops>::make(config.block_width(), config.hidden_size);
        return block;
    }

    /// Runs the bottlenecks, attention, the feed-forward networks, and the way back to H.
    /// \f[ r = \mathrm{Bottleneck}(x),\quad x_{qk} = \mathrm{Bottleneck}_{qk}(x),\quad
    ///     a_0 = \mathrm{SelfAttention}(x_{qk}, x, r) \f]
    /// \f[ a_{k+1} = \mathrm{FeedForward}_k(a_k),\quad y = \mathrm{AddAndNorm}(a_F, x) \f]
    /// with F feed-forward networks, k from 0 to F - 1. (attention_inputs says what attention reads in other configurations;
    /// without bottlenecks \f$a_F\f$ is the result.) Symbols: \f$r\f$ `act.input.y()`, \f$x_{qk}\f$ `act.shared.y()`, \f$a_0\f$
    /// `act.attention.y()`, \f$a_{k+1}\f$ `act.ffn[k].y()`, but \f$a_F\f$ `act.feed_forward.y()`; \f$y\f$ `act.y()`.
    /// @param x  hidden states, [T, H]
    /// @param pass  sequences, num_attention_heads, hidden_act, normalization_type, layer_norm_eps, dropout, keep_all, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& x, const Pass& pass, MobileBertBlockActivations<Real>& act) const
    {
        const double epsilon = pass.config.layer_norm_eps;
        require_parts_of(pass.config);
        if (output) require_linear("mobilebert_block: output", output->dense, x.shape(1), pass.config.block_width());
        if (output) require_layer_norm("mobilebert_block: output.LayerNorm", output->norm, x.shape(1));
        if (input) input->forward(x, pass, act.input);
        if (shared) shared->forward(x, pass, act.shared);
        const auto read = attention_inputs(pass.config, x, act.input.y(), act.shared.y());
        attention.forward(read, pass, act.attention);
        act.ffn.resize(ffn.size());
        for (std::size_t k = 0; k < ffn.size(); ++k)
            ffn[k].forward(network_input(k, act), epsilon, without_dropout(pass), act.ffn[k]);
        feed_forward.forward(network_input(ffn.size(), act), pytorch_layer_norm_eps, at_last_network(pass), act.feed_forward);
        act.output.norm.y.resize({0, 0});  // without an output bottleneck, y() is the last network's result
        if (output) output->forward(act.feed_forward.y(), x, epsilon, pass.at(DropoutSite::feed_forward), act.output);
    }

    /// The steps of forward in reverse order; a prime is a part's backward, which also adds the gradients of its parameters. x
    /// was used by the output bottleneck as residual, by attention as value, and by the bottlenecks: its gradient is the sum.
    /// \f[ (\delta a_F, \delta x) = \mathrm{AddAndNorm}'(\delta y),\quad \delta a_k = \mathrm{FeedForward}_k'(\delta a_{k+1}) \f]
    /// \f[ (\delta x_{qk}, \delta x, \delta r) \mathrel{+}= \mathrm{SelfAttention}'(\delta a_0),\quad
    ///     \delta x \mathrel{+}= \mathrm{Bottleneck}'(\delta r) + \mathrm{Bottleneck}_{qk}'(\delta x_{qk}) \f]
    /// Symbols: \f$\delta y, \delta x\f$ `d_y`, `d_x`; \f$\delta r\f$ `d_act.input.norm.y`, \f$\delta x_{qk}\f$
    /// `d_act.shared.norm.y`, \f$\delta a_0\f$ `d_act.attention.output.norm.y`, \f$\delta a_{k+1}\f$
    /// `d_act.ffn[k].output.norm.y`, \f$\delta a_F\f$ `d_act.feed_forward.output.norm.y`.
    /// @param d_y  [T, H]
    /// @param x  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_block  the gradients are added to it
    /// @param[out] d_act  the gradients of act's tensors, as far as the parts compute them
    /// @param[out] d_x  [T, H]; may alias d_y
    /// @throws std::invalid_argument if a shape doesn't fit, or d_block has other parts
    void backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Pass& pass,
                  const MobileBertBlockActivations<Real>& act, MobileBertBlock& d_block, MobileBertBlockActivations<Real>& d_act,
                  Tensor<Real, 2>& d_x) const
    {
        require_shape("mobilebert_block: d_y", d_y, x.shape());
        require_same_parts(*this, d_block);
        require_parts_of(pass.config);
        if (act.ffn.size() != ffn.size())
            throw std::invalid_argument("mobilebert_block: act (forward computes it): expected " + std::to_string(ffn.size()) +
                                        " feed-forward networks before the last, got " + std::to_string(act.ffn.size()));
        if (input) require_linear("mobilebert_block: d_input", d_block.input->dense, pass.config.block_width(), x.shape(1));
        if (shared) require_linear("mobilebert_block: d_shared", d_block.shared->dense, pass.config.block_width(), x.shape(1));
        d_act.ffn.resize(ffn.size());
        Tensor<Real, 2>& d_last = d_act.feed_forward.output.norm.y;  // gradient of the last network's result, [T, N]
        if (output) {
            output->backward(d_y, act.feed_forward.y(), pass.at(DropoutSite::feed_forward), act.output, *d_block.output,
                             d_act.output, d_last);
            d_x = d_act.output.sum;  // the residual's part
        } else {
            d_last = d_y;
            d_x.resize(x.shape());
            d_x.fill(Real(0));
        }
        feed_forward.backward(d_last, network_input(ffn.size(), act), at_last_network(pass), act.feed_forward,
                              d_block.feed_forward, d_act.feed_forward, network_input(ffn.size(), d_act));
        for (std::size_t k = ffn.size(); k-- > 0;)
            ffn[k].backward(d_act.ffn[k].output.norm.y, network_input(k, act), without_dropout(pass), act.ffn[k], d_block.ffn[k],
                            d_act.ffn[k], network_input(k, d_act));
        Tensor<Real, 2>&d_input = d_act.input.norm.y, &d_shared = d_act.shared.norm.y;  // [T, N] each
        for (Tensor<Real, 2>* d_bottleneck : {&d_input, &d_shared}) {
            d_bottleneck->resize({x.shape(0), pass.config.block_width()});
            d_bottleneck->fill(Real(0));
        }
        const auto read = attention_inputs(pass.config, x, act.input.y(), act.shared.y());
        const auto d_read = attention_inputs(pass.config, d_x, d_input, d_shared);
        attention.backward(d_act.attention.output.norm.y, read, pass, act.attention, d_block.attention, d_act.attention, d_read);
        Tensor<Real, 2> d_by_bottleneck;  // a bottleneck's part of the gradient of x, [T, H]
        if (input) {
            input->backward(d_input, x, pass, act.input, *d_block.input, d_act.input, d_by_bottleneck);
            add(d_by_bottleneck, d_x);
        }
        if (shared) {
            shared->backward(d_shared, x, pass, act.shared, *d_block.shared, d_act.shared, d_by_bottleneck);
            add(d_by_bottleneck, d_x);
        }
    }

private:
    /// What attention reads, of hidden states and bottlenecks or of their gradients. In the last case N is H (check_config).
    template <class Matrix>
    static MobileBertAttentionInputs<Matrix> attention_inputs(const Config& config, Matrix& x, Matrix& input, Matrix& shared)
    {
        const MobileBertConfig& own = config.mobilebert.value();
        if (!own.use_bottleneck) return {.query_and_key = x, .value = x, .residual = x};
        if (own.use_bottleneck_attention) return {.query_and_key = input, .value = input, .residual = input};
        if (own.key_query_shared_bottleneck) return {.query_and_key = shared, .value = x, .residual = input};
        return {.query_and_key = x, .value = x, .residual = input};
    }

    /// What a feed-forward network reads, or its gradient: the result of attention, or of the network before.
    template <class Activations>
    static auto& network_input(std::size_t k, Activations& act)
    {
        return k == 0 ? act.attention.output.norm.y : act.ffn[k - 1].output.norm.y;
    }

    /// The pass at the last network. Between bottlenecks it has no dropout (the transformers library).
    static Pass at_last_network(const Pass& pass)
    {
        return pass.config.mobilebert.value().use_bottleneck ? without_dropout(pass) : pass.at(DropoutSite::feed_forward);
    }

    /// attention_inputs goes by the configuration: the bottlenecks that it reads must be there.
    void require_parts_of(const Config& config) const
    {
        if (!config.mobilebert)
            throw std::invalid_argument("mobilebert_block: config: expected one of MobileBERT, got " + config.model_type);
        const MobileBertConfig& own = *config.mobilebert;
        const bool shares = own.use_bottleneck && own.key_query_shared_bottleneck && !own.use_bottleneck_attention;
        if (input.has_value() != own.use_bottleneck || shared.has_value() != shares || output.has_value() != own.use_bottleneck)
            throw std::invalid_argument("mobilebert_block: expected the bottlenecks of the configuration, got others");
    }

    template <class Other>
    static void require_same_parts(const MobileBertBlock& block, const Other& other)
    {
        if (block.input.has_value() != other.input.has_value() || block.shared.has_value() != other.shared.has_value() ||
            block.output.has_value() != other.output.has_value() || block.ffn.size() != other.ffn.size())
            throw std::invalid_argument("mobilebert_block: expected instances with the same bottlenecks and networks");
    }
};

}  // namespace bert
