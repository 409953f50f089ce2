/// @file
/// DistilBERT as it is published: what its files call our parameters, and the keys of its config.json.
#pragma once

#include <array>
#include <string_view>

#include "bert/config.hpp"
#include "bert/core/name.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// Its classes: name, whether there is a pooler (none has one), heads, what a classifier of texts reads.
inline constexpr std::array<Architecture, 6> distilbert_architectures{{
    {"DistilBertModel", false},
    {"DistilBertForMaskedLM", false, {"masked_lm"}},
    {"DistilBertForSequenceClassification", false, {"sequence_classification"}, ClassifierInput::own_layer},
    {"DistilBertForMultipleChoice", false, {"multiple_choice"}, ClassifierInput::own_layer},
    {"DistilBertForTokenClassification", false, {"token_classification"}},
    {"DistilBertForQuestionAnswering", false, {"question_answering"}},
}};

/// What a config.json may leave out, and what no key says: no token types, no dropout after attention's projection, and before a
/// classifier of tokens the dropout of the hidden states.
inline Config distilbert_defaults()
{
    Config config;
    config.model_type = "distilbert";
    config.architecture = "DistilBertModel";
    config.has_pooler = false;
    config.num_hidden_layers = 6;
    config.type_vocab_size = 0;
    config.classifier_dropout = 0.2;
    config.question_answering_dropout = 0.1;
    config.classifier_dropout_of_tokens = false;
    config.dropout_after_attention = false;
    return config;
}

/// Its own keys; an empty one doesn't exist. There are no token types, and the epsilon of layer norms is always 1e-12.
inline constexpr std::array<NameSubstitution, 12> distilbert_config_keys{{
    {"hidden_size", "dim"},
    {"num_hidden_layers", "n_layers"},
    {"num_attention_heads", "n_heads"},
    {"intermediate_size", "hidden_dim"},
    {"hidden_act", "activation"},
    {"hidden_dropout_prob", "dropout"},
    {"attention_probs_dropout_prob", "attention_dropout"},
    {"classifier_dropout", "seq_classif_dropout"},
    {"question_answering_dropout", "qa_dropout"},
    {"sinusoidal_positions", "sinusoidal_pos_embds"},
    {"type_vocab_size", ""},
    {"layer_norm_eps", ""},
}};

/// Names of parameters: ours, and those in files. Their order matters: a later line finds what the earlier ones have left.
inline constexpr std::array<NameSubstitution, 12> distilbert_names{{
    {"encoder.layer", "transformer.layer"},
    {"attention.self.query", "attention.q_lin"},
    {"attention.self.key", "attention.k_lin"},
    {"attention.self.value", "attention.v_lin"},
    {"attention.output.dense", "attention.out_lin"},
    {"attention.output.LayerNorm", "sa_layer_norm"},
    {"intermediate.dense", "ffn.lin1"},
    {"output.dense", "ffn.lin2"},
    {"output.LayerNorm", "output_layer_norm"},
    {"cls.predictions.transform.dense", "vocab_transform"},
    {"cls.predictions.transform.LayerNorm", "vocab_layer_norm"},
    {"cls.predictions.", "vocab_projector."},
}};

/// What the names of the body's tensors begin with, and those of the heads'.
inline constexpr std::array<std::string_view, 2> distilbert_body_components{"embeddings", "transformer"};
inline constexpr std::array<std::string_view, 6> distilbert_head_components{
    "vocab_transform", "vocab_layer_norm", "vocab_projector", "pre_classifier", "classifier", "qa_outputs"};

/// The decoder's matrix is the word table, and files may have either name. (Where both are there and differ, they aren't tied.)
/// Its bias has one name, whether they are tied or not.
inline constexpr std::array<TiedNames, 1> distilbert_tied{{
    {"distilbert.embeddings.word_embeddings.weight", "distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight"},
}};

}  // namespace detail

/// The table of DistilBERT.
inline constexpr Family distilbert_family{.model_type = "distilbert",
                                          .body = "distilbert.",
                                          .architectures = detail::distilbert_architectures,
                                          .defaults = detail::distilbert_defaults,
                                          .config_keys = detail::distilbert_config_keys,
                                          .names = detail::distilbert_names,
                                          .old_names = detail::bert_old_names,
                                          .ignored = detail::bert_ignored,
                                          .tied = detail::distilbert_tied,
                                          .body_components = detail::distilbert_body_components,
                                          .head_components = detail::distilbert_head_components,
                                          .table = "distilbert.embeddings.word_embeddings.weight",
                                          .decoder = "vocab_projector.weight"};

}  // namespace bert
