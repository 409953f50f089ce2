/// @file
/// The whole model: embeddings, encoder, and the heads of its architecture.
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "bert/config.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/embeddings.hpp"
#include "bert/encoder.hpp"
#include "bert/heads.hpp"
#include "bert/losses.hpp"

namespace bert {

/// What a classifier head, if there is one, looks at and how its logits are read.
enum class Classifier {
    none,      ///< there is none
    sequence,  ///< pooled vectors, one row of logits a text
    choice,    ///< pooled vectors, one logit a text; the texts of one example compete
    tokens,    ///< hidden states, one row of logits a token
    span,      ///< hidden states, two logits a token: start and end
};

/// The heads of a published architecture.
struct Heads {
    bool pooler = false;                       ///< Pooler
    bool masked_word = false;                  ///< MaskedWordHead
    bool next_sentence = false;                ///< ClassifierHead with two classes on the pooled vector
    Classifier classifier = Classifier::none;  ///< ClassifierHead
};

/// Which heads an architecture has.
/// @param architecture  a published class name, as in config.json's architectures
/// @return  its heads
/// @throws std::invalid_argument for a name that isn't one of BERT's
inline Heads heads_of(std::string_view architecture)
{
    if (architecture == "BertModel") return {.pooler = true};
    if (architecture == "BertForPreTraining") return {.pooler = true, .masked_word = true, .next_sentence = true};
    if (architecture == "BertForMaskedLM") return {.masked_word = true};
    if (architecture == "BertForNextSentencePrediction") return {.pooler = true, .next_sentence = true};
    if (architecture == "BertForSequenceClassification") return {.pooler = true, .classifier = Classifier::sequence};
    if (architecture == "BertForMultipleChoice") return {.pooler = true, .classifier = Classifier::choice};
    if (architecture == "BertForTokenClassification") return {.classifier = Classifier::tokens};
    if (architecture == "BertForQuestionAnswering") return {.classifier = Classifier::span};
    throw std::invalid_argument("heads_of: architecture: expected one of BERT's, as BertForMaskedLM, got " +
                                std::string(architecture));
}

/// What Model::forward computes. A member of a head that the model doesn't have stays empty.
template <class Real>
struct ModelActivations {
    EmbeddingsActivations<Real> embeddings;   ///< embeddings.norm.y goes into the encoder
    EncoderActivations<Real> encoder;         ///< of each block; encoder.keep_scores is the caller's to set
    PoolerActivations<Real> pooler;           ///< pooler.pooled, [B, H]
    MaskedWordActivations<Real> masked_word;  ///< masked_word.logits, [T, V]
    Tensor<Real, 2> next_sentence_logits;     ///< [B, 2]
    Tensor<Real, 2> classifier_logits;        ///< [B, C], [B, 1], [T, C] or [T, 2]: see Classifier
};

/// BERT with the heads of one architecture. Its gradient and its optimizer moments are Models too.
template <class Real, class Ops = Reference>
struct Model {
    Config config;                                           ///< sizes and choices
    Embeddings<Real, Ops> embeddings;                        ///< published as embeddings
    Encoder<Real, Ops> encoder;                              ///< published as encoder
    std::optional<Pooler<Real, Ops>> pooler;                 ///< published as pooler
    std::optional<MaskedWordHead<Real, Ops>> masked_word;    ///< published as cls.predictions
    std::optional<ClassifierHead<Real, Ops>> next_sentence;  ///< published as cls.seq_relationship
    std::optional<ClassifierHead<Real, Ops>> classifier;     ///< published as classifier or qa_outputs

    /// The parameters with their published names.
    /// @param visit  called with each name and its tensors
    /// @param name  prefix before the published names, usually empty
    /// @param first  an instance
    /// @param selves  more instances, with the same heads
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const std::string& name, First& first, Selves&... selves)
    {
        const std::string base = name + (first.config.architecture == "BertModel" ? "" : "bert.");
        Embeddings<Real, Ops>::parameters(visit, base + "embeddings", first.embeddings, selves.embeddings...);
        Encoder<Real, Ops>::parameters(visit, base + "encoder", first.encoder, selves.encoder...);
        if (first.pooler) Pooler<Real, Ops>::parameters(visit, base + "pooler", *first.pooler, *selves.pooler...);
        if (first.masked_word)
            MaskedWordHead<Real, Ops>::parameters(visit, name + "cls.predictions", *first.masked_word, *selves.masked_word...);
        if (first.next_sentence)
            ClassifierHead<Real, Ops>::parameters(visit, name + "cls.seq_relationship", *first.next_sentence,
                                                  *selves.next_sentence...);
        if (first.classifier) {
            const bool span = heads_of(first.config.architecture).classifier == Classifier::span;
            ClassifierHead<Real, Ops>::parameters(visit, name + (span ? "qa_outputs" : "classifier"), *first.classifier,
                                                  *selves.classifier...);
        }
    }

