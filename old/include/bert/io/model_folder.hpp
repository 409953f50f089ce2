/// @file
/// Models in folders: config.json and model.safetensors, as they are published.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <list>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/core/float16.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/config.hpp"
#include "bert/io/safetensors_folder.hpp"
#include "bert/io/safetensors_writer.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/model.hpp"

namespace bert {

/// What a folder held beside the model.
struct LoadReport {
    std::vector<std::string> ignored;  ///< tensors that the model's architecture doesn't have, sorted
};

namespace detail {

/// Finds tensors under the names that published files use for them, and remembers which were asked for.
class PublishedNames {
public:
    explicit PublishedNames(const SafetensorsFolder& files) : files_(files) {}

    /// The tensor of a name: with the prefix `bert.` or without, a layer norm's also as gamma and beta.
    /// @return  nullptr if there is none
    const TensorView* find(const std::string& name)
    {
        const std::string plain = name.starts_with("bert.") ? name.substr(std::strlen("bert.")) : name;
        for (const std::string& prefixed : {"bert." + plain, plain})
            for (const std::string& spelled : {prefixed, with_old_ending(prefixed)})
                if (const TensorView* view = files_.find(spelled)) {
                    used_.insert(view);
                    return view;
                }
        return nullptr;
    }

    /// @return  names of the tensors that were never asked for, sorted; positions that are no parameters are not among them
    std::vector<std::string> unused() const
    {
        std::vector<std::string> names;
        for (const auto& [name, view] : files_.by_name())
            if (!used_.contains(view) && !name.ends_with("embeddings.position_ids")) names.emplace_back(name);
        return names;
    }

private:
    static std::string with_old_ending(const std::string& name)
    {
        for (const auto& [now, before] : {std::pair{"LayerNorm.weight", "LayerNorm.gamma"}, {"LayerNorm.bias", "LayerNorm.beta"}})
            if (name.ends_with(now)) return name.substr(0, name.size() - std::strlen(now)) + before;
        return name;
    }

    const SafetensorsFolder& files_;
    std::set<const TensorView*> used_;
};

/// Whether two tensors of a file hold the same.
inline bool same_contents(const TensorView& a, const TensorView& b)
{
    return a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes && std::memcmp(a.data, b.data, a.bytes) == 0;
}

}  // namespace detail

/// How many numbers a model of this configuration has, without making it.
/// @param config  sizes and architecture
/// @return  the count, tied tables once
inline std::size_t parameter_count(const Config& config)
{
    const std::size_t H = config.hidden_size, I = config.intermediate_size, V = config.vocab_size;
    const Heads heads = heads_of(config.architecture);
    std::size_t count = (V + config.max_position_embeddings + config.type_vocab_size + 2) * H;
    count += config.num_hidden_layers * (4 * (H * H + H) + 2 * H + (I * H + I) + (H * I + H) + 2 * H);
    if (heads.pooler) count += H * H + H;
    if (heads.masked_word) count += H * H + H + 2 * H + V + (config.tie_word_embeddings ? 0 : V * H);
    if (heads.next_sentence) count += 2 * H + 2;
    switch (heads.classifier) {
        case Classifier::none: break;
        case Classifier::choice: count += H + 1; break;
        case Classifier::span: count += 2 * H + 2; break;
        case Classifier::sequence:
        case Classifier::tokens: count += config.num_labels() * (H + 1); break;
    }
    return count;
}

namespace detail {

/// An open model folder: which of its tensors is which parameter.
class ModelReader {
public:
    /// Reads the headers, and refuses a configuration that needs far more numbers than the files hold before memory is taken.
    explicit ModelReader(const std::filesystem::path& folder)
        : folder_(folder), config_(read_config(folder / "config.json")), files_(folder), names_(files_)
    {
        table_ = names_.find("bert.embeddings.word_embeddings.weight");
        decoder_bias_ = names_.find("cls.predictions.decoder.bias");
        bias_ = names_.find("cls.predictions.bias");
        const TensorView* const decoder = names_.find("cls.predictions.decoder.weight");
        if (table_ == nullptr) table_ = decoder;  // one of two tied matrices is enough
        if (config_.tie_word_embeddings && decoder != nullptr) config_.tie_word_embeddings = same_contents(*table_, *decoder);

        // A stored number has at least two bytes; the rest is left to tensors that are tied, or that only the architecture's
        // other heads have.
        std::size_t bytes = 0;
        for (const TensorView* view : files_.tensors())
            bytes += view->bytes;
        const std::size_t needed = parameter_count(config_);
        if (needed / 2 > bytes)
            fail_input((folder / "config.json").string(), "expected sizes for the " + std::to_string(bytes) +
                                                              " bytes of weights, got sizes that need " + std::to_string(needed) +
                                                              " numbers");
    }

