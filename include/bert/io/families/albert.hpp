/// @file
/// ALBERT as it is published: what its files call our parameters, and the keys of its config.json.
#pragma once

#include <array>
#include <string_view>

#include "bert/config.hpp"
#include "bert/core/activation.hpp"
#include "bert/core/name.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// Its classes: name, whether there is a pooler, heads.
inline constexpr std::array<Architecture, 7> albert_architectures{{
    {"AlbertModel", true},
    {"AlbertForPreTraining", true, {"masked_lm", "sentence_order"}},
    {"AlbertForMaskedLM", false, {"masked_lm"}},
    {"AlbertForSequenceClassification", true, {"sequence_classification"}},
    {"AlbertForTokenClassification", false, {"token_classification"}},
    {"AlbertForQuestionAnswering", false, {"question_answering"}},
    {"AlbertForMultipleChoice", true, {"multiple_choice"}},
}};

/// What a config.json may leave out: the values of ALBERT-xxlarge. No key says that there is no dropout after the feed-forward
/// network.
inline Config albert_defaults()
{
    Config config;
    config.model_type = "albert";
    config.architecture = "AlbertModel";
    config.vocab_size = 30000;
    config.embedding_size = 128;
    config.hidden_size = 4096;
    config.num_hidden_groups = 1;
    config.num_attention_heads = 64;
    config.intermediate_size = 16384;
    config.hidden_act = Activation::gelu_tanh;
    config.hidden_dropout_prob = 0;
    config.attention_probs_dropout_prob = 0;
    config.classifier_dropout = 0.1;
    config.dropout_after_feed_forward = false;
    return config;
}

/// Keys that BERT doesn't have, and one that has another name.
inline constexpr std::array<NameSubstitution, 4> albert_config_keys{{
    {"embedding_size", "embedding_size"},
    {"num_hidden_groups", "num_hidden_groups"},
    {"inner_group_num", "inner_group_num"},
    {"classifier_dropout", "classifier_dropout_prob"},
}};

/// Names of parameters: ours, and those in files. Their order matters: a later line finds what the earlier ones have left.
inline constexpr std::array<NameSubstitution, 9> albert_names{{
    {"embeddings.projection", "encoder.embedding_hidden_mapping_in"},
    {"attention.self.", "attention."},
    {"attention.output.", "attention."},
    {"intermediate.dense", "ffn"},
    {"output.dense", "ffn_output"},
    {"output.LayerNorm", "full_layer_layer_norm"},
    {"pooler.dense", "pooler"},
    {"cls.predictions.transform.", "predictions."},
    {"cls.predictions.", "predictions."},
}};

/// What the names of the heads' tensors begin with.
inline constexpr std::array<std::string_view, 4> albert_head_components{"predictions", "sop_classifier", "classifier",
                                                                        "qa_outputs"};

/// The decoder's matrix is the word table, and files may have either name. (Where both are there and differ, they aren't tied.)
/// Its bias has two names; where both are there, decoder.bias counts.
inline constexpr std::array<TiedNames, 3> albert_tied{{
    {"albert.embeddings.word_embeddings.weight", "albert.embeddings.word_embeddings.weight", "predictions.decoder.weight"},
    {"predictions.bias", "predictions.decoder.bias", "predictions.bias"},
    {"predictions.decoder.bias", "predictions.decoder.bias", "predictions.bias"},
}};

}  // namespace detail

/// The table of ALBERT.
inline constexpr Family albert_family{.model_type = "albert",
                                      .body = "albert.",
                                      .architectures = detail::albert_architectures,
                                      .defaults = detail::albert_defaults,
                                      .config_keys = detail::albert_config_keys,
                                      .names = detail::albert_names,
                                      .blocks = {.first = "encoder.albert_layer_groups.", .second = ".albert_layers."},
                                      .old_names = detail::bert_old_names,
                                      .ignored = detail::bert_ignored,
                                      .tied = detail::albert_tied,
                                      .body_components = detail::bert_body_components,
                                      .head_components = detail::albert_head_components,
                                      .table = "albert.embeddings.word_embeddings.weight",
                                      .decoder = "predictions.decoder.weight"};

}  // namespace bert
