/// @file
/// Heads: what turns the encoder's hidden states into an answer.
///
/// | architecture | what the hidden states go through | logits |
/// | --- | --- | --- |
/// | BertModel | Pooler | none |
/// | BertForPreTraining | MaskedWordHead; Pooler, then ClassifierHead with C = 2 | [T, V]; [B, 2] |
/// | BertForMaskedLM | MaskedWordHead | [T, V] |
/// | BertForNextSentencePrediction | Pooler, ClassifierHead with C = 2: 0 follows, 1 doesn't | [B, 2] |
/// | BertForSequenceClassification | Pooler, ClassifierHead | [B, C] |
/// | BertForMultipleChoice | Pooler, ClassifierHead with C = 1: one number per ending | [B, 1], read as [examples, endings] |
/// | BertForTokenClassification | ClassifierHead on every token | [T, C] |
/// | BertForQuestionAnswering | ClassifierHead on every token with C = 2: start and end of the answer | [T, 2] |
#pragma once

#include <cstddef>
#include <numeric>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/parameters.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/activations.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What Pooler::forward computes.
template <class Real>
struct PoolerActivations {
    Tensor<Real, 2> first;           ///< each sequence's first hidden state, [CLS]'s, [B, H]
    Tensor<Real, 2> pre_activation;  ///< before the tanh, [B, H]
    Tensor<Real, 2> pooled;          ///< after it, [B, H]
};

/// One vector for a whole sequence, made from its first token. (Devlin et al. 2019, section 3; the tanh is the published code's.)
template <class Real, class Ops = Reference>
struct Pooler {
    Linear<Real> dense;  ///< [H, H], [H]; published as dense

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `pooler`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static Pooler make(const Config& config) { return {make_linear<Real>(config.hidden_size, config.hidden_size)}; }

    /// \f[ \mathrm{pooled}_b = \tanh(W\, x_{\mathrm{first\ of\ } b} + \mathrm{bias}) \f]
    /// Symbols: \f$W\f$, bias `dense.weight`, `dense.bias`, \f$x_{\mathrm{first\ of\ }b}\f$ a row of `act.first`, the argument
    /// of tanh `act.pre_activation`.
    /// @param x  hidden states, [T, H]
    /// @param batch  the sequences; each must have a real token at position 0
    /// @param[out] act  first, pre_activation, pooled
    /// @param workspace  scratch
    /// @throws std::invalid_argument if x is not [T, H], a sequence is empty, or its first position is masked
    void forward(const Tensor<Real, 2>& x, const Batch& batch, PoolerActivations<Real>& act, Workspace& workspace) const
    {
        const std::size_t B = batch.sequences.count(), T = batch.sequences.tokens(), H = x.shape(1);
        require_sequences("pooler: sequences", batch.sequences, T);
        require_shape("pooler: x", x, {T, H});
        require_shape("pooler: positions", batch.positions, {T});
        for (std::size_t b = 0; b < B; ++b) {
            if (batch.sequences.length(b) == 0)
                throw std::invalid_argument("pooler: sequence " + std::to_string(b) + ": expected a token, got none");
            const std::size_t row = batch.sequences.begin[b];
            if (batch.positions(row) != 0)
                throw std::invalid_argument("pooler: sequence " + std::to_string(b) +
                                            ": expected a real token at position 0, got a masked one");
        }
        take_rows("pooler: x", x, first_rows(batch), act.first);
        Ops::linear(act.first, dense.weight, dense.bias, act.pre_activation, workspace);
        Ops::tanh(act.pre_activation, act.pooled);
    }

    /// The same steps from the last to the first. Of the hidden states, only each sequence's first has a gradient.
    /// @param d_pooled  [B, H]
    /// @param batch  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_pooler  is added to
    /// @param[out] d_act  the gradients of pre_activation and first
    /// @param[in,out] d_x  [T, H], is added to: other heads look at the same hidden states
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_pooled, const Batch& batch, const PoolerActivations<Real>& act, Pooler& d_pooler,
                  PoolerActivations<Real>& d_act, Tensor<Real, 2>& d_x, Workspace& workspace) const
    {
        require_shape("pooler: d_x", d_x, {batch.sequences.tokens(), act.first.shape(1)});
        Ops::tanh_backward(d_pooled, act.pooled, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.first, dense.weight, d_pooler.dense.weight, d_pooler.dense.bias,
                             d_act.first, workspace);
        add_rows("pooler: d_x", d_act.first, first_rows(batch), d_x);
    }