    /// @return  the folder's configuration, its decoder tied only if it is
    const Config& config() const { return config_; }

    /// A model of this configuration, zeros, with as many blocks as asked for; without a pooler if the folder has none.
    template <class Real, class Ops>
    Model<Real, Ops> make(std::size_t layers)
    {
        Config some_layers = config_;
        some_layers.num_hidden_layers = layers;
        auto model = Model<Real, Ops>::make(some_layers);
        model.config = config_;
        if (config_.architecture == "BertModel" && names_.find("pooler.dense.weight") == nullptr) model.pooler.reset();
        return model;
    }

    /// Reads a parameter.
    template <class Value, std::size_t rank>
    void read(const std::string& name, Tensor<Value, rank>& tensor)
    {
        const TensorView* view = names_.find(name);
        if (name.ends_with("word_embeddings.weight")) view = table_;
        if (name == "cls.predictions.bias" || name == "cls.predictions.decoder.bias")
            view = decoder_bias_ ? decoder_bias_ : bias_;
        if (view == nullptr)
            fail_input(folder_.string(), "tensor \"" + name + "\": expected by " + config_.architecture + ", got no such tensor");
        read_into(*view, tensor);
    }

    /// @return  what nobody asked for
    LoadReport report() const { return {names_.unused()}; }

private:
    std::filesystem::path folder_;
    Config config_;
    SafetensorsFolder files_;
    PublishedNames names_;
    const TensorView *table_ = nullptr, *decoder_bias_ = nullptr, *bias_ = nullptr;
};

}  // namespace detail

/// Loads a model. What its architecture needs and the files lack is an error; what they have beside it is ignored and reported.
/// A masked-word decoder that differs from the word table is loaded as a matrix of its own.
/// @param folder  holds config.json and model.safetensors, or shards with an index
/// @param[out] report  what was ignored; nullptr: not wanted
/// @return  the model
/// @throws InputError for a file that is missing or broken, and for a tensor that is missing or has the wrong shape or dtype
template <class Real, class Ops>
Model<Real, Ops> load_model(const std::filesystem::path& folder, LoadReport* report = nullptr)
{
    detail::ModelReader reader(folder);
    auto model = reader.make<Real, Ops>(reader.config().num_hidden_layers);
    Model<Real, Ops>::parameters([&](const std::string& name, auto& tensor) { reader.read(name, tensor); }, "", model);
    if (report != nullptr) *report = reader.report();
    return model;
}

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

/// Saves a model as a folder that load_model and the reference library open: config.json and model.safetensors. Each file is written
/// beside and renamed; the folder is made if it isn't there.
/// @param model  of float or double
/// @param folder  where to
/// @param stored  how the weights are stored
/// @throws InputError if a file can't be written
/// @throws std::invalid_argument for a number that float16 doesn't hold
template <class Real, class Ops>
void save_model(const Model<Real, Ops>& model, const std::filesystem::path& folder, StoredAs stored = StoredAs::scalar)
{
    std::vector<TensorView> views;
    std::list<std::vector<std::uint16_t>> converted;  // a list never moves what it holds
    Model<Real, Ops>::parameters(
        [&](const std::string& name, const auto& tensor) {
            TensorView& view = views.emplace_back(view_of(name, tensor));
            if (stored == StoredAs::scalar) return;
            const std::vector<std::uint16_t>& bits = converted.emplace_back(detail::in_16_bits(name, tensor, stored));
            view.dtype = stored == StoredAs::bfloat16 ? Dtype::BF16 : Dtype::F16;
            view.data = reinterpret_cast<const std::byte*>(bits.data());
            view.bytes = bits.size() * sizeof(bits[0]);
        },
        "", model);
    std::error_code failed;
    std::filesystem::create_directories(folder, failed);
    if (failed) fail_input(folder.string(), "expected a folder to write to: " + failed.message());
    write_safetensors(folder / "model.safetensors", views);
    write_config(folder / "config.json", model.config);
}

}  // namespace bert
