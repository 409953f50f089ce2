/// @file
/// The whole model: embeddings, encoder, and the heads of its architecture.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/dropout.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/workspace.hpp"
#include "bert/embeddings.hpp"
#include "bert/encoder.hpp"
#include "bert/heads.hpp"

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

/// The rows of the hidden states that heads read.
/// @param heads  which there are
/// @param sequences  where each sequence begins
/// @param asked_words  the rows whose word is asked for; nothing: all of them
/// @param rows  memory for the result, whatever it holds
/// @return  ascending; none: all of them
inline std::vector<std::size_t> rows_read(const Heads& heads, const Sequences& sequences,
                                          const std::optional<std::vector<std::size_t>>& asked_words,
                                          std::vector<std::size_t> rows = {})
{
    rows.clear();
    const bool tokens_are_classified = heads.classifier == Classifier::tokens || heads.classifier == Classifier::span;
    if (tokens_are_classified || (heads.masked_word && !asked_words)) return rows;
    if (heads.masked_word) rows = *asked_words;
    for (std::size_t b = 0; heads.pooler && b < sequences.count(); ++b)
        if (sequences.length(b) > 0) rows.push_back(sequences.begin[b]);
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    return rows;
}

/// What the losses need beside the logits: memory that stays from step to step.
template <class Real>
struct LossScratch {
    IndexTensor<1> labels;   ///< of the rows whose word is asked for, [M], or of one sequence's start or end, [1]
    Tensor<Real, 2> rows;    ///< logits that compete as a row: one sequence's [1, n], or each example's [examples, endings]
    Tensor<Real, 2> d_rows;  ///< their gradient
};

/// What Model::forward computes. A member of a head that the model doesn't have stays empty.
template <class Real>
struct ModelActivations {
    Dropout dropout;  ///< set by the caller: none in inference
    std::optional<std::vector<std::size_t>>
        asked_words;            ///< set by the caller: the rows whose word is asked for, ascending; nothing: all
    bool answers_only = false;  ///< set by the caller: of the last block's result, only the rows that a head reads are computed,
                                ///< and the others are zero

    EmbeddingsActivations<Real> embeddings;   ///< embeddings.y() goes into the encoder
    EncoderActivations<Real> encoder;         ///< of each block; encoder.keep_all is the caller's to set
    PoolerActivations<Real> pooler;           ///< pooler.pooled, [B, H]
    MaskedWordActivations<Real> masked_word;  ///< masked_word.logits, [M, V]
    Tensor<Real, 2> next_sentence_logits;     ///< [B, 2]
    Tensor<Real, 2> classifier_input;         ///< what a classifier looks at, after dropout, [B, H] or [T, H]
    Tensor<Real, 2> classifier_logits;        ///< [B, C], [B, 1], [T, C] or [T, 2]: see Classifier
    LossScratch<Real> loss;                   ///< of model_loss
};

/// What Model::backward computes beside the gradient of the parameters: the gradients of the activations.
template <class Real>
struct ModelGradients {
    EmbeddingsActivations<Real> embeddings;   ///< of its tensors
    Tensor<Real, 2> encoder_input;            ///< of embeddings.y(), [T, H]
    EncoderGradients<Real> encoder;           ///< encoder.y: of each block's result
    Tensor<Real, 2> hidden;                   ///< of the last block's result, [T, H]
    PoolerActivations<Real> pooler;           ///< of its tensors
    MaskedWordActivations<Real> masked_word;  ///< of its tensors
    Tensor<Real, 2> next_sentence_logits;     ///< [B, 2]
    Tensor<Real, 2> next_sentence_input;      ///< of the pooled vectors, [B, H]
    Tensor<Real, 2> classifier_logits;        ///< as the logits
    Tensor<Real, 2> classifier_input;         ///< of the pooled vectors [B, H] or the hidden states [T, H]
    LossScratch<Real> loss;                   ///< of model_loss_backward
};

