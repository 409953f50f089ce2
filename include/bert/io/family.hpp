/// @file
/// A family of models: what its published files call what our components have.
///
/// Components know one set of names, BERT's. A family's table says what its files say instead. Reading, writing, verification and
/// the exceptions from weight decay go by the same table.
#pragma once

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/language.hpp"

namespace bert {

/// A part of a tensor's name and what stands for it elsewhere.
struct NameSubstitution {
    std::string_view ours;       ///< as in `attention.output.LayerNorm`
    std::string_view published;  ///< as in `sa_layer_norm`
};

/// Two names under which files store the same parameter: tied tables, and what was stored twice.
struct TiedNames {
    std::string_view parameter;  ///< published
    std::string_view first;      ///< looked for first
    std::string_view second;     ///< if that isn't there
};

/// A class of models as it is published.
struct Architecture {
    std::string_view name;                       ///< as in `BertForMaskedLM`
    bool has_pooler;                             ///< whether its body ends in a pooler
    std::array<std::string_view, 2> heads = {};  ///< its heads, as in `masked_lm`; empty names stand for none
};

/// The table of a family.
struct Family {
    std::string_view model_type;  ///< in config.json, as in `bert`
    std::string_view body;        ///< what stands before the body's names where there are heads, as in `bert.`
    std::span<const Architecture> architectures = {};        ///< its classes
    std::span<const NameSubstitution> config_keys = {};      ///< keys of config.json that are not BERT's
    std::span<const NameSubstitution> names = {};            ///< each is applied where it fits, one after the other
    std::span<const NameSubstitution> old_names = {};        ///< endings of older files: published, and what it was before
    std::span<const std::string_view> ignored = {};          ///< endings of tensors that are no parameters
    std::span<const TiedNames> tied = {};                    ///< parameters that files have under two names
    std::span<const std::string_view> body_components = {};  ///< what the names of the tensors of a body's component begin with
    std::span<const std::string_view> head_components = {};  ///< those of the heads
    std::string_view table = {};                             ///< the word table, published
    std::string_view decoder = {};                           ///< the masked-LM decoder's matrix, published, tied to it or not

    /// @param name  of a parameter of ours, as in `bert.embeddings.word_embeddings.weight`
    /// @return  what published files call it
    std::string published(std::string name) const
    {
        if (name.starts_with("bert.")) name.replace(0, 5, body);
        for (const NameSubstitution& substitution : names)
            if (const std::size_t at = name.find(substitution.ours); at != name.npos)
                name.replace(at, substitution.ours.size(), substitution.published);
        return name;
    }

    /// @param key  of config.json, as BERT has it
    /// @return  what the family's config.json calls it
    std::string_view config_key(std::string_view key) const
    {
        for (const NameSubstitution& substitution : config_keys)
            if (substitution.ours == key) return substitution.published;
        return key;
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
};

}  // namespace bert
