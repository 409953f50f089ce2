/// @file
/// Loads models from folders with config.json and model.safetensors, as they are published. (io/model_writer.hpp saves them.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"
#include "bert/core/tensor.hpp"
#include "bert/io/architectures.hpp"
#include "bert/io/config.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/family.hpp"
#include "bert/io/published_tensors.hpp"
#include "bert/io/safetensors_folder.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/model.hpp"

namespace bert {

/// What a folder held beside the model.
struct LoadReport {
    std::vector<std::string> ignored = {};   ///< tensors that the model's architecture doesn't have, sorted
    std::vector<std::string> warnings = {};  ///< what its files say and isn't followed, one line each
};

namespace detail {

/// Finds tensors under the names that a family's files use for them, and remembers which were asked for.
class PublishedNames {
public:
    PublishedNames(const SafetensorsFolder& files, const Family& family, const Config& config)
        : files_(files), family_(family), config_(config)
    {
    }

    /// The tensor of a published name, in any of its spellings.
    /// @return  nullptr if there is none
    const TensorView* find(std::string_view name)
    {
        for (const std::string& spelling : family_.spellings(std::string(name)))
            if (const TensorView* view = files_.find(spelling)) {
                used_.insert(view);
                return view;
            }
        return nullptr;
    }

    /// The tensor of a parameter, which can be stored under two names.
    /// @return  nullptr if there is none
    const TensorView* find_parameter(const std::string& ours)
    {
        const std::string published = family_.published(ours, config_);
        for (const TiedNames& tied : family_.tied) {
            if (family_.spellings(std::string(tied.parameter)).front() != family_.spellings(published).front()) continue;
            const TensorView *first = find(tied.first), *second = find(tied.second);
            return first != nullptr ? first : second;
        }
        return find(published);
    }

    /// @return  what the family's files call a parameter, and how they hold it
    StoredForm stored(const std::string& ours) const { return family_.stored(ours, config_); }

