/// @file
/// The masked-LM head predicts the tokens at masked positions, in pre-training and to fill in `[MASK]`.
#pragma once

#include <cstddef>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/name.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head.hpp"
#include "bert/heads/loss_options.hpp"
#include "bert/ops/losses.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// The masked positions and the tokens to predict there.
struct MaskedLmTarget {
    std::vector<std::size_t> rows;  ///< rows of the masked positions, M of T, ascending
    IndexTensor<1> ids;             ///< the token to predict at each of them, [M]
};

/// What MaskedLmHead::forward computes.
template <class Real>
struct MaskedLmActivations {
    std::vector<std::size_t> rows;    ///< the rows that logits are computed for, [M]: the target's, or all T
    Tensor<Real, 2> selected;         ///< their hidden states, [M, H]
    Tensor<Real, 2> pre_activation;   ///< before the activation, [M, E]; in BERT, E is H
    Tensor<Real, 2> activated;        ///< after the activation, [M, E]
    LayerNormActivations<Real> norm;  ///< after the layer norm: rstd [M], x_hat and y [M, E]
    Tensor<Real, 2> logits;           ///< one number for each token of the vocabulary, [M, V]
};

/// The masked language model (masked LM, MLM). (Devlin et al. 2019, section 3.1, task 1; transform, bias and tying are from the
/// published code: google-research/bert, run_pretraining.py, get_masked_lm_output.)
template <class Real, class Ops = Reference>
struct MaskedLmHead {
    Linear<Real> transform;   ///< [E, H], [E]; published as transform.dense. E is H except in ALBERT
    LayerNorm<Real> norm;     ///< [E] each; published as transform.LayerNorm
    Tensor<Real, 2> decoder;  ///< [V, E], published as decoder.weight; empty if tied to the word table, as in BERT
    Tensor<Real, 1> bias;     ///< [V]; published as bias, or as decoder.bias if the decoder is not tied

    using Scalar = Real;                            ///< number type of the loss
    using Target = MaskedLmTarget;                  ///< see head.hpp
    using Count = double;                           ///< number of masked positions
    using Activations = MaskedLmActivations<Real>;  ///< see head.hpp

    static constexpr std::string_view name = "masked_lm";  ///< name in configurations and of the member in models
    /// Gives a model, its targets and its activations a member for this head.
    template <class Member>
    struct Named {
        Member masked_lm{};  ///< named after the head
    };
    /// @param owner  a model, its targets or its activations
    /// @return  its member for this head
    template <class Owner>
    static auto& member(Owner& owner)
    {
        return owner.masked_lm;
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
        if (differs) throw std::invalid_argument("masked_lm: expected instances that are all tied to their word tables, or none");
        Linear<Real>::parameters(visit, prefix + "cls.predictions.transform.dense", first.transform, selves.transform...);
        LayerNorm<Real>::parameters(visit, prefix + "cls.predictions.transform.LayerNorm", first.norm, selves.norm...);
        if (!tied) visit((prefix + "cls.predictions.decoder.weight").of(ParameterKind::matrix), first.decoder, selves.decoder...);
        const char* const bias_name = tied ? "cls.predictions.bias" : "cls.predictions.decoder.bias";
        visit((prefix + bias_name).of(ParameterKind::bias), first.bias, selves.bias...);
    }

    /// @param config  sizes, and whether the decoder is tied
    /// @return  the head, all zeros
    static MaskedLmHead make(const Config& config)
    {
        const std::size_t H = config.hidden_size, E = config.embedding_width(), V = config.vocab_size;
        const bool tied = config.tie_word_embeddings;
        return {make_linear<Real>(E, H), make_layer_norm<Real>(E), tied ? zeros<Real, 2>({0, 0}) : zeros<Real, 2>({V, E}),
                zeros<Real, 1>({V})};
    }

    /// @param batch  the tokens
    /// @param target  its masked positions
    /// @param config  vocab_size
    /// @throws std::invalid_argument for rows that are not ascending or out of range, for ids outside the vocabulary, and if
    ///     there are not as many ids as rows
    static void check(const Batch& batch, const Target& target, const Config& config)
    {
        require_rows("masked_lm", target.rows, batch.sequences.tokens());
        require_ascending("masked_lm", target.rows);
        require_shape("masked_lm: ids", target.ids, {target.rows.size()});
        require_below("masked_lm: ids", target.ids, config.vocab_size);
    }

