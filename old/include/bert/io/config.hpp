/// @file
/// config.json: reading, checking and writing a configuration under its published names.
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
#include "bert/io/atomic_file.hpp"
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
    ConfigReader(std::string_view place, nlohmann::json object) : place_(place), object_(std::move(object))
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
    std::optional<nlohmann::json> take(const char* key)
    {
        const auto found = object_.find(key);
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
};

/// Stores a member as the value of its key.
template <class Value>
void store(nlohmann::json& value, const Value& member)
{
    value = member;
}
template <class Value>
void store(nlohmann::json& value, const std::optional<Value>& member)
{
    value = member ? nlohmann::json(*member) : nlohmann::json(nullptr);
}

/// The published name of an activation: of several, the most common one.
inline const char* published_name(Activation activation)
{
    switch (activation) {
        case Activation::gelu: return "gelu";
        case Activation::gelu_tanh: return "gelu_new";
        case Activation::relu: return "relu";
    }
    return "";
}

}  // namespace detail

/// Reads a configuration.
/// @param place  the file, for messages
/// @param text  contents of a config.json
/// @return  the configuration, checked (see check_config)
/// @throws InputError if the text isn't JSON, a value has a wrong type, or it describes no model of ours
inline Config parse_config(std::string_view place, std::string_view text)
{
    const Config defaults;
    Config config;
    detail::ConfigReader reader(place, parse_json(place, text));
    reader("torch_dtype", config.dtype);  // the old name; where both are there, the new one counts
    detail::visit_config(config, reader);
    config.architecture = reader.architecture(defaults.architecture);
    config.hidden_act = reader.activation(defaults.hidden_act);
    config.labels = reader.labels(defaults.labels);
    config.other_keys = reader.rest();
    check_config(config, place);
    reader.refuse_other_models();
    return config;
}

/// Reads a configuration.
/// @param path  a config.json
/// @return  the configuration, checked (see check_config)
/// @throws InputError if the file can't be read, and as parse_config
inline Config read_config(const std::filesystem::path& path) { return parse_config(path.string(), MappedFile(path).text()); }

/// Writes a configuration as JSON that the reference library reads as the same.
/// @param config  the configuration
/// @return  the text of a config.json: keys in alphabetic order, two spaces of indentation
/// @throws InputError if the configuration describes no model (see check_config)
/// @throws std::invalid_argument if a text in it isn't UTF-8, or other_keys isn't a JSON object
inline std::string config_json(const Config& config)
{
    check_config(config);
    try {
        nlohmann::json object = nlohmann::json::parse(config.other_keys);
        if (!object.is_object())
            throw std::invalid_argument("config: other_keys: expected a JSON object, got " + one_line(config.other_keys));
        detail::visit_config(config, [&object](const char* key, const auto& member) { detail::store(object[key], member); });
        object["architectures"] = {config.architecture};
        object["hidden_act"] = detail::published_name(config.hidden_act);
        if (config.problem_type.empty()) object.erase("problem_type");
        if (config.labels != Config().labels) {  // the reference library leaves out its default, too
            for (std::size_t c = 0; c < config.num_labels(); ++c) {
                object["id2label"][std::to_string(c)] = config.labels[c];
                object["label2id"][config.labels[c]] = c;
            }
        }
        return object.dump(2, ' ', true) + "\n";  // in ASCII, as the reference library
    } catch (const nlohmann::json::exception& error) {
        throw std::invalid_argument(std::string("config: expected texts in UTF-8 and other_keys in JSON, got ") + error.what());
    }
}

/// Writes a config.json.
/// @param path  the file
/// @param config  the configuration
/// @throws InputError if it describes no model or can't be written
/// @throws std::invalid_argument as config_json
inline void write_config(const std::filesystem::path& path, const Config& config) { write_file(path, config_json(config)); }

}  // namespace bert
