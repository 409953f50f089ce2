/// @file
/// Reads how a sentence-transformers folder (6.2) makes vectors of texts.
///
/// `modules.json` lists modules, each with a folder of its own: first a transformer, the model with its tokenizer (in the folder
/// itself, or as in `0_Transformer/`), then pooling, then what becomes of the pooled vectors (sentence_modules.hpp). Beside the
/// transformer, `sentence_bert_config.json` says how long texts may be; `config_sentence_transformers.json` has prompts. A folder
/// without modules.json holds the model alone, whose vectors are means.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/sentence_module_files.hpp"
#include "bert/sentence_modules.hpp"
#include "bert/sentence_pipeline.hpp"

namespace bert {

namespace detail {

/// A module of a modules.json.
struct ModuleEntry {
    std::string type;              ///< the class's name without its package, as in `Pooling`
    std::filesystem::path folder;  ///< its folder
    std::string place;             ///< where the type stands, for messages
};

/// Reads a modules.json.
/// @param folder  the sentence-transformers folder
/// @param json  the document
/// @return  the modules, in their order
/// @throws InputError for a module whose folder lies outside
inline std::vector<ModuleEntry> modules_from(const std::filesystem::path& folder, const JsonPlace& json)
{
    std::vector<ModuleEntry> modules;
    for (const JsonPlace& module : json.elements()) {
        const JsonPlace type = module.at("type");
        const std::string name = type.text();
        const std::filesystem::path path = module.has("path") ? module.at("path").text() : std::string();
        const bool leaves = std::any_of(path.begin(), path.end(), [](const auto& part) { return part == ".."; });
        if (path.is_absolute() || leaves) module.at("path").fail("a folder in this one");
        modules.push_back({name.substr(name.rfind('.') + 1), path.empty() ? folder : folder / path, type.place});
    }
    return modules;
}

}  // namespace detail

/// The folder of a model and its tokenizer.
/// @param folder  a model folder, or a sentence-transformers folder
/// @return  the folder itself, or that of its transformer
/// @throws InputError for a modules.json that is broken
inline std::filesystem::path transformer_folder(const std::filesystem::path& folder)
{
    const std::filesystem::path list = folder / "modules.json";
    std::error_code failed;
    if (!is_there(list, failed)) return folder;
    const nlohmann::json document = json_file(list);
    for (const auto& [type, folder_of_module, place] : detail::modules_from(folder, {document, list.string()}))
        if (type == "Transformer") return folder_of_module;
    return folder;
}

namespace detail {

/// Reads how long texts may be, and whether they are lower-cased.
/// @param[in,out] pipeline  max_length and lowercase are set; transformer is read
/// @param[in,out] warnings  what isn't followed is appended
template <class Real>
void read_transformer_config(SentencePipeline<Real>& pipeline, std::vector<std::string>& warnings)
{
    std::error_code failed;
    std::filesystem::path file = pipeline.transformer / "sentence_bert_config.json";
    for (const char* model : {"roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet"})  // older names
        if (!is_there(file, failed)) file = pipeline.transformer / ("sentence_" + std::string(model) + "_config.json");
    const nlohmann::json document = json_file(file);
    const JsonPlace json{document, file.string()};
    const auto length = [&](const JsonPlace& place) {
        pipeline.max_length = static_cast<std::size_t>(place.number(std::int64_t{1} << 31));
    };
    if (json.has("max_seq_length")) length(json.at("max_seq_length"));
    for (const char* key : {"tokenizer_args", "processor_kwargs"})
        if (json.has(key) && json.at(key).has("model_max_length")) length(json.at(key).at("model_max_length"));
    pipeline.lowercase = json.truth("do_lower_case", false);
    for (const char* key : {"processing_kwargs", "query_length", "document_length", "query_expansion"})
        if (json.has(key) && !json.at(key).value.empty()) warnings.push_back(json.at(key).place + " isn't followed");
}

/// Reads prompts, and how many numbers of the vectors are taken.
/// @param folder  the sentence-transformers folder
/// @param[in,out] pipeline  prompts, prompt and dimension are set
template <class Real>
void read_prompts(const std::filesystem::path& folder, SentencePipeline<Real>& pipeline)
{
    const std::filesystem::path file = folder / "config_sentence_transformers.json";
    const nlohmann::json document = json_file(file);
    const JsonPlace json{document, file.string()};
    pipeline.prompts = {{"query", ""}, {"document", ""}};
    if (json.has("prompts"))
        for (const auto& [name, prompt] : json.at("prompts").object().value.items())
            pipeline.prompts[name] = prompt.is_null() ? "" : json.at("prompts").at(name).text();
    if (json.has("default_prompt_name")) {
        const JsonPlace name = json.at("default_prompt_name");
        const auto found = pipeline.prompts.find(name.text());
        if (found == pipeline.prompts.end()) name.fail("the name of a prompt");
        pipeline.prompt = found->second;
    }
    if (json.has("truncate_dim"))
        pipeline.dimension = static_cast<std::size_t>(json.at("truncate_dim").number(std::int64_t{1} << 31));
}

}  // namespace detail

/// Reads how a folder makes vectors of texts.
/// @param folder  a model folder
/// @param[in,out] warnings  if not nullptr, what isn't followed is appended, one line each
/// @return  its pipeline; without modules.json, the mean of the token vectors
/// @throws InputError for a module that isn't known, and for a file that is broken
template <class Real>
SentencePipeline<Real> load_pipeline(const std::filesystem::path& folder, std::vector<std::string>* warnings = nullptr)
{
    using detail::JsonPlace;
    SentencePipeline<Real> pipeline;
    pipeline.transformer = pipeline.tokenizer = folder;
    const std::filesystem::path list = folder / "modules.json";
    std::error_code failed;
    if (!is_there(list, failed)) return pipeline;
    const nlohmann::json document = json_file(list);
    const auto modules = detail::modules_from(folder, {document, list.string()});

    pipeline.truncates = true;
    bool is_pooled = false;
    std::vector<std::string> found;
    for (std::size_t i = 0; i < modules.size(); ++i) {
        const auto& [type, place_of_module, place] = modules[i];
        const std::filesystem::path file = place_of_module / "config.json";
        const nlohmann::json config = type == "Transformer" ? nlohmann::json::object() : json_file(file);
        const JsonPlace json{config, file.string()};
        if ((i == 0) != (type == "Transformer") || (is_pooled && type == "Pooling"))
            fail_input(place, "expected a Transformer, then one Pooling, then other modules, got " + in_quotes(type));
        if (type == "Transformer") {
            pipeline.transformer = place_of_module;
            const bool has_tokenizer =
                is_there(place_of_module / "tokenizer.json", failed) || is_there(place_of_module / "vocab.txt", failed);
            if (has_tokenizer) pipeline.tokenizer = place_of_module;
        } else if (type == "Pooling") {
            pipeline.pooling = detail::poolings_from(json);
            pipeline.includes_prompt = json.truth("include_prompt", true);
            is_pooled = true;
        } else if (type == "Normalize") {
            detail::require_pooled(json);
            if (is_pooled) pipeline.modules.push_back(NormalizeModule{});  // before pooling, there is nothing to normalize
        } else if (type == "Dropout") {                                    // does nothing outside of training
        } else if (!is_pooled) {
            fail_input(place, "expected Pooling, got " + in_quotes(type));
        } else if (type == "Dense") {
            pipeline.modules.push_back(detail::dense_module_from<Real>(place_of_module, json, found));
        } else if (type == "LayerNorm") {
            pipeline.modules.push_back(detail::layer_norm_module_from<Real>(place_of_module, json));
        } else {
            fail_input(place, "expected Dense, LayerNorm, Normalize or Dropout, got " + in_quotes(type));
        }
    }
    if (!is_pooled) fail_input(list.string(), "expected a Pooling module, got none");
    detail::read_transformer_config(pipeline, found);
    detail::read_prompts(folder, pipeline);
    if (warnings != nullptr) warnings->insert(warnings->end(), found.begin(), found.end());
    return pipeline;
}

}  // namespace bert
