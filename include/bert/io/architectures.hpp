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

/// How many numbers a model of a configuration has, without making it: a file that holds far fewer is refused before memory is
/// taken.
/// @param config  sizes and heads
/// @return  the count, tied tables once
inline std::size_t parameter_count(const Config& config)
{
    const std::size_t H = config.hidden_size, I = config.intermediate_size, V = config.vocab_size, C = config.num_labels();
    std::size_t count = (V + config.max_position_embeddings + config.type_vocab_size + 2) * H;
    count += config.num_hidden_layers * (4 * (H * H + H) + 2 * H + (I * H + I) + (H * I + H) + 2 * H);
    if (config.has_pooler) count += H * H + H;
    if (config.has_head("masked_lm")) count += H * H + H + 2 * H + V + (config.tie_word_embeddings ? 0 : V * H);
    if (config.has_head("next_sentence")) count += 2 * H + 2;
    if (config.has_head("sequence_classification")) count += C * (H + 1);
    if (config.has_head("multiple_choice")) count += H + 1;
    if (config.has_head("token_classification")) count += C * (H + 1);
    if (config.has_head("question_answering")) count += 2 * H + 2;
    return count;
}

/// @param name  of a published class, as in `BertForMaskedLM`
/// @param family  whose classes are known
/// @return  whether it is one of them
inline bool is_known(std::string_view name, const Family& family = bert_family)
{
    return std::any_of(family.architectures.begin(), family.architectures.end(),
                       [&](const Architecture& architecture) { return architecture.name == name; });
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
    std::vector<std::string_view> known;
    for (const Architecture& architecture : family.architectures) {
        known.push_back(architecture.name);
        if (architecture.name != name) continue;
        config.architecture = name;
        config.has_pooler = architecture.has_pooler;
        config.heads.clear();
        for (const std::string_view head : architecture.heads)
            if (!head.empty()) config.heads.emplace_back(head);
        return;
    }
    detail::fail_key(place, "architectures", detail::one_of(known), std::string(name));
}

}  // namespace bert
