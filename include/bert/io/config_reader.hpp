/// @file
/// The keys of a config.json: which of them are members of a configuration, and how their values are checked.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/config.hpp"
#include "bert/core/activation.hpp"
#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/class_labels.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

/// Visits the members that are stored as they are, with their published names. Reading and writing (io/config_writer.hpp) share
/// this list; the members that need a rule of their own have a function of ConfigReader.
/// @param config  a Config, const to be written
/// @param visit  called as visit(key, member), with keys as BERT has them
template <class AnyConfig, class Visit>
void visit_config(AnyConfig& config, Visit&& visit)
{
    visit("model_type", config.model_type);
    visit("vocab_size", config.vocab_size);
    visit("hidden_size", config.hidden_size);
    visit("num_hidden_layers", config.num_hidden_layers);
    visit("num_attention_heads", config.num_attention_heads);
    visit("intermediate_size", config.intermediate_size);
    visit("max_position_embeddings", config.max_position_embeddings);
    visit("type_vocab_size", config.type_vocab_size);
    visit("layer_norm_eps", config.layer_norm_eps);
    visit("initializer_range", config.initializer_range);
    visit("hidden_dropout_prob", config.hidden_dropout_prob);
    visit("attention_probs_dropout_prob", config.attention_probs_dropout_prob);
    visit("classifier_dropout", config.classifier_dropout);
    visit("pad_token_id", config.pad_token_id);
    visit("tie_word_embeddings", config.tie_word_embeddings);
    // BERT's files don't have these.
    visit("embedding_size", config.embedding_size);
    visit("num_hidden_groups", config.num_hidden_groups);
    visit("inner_group_num", config.inner_group_num);
    visit("sinusoidal_positions", config.sinusoidal_positions);
    visit("question_answering_dropout", config.question_answering_dropout);
    visit("embeddings_dropout_prob", config.embeddings_dropout_prob);
    if (config.mobilebert) {
        auto& own = *config.mobilebert;
        visit("trigram_input", own.trigram_input);
        visit("use_bottleneck", own.use_bottleneck);
        visit("intra_bottleneck_size", own.intra_bottleneck_size);
        visit("use_bottleneck_attention", own.use_bottleneck_attention);
        visit("key_query_shared_bottleneck", own.key_query_shared_bottleneck);
        visit("num_feedforward_networks", own.num_feedforward_networks);
        visit("normalization_type", own.normalization_type);
        visit("classifier_activation", own.classifier_activation);
    }
}

/// What to say of a configuration of another family.
/// @param model_type  the family in config.json
/// @return  as in ` (bert/variants/roberta.hpp loads this one)`, or nothing
inline std::string other_family(std::string_view model_type)
{
    constexpr std::array<std::string_view, 5> variants{"roberta", "distilbert", "albert", "mobilebert", "gpt2"};
    return is_one_of(variants, model_type) ? " (bert/variants/" + std::string(model_type) + ".hpp loads this one)" : "";
}

/// Takes the known keys out of the object of a config.json, one by one, and checks the types of their values. Keys are given as
/// BERT has them; the family says what its files call them. What nobody has taken is kept as it is.
class ConfigReader {
public:
    /// @param place  the file, for messages; must outlive the reader
    /// @param object  contents of the file
    /// @param family  whose keys they are; must outlive the reader
    /// @param warnings  if not nullptr, warn appends to it
    /// @throws InputError if the contents aren't an object
    ConfigReader(std::string_view place, nlohmann::json object, const Family& family, std::vector<std::string>* warnings)
        : place_(place), object_(std::move(object)), family_(family), warnings_(warnings)
    {
        if (!object_.is_object()) fail_input(place_, "expected a JSON object, got " + one_line(object_.dump()));
    }

