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
/// | BertForMultipleChoice | Pooler, ClassifierHead with C = 1: one number an ending | [B, 1], read as [examples, endings] |
/// | BertForTokenClassification | ClassifierHead on every token | [T, C] |
/// | BertForQuestionAnswering | ClassifierHead on every token with C = 2: start and end of the answer | [T, 2] |
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include "bert/config.hpp"
#include "bert/core/parameters.hpp"
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
    static void parameters(Visit&& visit, const std::string& name, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".dense", selves.dense...);
    }

    /// Zeros of a configuration's sizes.
    /// @param config  sizes
    /// @return  the component
    static Pooler make(const Config& config) { return {make_linear<Real>(config.hidden_size, config.hidden_size)}; }

    /// \f[ \mathrm{pooled}_b = \tanh(W\, x_{\mathrm{first\ of\ } b} + \mathrm{bias}) \f]
    /// @param x  hidden states, [T, H]
    /// @param batch  where each sequence begins, and that its first token is real
    /// @param[out] act  first, pre_activation, pooled
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a sequence is empty or its first position is masked
    void forward(const Tensor<Real, 2>& x, const Batch& batch, PoolerActivations<Real>& act, Workspace& workspace) const
    {
        const std::size_t B = batch.sequences.count(), H = x.shape(1);
        act.first.resize({B, H});
        for (std::size_t b = 0; b < B; ++b) {
            const std::size_t row = batch.sequences.begin[b];
            if (batch.sequences.length(b) == 0 || batch.positions(row) != 0)
                throw std::invalid_argument("pooler: sequence " + std::to_string(b) +
                                            ": expected a real token at position 0, got a masked one");
            for (std::size_t h = 0; h < H; ++h)
                act.first(b, h) = x(row, h);
        }
        Ops::linear(act.first, dense.weight, dense.bias, act.pre_activation, workspace);
        Ops::tanh(act.pre_activation, act.pooled);
    }
};

/// What MaskedWordHead::forward computes.
template <class Real>
struct MaskedWordActivations {
    Tensor<Real, 2> pre_activation;   ///< after the affine map, [T, H]
    Tensor<Real, 2> activated;        ///< after the activation, [T, H]
    LayerNormActivations<Real> norm;  ///< norm.y is compared with every row of the word table, [T, H]
    Tensor<Real, 2> logits;           ///< one number for each word, [T, V]
};

/// Which word stands here? (Devlin et al. 2019, section 3.1, task 1.)
template <class Real, class Ops = Reference>
struct MaskedWordHead {
    Linear<Real> transform;   ///< [H, H], [H]; published as transform.dense
    LayerNorm<Real> norm;     ///< [H] each; published as transform.LayerNorm
    Tensor<Real, 2> decoder;  ///< [V, H], published as decoder.weight; empty where it is tied to the word table, as in BERT
    Tensor<Real, 1> bias;     ///< [V]; published as bias, beside a decoder of its own as decoder.bias

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix, as in `cls.predictions`
    /// @param first  an instance
    /// @param selves  more instances, tied or not like it
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, First& first, Selves&... selves)
    {
        Linear<Real>::parameters(visit, name + ".transform.dense", first.transform, selves.transform...);
        LayerNorm<Real>::parameters(visit, name + ".transform.LayerNorm", first.norm, selves.norm...);
        const bool tied = first.decoder.size() == 0;
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

    /// \f[ z = \mathrm{LayerNorm}(f(x W^T + b)),\quad \mathrm{logits}_{tv} = z_t \cdot E_v + \mathrm{bias}_v \f]
    /// Symbols: \f$W, b\f$ `transform`, \f$f\f$ config.hidden_act, \f$z\f$ `act.norm.y`, \f$E\f$ `decoder`, or `word_table` if
    /// tied.
    /// @param x  hidden states of the rows whose word is asked for, [T, H]
    /// @param word_table  the embeddings' word table, [V, H]
    /// @param config  hidden_act and layer_norm_eps
    /// @param[out] act  every tensor of the formula
    /// @param workspace  scratch
    void forward(const Tensor<Real, 2>& x, const Tensor<Real, 2>& word_table, const Config& config,
                 MaskedWordActivations<Real>& act, Workspace& workspace) const
    {
        const Tensor<Real, 2>& table = decoder.size() == 0 ? word_table : decoder;
        Ops::linear_activation(Ops{}, x, transform, config.hidden_act, act.pre_activation, act.activated, workspace);
        Ops::layer_norm(act.activated, norm, Real(config.layer_norm_eps), act.norm);
        Ops::linear(act.norm.y, table, bias, act.logits, workspace);
    }
};

/// An affine map to one number a class: of whole sequences (their pooled vectors) or of tokens (their hidden states).
template <class Real, class Ops = Reference>
struct ClassifierHead {
    Linear<Real> map;  ///< [C, H], [C]; published as classifier, qa_outputs or cls.seq_relationship

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  as in `classifier`
    /// @param selves  instances side by side
    template <class Visit, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, Selves&... selves)
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
};

}  // namespace bert