private:
    /// Each sequence's first row.
    static std::span<const std::size_t> first_rows(const Batch& batch)
    {
        return std::span(batch.sequences.begin).first(batch.sequences.count());
    }
};

/// What MaskedWordHead::forward computes.
template <class Real>
struct MaskedWordActivations {
    std::vector<std::size_t> rows;    ///< which of the T hidden states are asked, M of them
    Tensor<Real, 2> asked;            ///< these rows, [M, H]
    Tensor<Real, 2> pre_activation;   ///< after the affine map, [M, H]
    Tensor<Real, 2> activated;        ///< after the activation, [M, H]
    LayerNormActivations<Real> norm;  ///< norm.y is compared with every row of the word table, [M, H]
    Tensor<Real, 2> logits;           ///< one number for each word, [M, V]
};

/// The masked language model (masked LM, MLM): which word stands here? (Devlin et al. 2019, section 3.1, task 1; transform, bias
/// and tying are the published code's: google-research/bert, run_pretraining.py, get_masked_lm_output.)
template <class Real, class Ops = Reference>
struct MaskedWordHead {
    Linear<Real> transform;   ///< [H, H], [H]; published as transform.dense
    LayerNorm<Real> norm;     ///< [H] each; published as transform.LayerNorm
    Tensor<Real, 2> decoder;  ///< [V, H], published as decoder.weight; empty where it is tied to the word table, as in BERT
    Tensor<Real, 1> bias;     ///< [V]; published as bias; if decoder has its own matrix, as decoder.bias

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `cls.predictions`
    /// @param first  an instance
    /// @param selves  more instances
    /// @throws std::invalid_argument if some are tied and some are not
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        const bool tied = first.decoder.size() == 0;
        if ((((selves.decoder.size() == 0) != tied) || ...))
            throw std::invalid_argument("masked_word: expected instances that are all tied to their word tables, or none");
        Linear<Real>::parameters(visit, name + ".transform.dense", first.transform, selves.transform...);
        LayerNorm<Real>::parameters(visit, name + ".transform.LayerNorm", first.norm, selves.norm...);
        if (!tied) visit(name + ".decoder.weight", first.decoder, selves.decoder...);
        visit(name + (tied ? ".bias" : ".decoder.bias"), first.bias, selves.bias...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes, and whether the decoder is tied
    /// @return  the component
    static MaskedWordHead make(const Config& config)
    {
        const std::size_t H = config.hidden_size, V = config.vocab_size;
        const std::size_t own_rows = config.tie_word_embeddings ? 0 : V;
        return {make_linear<Real>(H, H), make_layer_norm<Real>(H), zeros<Real, 2>({own_rows, own_rows == 0 ? 0 : H}),
                zeros<Real, 1>({V})};
    }

    /// \f[ z = \mathrm{LayerNorm}(f(x W^T + b)),\quad \mathrm{logits}_{mv} = z_m \cdot E_v + \mathrm{bias}_v \f]
    /// where the x are those hidden states whose word is asked for: in training the 15 % that were chosen (most of them hidden
    /// by `[MASK]`, some by another word, some not at all), because logits are many.
    /// Symbols: \f$x\f$ `act.asked`, \f$W, b\f$ `transform`, \f$f\f$ config.hidden_act, \f$z\f$ `act.norm.y`, \f$E\f$ `decoder`,
    /// or `word_table` if tied.
    /// @param hidden  hidden states, [T, H]
    /// @param rows  which of them are asked, M of them; nothing: all of them
    /// @param word_table  the embeddings' word table, [V, H]
    /// @param config  hidden_act and layer_norm_eps
    /// @param[out] act  every tensor of the formula
    /// @param workspace  scratch
    /// @throws std::invalid_argument for a row that hidden doesn't have
    void forward(const Tensor<Real, 2>& hidden, const std::optional<std::vector<std::size_t>>& rows,
                 const Tensor<Real, 2>& word_table, const Config& config, MaskedWordActivations<Real>& act,
                 Workspace& workspace) const
    {
        if (rows) {
            act.rows = *rows;
        } else {
            act.rows.resize(hidden.shape(0));
            std::iota(act.rows.begin(), act.rows.end(), std::size_t{0});
        }
        take_rows("masked_word", hidden, act.rows, act.asked);
        const Tensor<Real, 2>& table = decoder.size() == 0 ? word_table : decoder;
        Ops::linear_activation(Ops{}, act.asked, transform, config.hidden_act, act.pre_activation, act.activated, workspace);
        Ops::layer_norm(act.activated, norm, Real(config.layer_norm_eps), act.norm);
        Ops::linear(act.norm.y, table, bias, act.logits, workspace);
    }

    /// The same steps from the last to the first; for every word v
    /// \f[ \delta E_v \mathrel{+}= \sum_m \delta\mathrm{logits}_{mv}\,z_m \f]
    /// A tied table is used twice: Embeddings::backward adds what comes by the tokens whose id is v to the same row.
    /// @param d_logits  [M, V]
    /// @param word_table  as in forward
    /// @param config  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_head  is added to
    /// @param[in,out] d_word_table  [V, H], is added to if the decoder is tied
    /// @param[out] d_act  the gradients of act's tensors
    /// @param[in,out] d_hidden  [T, H], is added to: other heads look at the same hidden states
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_logits, const Tensor<Real, 2>& word_table, const Config& config,
                  const MaskedWordActivations<Real>& act, MaskedWordHead& d_head, Tensor<Real, 2>& d_word_table,
                  MaskedWordActivations<Real>& d_act, Tensor<Real, 2>& d_hidden, Workspace& workspace) const
    {
        const bool tied = decoder.size() == 0;
        const Tensor<Real, 2>& table = tied ? word_table : decoder;
        Tensor<Real, 2>& d_table = tied ? d_word_table : d_head.decoder;
        Ops::linear_backward(d_logits, act.norm.y, table, d_table, d_head.bias, d_act.norm.y, workspace);
        Ops::layer_norm_backward(d_act.norm.y, norm, act.norm, d_head.norm, d_act.activated);
        d_act.asked.resize(act.asked.shape());
        d_act.asked.fill(Real(0));
        Ops::linear_activation_backward(Ops{}, d_act.activated, act.asked, transform, config.hidden_act, act.pre_activation,
                                        d_head.transform, d_act.pre_activation, d_act.asked, workspace);
        add_rows("masked_word: d_hidden", d_act.asked, act.rows, d_hidden);
    }
};