/// The dropout of a configuration.
/// @param config  its three probabilities
/// @param stream  seed and step
/// @return  for ModelActivations::dropout
inline Dropout dropout_of(const Config& config, const RandomStream& stream)
{
    return {config.hidden_dropout_prob, config.attention_probs_dropout_prob,
            config.classifier_dropout.value_or(config.hidden_dropout_prob), stream, 0};
}

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
    /// @param selves  more instances
    /// @throws std::invalid_argument if they don't have the same heads
    template <class Visit, class First, class... Selves>
    static void parameters(Visit&& visit, const Name& name, First& first, Selves&... selves)
    {
        (require_same_heads(first, selves), ...);
        const Name base = name + (first.config.architecture == "BertModel" ? "" : "bert.");
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
    /// @param[in,out] act  every tensor; encoder.keep_all, dropout, asked_words and answers_only are read
    /// @param workspace  scratch
    /// @throws std::invalid_argument for an id, segment or position outside its table; for a pooled sequence without a first
    /// token
    void forward(const Batch& batch, ModelActivations<Real>& act, Workspace& workspace) const
    {
        act.embeddings.dropout = act.encoder.dropout = act.dropout;
        embeddings.forward(batch, config, act.embeddings);
        std::vector<std::size_t>& asked = act.encoder.asked.rows;
        asked.clear();
        if (act.answers_only)
            asked = rows_read(heads_of(config.architecture), batch.sequences, act.asked_words, std::move(asked));
        const Tensor<Real, 2>& hidden =
            encoder.forward(act.embeddings.y(), batch.sequences, config, act.encoder, workspace);  // [T, H]
        if (pooler) pooler->forward(hidden, batch, act.pooler, workspace);
        if (masked_word) masked_word->forward(hidden, act.asked_words, embeddings.word, config, act.masked_word, workspace);
        if (next_sentence) next_sentence->forward(act.pooler.pooled, act.next_sentence_logits, workspace);
        if (classifier) {
            Ops::dropout(pooler ? act.pooler.pooled : hidden, classifier_dropout(act), act.classifier_input);
            classifier->forward(act.classifier_input, act.classifier_logits, workspace);
        }
    }

    /// The hidden states alone, as little kept as possible.
    /// @param batch  T tokens in B sequences
    /// @param[in,out] act  embeddings and two blocks' activations, used in turn
    /// @param workspace  scratch
    /// @return  the last block's result, [T, H], which stands in act
    /// @throws std::invalid_argument for an id, segment or position outside its table
    const Tensor<Real, 2>& infer(const Batch& batch, ModelActivations<Real>& act, Workspace& workspace) const
    {
        act.embeddings.dropout = Dropout{};
        embeddings.forward(batch, config, act.embeddings);
        return encoder.infer(act.embeddings.norm.y, batch.sequences, config, encoder.layer.size(), act.encoder, workspace,
                             [](std::size_t, const Tensor<Real, 2>&) {});
    }

    /// From the logits' gradients back to the embeddings: the gradient of every parameter is added to d_model.
    /// @param batch  what forward was given
    /// @param act  what forward computed
    /// @param[in,out] d_model  a model of the same configuration, which is added to
    /// @param[in,out] d_act  the gradients of act's tensors; those of the logits are read (model_loss_backward writes them), and
    ///     where they are empty nothing comes from that head
    /// @param workspace  scratch
    /// @throws std::invalid_argument if a shape doesn't fit
    void backward(const Batch& batch, const ModelActivations<Real>& act, Model& d_model, ModelGradients<Real>& d_act,
                  Workspace& workspace) const
    {
        const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count(), H = config.hidden_size;
        require_same_heads(*this, d_model);
        set_to_zero(d_act.hidden, T, H);
        if (pooler) set_to_zero(d_act.pooler.pooled, B, H);
        if (classifier && d_act.classifier_logits.size() > 0) {
            classifier->backward(d_act.classifier_logits, act.classifier_input, *d_model.classifier, d_act.classifier_input,
                                 workspace);
            Ops::dropout_backward(d_act.classifier_input, classifier_dropout(act), d_act.classifier_input);
            add_to(pooler ? d_act.pooler.pooled : d_act.hidden, d_act.classifier_input);
        }
        if (next_sentence && d_act.next_sentence_logits.size() > 0) {
            next_sentence->backward(d_act.next_sentence_logits, act.pooler.pooled, *d_model.next_sentence,
                                    d_act.next_sentence_input, workspace);
            add_to(d_act.pooler.pooled, d_act.next_sentence_input);
        }
        if (pooler)
            pooler->backward(d_act.pooler.pooled, batch, act.pooler, *d_model.pooler, d_act.pooler, d_act.hidden, workspace);
        if (masked_word && d_act.masked_word.logits.size() > 0)
            masked_word->backward(d_act.masked_word.logits, embeddings.word, config, act.masked_word, *d_model.masked_word,
                                  d_model.embeddings.word, d_act.masked_word, d_act.hidden, workspace);
        encoder.backward(d_act.hidden, act.embeddings.y(), batch.sequences, config, act.encoder, d_model.encoder, d_act.encoder,
                         d_act.encoder_input, workspace);
        embeddings.backward(d_act.encoder_input, batch, config, act.embeddings, d_model.embeddings, d_act.embeddings);
    }

private:
    template <class Other>
    static void require_same_heads(const Model& model, const Other& other)
    {
        if (model.pooler.has_value() != other.pooler.has_value() ||
            model.masked_word.has_value() != other.masked_word.has_value() ||
            model.next_sentence.has_value() != other.next_sentence.has_value() ||
            model.classifier.has_value() != other.classifier.has_value())
            throw std::invalid_argument("model: expected instances with the same heads");
    }

    /// The place of the dropout before a classifier. Spans have none.
    DropoutPlace classifier_dropout(const ModelActivations<Real>& act) const
    {
        const bool span = heads_of(config.architecture).classifier == Classifier::span;
        return span ? DropoutPlace{} : act.dropout.at(DropoutSite::classifier);
    }

    static void set_to_zero(Tensor<Real, 2>& tensor, std::size_t rows, std::size_t columns)
    {
        tensor.resize({rows, columns});
        tensor.fill(Real(0));
    }

    static void add_to(Tensor<Real, 2>& sum, const Tensor<Real, 2>& term)
    {
        for (std::size_t t = 0; t < sum.shape(0); ++t)
            for (std::size_t h = 0; h < sum.shape(1); ++h)
                sum(t, h) += term(t, h);
    }
};

}  // namespace bert
