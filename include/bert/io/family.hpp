/// @file
/// A family of models: what its published files call what our components have.
///
/// Components know one set of names, BERT's. A family's table says what its files say instead. Reading, writing, verification and
/// the exceptions from weight decay go by the same table.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "bert/config.hpp"
#include "bert/core/name.hpp"

namespace bert {

/// Two names under which files store the same parameter: tied tables, and what was stored twice.
struct TiedNames {
    std::string_view parameter;  ///< published
    std::string_view first;      ///< looked for first
    std::string_view second;     ///< if that isn't there
};

/// A class of models as it is published.
struct Architecture {
    std::string_view name;                                       ///< as in `BertForMaskedLM`
    bool has_pooler;                                             ///< whether its body ends in a pooler
    std::array<std::string_view, 2> heads = {};                  ///< its heads, as in `masked_lm`; empty names stand for none
    ClassifierInput classifier_input = ClassifierInput::pooled;  ///< what its classifier of texts reads
    bool heads_may_be_tied = false;                              ///< whether its heads may have no tensors of their own
};

/// A block's name in files where layers share blocks: `FIRST` group `SECOND` block of the group.
struct GroupedNames {
    std::string_view first;   ///< as in `encoder.albert_layer_groups.`; empty: the files number the blocks
    std::string_view second;  ///< as in `.albert_layers.`
};

/// Linear layers of ours that files hold as one, side by side: query, key and value.
struct JoinedNames {
    std::string_view published;            ///< as in `attn.c_attn`
    std::array<std::string_view, 3> ours;  ///< in their order
};

/// A parameter in a family's files.
struct StoredForm {
    std::string name;       ///< published
    bool turned = false;    ///< whether a matrix is stored as [in, out], as by GPT-2
    std::size_t part = 0;   ///< which of the parts of the stored tensor, from 0
    std::size_t parts = 1;  ///< number of parts, side by side over the output
};

/// The configuration that stands for what a config.json of BERT leaves out.
/// @return  the transformers library's defaults
inline Config default_config() { return {}; }

/// The table of a family.
struct Family {
    std::string_view model_type;  ///< in config.json, as in `bert`
    std::string_view body;        ///< what stands before the body's names where there are heads, as in `bert.`
    std::span<const Architecture> architectures = {};     ///< its classes
    std::span<const std::string_view> other_models = {};  ///< classes that are refused by name: we don't have them
    Config (*defaults)() = default_config;                ///< stands for what a config.json leaves out
    std::span<const NameSubstitution> config_keys = {};  ///< keys of config.json: ours, and the family's if it is another one; an
                                                         ///< empty one: it has none
    std::span<const NameSubstitution> names = {};        ///< each is applied where it fits, one after the other
    GroupedNames blocks = {};                            ///< what files call the encoder's blocks, if they don't number them
    std::span<const std::string_view> turned = {};       ///< published endings of matrices that are stored as [in, out]
    std::span<const JoinedNames> joined = {};            ///< layers that are stored as one
    std::span<const std::string_view> nullable = {};     ///< keys of config.json, ours, for which null stands for the default
    std::span<const NameSubstitution> old_names = {};    ///< endings of older files: published, and what it was before
    std::span<const std::string_view> ignored = {};      ///< endings of tensors that are no parameters
    std::span<const TiedNames> tied = {};                ///< parameters that files have under two names
    std::span<const std::string_view> body_components = {};  ///< what the names of the tensors of a body's component begin with
    std::span<const std::string_view> head_components = {};  ///< those of the heads
    std::string_view table = {};                             ///< the word table, published
    std::string_view decoder = {};                           ///< the masked-LM decoder's matrix, published, tied to it or not

    /// @param name  of a parameter of ours, as in `bert.embeddings.word_embeddings.weight`
    /// @param config  the model's: how many blocks a layer has
    /// @return  what published files call it
    std::string published(std::string name, const Config& config) const
    {
        if (name.starts_with("bert.")) name.replace(0, 5, body);
        if (!blocks.first.empty()) name = with_grouped_block(name, config.inner_group_num);
        for (const NameSubstitution& substitution : names)
            if (const std::size_t at = name.find(substitution.ours); at != name.npos)
                name.replace(at, substitution.ours.size(), substitution.published);
        return name;
    }

