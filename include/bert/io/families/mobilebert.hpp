/// @file
/// MobileBERT as it is published. What it shares with BERT has BERT's names, and our components for the rest have the published
/// ones, so that no name of a tensor is substituted.
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
inline constexpr std::array<Architecture, 8> mobilebert_architectures{{
    {"MobileBertModel", true},
    {"MobileBertForPreTraining", true, {"masked_lm", "next_sentence"}},
    {"MobileBertForMaskedLM", false, {"masked_lm"}},
    {"MobileBertForNextSentencePrediction", true, {"next_sentence"}},
    {"MobileBertForSequenceClassification", true, {"sequence_classification"}},
    {"MobileBertForTokenClassification", false, {"token_classification"}},
    {"MobileBertForQuestionAnswering", false, {"question_answering"}},
    {"MobileBertForMultipleChoice", true, {"multiple_choice"}},
}};

/// What a config.json may leave out: the published model's values. Those of mobilebert are MobileBertConfig's.
inline Config mobilebert_defaults()
{
    Config config;
    config.model_type = "mobilebert";
    config.architecture = "MobileBertModel";
    config.embedding_size = 128;
    config.hidden_size = 512;
    config.num_hidden_layers = 24;
    config.num_attention_heads = 4;
    config.intermediate_size = 512;
    config.hidden_act = Activation::relu;
    config.hidden_dropout_prob = 0;
    config.mobilebert.emplace();
    return config;
}

/// A key that BERT doesn't have.
inline constexpr std::array<NameSubstitution, 1> mobilebert_config_keys{{{"embedding_size", "embedding_size"}}};

/// The masked-LM head's own part of the decoder is stored as [in, out], here [H - E, V].
inline constexpr std::array<std::string_view, 1> mobilebert_turned{"cls.predictions.dense.weight"};

/// The decoder's other part is the word table, and files may have either name. (Where both are there and differ, they aren't
/// tied.) Its bias has two names; where both are there, decoder.bias counts.
inline constexpr std::array<TiedNames, 3> mobilebert_tied{{
    {"mobilebert.embeddings.word_embeddings.weight", "mobilebert.embeddings.word_embeddings.weight",
     "cls.predictions.decoder.weight"},
    {"cls.predictions.bias", "cls.predictions.decoder.bias", "cls.predictions.bias"},
    {"cls.predictions.decoder.bias", "cls.predictions.decoder.bias", "cls.predictions.bias"},
}};

}  // namespace detail

/// The table of MobileBERT.
inline constexpr Family mobilebert_family{.model_type = "mobilebert",
                                          .body = "mobilebert.",
                                          .architectures = detail::mobilebert_architectures,
                                          .defaults = detail::mobilebert_defaults,
                                          .config_keys = detail::mobilebert_config_keys,
                                          .turned = detail::mobilebert_turned,
                                          .old_names = detail::bert_old_names,
                                          .ignored = detail::bert_ignored,
                                          .tied = detail::mobilebert_tied,
                                          .body_components = detail::bert_body_components,
                                          .head_components = detail::bert_head_components,
                                          .table = "mobilebert.embeddings.word_embeddings.weight",
                                          .decoder = "cls.predictions.decoder.weight"};

}  // namespace bert
