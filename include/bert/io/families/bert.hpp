/// @file
/// BERT as it is published. Our components have its names, so that nothing is substituted.
#pragma once

#include <array>
#include <string_view>

#include "bert/core/name.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// Its classes: name, whether there is a pooler, heads.
inline constexpr std::array<Architecture, 8> bert_architectures{{
    {"BertModel", true},
    {"BertForPreTraining", true, {"masked_lm", "next_sentence"}},
    {"BertForMaskedLM", false, {"masked_lm"}},
    {"BertForNextSentencePrediction", true, {"next_sentence"}},
    {"BertForSequenceClassification", true, {"sequence_classification"}},
    {"BertForTokenClassification", false, {"token_classification"}},
    {"BertForQuestionAnswering", false, {"question_answering"}},
    {"BertForMultipleChoice", true, {"multiple_choice"}},
}};

/// A class with the same parameters whose attention is causal: the transformers library's decoder.
inline constexpr std::array<std::string_view, 1> bert_other_models{"BertLMHeadModel"};

/// TensorFlow's names, which the first converted files kept.
inline constexpr std::array<NameSubstitution, 2> bert_old_names{{
    {"LayerNorm.weight", "LayerNorm.gamma"},
    {"LayerNorm.bias", "LayerNorm.beta"},
}};

/// The positions 0, 1, ... themselves, stored by some versions of the transformers library.
inline constexpr std::array<std::string_view, 1> bert_ignored{"embeddings.position_ids"};

/// What the names of the body's tensors begin with, and those of the heads'.
inline constexpr std::array<std::string_view, 3> bert_body_components{"embeddings", "encoder", "pooler"};
inline constexpr std::array<std::string_view, 4> bert_head_components{"cls.predictions", "cls.seq_relationship", "classifier",
                                                                      "qa_outputs"};

/// The decoder's matrix is the word table, and files may have either name. (Where both are there and differ, they aren't tied.)
/// Its bias has two names; where both are there, decoder.bias counts.
inline constexpr std::array<TiedNames, 3> bert_tied{{
    {"bert.embeddings.word_embeddings.weight", "bert.embeddings.word_embeddings.weight", "cls.predictions.decoder.weight"},
    {"cls.predictions.bias", "cls.predictions.decoder.bias", "cls.predictions.bias"},
    {"cls.predictions.decoder.bias", "cls.predictions.decoder.bias", "cls.predictions.bias"},
}};

}  // namespace detail

/// The table of BERT.
inline constexpr Family bert_family{.model_type = "bert",
                                    .body = "bert.",
                                    .architectures = detail::bert_architectures,
                                    .other_models = detail::bert_other_models,
                                    .old_names = detail::bert_old_names,
                                    .ignored = detail::bert_ignored,
                                    .tied = detail::bert_tied,
                                    .body_components = detail::bert_body_components,
                                    .head_components = detail::bert_head_components,
                                    .table = "bert.embeddings.word_embeddings.weight",
                                    .decoder = "cls.predictions.decoder.weight"};

}  // namespace bert
