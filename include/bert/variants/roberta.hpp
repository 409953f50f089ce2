/// @file
/// RoBERTa: BERT trained better (Liu et al. 2019). The network is BERT's, embeddings, encoder and all. What differs:
///
/// | what | BERT | RoBERTa | why (section of the paper) |
/// | --- | --- | --- | --- |
/// | positions | from 0 | from the padding id + 1, that is 2: `core/positions.hpp` | fairseq's tables; no reason given |
/// | segments | two | one: the table has a single row | next sentence was dropped (4.2) |
/// | objective | masked LM and next sentence | masked LM alone, its masks drawn anew each time | no worse without it (4.1, 4.2) |
/// | classifier of texts | the pooler, then a linear layer | a layer of its own instead, below | no pooler is pre-trained (4.2) |
/// | masked-LM head | hidden_act | always GELU with the error function | the transformers library |
/// | epsilon of layer norms | 1e-12 | 1e-5 | the published models |
/// | vocabulary | WordPiece, 30,522 | byte-level BPE, 50,265 | no unknown tokens (4.4) |
///
/// The rest is training: ten times the text, batches of 8,000 sequences, more steps (4.3, 5).
/// ```cpp
/// auto model = bert::load_roberta<float, bert::Fast>("folder");
/// ```
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

#include "bert/body.hpp"
#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/pass.hpp"
#include "bert/core/rows.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/heads/multiple_choice.hpp"
#include "bert/heads/on_own_layer.hpp"
#include "bert/heads/question_answering.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/roberta.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What RobertaClassifierLayer::forward computes.
template <class Real>
struct RobertaClassifierLayerActivations {
    Tensor<Real, 2> first;           ///< each sequence's first hidden state, [B, H]
    Tensor<Real, 2> after_dropout;   ///< first, after dropout, [B, H]
    Tensor<Real, 2> pre_activation;  ///< before the tanh, [B, H]
    Tensor<Real, 2> y;               ///< after it, [B, H]
};

/// Dropout, a linear layer and a tanh: BERT's pooler (pooler.hpp) with dropout in front. It belongs to the classifier, and is not
/// pre-trained. (fairseq and the transformers library, RobertaClassificationHead.)
template <class Real, class Ops = Reference>
struct RobertaClassifierLayer {
    Linear<Real> dense;  ///< [H, H], [H]; published as classifier.dense

    using Activations = RobertaClassifierLayerActivations<Real>;           ///< what forward computes
    static constexpr std::string_view name = "classifier.dense";           ///< published name
    static constexpr std::string_view classifier = "classifier.out_proj";  ///< published name of the linear layer that follows

    /// @param config  sizes
    /// @return  the layer, all zeros
    static RobertaClassifierLayer make(const Config& config)
    {
        return {make_linear<Real>(config.hidden_size, config.hidden_size)};
    }

    /// Makes a vector of each sequence's first hidden state.
    /// \f[ x_b = \mathrm{dropout}(\mathrm{hidden}_{\mathrm{begin}_b}),\quad u = x\,W^T + \mathrm{bias},\quad y = \tanh(u) \f]
    /// Symbols: begin `batch.sequences.begin`, \f$\mathrm{hidden}_\mathrm{begin}\f$ `act.first`, \f$x\f$ `act.after_dropout`,
    /// \f$W\f$, bias `dense.weight`, `dense.bias`, \f$u\f$ `act.pre_activation`, \f$y\f$ `act.y`.
    /// @param hidden  hidden states, [T, H]
    /// @param batch  T tokens in B sequences, none empty (OnOwnLayer checks this)
    /// @param pass  dropout, workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& hidden, const Batch& batch, const Pass& pass, Activations& act) const
    {
        const std::size_t H = hidden.shape(1);
        require_shape("classifier: hidden", hidden, {batch.sequences.tokens(), H});
        require_linear("classifier: layer", dense, H, H);
        pass.at(DropoutSite::classifier_layer).dropout.place().require_valid(batch.sequences.count());
        take_rows("classifier: hidden", hidden, std::span(batch.sequences.begin).first(batch.sequences.count()), act.first);
        Ops::dropout(act.first, pass.at(DropoutSite::classifier_layer).dropout.place(), act.after_dropout);
        Ops::linear(act.after_dropout, dense.weight, dense.bias, act.pre_activation, pass.workspace);
        Ops::tanh(act.pre_activation, act.y);
    }

    /// The steps of forward in reverse order.
    /// \f[ \delta u = \delta y\,(1 - y^2),\quad \delta W \mathrel{+}= \delta u^T x,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta u_b,\quad \delta x = \delta u\,W,\quad
    ///     \delta\mathrm{hidden}_{\mathrm{begin}_b} \mathrel{+}= m_b\,\delta x_b \f]
    /// Symbols: \f$\delta u\f$ `d_act.pre_activation`, \f$\delta W, \delta\mathrm{bias}\f$ `d_layer.dense`, \f$\delta x\f$
    /// `d_act.after_dropout`, \f$m\f$ the factors of dropout, \f$m\,\delta x\f$ `d_act.first`,
    /// \f$\delta\mathrm{hidden}\f$ `d_hidden`.
    /// @param d_y  [B, H]
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_layer  the gradients are added to it
    /// @param[out] d_act  the gradients of first, after_dropout and pre_activation
    /// @param[in,out] d_hidden  [T, H]; each sequence's first row is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, const Activations& act,
                  RobertaClassifierLayer& d_layer, Activations& d_act, Tensor<Real, 2>& d_hidden) const
    {
        const std::size_t B = batch.sequences.count(), H = dense.weight.shape(0);
        require_shape("classifier: d_y", d_y, {B, H});
        require_shape("classifier: act.y (forward computes it)", act.y, {B, H});
        require_shape("classifier: act.after_dropout (forward computes it)", act.after_dropout, {B, H});
        require_linear("classifier: d_layer", d_layer.dense, H, H);
        require_shape("classifier: d_hidden", d_hidden, {batch.sequences.tokens(), H});
        const DropoutPlace place = pass.at(DropoutSite::classifier_layer).dropout.place();
        place.require_valid(B);
        Ops::tanh_backward(d_y, act.y, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.after_dropout, dense.weight, d_layer.dense.weight, d_layer.dense.bias,
                             d_act.after_dropout, pass.workspace);
        Ops::dropout_backward(d_act.after_dropout, place, d_act.first);
        add_rows("classifier: d_hidden", d_act.first, std::span(batch.sequences.begin).first(batch.sequences.count()), d_hidden);
    }
};

/// RoBERTa's classifier of texts: its own layer, then dropout and a linear layer as in BERT.
template <class Real, class Ops = Reference>
using RobertaSequenceClassificationHead = OnOwnLayer<Real, Ops, RobertaClassifierLayer, SequenceClassificationHead>;

/// The heads of RoBERTa. Multiple choice reads BERT's pooler, which pre-training doesn't train.
using RobertaHeads =
    HeadList<MaskedLmHead, RobertaSequenceClassificationHead, MultipleChoiceHead, TokenClassificationHead, QuestionAnsweringHead>;

/// RoBERTa: BERT's body with heads of its own.
template <class Real, class Ops = Reference>
using RobertaModel = Model<Real, Ops, BertBody, RobertaHeads>;

/// Loads a RoBERTa.
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
RobertaModel<Real, Ops> load_roberta(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return load_model<Real, Ops, BertBody, RobertaHeads>(folder, report, roberta_family);
}

}  // namespace bert