    /// Takes a member. Without its key, it keeps its default. (visit_config calls this.)
    /// @param key  of the member
    /// @param[in,out] member  gets the value
    /// @throws InputError for a value of another type
    template <class Value>
    void operator()(const char* key, Value& member)
    {
        const std::optional<nlohmann::json> value = take(key);
        if (!value) return;
        if (is_one_of(family_.nullable, key)) {  // the default is what null stands for
            if (value->is_null()) return;
            if (*value == 0) fail(key, "at least 1, or null", *value);
        }
        convert(key, *value, member);
    }

    /// `architectures`: a name, or a list of which the first counts.
    /// @param otherwise  the result without the key, for null and for an empty list
    /// @return  the name of the model's class
    /// @throws InputError for a value of another type
    std::string architecture(std::string otherwise)
    {
        const std::optional<nlohmann::json> value = take("architectures");
        if (!value || value->is_null() || (value->is_array() && value->empty())) return otherwise;
        const nlohmann::json& name = value->is_array() ? value->front() : *value;
        if (!name.is_string()) fail("architectures", "a list of names", *value);
        return name.get<std::string>();
    }

    /// `num_labels` and `id2label`: the names of the classes (io/class_labels.hpp).
    /// @param otherwise  the result without both keys
    /// @return  C names
    /// @throws InputError for a value of another type
    std::vector<std::string> labels(std::vector<std::string> otherwise)
    {
        const nlohmann::json names = take("id2label").value_or(nullptr), number = take("num_labels").value_or(nullptr);
        take("label2id");  // id2label counts
        if (names.is_null() && number.is_null()) return otherwise;
        std::string warning;
        std::vector<std::string> labels = class_labels(place_, names, number, warning);
        if (!warning.empty()) warn("id2label", warning);
        return labels;
    }

    /// `dtype`: the type of the stored weights, under one of PyTorch's names for it.
    /// @param otherwise  the result without the key, and for a type that weights can't have, of which warn tells
    /// @return  one of `dtypes`, without `torch.`
    /// @throws InputError for a value that isn't a string
    std::string dtype(std::string otherwise)
    {
        std::optional<nlohmann::json> value = take("torch_dtype");  // the old name; where both are there, the new one counts
        if (std::optional<nlohmann::json> newer = take("dtype"); newer && !newer->is_null()) value = newer;
        if (!value || value->is_null()) return otherwise;
        if (!value->is_string()) fail("dtype", "a string", *value);
        std::string name = value->get<std::string>();
        if (name.starts_with("torch.")) name.erase(0, 6);
        if (name == "half") name = "float16";
        if (name == "float") name = "float32";
        if (name == "double") name = "float64";
        if (is_one_of(dtypes, name)) return name;
        warn("dtype", "expected " + one_of(dtypes) + ", got " + in_quotes(name) + "; isn't followed");
        return otherwise;
    }

    /// `problem_type`, one of three.
    /// @param otherwise  the result without the key, and for any other word, of which warn tells
    /// @return  one of `problem_types`, or nothing
    /// @throws InputError for a value that isn't a string
    std::string problem_type(std::string otherwise)
    {
        std::string name = otherwise;
        if (const std::optional<nlohmann::json> value = take("problem_type")) convert("problem_type", *value, name);
        if (name.empty() || is_one_of(problem_types, name)) return name;
        warn("problem_type", "expected " + one_of(problem_types) + ", got " + in_quotes(name) + "; isn't followed");
        return otherwise;
    }

    /// `true_hidden_size`, which MobileBERT's files say beside the keys from which it follows. It isn't kept.
    /// @param width  what follows from these keys
    /// @throws InputError for another value
    void derived_width(std::size_t width)
    {
        const std::optional<nlohmann::json> value = take("true_hidden_size");
        if (value && *value != width) fail("true_hidden_size", std::to_string(width), *value);
    }

