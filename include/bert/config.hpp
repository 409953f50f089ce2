/// @file
/// A model's sizes and choices, under their names in the published config.json where it has them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/activation.hpp"
#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"

namespace bert {

/// A model's configuration. The defaults are those of the transformers library: BERT-base, uncased.
/// @see Devlin, Chang, Lee and Toutanova 2019, section 3
struct Config {
    std::string model_type = "bert";         ///< the family
    std::string architecture = "BertModel";  ///< published name of the model's class; see io/architectures.hpp
    std::vector<std::string> heads;          ///< the names of its heads, as in `masked_lm`; in files they follow from the class
    bool has_pooler = true;                  ///< whether its body ends in a pooler; in files this follows from the class

    std::size_t vocab_size = 30522;             ///< V, tokens
    std::size_t hidden_size = 768;              ///< H
    std::size_t num_hidden_layers = 12;         ///< encoder blocks
    std::size_t num_attention_heads = 12;       ///< A, divides H
    std::size_t intermediate_size = 3072;       ///< I
    std::size_t max_position_embeddings = 512;  ///< longest sequence, tokens
    std::size_t type_vocab_size = 2;            ///< number of token types

    bool is_causal = false;                     ///< whether a token attends only to itself and to earlier tokens, as in GPT;
                                                ///< not a key of config.json: a causal model isn't written
    Activation hidden_act = Activation::gelu;   ///< of the feed-forward network and the masked-LM head
    double layer_norm_eps = 1e-12;              ///< epsilon of every layer norm
    double initializer_range = 0.02;            ///< standard deviation of new weights
    double hidden_dropout_prob = 0.1;           ///< in [0, 1)
    double attention_probs_dropout_prob = 0.1;  ///< in [0, 1)
    std::optional<double> classifier_dropout;   ///< in [0, 1), before a classifier; without it, hidden_dropout_prob

    std::optional<std::size_t> pad_token_id = 0;  ///< token whose embedding gets no gradient from the lookup
    bool tie_word_embeddings = true;              ///< whether the masked-LM head's matrix is the word table

    std::vector<std::string> labels = {"LABEL_0", "LABEL_1"};  ///< names of the C classes, published as `id2label`
    std::string problem_type;  ///< "regression", "single_label_classification", "multi_label_classification" or "": checked and
                               ///< written; the loss follows from the type of the target
    std::string dtype = "float32";  ///< of the stored weights: "float32", "float64", "float16" or "bfloat16"

    std::string other_keys = "{}";  ///< the file's other keys: a JSON object that is written back unchanged

    /// Number of classes of a classifier, published as `num_labels`.
    /// @return  C
    std::size_t num_labels() const { return labels.size(); }

    /// @param name  of a head
    /// @return  whether the model has it
    bool has_head(std::string_view name) const { return std::find(heads.begin(), heads.end(), name) != heads.end(); }