    /// Zeros of a configuration's sizes, with the heads of its architecture.
    /// @param config  sizes, architecture, number of labels
    /// @return  the model
    /// @throws std::invalid_argument for an architecture that isn't one of BERT's
    static Model make(const Config& config)
    {
        const Heads heads = heads_of(config.architecture);
        Model model{config, Embeddings<Real, Ops>::make(config), Encoder<Real, Ops>::make(config), {}, {}, {}, {}};
        if (heads.pooler) model.pooler = Pooler<Real, Ops>::make(config);
        if (heads.masked_word) model.masked_word = MaskedWordHead<Real, Ops>::make(config);
        if (heads.next_sentence) model.next_sentence = ClassifierHead<Real, Ops>::make(config, 2);
        switch (heads.classifier) {
            case Classifier::none: break;
            case Classifier::choice: model.classifier = ClassifierHead<Real, Ops>::make(config, 1); break;
            case Classifier::span: model.classifier = ClassifierHead<Real, Ops>::make(config, 2); break;
            case Classifier::sequence:
            case Classifier::tokens: model.classifier = ClassifierHead<Real, Ops>::make(config, config.num_labels()); break;
        }
        return model;
    }

    /// Embeddings, encoder and every head, keeping all that is computed.
    /// @param batch  T tokens in B sequences
    /// @param[in,out] act  every tensor; encoder.keep_scores is read
    /// @param workspace  scratch
    /// @throws std::invalid_argument for an id, segment or position outside its table; for a pooled sequence without a first
    /// token
    void forward(const Batch& batch, ModelActivations<Real>& act, Workspace& workspace) const
    {
        embeddings.forward(batch, config, act.embeddings);
        const Tensor<Real, 2>& hidden =
            encoder.forward(act.embeddings.norm.y, batch.sequences, config, act.encoder, workspace);  // [T, H]
        if (pooler) pooler->forward(hidden, batch, act.pooler, workspace);
        if (masked_word) masked_word->forward(hidden, embeddings.word, config, act.masked_word, workspace);
        if (next_sentence) next_sentence->forward(act.pooler.pooled, act.next_sentence_logits, workspace);
        if (classifier) classifier->forward(pooler ? act.pooler.pooled : hidden, act.classifier_logits, workspace);
    }

    /// The hidden states alone, as little kept as possible.
    /// @param batch  T tokens in B sequences
    /// @param[in,out] act  embeddings and two blocks' activations, used in turn
    /// @param workspace  scratch
    /// @return  the last block's result, [T, H], which stands in act
    /// @throws std::invalid_argument for an id, segment or position outside its table
    const Tensor<Real, 2>& infer(const Batch& batch, ModelActivations<Real>& act, Workspace& workspace) const
    {
        embeddings.forward(batch, config, act.embeddings);
        return encoder.infer(act.embeddings.norm.y, batch.sequences, config, act.encoder, workspace);
    }

    /// How far forward's logits are from the labels.
    /// @param batch  what forward was given
    /// @param act  what forward computed
    /// @param labels  what it should have answered
    /// @return  each loss, their sum, and how many rows were labelled
    /// @throws std::invalid_argument if a shape doesn't fit or a label is not a class
    Losses<Real> loss(const Batch& batch, const ModelActivations<Real>& act, const Labels<Real>& labels) const
    {
        Losses<Real> losses;
        const auto add = [&](const MeanLoss<Real>& part) {
            losses.total += part.value;
            losses.count += part.count;
            return part.value;
        };
        if (masked_word && labels.masked_words.size() > 0)
            losses.masked_words = add(Ops::cross_entropy(act.masked_word.logits, labels.masked_words));
        if (next_sentence && labels.next_sentence.size() > 0)
            losses.next_sentence = add(Ops::cross_entropy(act.next_sentence_logits, labels.next_sentence));
        if (classifier) {
            const Tensor<Real, 2>& logits = act.classifier_logits;
            switch (heads_of(config.architecture).classifier) {
                case Classifier::none: break;
                case Classifier::sequence:
                    if (labels.classes.size() > 0) add(Ops::cross_entropy(logits, labels.classes));
                    if (labels.values.size() > 0) add(Ops::mean_squared_error(logits, labels.values));
                    if (labels.several.size() > 0) add(Ops::binary_cross_entropy(logits, labels.several));
                    break;
                case Classifier::choice:
                    if (labels.choices.size() > 0) add(choice_loss<Ops>(logits, labels.choices));
                    break;
                case Classifier::tokens:
                    if (labels.tokens.size() > 0) add(Ops::cross_entropy(logits, labels.tokens));
                    break;
                case Classifier::span:
                    if (labels.starts.size() > 0) add(span_loss<Ops>(logits, batch, labels.starts, labels.ends));
                    break;
            }
        }
        return losses;
    }
};

}  // namespace bert