    /// @param ours  of a parameter of ours
    /// @param config  as for published
    /// @return  where published files have it, and how
    StoredForm stored(const std::string& ours, const Config& config) const
    {
        StoredForm form{published(ours, config)};
        for (const std::string_view ending : turned)
            form.turned = form.turned || form.name.ends_with(ending);
        for (const JoinedNames& layers : joined)
            for (std::size_t part = 0; part < layers.ours.size(); ++part)
                if (ours.find(layers.ours[part]) != ours.npos) {
                    form.part = part;
                    form.parts = layers.ours.size();
                }
        return form;
    }

    /// @param key  of config.json: as BERT has it, or one that BERT doesn't have
    /// @return  what the family's config.json calls it; empty if it has no such key
    std::string_view config_key(std::string_view key) const
    {
        for (const NameSubstitution& substitution : config_keys)
            if (substitution.ours == key) return substitution.published;
        constexpr std::array<std::string_view, 6> not_in_bert{
            "embedding_size",       "num_hidden_groups",          "inner_group_num",
            "sinusoidal_positions", "question_answering_dropout", "embeddings_dropout_prob"};
        const bool is_in_bert = std::find(not_in_bert.begin(), not_in_bert.end(), key) == not_in_bert.end();
        return is_in_bert ? key : std::string_view();
    }

    /// @param name  a published one
    /// @return  the names under which it is looked for: with the body's prefix and without, and as older files have it
    std::vector<std::string> spellings(const std::string& name) const
    {
        std::vector<std::string> result;
        const std::string plain = name.starts_with(body) ? name.substr(body.size()) : name;
        for (const std::string& prefixed : {std::string(body) + plain, plain}) {
            result.push_back(prefixed);
            for (const NameSubstitution& old : old_names)
                if (prefixed.ends_with(old.ours))
                    result.push_back(prefixed.substr(0, prefixed.size() - old.ours.size()) + std::string(old.published));
        }
        return result;
    }

    /// @param name  of a stored tensor
    /// @return  the component that it belongs to, as in `encoder`; empty if it is not known
    std::string_view component_of(std::string_view name) const
    {
        if (name.starts_with(body)) name.remove_prefix(body.size());
        for (const auto& components : {body_components, head_components})
            for (const std::string_view component : components)
                if (name.starts_with(component) && name.substr(component.size()).starts_with('.')) return component;
        return {};
    }

    /// @param name  of a stored tensor
    /// @return  whether it belongs to a head
    bool is_of_head(std::string_view name) const
    {
        const std::string_view component = component_of(name);
        return std::find(head_components.begin(), head_components.end(), component) != head_components.end();
    }

    /// @param name  of a stored tensor
    /// @return  whether it is known to be no parameter
    bool ignores(std::string_view name) const
    {
        for (const std::string_view ending : ignored)
            if (name.ends_with(ending)) return true;
        return false;
    }

private:
    /// A name in which `encoder.layer.5` is `encoder.albert_layer_groups.2.albert_layers.1`, if a layer has two blocks.
    std::string with_grouped_block(const std::string& name, std::size_t blocks_of_layer) const
    {
        constexpr std::string_view ours = "encoder.layer.";
        const std::size_t place = name.find(ours);
        if (place == name.npos) return name;
        std::size_t block = 0;
        const char* const number = name.data() + place + ours.size();
        const std::from_chars_result read = std::from_chars(number, name.data() + name.size(), block);
        if (read.ec != std::errc()) return name;
        return name.substr(0, place) + std::string(blocks.first) + std::to_string(block / blocks_of_layer) +
               std::string(blocks.second) + std::to_string(block % blocks_of_layer) + read.ptr;
    }
};

}  // namespace bert
