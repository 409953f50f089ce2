/// @file
/// A model's sizes and choices, under their names in the published config.json where it has them.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/activation.hpp"
#include "bert/core/error.hpp"
#include "bert/core/name.hpp"
#include "bert/core/one_line.hpp"

namespace bert {

/// What only MobileBERT's configuration has. The defaults are those of the transformers library. (variants/mobilebert.hpp)
struct MobileBertConfig {
    bool trigram_input = true;                   ///< whether a token's embedding is made of its neighbours' word vectors, too
    bool use_bottleneck = true;                  ///< whether blocks are narrower than H
    std::size_t intra_bottleneck_size = 128;     ///< N, width of a block between its bottlenecks
    bool use_bottleneck_attention = false;       ///< whether query, key and value read the input bottleneck
    bool key_query_shared_bottleneck = true;     ///< whether query and key read a bottleneck of their own
    std::size_t num_feedforward_networks = 4;    ///< feed-forward networks of a block, one after the other
    std::string normalization_type = "no_norm";  ///< "no_norm" or "layer_norm"
    bool classifier_activation = true;           ///< whether the pooler has a linear layer and a tanh

    /// Compares all members.
    /// @return  whether they are equal
    friend bool operator==(const MobileBertConfig&, const MobileBertConfig&) = default;
};

/// What a classifier of texts reads.
enum class ClassifierInput {
    pooled,      ///< the pooler's vectors, as in BERT
    own_layer,   ///< vectors of a layer of its own on the first token, as in RoBERTa and DistilBERT
    last_token,  ///< the last token's hidden state, as in GPT-2
};

/// A model's configuration. The defaults are those of the transformers library: BERT-base, uncased.
/// @see Devlin, Chang, Lee and Toutanova 2019, section 3
struct Config {
    std::string model_type = "bert";         ///< the family
    std::string architecture = "BertModel";  ///< published name of the model's class; see io/architectures.hpp
    std::vector<std::string> heads;          ///< the names of its heads, as in `masked_lm`; in files they follow from the class
    ClassifierInput classifier_input = ClassifierInput::pooled;  ///< of its classifiers of texts; follows from the class, too
    bool has_pooler = true;  ///< whether its body ends in a pooler; in files this follows from the class

    std::size_t vocab_size = 30522;             ///< V, tokens
    std::size_t hidden_size = 768;              ///< H
    std::size_t num_hidden_layers = 12;         ///< encoder blocks
    std::size_t num_attention_heads = 12;       ///< A, divides H
    std::size_t intermediate_size = 3072;       ///< I
    std::size_t max_position_embeddings = 512;  ///< longest sequence, tokens
    std::size_t type_vocab_size = 2;            ///< number of token types; 0: the model knows none, as DistilBERT

    std::size_t embedding_size = 0;        ///< E, width of the embeddings' tables; 0: H, as in BERT. ALBERT's are narrower
    std::size_t num_hidden_groups = 0;     ///< how many sets of parameters the layers share; 0: each has its own, as in BERT
    std::size_t inner_group_num = 1;       ///< blocks of a layer; more than one in some models of ALBERT
    bool positions_after_padding = false;  ///< whether positions are counted from the padding id on, as in RoBERTa
    bool sinusoidal_positions = false;     ///< whether a new model's position table holds sines: an option of DistilBERT

    bool is_causal = false;                         ///< whether a token attends only to itself and to earlier tokens, as in GPT;
                                                    ///< no key of config.json: it follows from the family
    Activation hidden_act = Activation::gelu;       ///< of the feed-forward network and the masked-LM head
    std::optional<Activation> masked_lm_act;        ///< of the masked-LM head, where it is another one, as RoBERTa's
    double layer_norm_eps = 1e-12;                  ///< epsilon of every layer norm
    double initializer_range = 0.02;                ///< standard deviation of new weights
    double hidden_dropout_prob = 0.1;               ///< in [0, 1)
    double attention_probs_dropout_prob = 0.1;      ///< in [0, 1)
    std::optional<double> embeddings_dropout_prob;  ///< in [0, 1), after the embeddings; without it, hidden_dropout_prob
    std::optional<double> classifier_dropout;       ///< in [0, 1), before a classifier; without it, hidden_dropout_prob
    double question_answering_dropout = 0;          ///< in [0, 1), before the question-answering head, which BERT doesn't have
    bool classifier_dropout_of_tokens = true;       ///< false in DistilBERT: before a classifier of tokens, hidden_dropout_prob
    bool dropout_after_attention = true;            ///< false in DistilBERT: none after attention's projection
    bool dropout_after_feed_forward = true;         ///< false in ALBERT: none after the feed-forward network's projection

