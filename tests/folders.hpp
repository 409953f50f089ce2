/// @file
/// The folders of reference_outputs/folders, put together from their files.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <unistd.h>
#include <nlohmann/json.hpp>

namespace folders {

/// Where the folders are stored.
inline std::filesystem::path stored() { return std::filesystem::path(BERT_SOURCE_DIR) / "reference_outputs" / "folders"; }

/// @param kind  of folders, as in `companions`
/// @return  for each folder its name, its files and what the libraries made of it
inline nlohmann::json expected(const std::string& kind)
{
    std::ifstream file(stored() / kind / "expected.json");
    return nlohmann::json::parse(file)["folders"];
}

/// A folder, put together: files that are copied, JSON that is written, and stored JSON objects that are changed first.
struct Copy {
    explicit Copy(const nlohmann::json& description)
    {
        std::filesystem::remove_all(path);
        std::filesystem::create_directories(path);
        const auto of = [&](const char* how) { return description.value(how, nlohmann::json::object()); };
        const nlohmann::json copied = of("copied"), written = of("json"), changed = of("changed");
        for (const auto& [name, from] : copied.items()) {
            std::filesystem::create_directories((path / name).parent_path());
            std::filesystem::copy(stored() / from.get<std::string>(), path / name);
        }
        for (const auto& [name, document] : written.items())
            write(name, document);
        for (const auto& [name, change] : changed.items()) {
            std::ifstream file(stored() / change["of"].get<std::string>());
            nlohmann::json document = nlohmann::json::parse(file);
            for (const auto& key : change["without"])
                document.erase(key.get<std::string>());
            document.update(change["with"]);
            write(name, document);
        }
    }
    Copy(const Copy&) = delete;
    Copy& operator=(const Copy&) = delete;
    ~Copy() { std::filesystem::remove_all(path); }

    /// @param name  of a file
    /// @return  whether the folder has it
    bool has(const std::string& name) const { return std::filesystem::exists(path / name); }

    void write(const std::string& name, const nlohmann::json& document) const
    {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name) << document.dump();
    }

    std::filesystem::path path = std::filesystem::temp_directory_path() / ("bert_folder_" + std::to_string(::getpid()));
};

}  // namespace folders
