/// @file
/// RoBERTa as it is published. All names are BERT's but those of the masked-LM head.
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

/// Its classes: name, whether there is a pooler, heads. The classifier of texts has a layer of its own in place of a pooler.
inline constexpr std::array<Architecture, 6> roberta_architectures{{
    {"RobertaModel", true},
    {"RobertaForMaskedLM", false, {"masked_lm"}},
    {"RobertaForSequenceClassification", false, {"sequence_classification"}, ClassifierInput::own_layer},
    {"RobertaForMultipleChoice", true, {"multiple_choice"}},
    {"RobertaForTokenClassification", false, {"token_classification"}},
    {"RobertaForQuestionAnswering", false, {"question_answering"}},
}};
/// A class with the same parameters whose attention is causal.
inline constexpr std::array<std::string_view, 1> roberta_other_models{"RobertaForCausalLM"};

/// What a config.json may leave out: BERT's values, but for the vocabulary's. No key says how positions are counted, nor that the
/// masked-LM head's activation is always GELU.
inline Config roberta_defaults()
{
    Config config;
    config.model_type = "roberta";
    config.architecture = "RobertaModel";
    config.vocab_size = 50265;
    config.pad_token_id = 1;
    config.positions_after_padding = true;
    config.masked_lm_act = Activation::gelu;
    return config;
}

/// The names of the masked-LM head. Their order matters: a later line finds what the earlier ones have left.
inline constexpr std::array<NameSubstitution, 3> roberta_names{{
    {"cls.predictions.transform.dense", "lm_head.dense"},
    {"cls.predictions.transform.LayerNorm", "lm_head.layer_norm"},
    {"cls.predictions", "lm_head"},
}};

/// What the names of the heads' tensors begin with.
inline constexpr std::array<std::string_view, 3> roberta_head_components{"lm_head", "classifier", "qa_outputs"};

/// The decoder's matrix is the word table, and files may have either name. (Where both are there and differ, they aren't tied.)
/// Its bias has two names; where both are there, decoder.bias counts.
inline constexpr std::array<TiedNames, 3> roberta_tied{{
    {"roberta.embeddings.word_embeddings.weight", "roberta.embeddings.word_embeddings.weight", "lm_head.decoder.weight"},
    {"lm_head.bias", "lm_head.decoder.bias", "lm_head.bias"},
    {"lm_head.decoder.bias", "lm_head.decoder.bias", "lm_head.bias"},
}};

}  // namespace detail

/// The table of RoBERTa.
inline constexpr Family roberta_family{.model_type = "roberta",
                                       .body = "roberta.",
                                       .architectures = detail::roberta_architectures,
                                       .other_models = detail::roberta_other_models,
                                       .defaults = detail::roberta_defaults,
                                       .names = detail::roberta_names,
                                       .old_names = detail::bert_old_names,
                                       .ignored = detail::bert_ignored,
                                       .tied = detail::roberta_tied,
                                       .body_components = detail::bert_body_components,
                                       .head_components = detail::roberta_head_components,
                                       .table = "roberta.embeddings.word_embeddings.weight",
                                       .decoder = "lm_head.decoder.weight"};

}  // namespace bert