    std::optional<std::size_t> pad_token_id = 0;  ///< token whose embedding gets no gradient from the lookup
    bool tie_word_embeddings = true;              ///< whether the masked-LM head's matrix is the word table

    std::vector<std::string> labels = {"LABEL_0", "LABEL_1"};  ///< names of the C classes, published as `id2label`
    std::string problem_type;  ///< "regression", "single_label_classification", "multi_label_classification" or "": checked and
                               ///< written; the loss follows from the type of the target
    std::string dtype = "float32";  ///< of the stored weights: "float32", "float64", "float16" or "bfloat16"

    std::optional<MobileBertConfig> mobilebert;  ///< what only MobileBERT has; empty in other families

    std::string other_keys = "{}";  ///< the file's other keys: a JSON object that is written back unchanged

    /// Width of the embeddings' tables.
    /// @return  E; H unless embedding_size says otherwise
    std::size_t embedding_width() const { return embedding_size == 0 ? hidden_size : embedding_size; }

    /// Width of attention and of the feed-forward networks' input: N, the width between MobileBERT's bottlenecks.
    /// @return  H in BERT
    std::size_t block_width() const
    {
        return mobilebert && mobilebert->use_bottleneck ? mobilebert->intra_bottleneck_size : hidden_size;
    }

    /// How often a block is run, one after the other: a layer has one block, in ALBERT inner_group_num of them.
    /// @return  the number of layers in BERT
    std::size_t block_runs() const { return num_hidden_layers * inner_group_num; }

    /// How many blocks have parameters of their own.
    /// @return  the number of layers in BERT
    std::size_t blocks() const { return (num_hidden_groups == 0 ? num_hidden_layers : num_hidden_groups) * inner_group_num; }

    /// The block of a run. In ALBERT, groups of layers share their blocks: 5 layers in 2 groups have the groups 0 0 0 1 1.
    /// (Lan et al. 2020, section 3.1; the division is the published code's, in double, whose rounding decides.)
    /// @param run  from 0
    /// @return  the same number in BERT
    std::size_t block_of(std::size_t run) const
    {
        if (num_hidden_groups == 0) return run;
        const std::size_t layer = run / inner_group_num, inner = run % inner_group_num;
        const double layers_of_group = static_cast<double>(num_hidden_layers) / static_cast<double>(num_hidden_groups);
        return static_cast<std::size_t>(static_cast<double>(layer) / layers_of_group) * inner_group_num + inner;
    }

    /// The activation of the masked-LM head.
    /// @return  hidden_act, unless masked_lm_act says otherwise
    Activation masked_lm_activation() const { return masked_lm_act.value_or(hidden_act); }

    /// The longest sequence. RoBERTa's first rows of the position table, up to the padding id's, are no positions.
    /// @return  tokens
    std::size_t longest_sequence() const
    {
        const std::size_t unused = positions_after_padding ? pad_token_id.value_or(0) + 1 : 0;
        return max_position_embeddings - std::min(unused, max_position_embeddings);
    }

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

/// The part of check_config that is MobileBERT's.
inline void check_mobilebert(const Config& config, std::string_view place)
{
    const MobileBertConfig& own = *config.mobilebert;
    constexpr std::array<std::string_view, 2> norms{"no_norm", "layer_norm"};
    const std::size_t H = config.hidden_size, E = config.embedding_width(), N = own.intra_bottleneck_size;
    if (!is_one_of(norms, own.normalization_type)) fail_key(place, "normalization_type", one_of(norms), own.normalization_type);
    // Query and key are matrices of width N, which would have to read the hidden states.
    if (own.use_bottleneck && !own.use_bottleneck_attention && !own.key_query_shared_bottleneck && N != H)
        fail_key(place, "key_query_shared_bottleneck",
                 "true, since intra_bottleneck_size (" + std::to_string(N) + ") is not hidden_size (" + std::to_string(H) + ")",
                 std::string_view("false"));
    if (config.has_head("masked_lm") && E > H)
        fail_key(place, "embedding_size", "at most hidden_size (" + std::to_string(H) + ") for masked LM", E);
}

}  // namespace detail

/// Checks that a configuration describes a model.
/// @param config  the configuration
/// @param place  where it comes from, for messages
/// @param keys  what its file calls the keys, for messages
/// @throws InputError as in `config.json: num_attention_heads: expected a divisor of hidden_size (768), got 7`
inline void check_config(const Config& config, std::string_view place = "config", std::span<const NameSubstitution> keys = {})
{
    const auto called = [keys](std::string_view key) {
        for (const NameSubstitution& name : keys)
            if (name.ours == key && !name.published.empty()) return std::string(name.published);
        return std::string(key);
    };
    const auto fail_key = [&](std::string_view where, std::string_view key, const std::string& expected, const auto& got) {
        detail::fail_key(where, called(key), expected, got);
    };
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
        {"inner_group_num", config.inner_group_num},
        {"intra_bottleneck_size", config.block_width()},  // in BERT hidden_size again
        {"num_feedforward_networks", config.mobilebert ? config.mobilebert->num_feedforward_networks : 1},
    };
    for (const Size& size : sizes)
        if (size.value == 0) fail_key(place, size.key, "at least 1", 0);
    if (config.mobilebert) detail::check_mobilebert(config, place);
    if (config.block_width() % config.num_attention_heads != 0)
        fail_key(place, "num_attention_heads",
                 "a divisor of " + called(config.block_width() == config.hidden_size ? "hidden_size" : "intra_bottleneck_size") +
                     " (" + std::to_string(config.block_width()) + ")",
                 config.num_attention_heads);