    /// @param target  the masked positions
    /// @return  their number
    static Count count(const Batch&, const Target& target) { return static_cast<Count>(target.rows.size()); }

    /// @param target  the masked positions
    /// @param[in,out] rows  the rows of the masked positions are appended
    /// @return  true: the head reads no others
    static bool read_rows(const Batch&, const Target& target, std::vector<std::size_t>& rows)
    {
        rows.insert(rows.end(), target.rows.begin(), target.rows.end());
        return true;
    }

    /// Computes a logit for each token of the vocabulary at each masked position.
    /// \f[ u = x W^T + b,\quad z = f(u),\quad y = \mathrm{LayerNorm}(z),\quad
    ///     \mathrm{logits}_{mv} = y_m \cdot \mathrm{table}_v + \mathrm{bias}_v \f]
    /// where x are the hidden states of the masked positions only, because each costs V logits. In training these are the 15 % of
    /// the tokens that were chosen: most are replaced by `[MASK]`, some by another token, some are unchanged.
    /// Symbols: \f$x\f$ `act.selected`, \f$W, b\f$ `transform`, \f$u\f$ `act.pre_activation`, \f$f\f$ hidden_act (in RoBERTa
    /// always gelu), \f$z\f$ `act.activated`, \f$y\f$ `act.norm.y`; table `table`, the body's word table if tied, or else
    /// `decoder`; bias `bias`, logits `act.logits`.
    /// @param body  hidden states and word table
    /// @param target  the masked positions; without a target, all positions are computed
    /// @param pass  hidden_act, or masked_lm_act; layer_norm_eps, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument for a row out of range, or if a shape doesn't fit
    void forward(const BodyResult<Real>& body, const std::optional<Target>& target, const Pass& pass, Activations& act) const
    {
        const Tensor<Real, 2>& table = decoder.size() == 0 ? body.word_table : decoder;  // [V, E]
        const std::size_t V = table.shape(0), E = table.shape(1), H = body.hidden.shape(1);
        require_linear("masked_lm: transform", transform, E, H);
        require_layer_norm("masked_lm: LayerNorm", norm, E);
        require_shape("masked_lm: bias", bias, {V});
        if (target) {
            require_rows("masked_lm", target->rows, body.hidden.shape(0));
            act.rows = target->rows;
        } else {
            act.rows.resize(body.hidden.shape(0));
            std::iota(act.rows.begin(), act.rows.end(), std::size_t{0});
        }
        take_rows("masked_lm", body.hidden, act.rows, act.selected);
        Ops::linear(act.selected, transform.weight, transform.bias, act.pre_activation, pass.workspace);
        Ops::activate(Ops{}, pass.config.masked_lm_activation(), act.pre_activation, act.activated);
        Ops::layer_norm(act.activated, norm, Real(pass.config.layer_norm_eps), act.norm);
        Ops::linear(act.norm.y, table, bias, act.logits, pass.workspace);
    }

    /// The cross-entropy of the tokens at the masked positions.
    /// \f[ \ell = -\frac1n \sum_m \log \mathrm{softmax}(\mathrm{logits}_m)_{\mathrm{ids}_m} \f]
    /// Symbols: ids `target.ids`, \f$n\f$ `count`; in google-research/bert `count` + 1e-5 (loss_options.hpp).
    /// @param target  the masked positions
    /// @param count  masked positions of the whole batch
    /// @param options  smoothing, divisor
    /// @param act  what forward computed
    /// @return  this micro-batch's part of the loss, in nats per masked position
    /// @throws std::invalid_argument if a shape doesn't fit
    Real loss(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act) const
    {
        return Ops::cross_entropy(act.logits, target.ids, cross_entropy_options(count, options)).value;
    }

