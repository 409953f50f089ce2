/// @file
/// What tests of families share: the cases' folders, which the transformers library wrote, are read and written again.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/io/architectures.hpp"
#include "bert/io/config.hpp"
#include "bert/io/config_writer.hpp"
#include "bert/io/family.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/model_writer.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/model.hpp"
#include "catch.hpp"
#include "io/helpers.hpp"

namespace families {

/// Reads the folder of each case of a family, and writes it: every tensor comes out as the library wrote it, under its name, and
/// the configuration as it was. Every tensor belongs to a component.
/// @param family  the family
/// @param load  loads the model of a folder
/// @return  the number of cases
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::size_t write_again(const bert::Family& family,
                        bert::Model<Real, Ops, Body, Heads> (*load)(const std::filesystem::path&, bert::LoadReport*))
{
    std::size_t cases = 0;
    for (const auto& entry : std::filesystem::directory_iterator(BERT_SOURCE_DIR "/reference_outputs/cases")) {
        const std::filesystem::path& folder = entry.path();
        if (!std::filesystem::exists(folder / "config.json") || bert::model_type_of(folder / "config.json") != family.model_type)
            continue;
        INFO(folder.filename().string());
        ++cases;
        const TemporaryFolder written;
        bert::LoadReport report;
        const auto model = load(folder, &report);
        CHECK(report.warnings.empty());
        CHECK(bert::parameter_count(model.config) == bert::count_parameters(model));
        bert::save_model(model, written.path(), bert::StoredAs::scalar, family);
        if (const char* const kept = std::getenv("BERT_WRITTEN_DIR"))  // for reference_outputs/open_written.py
            bert::save_model(model, std::filesystem::path(kept) / folder.filename(), bert::StoredAs::scalar, family);
        CHECK(bert::read_config(written / "config.json", family) == bert::read_config(folder / "config.json", family));

        const bert::SafetensorsFile ours(written / "model.safetensors"), theirs(folder / "model.safetensors");
        for (const bert::TensorView& tensor : theirs.tensors()) {
            INFO(tensor.name);
            CHECK_FALSE(family.component_of(tensor.name).empty());
            if (std::find(report.ignored.begin(), report.ignored.end(), tensor.name) != report.ignored.end()) continue;
            const bert::TensorView* const same = ours.find(tensor.name);
            REQUIRE(same != nullptr);
            CHECK(same->shape == tensor.shape);
            CHECK((same->bytes == tensor.bytes && std::memcmp(same->data, tensor.data, tensor.bytes) == 0));
        }
        CHECK(ours.tensors().size() + report.ignored.size() == theirs.tensors().size());
    }
    return cases;
}

/// The message of a configuration that is refused.
/// @param family  the family
/// @param text  a config.json
/// @return  the message, without the place
inline std::string refusal(const bert::Family& family, const std::string& text)
{
    const std::string message = input_error([&] { bert::parse_config("f", text, family); });
    return message.starts_with("f: ") ? message.substr(3) : message;
}

}  // namespace families
