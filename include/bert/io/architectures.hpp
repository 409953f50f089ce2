/// @file
/// What a published class of models has: io/families/NAME.hpp lists the classes of a family; here alone their names are compared.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// The numbers of MobileBERT's embeddings and blocks.
inline std::size_t mobilebert_parameter_count(const Config& config)
{
    const MobileBertConfig& own = *config.mobilebert;
    const std::size_t H = config.hidden_size, I = config.intermediate_size, E = config.embedding_width();
    const std::size_t N = config.block_width(), words = own.trigram_input ? 3 : 1;
    std::size_t count = config.vocab_size * E + (config.max_position_embeddings + config.type_vocab_size + 2) * H;
    if (own.trigram_input || E != H) count += H * words * E + H;
    const std::size_t width_of_value = own.use_bottleneck_attention ? N : H;
    std::size_t block = 3 * (N * N + N) + (N * width_of_value + N) + 2 * N;
    block += own.num_feedforward_networks * ((I * N + I) + (N * I + N) + 2 * N);
    if (own.use_bottleneck) {
        const std::size_t of_inputs = own.key_query_shared_bottleneck && !own.use_bottleneck_attention ? 2 : 1;
        block += of_inputs * (N * H + N + 2 * N) + (H * N + H + 2 * H);
    }
    return count + config.num_hidden_layers * block;
}

}  // namespace detail

/// How many numbers a model of a configuration has, without making it: a file that holds far fewer is refused before memory is
/// taken.
/// @param config  sizes and heads
/// @return  the count, tied tables once
inline std::size_t parameter_count(const Config& config)
{
    const std::size_t H = config.hidden_size, I = config.intermediate_size, V = config.vocab_size, C = config.num_labels();
    const std::size_t E = config.embedding_width();
    std::size_t count = 0;
    if (config.mobilebert) {
        count += detail::mobilebert_parameter_count(config);
        if (config.has_pooler && config.mobilebert->classifier_activation) count += H * H + H;
        if (config.has_head("masked_lm")) count += H * H + H + 2 * H + (H - E) * V + V;
    } else {
        count += (V + config.max_position_embeddings + config.type_vocab_size + 2) * E;
        if (config.embedding_size > 0) count += H * E + H;
        count += config.blocks() * (4 * (H * H + H) + 2 * H + (I * H + I) + (H * I + H) + 2 * H);
        if (config.has_pooler) count += H * H + H;
        if (config.has_head("masked_lm")) count += E * H + E + 2 * E + V;
    }
    if (config.has_head("masked_lm") && !config.tie_word_embeddings) count += V * E;
    if (config.has_head("next_sentence")) count += 2 * H + 2;
    if (config.has_head("sentence_order")) count += C * (H + 1);
    if (config.has_head("causal_lm")) count += config.tie_word_embeddings ? 0 : V * H;
    if (config.has_head("sequence_classification"))
        count += C * (config.classifier_input == ClassifierInput::last_token ? H : H + 1);
    if (config.has_head("multiple_choice")) count += H + 1;
    if (config.classifier_input == ClassifierInput::own_layer) count += H * H + H;
    if (config.has_head("token_classification")) count += C * (H + 1);
    if (config.has_head("question_answering")) count += 2 * H + 2;
    return count;
}

/// @param family  a family
/// @return  the names of its classes
inline std::vector<std::string_view> names_of(const Family& family)
{
    std::vector<std::string_view> names;
    for (const Architecture& architecture : family.architectures)
        names.push_back(architecture.name);
    return names;
}

/// @param name  of a published class, as in `BertForMaskedLM`
/// @param family  whose classes are known
/// @return  whether it is one of them
inline bool is_known(std::string_view name, const Family& family = bert_family)
{
    return std::any_of(family.architectures.begin(), family.architectures.end(),
                       [&](const Architecture& architecture) { return architecture.name == name; });
}

/// @param name  of a published class
/// @param family  whose classes are known
/// @return  whether its files always have tensors of its heads, if it has heads
inline bool has_tensors_of_heads(std::string_view name, const Family& family)
{
    return std::none_of(family.architectures.begin(), family.architectures.end(), [&](const Architecture& architecture) {
        return architecture.name == name && architecture.heads_may_be_tied;
    });
}

/// Gives a configuration the heads of a published class.
/// @param name  of the class, as in `BertForMaskedLM`
/// @param[in,out] config  architecture, heads and has_pooler are written
/// @param place  where the name comes from, for the message
/// @param family  whose classes are known
/// @throws InputError for another class
inline void set_architecture(std::string_view name, Config& config, std::string_view place = "config",
                             const Family& family = bert_family)
{
    for (const Architecture& architecture : family.architectures) {
        if (architecture.name != name) continue;
        config.architecture = name;
        config.has_pooler = architecture.has_pooler;
        config.classifier_input = architecture.classifier_input;
        config.heads.clear();
        for (const std::string_view head : architecture.heads)
            if (!head.empty()) config.heads.emplace_back(head);
        return;
    }
    detail::fail_key(place, "architectures", detail::one_of(names_of(family)), std::string(name));
}

}  // namespace bert