    /// The gradient of the loss: probability minus target, divided by n.
    /// \f[ \delta\mathrm{logits}_{mv} = \frac1n\,\big(\mathrm{softmax}(\mathrm{logits}_m)_v - [v = \mathrm{ids}_m]\big) \f]
    /// where [v = ids_m] is 1 for the token to predict and 0 for all others. Symbols: \f$\delta\mathrm{logits}\f$ `d_act.logits`.
    /// @param target  as in loss
    /// @param count  as in loss
    /// @param options  as in loss
    /// @param act  as in loss
    /// @param[out] d_act  the gradient of the logits
    /// @throws std::invalid_argument if a shape doesn't fit
    void loss_backward(const Batch&, const Target& target, Count count, const LossOptions& options, const Activations& act,
                       Activations& d_act) const
    {
        Ops::cross_entropy_backward(Real(1), act.logits, target.ids, cross_entropy_options(count, options), d_act.logits);
    }

    /// The steps of forward in reverse order; LayerNorm' is that operation's backward, which also adds to `d_head.norm`, and f'
    /// the derivative of the activation.
    /// \f[ \delta\mathrm{table}_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv}\,y_m,\quad
    ///     \delta\mathrm{bias}_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv},\quad
    ///     \delta y_m = \sum_v \delta\mathrm{logits}_{mv}\,\mathrm{table}_v \f]
    /// \f[ \delta z = \mathrm{LayerNorm}'(\delta y),\quad \delta u = \delta z \cdot f'(u),\quad
    ///     \delta W \mathrel{+}= \delta u^T x,\quad \delta b \mathrel{+}= \sum_m \delta u_m,\quad \delta x = \delta u\,W \f]
    /// and \f$\delta x\f$ is added to the masked positions' rows of the hidden states' gradient. A tied table is used twice:
    /// Embeddings::backward adds the gradients of the tokens whose id is v to the same row.
    /// Symbols: \f$\delta y, \delta z, \delta u, \delta x\f$ `norm.y`, `activated`, `pre_activation`, `selected` of `d_act`,
    /// \f$\delta W, \delta b\f$ `d_head.transform`, \f$\delta\mathrm{table}\f$ `d_table`, \f$\delta\mathrm{bias}\f$
    /// `d_head.bias`.
    /// @param body  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  the gradients are added to its parameters
    /// @param[in,out] d_act  the gradient of the logits is read; those of the other tensors are written
    /// @param[in,out] d_body  hidden is added to, and the word table if the decoder is tied
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const BodyResult<Real>& body, const Pass& pass, const Activations& act, MaskedLmHead& d_head,
                  Activations& d_act, BodyResultGradients<Real> d_body) const
    {
        require_rows("masked_lm: d_hidden", act.rows, d_body.hidden.shape(0));
        require_shape("masked_lm: d_hidden", d_body.hidden, body.hidden.shape());
        const bool tied = decoder.size() == 0;
        const Tensor<Real, 2>& table = tied ? body.word_table : decoder;       // [V, E]
        Tensor<Real, 2>& d_table = tied ? d_body.word_table : d_head.decoder;  // [V, E]
        const std::size_t V = table.shape(0), E = table.shape(1), H = body.hidden.shape(1);
        require_shape("masked_lm: d_table", d_table, {V, E});
        require_shape("masked_lm: d_bias", d_head.bias, {V});
        require_layer_norm("masked_lm: d_LayerNorm", d_head.norm, E);
        require_linear("masked_lm: d_transform", d_head.transform, E, H);
        Ops::linear_backward(d_act.logits, act.norm.y, table, d_table, d_head.bias, d_act.norm.y, pass.workspace);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_head.norm, d_act.activated);
        Ops::activate_backward(Ops{}, pass.config.masked_lm_activation(), d_act.activated, act.pre_activation,
                               d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.selected, transform.weight, d_head.transform.weight, d_head.transform.bias,
                             d_act.selected, pass.workspace);
        add_rows("masked_lm: d_hidden", d_act.selected, act.rows, d_body.hidden);
    }

private:
    static CrossEntropyOptions cross_entropy_options(Count count, const LossOptions& options)
    {
        std::optional<double> divisor = divisor_of(count);
        if (divisor && options.divisor == LossDivisor::original) *divisor += 1e-5;
        return {options.smoothing, divisor};
    }
};

}  // namespace bert
