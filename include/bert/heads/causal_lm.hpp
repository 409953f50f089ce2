/// @file
/// The causal language model predicts the next token at each position, GPT's objective beside BERT's masked LM. A sequence of n
/// tokens has n - 1 targets: nothing follows its last token.
#pragma once

#include <cstddef>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What CausalLmHead::forward computes.
template <class Real>
struct CausalLmActivations {
    std::vector<std::size_t> rows;  ///< the rows that logits are computed for, [M]: the target's, or all T
    Tensor<Real, 2> selected;       ///< their hidden states, [M, H]
    Tensor<Real, 1> no_bias;        ///< zeros, [V], for the linear operation, which takes a bias; in d_act, unused
    Tensor<Real, 2> logits;         ///< one number for each token of the vocabulary, [M, V]
};

/// The products of a token's hidden state, which has seen nothing behind it, with the rows of the word table. There is no layer
/// in between and no bias. (Radford et al. 2018, section 3.1.)
template <class Real, class Ops = Reference>
struct CausalLmHead {
    Tensor<Real, 2> decoder;  ///< [V, H], published as lm_head.weight; empty if tied to the word table, as in GPT-2

    using Scalar = Real;                            ///< number type of the loss
    using Target = MaskedLmTarget;                  ///< rows, ascending, and the token that follows each
    using Count = double;                           ///< number of predicted tokens
    using Activations = CausalLmActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "causal_lm";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member causal_lm{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.causal_lm;
    }

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param prefix  of the names, usually empty
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if some are tied and some are not
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& prefix, First& first, Selves&... selves)
    {
        const bool tied = first.decoder.size() == 0;
        const bool differs = ((tied != (selves.decoder.size() == 0)) || ...);  // true if any of selves differs from first
        if (differs) throw std::invalid_argument("causal_lm: expected instances that are all tied to their word tables, or none");
        if (!tied) visit((prefix + "lm_head.weight").of(ParameterKind::matrix), first.decoder, selves.decoder...);
    }

    /// @param config  sizes, and whether the decoder is tied
    /// @return  the head, all zeros
    static CausalLmHead make(const Config& config)
    {
        if (config.tie_word_embeddings) return {zeros<Real, 2>({0, 0})};
        return {zeros<Real, 2>({config.vocab_size, config.hidden_size})};
    }

    /// @param batch  the tokens
    /// @param target  the rows, and the token that follows each
    /// @param config  vocab_size
    /// @throws std::invalid_argument for rows that are not ascending or out of range, for ids outside the vocabulary, and if
    ///     there are not as many ids as rows
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        require_rows("causal_lm", target.rows, batch.sequences.tokens());
        require_ascending("causal_lm", target.rows);
        require_shape("causal_lm: ids", target.ids, {target.rows.size()});
        require_below("causal_lm: ids", target.ids, config.vocab_size);
    }

    /// @param target  the rows, and the token that follows each
    /// @return  their number
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.rows.size()); }

    /// @param target  the rows, and the token that follows each
    /// @param[in,out] rows  the target's rows are appended
    /// @return  true: the head reads no others
    static bool read_rows(const Batch&, const Target& target, std::vector<std::size_t>& rows)
    {
        rows.insert(rows.end(), target.rows.begin(), target.rows.end());
        return true;
    }

    /// Computes a logit for each token of the vocabulary at each row.
    /// \f[ \mathrm{logits}_{mv} = x_m \cdot \mathrm{table}_v \f]
    /// Symbols: \f$x\f$ `act.selected`, the hidden states of M rows; table `table`, the body's word table if tied, or else
    /// `decoder`; logits `act.logits`.
    /// @param body  hidden states and word table
    /// @param target  the rows; without a target, all rows are computed
    /// @param pass  workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for a row out of range, or if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>& target, const Pass& pass, Activations& act) const
    {
        const Tensor<Real, 2>& table = decoder.size() == 0 ? body.word_table : decoder;  // [V, H]
        const std::size_t V = table.shape(0), H = body.hidden.shape(1);
        require_shape("causal_lm: table", table, {V, H});
        if (target) {
            require_rows("causal_lm", target->rows, body.hidden.shape(0));
            act.rows = target->rows;
        } else {
            act.rows.resize(body.hidden.shape(0));
            std::iota(act.rows.begin(), act.rows.end(), std::size_t{0});
        }
        take_rows("causal_lm", body.hidden, act.rows, act.selected);
        act.no_bias.resize({V});
        act.no_bias.fill(Real(0));
        Ops::linear(act.selected, table, act.no_bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the tokens that follow.
    /// \f[ \ell = -\frac1n \sum_m \log \mathrm{softmax}(\mathrm{logits}_m)_{\mathrm{ids}_m} \f]
    /// Symbols: ids `target.ids`, \f$n\f$ `count`.
    /// @param target  the rows, and the token that follows each
    /// @param count  predicted tokens of the whole batch
    /// @param options  smoothing
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per predicted token
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        return Ops::cross_entropy(act.logits, target.ids, {options.smoothing, divisor_of(count)}).value;
    }

    /// The gradient of the loss: probability minus target, divided by n.
    /// \f[ \delta\mathrm{logits}_{mv} = \frac1n\,\big(\mathrm{softmax}(\mathrm{logits}_m)_v - [v = \mathrm{ids}_m]\big) \f]
    /// where [v = ids_m] is 1 for the token that follows and 0 for all others. Symbols: \f$\delta\mathrm{logits}\f$
    /// `d_act.logits`.
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act,
                       Activations& d_act) const
    {
        Ops::cross_entropy_backward(Real(1), act.logits, target.ids, {options.smoothing, divisor_of(count)}, d_act.logits);
    }

    /// The steps of forward in reverse order. A tied table is used twice: the embeddings' backward adds to the same rows.
    /// \f[ \delta\mathrm{table}_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv}\,x_m,\quad
    ///     \delta x_m = \sum_v \delta\mathrm{logits}_{mv}\,\mathrm{table}_v \f]
    /// and \f$\delta x\f$ is added to the selected rows of the hidden states' gradient.
    /// Symbols: \f$\delta x\f$ `d_act.selected`, \f$\delta\mathrm{table}\f$ `d_table`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; that of the selected rows is written
    /// @param[in,out] d_body  hidden is added to, and the word table if the decoder is tied
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, CausalLmHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_rows("causal_lm: d_hidden", act.rows, d_body.hidden.shape(0));
        require_shape("causal_lm: d_hidden", d_body.hidden, body.hidden.shape());
        const bool tied = decoder.size() == 0;
        const Tensor<Real, 2>& table = tied ? body.word_table : decoder;       // [V, H]
        Tensor<Real, 2>& d_table = tied ? d_body.word_table : d_head.decoder;  // [V, H]
        require_shape("causal_lm: hidden", body.hidden, {body.hidden.shape(0), table.shape(1)});
        require_shape("causal_lm: d_table", d_table, table.shape());
        require_shape("causal_lm: act.selected (forward computes it)", act.selected, {act.rows.size(), table.shape(1)});
        require_shape("causal_lm: d_logits", d_act.logits, {act.rows.size(), table.shape(0)});
        d_act.no_bias.resize({table.shape(0)});
        d_act.no_bias.fill(Real(0));
        Ops::linear_backward(d_act.logits, act.selected, table, d_table, d_act.no_bias, d_act.selected, pass.workspace);
        add_rows("causal_lm: d_hidden", d_act.selected, act.rows, d_body.hidden);
    }
};

}  // namespace bert