    // At most 2^40 parameters: below that no product of sizes overflows. Counted in double, which can't overflow either.
    const auto H = static_cast<double>(config.hidden_size), I = static_cast<double>(config.intermediate_size);
    const double rows = static_cast<double>(config.vocab_size) + static_cast<double>(config.max_position_embeddings) +
                        static_cast<double>(config.type_vocab_size);
    const double runs = static_cast<double>(std::max(config.num_hidden_layers, config.num_hidden_groups)) *
                        static_cast<double>(config.inner_group_num);
    const double widest = std::max({H, static_cast<double>(config.embedding_size), static_cast<double>(config.block_width())});
    const double networks = config.mobilebert ? static_cast<double>(config.mobilebert->num_feedforward_networks) : 1;
    const double parameters = rows * widest + runs * networks * (4 * widest * widest + 2 * widest * I);
    if (parameters > 0x1p40) {
        const auto less = [](const Size& a, const Size& b) { return a.value < b.value; };
        const Size& largest = *std::max_element(std::begin(sizes), std::end(sizes), less);
        fail_key(place, largest.key, "a model of at most 2^40 parameters", largest.value);
    }

    // Dropout's random numbers have 12 bits for the head and 16 for the layer.
    if (config.num_attention_heads > 4096) fail_key(place, "num_attention_heads", "at most 4096", config.num_attention_heads);
    if (config.num_hidden_layers > 65536) fail_key(place, "num_hidden_layers", "at most 65536", config.num_hidden_layers);
    if (config.block_runs() > 65536) fail_key(place, "inner_group_num", "at most 65536 blocks", config.block_runs());
    const auto check_dropout = [&](const char* key, double probability) {
        if (!(probability >= 0 && probability < 1)) fail_key(place, key, "a probability in [0, 1)", probability);
    };
    check_dropout("hidden_dropout_prob", config.hidden_dropout_prob);
    check_dropout("attention_probs_dropout_prob", config.attention_probs_dropout_prob);
    if (config.classifier_dropout) check_dropout("classifier_dropout", *config.classifier_dropout);
    if (config.embeddings_dropout_prob) check_dropout("embeddings_dropout_prob", *config.embeddings_dropout_prob);
    check_dropout("question_answering_dropout", config.question_answering_dropout);
    if (!(config.layer_norm_eps > 0 && std::isfinite(config.layer_norm_eps)))
        fail_key(place, "layer_norm_eps", "a positive number", config.layer_norm_eps);
    if (!(config.initializer_range >= 0 && std::isfinite(config.initializer_range)))
        fail_key(place, "initializer_range", "a finite number, 0 or more", config.initializer_range);

    if (config.pad_token_id && *config.pad_token_id >= config.vocab_size)
        fail_key(place, "pad_token_id", "less than " + called("vocab_size") + " (" + std::to_string(config.vocab_size) + ")",
                 *config.pad_token_id);
    if (config.positions_after_padding && !config.pad_token_id)
        fail_key(place, "pad_token_id", "the id after which positions are counted", std::string_view("null"));
    if (config.longest_sequence() == 0)
        fail_key(place, "max_position_embeddings",
                 "more than pad_token_id + 1 (" + std::to_string(*config.pad_token_id + 1) + ")", config.max_position_embeddings);
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