/// An affine map to one number per class: of whole sequences (their pooled vectors) or of tokens (their hidden states).
/// (Devlin et al. 2019, sections 3.1, task 2, NSP; 4.1; 4.2; 5.3.)
template <class Real, class Ops = Reference>
struct ClassifierHead {
    Linear<Real> map;  ///< [C, H], [C]; published as classifier, qa_outputs or cls.seq_relationship

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  as in `classifier`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const Name& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name, selves.map...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @param classes  C
    /// @return  the component
    static ClassifierHead make(const Config& config, std::size_t classes)
    {
        return {make_linear<Real>(classes, config.hidden_size)};
    }

    /// logits = x Wᵀ + b.
    /// @param x  pooled vectors [B, H] or hidden states [T, H]
    /// @param[out] logits  [B, C] or [T, C]
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, Tensor<Real, 2>& logits, Workspace& workspace) const
    {
        Ops::linear(x, map.weight, map.bias, logits, workspace);
    }

    /// @param d_logits  [B, C] or [T, C]
    /// @param x  as in forward
    /// @param[in,out] d_head  is added to
    /// @param[out] d_x  [B, H] or [T, H]
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_logits, const Tensor<Real, 2>& x, ClassifierHead& d_head, Tensor<Real, 2>& d_x,
                  Workspace& workspace) const
    {
        Ops::linear_backward(d_logits, x, map.weight, d_head.map.weight, d_head.map.bias, d_x, workspace);
    }
};

}  // namespace bert
