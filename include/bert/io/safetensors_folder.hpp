/// @file
/// The weights of a model folder: one safetensors file, or several with an index that gives the file of each tensor.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/io/json.hpp"
#include "bert/io/mapped_file.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/io/tensor_view.hpp"

namespace bert {

/// The tensors of `model.safetensors` or, without that file, of the shards that `model.safetensors.index.json` names, as one set.
class SafetensorsFolder {
public:
    /// Opens and checks all files.
    /// @param folder  the model folder
    /// @throws InputError if neither file exists, a file is not of its format, a shard lies outside the folder, or a tensor
    ///     of the index isn't in its shard
    explicit SafetensorsFolder(const std::filesystem::path& folder)
    {
        const std::filesystem::path single = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
        std::error_code ignored;  // a path that can't be examined counts as missing
        if (!std::filesystem::is_directory(folder, ignored))
            fail_input(folder.string(), "expected a model folder, got no folder");
        if (is_there(single, ignored)) {
            for (const TensorView& tensor : file("model.safetensors", single).tensors())
                by_name_.emplace(tensor.name, &tensor);
        } else if (is_there(index, ignored)) {
            open_shards(folder, index);
        } else {
            fail_input(folder.string(),
                       "expected model.safetensors or model.safetensors.index.json, got neither" + other(folder));
        }
        for (const auto& [name, file] : files_)
            for (const TensorView& tensor : file.tensors())
                if (find(tensor.name) == &tensor) tensors_.push_back(&tensor);  // omits tensors that the index doesn't name
    }

    /// All tensors.
    /// @return  the tensors file by file, each in the order of its bytes
    const std::vector<const TensorView*>& tensors() const { return tensors_; }

    /// All tensors.
    /// @return  the tensors by name
    const std::map<std::string_view, const TensorView*>& by_name() const { return by_name_; }

    /// Looks up a tensor.
    /// @param name  its name
    /// @return  the tensor; nullptr if there is none
    const TensorView* find(std::string_view name) const
    {
        const auto found = by_name_.find(name);
        return found == by_name_.end() ? nullptr : found->second;
    }

private:
    /// What to do about weights in another format, for the message.
    static std::string other(const std::filesystem::path& folder)
    {
        std::error_code ignored;
        for (const char* name : {"pytorch_model.bin", "pytorch_model.bin.index.json", "bert_model.ckpt.index"})
            if (is_there(folder / name, ignored))
                return ", but " + std::string(name) + "; reference_outputs/convert_checkpoint.py makes a model folder of it";
        return {};
    }

    const SafetensorsFile& file(const std::string& name, const std::filesystem::path& path)
    {
        return files_.try_emplace(name, path).first->second;
    }

    void open_shards(const std::filesystem::path& folder, const std::filesystem::path& index)
    {
        const std::string place = index.string();
        const nlohmann::json document = parse_json(place, MappedFile(index).text());
        if (!document.is_object() || !document.contains("weight_map") || !document["weight_map"].is_object())
            fail_input(place, "weight_map: expected an object that gives each tensor its file");
        for (const auto& [name, shard] : document["weight_map"].items()) {
            const std::string entry = "weight_map: " + in_quotes(name) + ": ";
            if (!shard.is_string()) fail_input(place, entry + "expected the name of a file, got " + one_line(shard.dump()));
            const std::string file_name = shard.get<std::string>();
            if (!is_inside(file_name)) fail_input(place, entry + "expected a file of this folder, got " + in_quotes(file_name));
            const TensorView* const tensor = file(file_name, folder / file_name).find(name);
            if (tensor == nullptr) fail_input(place, entry + "expected in " + in_quotes(file_name) + ", which doesn't have it");
            by_name_.emplace(tensor->name, tensor);
        }
    }

    static bool is_inside(const std::filesystem::path& file)
    {
        return !file.empty() && file.native().find('\0') == std::string::npos && file.is_relative() &&
               std::find(file.begin(), file.end(), "..") == file.end();
    }

    std::map<std::string, SafetensorsFile> files_;  // by name; elements of a map keep their address
    std::vector<const TensorView*> tensors_;
    std::map<std::string_view, const TensorView*> by_name_;
};

}  // namespace bert
