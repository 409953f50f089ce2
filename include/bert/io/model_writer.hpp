/// @file
/// Saves models as folders with config.json and model.safetensors, as they are published.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <list>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "bert/core/error.hpp"
#include "bert/core/float16.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/io/config_writer.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"
#include "bert/io/published_tensors.hpp"
#include "bert/io/safetensors_writer.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/model.hpp"

namespace bert {

/// How weights are stored.
enum class StoredAs {
    scalar,    ///< as they are: F32, or F64 for a model in double
    bfloat16,  ///< BF16: half the file of a float's, 3 digits
    float16,   ///< F16: half the file of a float's, 4 digits, up to 65,504
};

namespace detail {

/// The bytes of a tensor in 16 bits a number.
template <class Values>
std::vector<std::uint16_t> in_16_bits(const std::string& name, const Values& values, StoredAs stored)
{
    std::vector<std::uint16_t> bits;
    bits.reserve(values.size());
    for (const auto value : values) {
        const auto number = static_cast<float>(value);
        if (stored == StoredAs::float16 && std::abs(number) >= 65520)
            throw std::invalid_argument("save_model: " + name + ": expected numbers that float16 holds, got " +
                                        std::to_string(number));
        bits.push_back(stored == StoredAs::bfloat16 ? bfloat16_from_float(number) : float16_from_float(number));
    }
    return bits;
}

}  // namespace detail

/// Saves a model as a folder that load_model and the transformers library open: config.json and model.safetensors. Each file is
/// written beside and renamed; the folder is made if it isn't there.
/// @param model  of float or double
/// @param folder  where to
/// @param stored  how the weights are stored
/// @param family  what the file calls the parameters
/// @throws InputError if a file can't be written
/// @throws std::invalid_argument for a number that float16 doesn't hold
template <class Real, class Ops, template <class, class> class Body, class Heads>
void save_model(const Model<Real, Ops, Body, Heads>& model, const std::filesystem::path& folder,
                StoredAs stored = StoredAs::scalar, const Family& family = bert_family)
{
    const std::vector<PublishedTensor<Real>> tensors = published_tensors(parameter_list<const Real>(model), model.config, family);
    std::vector<TensorView> views;
    std::list<std::vector<std::uint16_t>> converted;  // a list never moves what it holds
    for (const PublishedTensor<Real>& tensor : tensors) {
        TensorView& view = views.emplace_back(view_of(tensor.name, tensor.shape, tensor.values));
        if (stored == StoredAs::scalar) continue;
        const std::vector<std::uint16_t>& bits = converted.emplace_back(detail::in_16_bits(tensor.name, tensor.values, stored));
        view.dtype = stored == StoredAs::bfloat16 ? Dtype::BF16 : Dtype::F16;
        view.data = reinterpret_cast<const std::byte*>(bits.data());
        view.bytes = bits.size() * sizeof(bits[0]);
    }
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) fail_input(folder.string(), "expected a folder to write to: " + failed.message());
    write_safetensors(folder / "model.safetensors", views);
    write_config(folder / "config.json", model.config, family);
}

}  // namespace bert
