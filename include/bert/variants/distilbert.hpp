/// @file
/// DistilBERT: BERT with half the layers, taught by the whole one (Sanh et al. 2019). What differs:
///
/// | what | BERT | DistilBERT | why (section of the paper) |
/// | --- | --- | --- | --- |
/// | layers | 12 | 6, which begin as every other layer of the teacher | depth costs more time than width (3) |
/// | segments, pooler | both | neither | next sentence was dropped (3) |
/// | objective | masked LM, next sentence | masked LM, and to be like its teacher, see below | a teacher tells more (2, 3) |
/// | classifier of texts | the pooler, then a linear layer | a layer of its own with ReLU, below | no pooler is pre-trained |
/// | dropout | after attention and after the feed-forward network | not after attention | the published code |
/// | dropout before classifiers | 0.1 | of texts 0.2, of tokens 0.1 | the transformers library |
/// | question answering | no dropout in front | dropout: `heads/distilbert_question_answering.hpp` | the published code |
///
/// At each position the teacher gives every token of the vocabulary a probability, where masked LM knows the right token alone;
/// and the student's hidden states learn to point where the teacher's do (2, 3).
///
/// It has 40 % fewer parameters and runs 1.6 times as fast (which is called 60 % faster), and keeps 97 % of BERT's score (4).
/// ```cpp
/// auto model = bert::load_distilbert<float, bert::Fast>("folder");
/// ```
#pragma once

#include <cstddef>
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
#include "bert/heads/distilbert_question_answering.hpp"
#include "bert/heads/head_list.hpp"
#include "bert/heads/masked_lm.hpp"
#include "bert/heads/multiple_choice.hpp"
#include "bert/heads/on_own_layer.hpp"
#include "bert/heads/sequence_classification.hpp"
#include "bert/heads/token_classification.hpp"
#include "bert/io/families/distilbert.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"

namespace bert {

/// What DistilBertClassifierLayer::forward computes.
template <class Real>
struct DistilBertClassifierLayerActivations {
    Tensor<Real, 2> first;           ///< each sequence's first hidden state, [B, H]
    Tensor<Real, 2> pre_activation;  ///< before ReLU, [B, H]
    Tensor<Real, 2> y;               ///< after it, [B, H]
};

/// A linear layer and ReLU: BERT's pooler (pooler.hpp) with another activation. It belongs to the classifier, and is not
/// pre-trained. (The transformers library, DistilBertForSequenceClassification.)
template <class Real, class Ops = Reference>
struct DistilBertClassifierLayer {
    Linear<Real> dense;  ///< [H, H], [H]; published as pre_classifier

    using Activations = DistilBertClassifierLayerActivations<Real>;  ///< what forward computes
    static constexpr std::string_view name = "pre_classifier";       ///< published name
    static constexpr std::string_view classifier = "classifier";     ///< published name of the linear layer that follows

    /// @param config  sizes
    /// @return  the layer, all zeros
    static DistilBertClassifierLayer make(const Config& config)
    {
        return {make_linear<Real>(config.hidden_size, config.hidden_size)};
    }

    /// Makes a vector of each sequence's first hidden state.
    /// \f[ x_b = \mathrm{hidden}_{\mathrm{begin}_b},\quad u = x\,W^T + \mathrm{bias},\quad y = \max(0, u) \f]
    /// Symbols: begin `batch.sequences.begin`, \f$x\f$ `act.first`, \f$W\f$, bias `dense.weight`, `dense.bias`, \f$u\f$
    /// `act.pre_activation`, \f$y\f$ `act.y`.
    /// @param hidden  hidden states, [T, H]
    /// @param batch  T tokens in B sequences, none empty (OnOwnLayer checks this)
    /// @param pass  workspace
    /// @param[out] act  every tensor of the formula
    /// @throws std::invalid_argument if a shape doesn't fit
    void forward(const Tensor<Real, 2>& hidden, const Batch& batch, const Pass& pass, Activations& act) const
    {
        const std::size_t H = hidden.shape(1);
        require_shape("classifier: hidden", hidden, {batch.sequences.tokens(), H});
        require_linear("classifier: layer", dense, H, H);
        take_rows("classifier: hidden", hidden, std::span(batch.sequences.begin).first(batch.sequences.count()), act.first);
        Ops::linear(act.first, dense.weight, dense.bias, act.pre_activation, pass.workspace);
        Ops::relu(act.pre_activation, act.y);
    }