    /// Compares all members.
    /// @return  whether they are equal
    friend bool operator==(const Config&, const Config&) = default;
};

namespace detail {

/// The values of problem_type.
inline constexpr std::array<std::string_view, 3> problem_types{"regression", "single_label_classification",
                                                               "multi_label_classification"};
/// The values of dtype.
inline constexpr std::array<std::string_view, 4> dtypes{"float32", "float64", "float16", "bfloat16"};

/// Whether a name is one of several.
template <class Names>
bool is_one_of(const Names& names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// Joins names: `a, b or c`.
template <class Names>
std::string one_of(const Names& names)
{
    std::string text;
    std::size_t left = names.size();
    for (const auto& name : names) {
        text += name;
        --left;
        if (left > 0) text += left == 1 ? " or " : ", ";
    }
    return text;
}

/// Throws InputError `place: key: expected ..., got ...`.
template <class Got>
[[noreturn]] void fail_key(std::string_view place, std::string_view key, const std::string& expected, const Got& got)
{
    std::ostringstream text;
    text << key << ": expected " << expected << ", got " << got;
    fail_input(place, text.str());
}
[[noreturn]] inline void fail_key(std::string_view place, std::string_view key, const std::string& expected,
                                  const std::string& got)
{
    fail_key(place, key, expected, std::string_view(in_quotes(got)));
}

}  // namespace detail

/// Checks that a configuration describes a model.
/// @param config  the configuration
/// @param place  where it comes from, for messages
/// @throws InputError as in `config.json: num_attention_heads: expected a divisor of hidden_size (768), got 7`
inline void check_config(const Config& config, std::string_view place = "config")
{
    using detail::fail_key;
    struct Size {
        const char* key;
        std::size_t value;
    };
    const Size sizes[] = {
        {"vocab_size", config.vocab_size},
        {"hidden_size", config.hidden_size},
        {"num_hidden_layers", config.num_hidden_layers},
        {"num_attention_heads", config.num_attention_heads},
        {"intermediate_size", config.intermediate_size},
        {"max_position_embeddings", config.max_position_embeddings},
        {"type_vocab_size", config.type_vocab_size},
    };
    for (const Size& size : sizes)
        if (size.value == 0) fail_key(place, size.key, "at least 1", 0);
    if (config.hidden_size % config.num_attention_heads != 0)
        fail_key(place, "num_attention_heads", "a divisor of hidden_size (" + std::to_string(config.hidden_size) + ")",
                 config.num_attention_heads);

    // At most 2^40 parameters: below that no product of sizes overflows. Counted in double, which can't overflow either.
    const auto H = static_cast<double>(config.hidden_size), I = static_cast<double>(config.intermediate_size);
    const double rows = static_cast<double>(config.vocab_size) + static_cast<double>(config.max_position_embeddings) +
                        static_cast<double>(config.type_vocab_size);
    const double parameters = rows * H + static_cast<double>(config.num_hidden_layers) * (4 * H * H + 2 * H * I);
    if (parameters > 0x1p40) {
        const auto less = [](const Size& a, const Size& b) { return a.value < b.value; };
        const Size& largest = *std::max_element(std::begin(sizes), std::end(sizes), less);
        fail_key(place, largest.key, "a model of at most 2^40 parameters", largest.value);
    }

    // Dropout's random numbers have 12 bits for the head and 16 for the layer.
    if (config.num_attention_heads > 4096) fail_key(place, "num_attention_heads", "at most 4096", config.num_attention_heads);
    if (config.num_hidden_layers > 65536) fail_key(place, "num_hidden_layers", "at most 65536", config.num_hidden_layers);
    const auto check_dropout = [place](const char* key, double probability) {
        if (!(probability >= 0 && probability < 1)) fail_key(place, key, "a probability in [0, 1)", probability);
    };
    check_dropout("hidden_dropout_prob", config.hidden_dropout_prob);
    check_dropout("attention_probs_dropout_prob", config.attention_probs_dropout_prob);
    if (config.classifier_dropout) check_dropout("classifier_dropout", *config.classifier_dropout);
    if (!(config.layer_norm_eps > 0 && std::isfinite(config.layer_norm_eps)))
        fail_key(place, "layer_norm_eps", "a positive number", config.layer_norm_eps);
    if (!(config.initializer_range >= 0 && std::isfinite(config.initializer_range)))
        fail_key(place, "initializer_range", "a finite number, 0 or more", config.initializer_range);

    if (config.pad_token_id && *config.pad_token_id >= config.vocab_size)
        fail_key(place, "pad_token_id", "less than vocab_size (" + std::to_string(config.vocab_size) + ")", *config.pad_token_id);
    if (config.labels.empty() && (config.has_head("sequence_classification") || config.has_head("token_classification")))
        fail_key(place, "id2label", "at least one label", "none");
    if (config.has_head("question_answering") && config.num_labels() != 2)
        fail_key(place, "id2label", "2 labels (start and end) for question answering", config.num_labels());

    if (!config.problem_type.empty() && !detail::is_one_of(detail::problem_types, config.problem_type))
        fail_key(place, "problem_type", detail::one_of(detail::problem_types), config.problem_type);
    if (config.problem_type == "single_label_classification" && config.num_labels() == 1)
        fail_key(place, "problem_type", "regression for a single label", config.problem_type);
    if (!detail::is_one_of(detail::dtypes, config.dtype)) fail_key(place, "dtype", detail::one_of(detail::dtypes), config.dtype);
}

}  // namespace bert
