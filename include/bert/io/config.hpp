/// @file
/// Reads and checks a config.json, a configuration under its published names. (io/config_writer.hpp writes it.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/config.hpp"
#include "bert/core/activation.hpp"
#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/architectures.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/json.hpp"
#include "bert/io/mapped_file.hpp"

namespace bert {

namespace detail {

/// Visits the members that are stored as they are, with their published names.
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
    visit("problem_type", config.problem_type);
    visit("dtype", config.dtype);
}

/// Takes the known keys out of the object of a config.json, one by one, and checks the types of their values.
class ConfigReader {
public:
    ConfigReader(std::string_view place, nlohmann::json object, const Family& family)
        : place_(place), object_(std::move(object)), family_(family)
    {
        if (!object_.is_object()) fail_input(place_, "expected a JSON object, got " + one_line(object_.dump()));
    }

    /// Takes a member. Without its key, it keeps its default.
    template <class Value>
    void operator()(const char* key, Value& member)
    {
        if (const std::optional<nlohmann::json> value = take(key)) convert(key, *value, member);
    }

    /// `architectures`: the first one counts.
    std::string architecture(std::string otherwise)
    {
        const std::optional<nlohmann::json> value = take("architectures");
        if (!value || value->is_null()) return otherwise;
        if (!value->is_array() || value->empty() || !value->front().is_string()) fail("architectures", "a list of names", *value);
        return value->front().get<std::string>();
    }

    /// `id2label`: an object of "0", "1" and so on; or else `num_labels`, for which the labels get the library's names.
    std::vector<std::string> labels(std::vector<std::string> otherwise)
    {
        constexpr std::size_t most = 1'000'000;
        const std::optional<nlohmann::json> names = take("id2label"), number = take("num_labels");
        take("label2id");  // says the same again
        if (names && !names->is_null()) {
            if (!names->is_object()) fail("id2label", "an object", *names);
            std::vector<std::string> labels;
            for (std::size_t c = 0; c < names->size(); ++c) {
                const auto label = names->find(std::to_string(c));
                if (label == names->end()) fail("id2label", "the keys 0 to " + std::to_string(names->size() - 1), *names);
                if (!label->is_string()) fail("id2label", "a string for each class", *label);
                labels.push_back(label->get<std::string>());
            }
            return labels;
        }
        if (!number || number->is_null()) return otherwise;
        std::size_t C = 0;
        convert("num_labels", *number, C);
        if (C > most) fail("num_labels", "at most " + std::to_string(most), *number);
        std::vector<std::string> labels;
        for (std::size_t c = 0; c < C; ++c)
            labels.push_back("LABEL_" + std::to_string(c));
        return labels;
    }

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

    /// Refuses what changes the model into one that we don't have.
    void refuse_other_models() const
    {
        for (const char* key : {"is_decoder", "add_cross_attention", "is_encoder_decoder"})
            if (const auto value = object_.find(key); value != object_.end() && (!value->is_boolean() || value->get<bool>()))
                fail(key, "false", *value);
        if (const auto value = object_.find("position_embedding_type"); value != object_.end())
            if (!value->is_string() || value->get_ref<const std::string&>() != "absolute")
                fail("position_embedding_type", "\"absolute\"", *value);
        if (const auto value = object_.find("pruned_heads"); value != object_.end() && !value->empty())
            fail("pruned_heads", "no pruned heads", *value);
    }

    /// What was not taken.
    std::string rest() const { return object_.dump(); }

private:
    /// @param key  as BERT has it
    std::optional<nlohmann::json> take(const char* key)
    {
        const auto found = object_.find(family_.config_key(key));
        if (found == object_.end()) return std::nullopt;
        std::optional<nlohmann::json> value = std::move(*found);
        object_.erase(found);
        return value;
    }

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

    [[noreturn]] void fail(const char* key, const std::string& expected, const nlohmann::json& got) const
    {
        fail_key(place_, key, expected, std::string_view(one_line(got.dump())));
    }

    std::string_view place_;
    nlohmann::json object_;
    const Family& family_;
};

}  // namespace detail

/// Reads a configuration.
/// @param place  the file, for messages
/// @param text  contents of a config.json
/// @param family  whose model it is
/// @return  the configuration, checked (see check_config)
/// @throws InputError if the text isn't JSON, a value has a wrong type, or it describes no model of the family
inline Config parse_config(std::string_view place, std::string_view text, const Family& family = bert_family)
{
    const Config defaults;
    Config config;
    detail::ConfigReader reader(place, parse_json(place, text), family);
    reader("torch_dtype", config.dtype);  // the old name; where both are there, the new one counts
    detail::visit_config(config, reader);
    if (config.model_type != family.model_type)
        detail::fail_key(place, "model_type", std::string(family.model_type), config.model_type);
    set_architecture(reader.architecture(std::string(family.architectures.front().name)), config, place, family);
    config.hidden_act = reader.activation(defaults.hidden_act);
    config.labels = reader.labels(defaults.labels);
    config.other_keys = reader.rest();
    check_config(config, place);
    reader.refuse_other_models();
    return config;
}

/// Reads a configuration.
/// @param path  a config.json
/// @param family  whose model it is
/// @return  the configuration, checked (see check_config)
/// @throws InputError if the file can't be read, and as parse_config
inline Config read_config(const std::filesystem::path& path, const Family& family = bert_family)
{
    return parse_config(path.string(), MappedFile(path).text(), family);
}

}  // namespace bert
