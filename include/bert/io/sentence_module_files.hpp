/// @file
/// Reads the modules of a sentence-transformers folder (6.2) from their own folders: pooling, linear layers, layer norms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/json_place.hpp"
#include "bert/io/safetensors_folder.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/sentence_modules.hpp"
#include "bert/sentence_vectors.hpp"

namespace bert::detail {

/// Reads the configuration of a pooling module, in the form of today (`pooling_mode`) or that of before (a key for each way).
/// @param json  its config.json
/// @return  the ways, in their order
inline std::vector<Pooling> poolings_from(const JsonPlace& json)
{
    struct Way {
        const char *name, *old_key;
        Pooling pooling;
    };
    constexpr std::array<Way, 6> ways{{{"cls", "pooling_mode_cls_token", Pooling::cls},
                                       {"max", "pooling_mode_max_tokens", Pooling::max},
                                       {"mean", "pooling_mode_mean_tokens", Pooling::mean},
                                       {"mean_sqrt_len_tokens", "pooling_mode_mean_sqrt_len_tokens", Pooling::mean_sqrt_len},
                                       {"weightedmean", "pooling_mode_weightedmean_tokens", Pooling::weightedmean},
                                       {"lasttoken", "pooling_mode_lasttoken", Pooling::lasttoken}}};
    std::vector<Pooling> poolings;
    if (json.has("pooling_mode")) {
        const JsonPlace mode = json.at("pooling_mode");
        for (const JsonPlace& name : mode.value.is_array() ? mode.elements() : std::vector<JsonPlace>{mode}) {
            name.one_of({"cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"});
            for (const Way& way : ways)
                if (name.value == way.name) poolings.push_back(way.pooling);
        }
        if (poolings.empty()) mode.fail("at least one way of pooling");
    } else {
        for (const Way& way : ways)
            if (json.truth(way.old_key, false)) poolings.push_back(way.pooling);
        if (poolings.empty()) poolings.push_back(Pooling::mean);
    }
    return poolings;
}

/// Refuses a module that reads or writes something else than the pooled vector.
/// @param json  its config.json
inline void require_pooled(const JsonPlace& json)
{
    for (const char* key : {"module_input_name", "module_output_name"})
        if (json.has(key)) json.at(key).one_of({"sentence_embedding"});
}

/// Reads a tensor of a module.
/// @param files  the module's files
/// @param folder  their folder, for the message
/// @param name  of the tensor
/// @param[in,out] tensor  of the expected shape
/// @throws InputError if it isn't there, or has another shape
template <class Real, std::size_t rank>
void read_tensor_of(const SafetensorsFolder& files, const std::filesystem::path& folder, const std::string& name,
                    Tensor<Real, rank>& tensor)
{
    const TensorView* const view = files.find(name);
    if (view == nullptr) fail_input(folder.string(), "tensor " + in_quotes(name) + ": expected, got no such tensor");
    read_into(*view, tensor);
}

/// Reads a dense module.
/// @param folder  its folder
/// @param json  its config.json
/// @param[in,out] warnings  what isn't followed is appended
/// @return  the module
template <class Real>
DenseModule<Real> dense_module_from(const std::filesystem::path& folder, const JsonPlace& json,
                                    std::vector<std::string>& warnings)
{
    require_pooled(json);
    constexpr std::int64_t most = 1 << 20;
    const auto in = static_cast<std::size_t>(json.at("in_features").number(most));
    const auto out = static_cast<std::size_t>(json.at("out_features").number(most));
    const SafetensorsFolder files(folder);
    DenseModule<Real> module{make_linear<Real>(out, in)};
    read_tensor_of(files, folder, "linear.weight", module.linear.weight);
    if (json.truth("bias", true)) read_tensor_of(files, folder, "linear.bias", module.linear.bias);
    if (json.has("activation_function")) {
        const std::string name = json.at("activation_function").text();  // as in torch.nn.modules.activation.Tanh
        const std::string_view last = std::string_view(name).substr(name.rfind('.') + 1);
        if (!name.starts_with("torch."))
            warnings.push_back(json.at("activation_function").place + ": " + in_quotes(name) + " isn't of torch; Tanh is taken");
        else if (last == "Identity")
            module.activation = DenseActivation::identity;
        else if (last == "ReLU")
            module.activation = DenseActivation::relu;
        else if (last == "GELU")
            module.activation = DenseActivation::gelu;
        else if (last == "Sigmoid")
            module.activation = DenseActivation::sigmoid;
        else if (last == "SiLU")
            module.activation = DenseActivation::silu;
        else if (last != "Tanh")
            json.at("activation_function").fail("Tanh, Identity, ReLU, GELU, Sigmoid or SiLU of torch");
    }
    module.adds_residual = json.truth("use_residual", false);
    if (module.adds_residual && in != out) {
        module.residual = zeros<Real, 2>({out, in});
        read_tensor_of(files, folder, "residual.weight", *module.residual);
    }
    return module;
}

/// Reads a layer norm module.
/// @param folder  its folder
/// @param json  its config.json
/// @return  the module
template <class Real>
LayerNormModule<Real> layer_norm_module_from(const std::filesystem::path& folder, const JsonPlace& json)
{
    const auto W = static_cast<std::size_t>(json.at("dimension").number(1 << 20));
    const SafetensorsFolder files(folder);
    LayerNormModule<Real> module{{zeros<Real, 1>({W}), zeros<Real, 1>({W})}};
    read_tensor_of(files, folder, "norm.weight", module.norm.gamma);
    read_tensor_of(files, folder, "norm.bias", module.norm.beta);
    return module;
}

}  // namespace bert::detail
