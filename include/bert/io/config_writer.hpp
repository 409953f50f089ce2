/// @file
/// Writes a configuration as config.json.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

#include <nlohmann/json.hpp>

#include "bert/config.hpp"
#include "bert/core/activation.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/atomic_file.hpp"
#include "bert/io/config_reader.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"

namespace bert {

namespace detail {

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

/// Writes a configuration as JSON that the transformers library reads as the same.
/// @param config  the configuration
/// @param family  whose model it is
/// @return  the text of a config.json: keys in alphabetic order, two spaces of indentation
/// @throws InputError if the configuration describes no model (see check_config)
/// @throws std::invalid_argument if a text in it isn't UTF-8, other_keys isn't a JSON object, or the model is causal
inline std::string config_json(const Config& config, const Family& family = bert_family)
{
    check_config(config);
    if (config.is_causal != family.defaults().is_causal)  // it would be read as what it isn't
        throw std::invalid_argument("config: is_causal: expected " + std::string(config.is_causal ? "false" : "true") +
                                    ", since config.json has no key for it, got " + (config.is_causal ? "true" : "false"));
    try {
        nlohmann::json object = nlohmann::json::parse(config.other_keys);
        if (!object.is_object())
            throw std::invalid_argument("config: other_keys: expected a JSON object, got " + one_line(config.other_keys));
        detail::visit_config(config, [&](const char* key, const auto& member) {
            const std::string published(family.config_key(key));
            if (!published.empty()) detail::store(object[published], member);
        });
        object["architectures"] = {config.architecture};
        object[std::string(family.config_key("hidden_act"))] = detail::published_name(config.hidden_act);
        object[std::string(family.config_key("dtype"))] = config.dtype;
        if (!config.problem_type.empty()) object[std::string(family.config_key("problem_type"))] = config.problem_type;
        if (config.labels != Config().labels) {  // the transformers library leaves out its default, too
            object["id2label"] = object["label2id"] = nlohmann::json::object();
            for (std::size_t c = 0; c < config.num_labels(); ++c) {
                object["id2label"][std::to_string(c)] = config.labels[c];
                object["label2id"][config.labels[c]] = c;
            }
        }
        return object.dump(2, ' ', true) + "\n";  // in ASCII, as the transformers library
    } catch (const nlohmann::json::exception& error) {
        throw std::invalid_argument(std::string("config: expected texts in UTF-8 and other_keys in JSON, got ") + error.what());
    }
}

/// Writes a config.json.
/// @param path  the file
/// @param config  the configuration
/// @param family  whose model it is
/// @throws InputError if it describes no model or can't be written
/// @throws std::invalid_argument as config_json
inline void write_config(const std::filesystem::path& path, const Config& config, const Family& family = bert_family)
{
    write_file(path, config_json(config, family));
}

}  // namespace bert