    /// @return  names of the tensors that were never asked for, sorted; those that are known to be no parameters are left out
    std::vector<std::string> unused() const
    {
        std::vector<std::string> names;
        for (const auto& [name, view] : files_.by_name())
            if (!used_.contains(view) && !family_.ignores(name)) names.emplace_back(name);
        return names;
    }

private:
    const SafetensorsFolder& files_;
    const Family& family_;
    const Config& config_;
    std::set<const TensorView*> used_;
};

/// Whether two tensors of a file hold the same.
inline bool same_contents(const TensorView& a, const TensorView& b)
{
    return a.dtype == b.dtype && a.shape == b.shape && a.bytes == b.bytes && std::memcmp(a.data, b.data, a.bytes) == 0;
}

/// The heads of a model that are wanted, by their names; std::nullopt stands for all that its architecture has.
using WantedHeads = std::optional<std::vector<std::string>>;

/// An open model folder: which of its tensors is which parameter.
class ModelReader {
public:
    /// Reads the headers, and refuses a configuration that needs far more numbers than the files hold before memory is taken.
    /// @param folder  the folder
    /// @param family  what its files call things
    /// @param heads  which of the model's heads are wanted; the tensors of others are left alone
    explicit ModelReader(const std::filesystem::path& folder, const Family& family = bert_family, const WantedHeads& heads = {})
        : folder_(folder),
          family_(family),
          wants_all_heads_(!heads),
          config_(read_config(folder / "config.json", family, &warnings_)),
          files_(folder),
          names_(files_, family, config_)
    {
        if (!heads)
            use_body_without_heads(family);
        else
            std::erase_if(config_.heads, [&](const std::string& name) { return !is_one_of(*heads, name); });
        const TensorView *const table = names_.find(family.table), *const decoder = names_.find(family.decoder);
        if (config_.tie_word_embeddings && table != nullptr && decoder != nullptr)
            config_.tie_word_embeddings = same_contents(*table, *decoder);  // of tied matrices, one is enough
        const bool has_weights = !config_.mobilebert || config_.mobilebert->classifier_activation;  // the pooler, if there is one
        if (config_.heads.empty() && has_weights && names_.find_parameter("bert.pooler.dense.weight") == nullptr)
            config_.has_pooler = false;

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

    /// Reads a parameter.
    /// @param name  as our components call it
    /// @param[out] tensor  of the parameter's shape
    template <class Value, std::size_t rank>
    void read(const std::string& name, Tensor<Value, rank>& tensor)
    {
        const TensorView* const view = names_.find_parameter(name);
        const StoredForm form = names_.stored(name);
        if (view == nullptr)
            fail_input(folder_.string(),
                       "tensor " + in_quotes(form.name) + ": expected by " + config_.architecture + ", got no such tensor");
        if (form.turned || form.parts > 1)
            read_arranged(*view, form, tensor);
        else
            read_into(*view, tensor);
    }

    /// @return  what nobody asked for
    LoadReport report() const
    {
        std::vector<std::string> ignored = names_.unused();
        if (!wants_all_heads_) std::erase_if(ignored, [&](const std::string& name) { return family_.is_of_head(name); });
        return {ignored, warnings_};
    }

private:
    /// Where the files have no tensor of any head, the encoder can be used all the same.
    void use_body_without_heads(const Family& family)
    {
        const auto of_head = [&](const TensorView* view) { return family.is_of_head(view->name); };
        if (config_.heads.empty() || !has_tensors_of_heads(config_.architecture, family)) return;
        if (std::any_of(files_.tensors().begin(), files_.tensors().end(), of_head)) return;
        const std::string name(family.architectures.front().name);
        warnings_.push_back((folder_ / "config.json").string() + ": architectures: " + in_quotes(config_.architecture) +
                            " has a head, of which the files have no tensor; the model is a " + name);
        set_architecture(name, config_, "config", family);
    }

    std::filesystem::path folder_;
    const Family& family_;
    bool wants_all_heads_;
    std::vector<std::string> warnings_;
    Config config_;
    SafetensorsFolder files_;
    PublishedNames names_;
};

/// Loads a model with some of its heads.
template <class AnyModel>
AnyModel load_any(const std::filesystem::path& folder, LoadReport* report, const Family& family, const WantedHeads& heads)
{
    ModelReader reader(folder, family, heads);
    auto model = AnyModel::make(reader.config());
    AnyModel::parameters([&](const std::string& name, auto& tensor) { reader.read(name, tensor); }, "", model);
    if (report != nullptr) *report = reader.report();
    return model;
}

}  // namespace detail

/// Loads a model. What its architecture needs and the files lack is an error; what they have beside it is ignored and reported.
/// A masked-LM decoder that differs from the word table is loaded as a matrix of its own.
/// @param folder  holds config.json and model.safetensors, or shards with an index
/// @param[out] report  what was ignored; nullptr if that isn't wanted
/// @param family  what the files call the parameters
/// @return  the model
/// @throws InputError for a file that is missing or broken, and for a tensor that is missing or has the wrong shape or dtype
template <class Real, class Ops, template <class, class> class Body = BertBody, class Heads = BertHeads>
Model<Real, Ops, Body, Heads> load_model(const std::filesystem::path& folder, LoadReport* report = nullptr,
                                         const Family& family = bert_family)
{
    return detail::load_any<Model<Real, Ops, Body, Heads>>(folder, report, family, std::nullopt);
}

/// Loads a model with some of its heads, or its body alone. So RoBERTa, DistilBERT and ALBERT can be loaded as a BERT, whose body
/// they have, with those of their heads that are BERT's.
/// @param folder  as for load_model
/// @param heads  the names of the heads, as in `masked_lm`; those that the model doesn't have are left out
/// @param[out] report  what was ignored, but for the heads' tensors; nullptr if that isn't wanted
/// @param family  what the files call the parameters
/// @return  the model
/// @throws InputError as load_model
template <class Real, class Ops, template <class, class> class Body = BertBody, class Heads = BertHeads>
Model<Real, Ops, Body, Heads> load_with_heads(const std::filesystem::path& folder, const std::vector<std::string>& heads,
                                              LoadReport* report = nullptr, const Family& family = bert_family)
{
    return detail::load_any<Model<Real, Ops, Body, Heads>>(folder, report, family, heads);
}

}  // namespace bert
