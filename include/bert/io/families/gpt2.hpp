/// @file
/// GPT-2 as it is published: what its files call our parameters and how they store them, and the keys of its config.json.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "bert/config.hpp"
#include "bert/core/activation.hpp"
#include "bert/core/name.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// Its classes: name, whether there is a pooler (none has one), heads, what a classifier of texts reads.
inline constexpr std::array<Architecture, 5> gpt2_architectures{{
    {"GPT2Model", false},
    {"GPT2LMHeadModel", false, {"causal_lm"}, ClassifierInput::pooled, true},  // its matrix is the word table
    {"GPT2ForSequenceClassification", false, {"sequence_classification"}, ClassifierInput::last_token},
    {"GPT2ForTokenClassification", false, {"token_classification"}},
    {"GPT2ForQuestionAnswering", false, {"question_answering"}},
}};
/// A class with two heads at once, which we don't have.
inline constexpr std::array<std::string_view, 1> gpt2_other_models{"GPT2DoubleHeadsModel"};

/// What a config.json may leave out, and what it has no key for: attention is causal, there are no token types.
inline Config gpt2_defaults()
{
    Config config;
    config.model_type = "gpt2";
    config.architecture = "GPT2Model";
    config.has_pooler = false;
    config.is_causal = true;
    config.vocab_size = 50257;
    config.intermediate_size = 0;  // stands for 4 H (io/config.hpp)
    config.max_position_embeddings = 1024;
    config.type_vocab_size = 0;
    config.hidden_act = Activation::gelu_tanh;
    config.layer_norm_eps = 1e-5;
    config.embeddings_dropout_prob = 0.1;
    config.classifier_dropout = 0.1;
    config.pad_token_id = std::nullopt;
    return config;
}

/// Its own keys; an empty one doesn't exist.
inline constexpr std::array<NameSubstitution, 11> gpt2_config_keys{{
    {"hidden_size", "n_embd"},
    {"num_hidden_layers", "n_layer"},
    {"num_attention_heads", "n_head"},
    {"intermediate_size", "n_inner"},
    {"max_position_embeddings", "n_positions"},
    {"hidden_act", "activation_function"},
    {"layer_norm_eps", "layer_norm_epsilon"},
    {"embeddings_dropout_prob", "embd_pdrop"},
    {"hidden_dropout_prob", "resid_pdrop"},
    {"attention_probs_dropout_prob", "attn_pdrop"},
    {"type_vocab_size", ""},
}};
/// The key n_inner, for which null stands for 4 H.
inline constexpr std::array<std::string_view, 1> gpt2_nullable{"intermediate_size"};

/// Names of parameters: ours, and those in files. Their order matters: a later line finds what the earlier ones have left.
/// LayerNorm 1 and 2 stand in front of attention and of the feed-forward network (variants/pre_norm_block.hpp).
inline constexpr std::array<NameSubstitution, 12> gpt2_names{{
    {"embeddings.word_embeddings", "wte"},
    {"embeddings.position_embeddings", "wpe"},
    {"encoder.layer", "h"},
    {"attention.self.query", "attn.c_attn"},
    {"attention.self.key", "attn.c_attn"},
    {"attention.self.value", "attn.c_attn"},
    {"attention.output.dense", "attn.c_proj"},
    {"attention.output.LayerNorm", "ln_1"},
    {"intermediate.dense", "mlp.c_fc"},
    {"output.dense", "mlp.c_proj"},
    {"output.LayerNorm", "ln_2"},
    {"final_norm", "ln_f"},
}};

/// Matrices of linear layers are stored as [in, out]: y = x W + b.
inline constexpr std::array<std::string_view, 3> gpt2_turned{"c_attn.weight", "c_proj.weight", "c_fc.weight"};
/// Query, key and value are stored side by side: their matrices as [H, 3 H], their biases as [3 H].
inline constexpr std::array<JoinedNames, 1> gpt2_joined{
    {{"attn.c_attn", {"attention.self.query", "attention.self.key", "attention.self.value"}}}};

/// The causal mask, stored by some versions of the transformers library.
inline constexpr std::array<std::string_view, 2> gpt2_ignored{"attn.bias", "attn.masked_bias"};

/// What the names of the body's tensors begin with, and those of the heads'.
inline constexpr std::array<std::string_view, 4> gpt2_body_components{"wte", "wpe", "h", "ln_f"};
inline constexpr std::array<std::string_view, 4> gpt2_head_components{"lm_head", "score", "classifier", "qa_outputs"};

/// The decoder's matrix is the word table, and files may have either name. (Where both are there and differ, they aren't tied.)
inline constexpr std::array<TiedNames, 1> gpt2_tied{{{"transformer.wte.weight", "transformer.wte.weight", "lm_head.weight"}}};

}  // namespace detail

/// The table of GPT-2.
inline constexpr Family gpt2_family{.model_type = "gpt2",
                                    .body = "transformer.",
                                    .architectures = detail::gpt2_architectures,
                                    .other_models = detail::gpt2_other_models,
                                    .defaults = detail::gpt2_defaults,
                                    .config_keys = detail::gpt2_config_keys,
                                    .names = detail::gpt2_names,
                                    .turned = detail::gpt2_turned,
                                    .joined = detail::gpt2_joined,
                                    .nullable = detail::gpt2_nullable,
                                    .ignored = detail::gpt2_ignored,
                                    .tied = detail::gpt2_tied,
                                    .body_components = detail::gpt2_body_components,
                                    .head_components = detail::gpt2_head_components,
                                    .table = "transformer.wte.weight",
                                    .decoder = "lm_head.weight"};

}  // namespace bert
