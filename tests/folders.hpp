/// @file
/// The folders of reference_outputs/folders, put together from their files.
#pragma once

#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

#include <unistd.h>
#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "catch.hpp"

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

    void write(const std::string& name, const nlohmann::json& document) const
    {
        std::filesystem::create_directories((path / name).parent_path());
        std::ofstream(path / name) << document.dump();
    }

    std::filesystem::path path = std::filesystem::temp_directory_path() / ("bert_folder_" + std::to_string(::getpid()));
};

/// Folders that aren't read as the library reads them, by their names.
struct Exceptions {
    std::set<std::string> read_all_the_same;  ///< the library refuses them, we don't
    std::set<std::string> refused;            ///< the library reads them, we refuse them with one line
    std::set<std::string> read_otherwise;     ///< both read them, with another result
};

/// Holds the reading of a folder to what was stored of the library's.
/// @param name  of the folder, as in the exceptions
/// @param description  its description
/// @param is_refused  whether the library refuses it
/// @param exceptions  folders that aren't read as the library reads them
/// @param difference  called with the folder's Copy, reads it; what differs from the library's result, empty if nothing
template <class Difference>
void compare(const std::string& name, const nlohmann::json& description, bool is_refused, const Exceptions& exceptions,
             const Difference& difference)
{
    const Copy folder(description);
    INFO(name << ": " << description["point"].get<std::string>());
    std::optional<std::string> found;  // what differs; empty if the folder is refused
    std::string message;
    try {
        found = difference(folder);
    } catch (const bert::InputError& error) {
        message = error.what();
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    INFO(message);
    if (exceptions.refused.contains(name))
        CHECK_FALSE(found.has_value());
    else if (is_refused)
        CHECK(found.has_value() == exceptions.read_all_the_same.contains(name));
    else if (exceptions.read_otherwise.contains(name))
        CHECK_FALSE(found.value_or("refused").empty());
    else
        CHECK(found.value_or("refused") == "");
}

}  // namespace folders
