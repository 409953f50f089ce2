/// @file
/// Reads and checks a config.json, a configuration under its published names. (io/config_writer.hpp writes it.)
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/architectures.hpp"
#include "bert/io/config_reader.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/json.hpp"
#include "bert/io/mapped_file.hpp"

namespace bert {

/// Reads a configuration.
/// @param place  the file, for messages
/// @param text  contents of a config.json
/// @param family  whose model it is
/// @param[in,out] warnings  if not nullptr, what isn't followed is appended, one line each
/// @return  the configuration, checked (see check_config); of a class that isn't known, the body alone
/// @throws InputError if the text isn't JSON, a value has a wrong type, or it describes no model of the family
inline Config parse_config(std::string_view place, std::string_view text, const Family& family = bert_family,
                           std::vector<std::string>* warnings = nullptr)
{
    const Config defaults = family.defaults();
    Config config = defaults;
    detail::ConfigReader reader(place, parse_json(place, text), family, warnings);
    detail::visit_config(config, reader);
    if (config.intermediate_size == 0 && detail::is_one_of(family.nullable, "intermediate_size"))
        config.intermediate_size = 4 * config.hidden_size;
    if (config.model_type != family.model_type)
        detail::fail_key(place, "model_type", std::string(family.model_type) + detail::other_family(config.model_type),
                         config.model_type);
    const std::string body(family.architectures.front().name), name = reader.architecture(body);
    if (detail::is_one_of(family.other_models, name))
        detail::fail_key(place, "architectures", detail::one_of(names_of(family)), name);
    if (is_known(name, family)) {
        set_architecture(name, config, place, family);
    } else {
        reader.warn("architectures", in_quotes(name) + " isn't known; its encoder is used");
        set_architecture(body, config, place, family);
    }
    config.hidden_act = reader.activation(defaults.hidden_act);
    config.labels = reader.labels(defaults.labels);
    config.problem_type = reader.problem_type(defaults.problem_type);
    config.dtype = reader.dtype(defaults.dtype);
    if (config.mobilebert) reader.derived_width(config.block_width());
    config.other_keys = reader.rest();
    check_config(config, place, family.config_keys);
    const auto require_some = [&](const char* key, std::size_t value) {  // if the family has the key
        if (value == 0 && !family.config_key(key).empty()) detail::fail_key(place, key, "at least 1", 0);
    };
    require_some("type_vocab_size", config.type_vocab_size);
    require_some("embedding_size", config.embedding_size);
    require_some("num_hidden_groups", config.num_hidden_groups);
    reader.refuse_other_models();
    return config;
}

/// What a configuration calls its family.
/// @param file  a config.json
/// @return  its model_type; `bert` if it says none
/// @throws InputError if the file can't be read, or isn't a JSON object
inline std::string model_type_of(const std::filesystem::path& file)
{
    const nlohmann::json config = parse_json(file.string(), MappedFile(file).text());
    if (!config.is_object()) fail_input(file.string(), "expected a JSON object, got " + one_line(config.dump()));
    const auto type = config.find("model_type");
    return type != config.end() && type->is_string() ? type->get<std::string>() : "bert";
}

/// Reads a configuration.
/// @param path  a config.json
/// @param family  whose model it is
/// @param[in,out] warnings  as in parse_config
/// @return  the configuration, checked (see check_config)
/// @throws InputError if the file can't be read, and as parse_config
inline Config read_config(const std::filesystem::path& path, const Family& family = bert_family,
                          std::vector<std::string>* warnings = nullptr)
{
    std::error_code failed;
    if (!is_there(path, failed) && is_there(path.parent_path() / "bert_config.json", failed))
        fail_input(path.string(),
                   "expected a configuration, got none, but bert_config.json; reference_outputs/"
                   "convert_checkpoint.py makes a model folder of a TensorFlow checkpoint");
    return parse_config(path.string(), MappedFile(path).text(), family, warnings);
}

}  // namespace bert