    /// The steps of forward in reverse order.
    /// \f[ \delta u = \delta y\,[u > 0],\quad \delta W \mathrel{+}= \delta u^T x,\quad
    ///     \delta\mathrm{bias} \mathrel{+}= \sum_b \delta u_b,\quad \delta x = \delta u\,W,\quad
    ///     \delta\mathrm{hidden}_{\mathrm{begin}_b} \mathrel{+}= \delta x_b \f]
    /// where [u > 0] is 1 for a positive u and 0 for the others. Symbols: \f$\delta u\f$ `d_act.pre_activation`,
    /// \f$\delta W, \delta\mathrm{bias}\f$ `d_layer.dense`, \f$\delta x\f$ `d_act.first`, \f$\delta\mathrm{hidden}\f$ `d_hidden`.
    /// @param d_y  [B, H]
    /// @param batch  as in forward
    /// @param pass  as in forward
    /// @param act  what forward computed
    /// @param[in,out] d_layer  the gradients are added to it
    /// @param[out] d_act  the gradients of first and pre_activation
    /// @param[in,out] d_hidden  [T, H]; each sequence's first row is added to
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Tensor<Real, 2>& d_y, const Batch& batch, const Pass& pass, const Activations& act,
                  DistilBertClassifierLayer& d_layer, Activations& d_act, Tensor<Real, 2>& d_hidden) const
    {
        const std::size_t B = batch.sequences.count(), H = dense.weight.shape(0);
        require_shape("classifier: d_y", d_y, {B, H});
        require_shape("classifier: act.pre_activation (forward computes it)", act.pre_activation, {B, H});
        require_shape("classifier: act.first (forward computes it)", act.first, {B, H});
        require_linear("classifier: d_layer", d_layer.dense, H, H);
        require_shape("classifier: d_hidden", d_hidden, {batch.sequences.tokens(), H});
        Ops::relu_backward(d_y, act.pre_activation, d_act.pre_activation);
        Ops::linear_backward(d_act.pre_activation, act.first, dense.weight, d_layer.dense.weight, d_layer.dense.bias, d_act.first,
                             pass.workspace);
        add_rows("classifier: d_hidden", d_act.first, std::span(batch.sequences.begin).first(batch.sequences.count()), d_hidden);
    }
};

/// DistilBERT's classifier of texts: its own layer, then dropout and a linear layer as in BERT.
template <class Real, class Ops = Reference>
using DistilBertSequenceClassificationHead = OnOwnLayer<Real, Ops, DistilBertClassifierLayer, SequenceClassificationHead>;
/// DistilBERT's multiple choice: likewise.
template <class Real, class Ops = Reference>
using DistilBertMultipleChoiceHead = OnOwnLayer<Real, Ops, DistilBertClassifierLayer, MultipleChoiceHead>;

/// The heads of DistilBERT.
using DistilBertHeads = HeadList<MaskedLmHead, DistilBertSequenceClassificationHead, DistilBertMultipleChoiceHead,
                                 TokenClassificationHead, DistilBertQuestionAnsweringHead>;

/// DistilBERT: BERT's body without segments and pooler, with heads of its own.
template <class Real, class Ops = Reference>
using DistilBertModel = Model<Real, Ops, BertBody, DistilBertHeads>;

/// Loads a DistilBERT.
/// @param folder  holds config.json and model.safetensors
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops>
DistilBertModel<Real, Ops> load_distilbert(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    return load_model<Real, Ops, BertBody, DistilBertHeads>(folder, report, distilbert_family);
}

}  // namespace bert