    /// `hidden_act`. Several names stand for the same activation (core/activation.hpp).
    /// @param otherwise  the result without the key
    /// @return  the activation
    /// @throws InputError for one that we don't have
    Activation activation(Activation otherwise)
    {
        const std::optional<nlohmann::json> name = take("hidden_act");
        if (!name) return otherwise;
        if (!name->is_string()) fail("hidden_act", "a string", *name);
        const std::optional<Activation> activation = activation_named(name->get<std::string>());
        if (!activation)
            fail("hidden_act", "gelu, gelu_python, gelu_new, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh or relu", *name);
        return *activation;
    }

    /// Refuses what changes the model into one that we don't have. These keys are not taken: with the value that is allowed, they
    /// are written back as they were read.
    /// @throws InputError for another value
    void refuse_other_models() const
    {
        for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder", "scale_attn_by_inverse_layer_idx"})
            if (const auto value = object_.find(key); value != object_.end() && (!value->is_boolean() || value->get<bool>()))
                fail(key, "false", *value);
        if (const auto value = object_.find("scale_attn_weights"); value != object_.end() && *value != true)
            fail("scale_attn_weights", "true", *value);
        if (const auto value = object_.find("position_embedding_type"); value != object_.end())
            if (!value->is_null() && *value != "absolute") fail("position_embedding_type", "\"absolute\"", *value);
        if (const auto value = object_.find("pruned_heads"); value != object_.end() && !value->empty())
            fail("pruned_heads", "no pruned heads", *value);
    }

    /// Warns of a value that isn't followed.
    /// @param key  of the value
    /// @param what  the rest of the message
    void warn(const char* key, const std::string& what) const
    {
        if (warnings_ != nullptr) warnings_->push_back(std::string(place_) + ": " + key + ": " + what);
    }

    /// @return  what was not taken, as a JSON object
    std::string rest() const { return object_.dump(); }

private:
    /// Removes a value from the object.
    /// @param key  as BERT has it
    /// @return  the value; std::nullopt if the family or the file doesn't have the key
    std::optional<nlohmann::json> take(const char* key)
    {
        if (family_.config_key(key).empty()) return std::nullopt;
        const auto found = object_.find(family_.config_key(key));
        if (found == object_.end()) return std::nullopt;
        std::optional<nlohmann::json> value = std::move(*found);
        object_.erase(found);
        return value;
    }

    /// Checks the type of a value, and gives it to a member: one function for each type of member.
    void convert(const char* key, const nlohmann::json& value, std::size_t& member) const
    {
        if (!value.is_number_unsigned()) fail(key, "a whole number from 0", value);
        member = value.get<std::size_t>();
    }
    void convert(const char* key, const nlohmann::json& value, double& member) const
    {
        if (!value.is_number()) fail(key, "a number", value);
        member = value.get<double>();
    }
    void convert(const char* key, const nlohmann::json& value, bool& member) const
    {
        if (!value.is_boolean()) fail(key, "true or false", value);
        member = value.get<bool>();
    }
    void convert(const char* key, const nlohmann::json& value, std::string& member) const
    {
        if (value.is_null()) return;  // stands for the default
        if (!value.is_string()) fail(key, "a string", value);
        member = value.get<std::string>();
    }
    template <class Value>
    void convert(const char* key, const nlohmann::json& value, std::optional<Value>& member) const
    {
        if (value.is_null())
            member.reset();
        else
            convert(key, value, member.emplace());
    }

    /// Throws InputError with the key as the file has it.
    [[noreturn]] void fail(const char* key, const std::string& expected, const nlohmann::json& got) const
    {
        const std::string_view published = family_.config_key(key);
        fail_key(place_, published.empty() ? key : published, expected, std::string_view(one_line(got.dump())));
    }

    std::string_view place_;              ///< the file
    nlohmann::json object_;               ///< what has not been taken yet
    const Family& family_;                ///< says what its files call the keys
    std::vector<std::string>* warnings_;  ///< where warnings go, or nullptr
};

}  // namespace detail

}  // namespace bert
