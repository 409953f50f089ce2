/// @file
/// A parameter's name, kind and depth. The name's text is built only when it is read: counting, copying or initializing a model
/// doesn't need it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// A part of a name, and what stands for it in the files of a family of models.
struct NameSubstitution {
    std::string_view ours;       ///< as in `attention.output.LayerNorm`
    std::string_view published;  ///< as in `sa_layer_norm`
};

/// What a parameter is: initialization treats the kinds differently.
enum class ParameterKind {
    matrix,  ///< weights of a linear layer
    bias,    ///< of a linear layer, or one number for each word of the vocabulary
    table,   ///< of embeddings
    scale,   ///< gamma of a layer norm
    shift,   ///< beta of a layer norm
};

/// A name that is passed down from component to component and extended on the way: `visit(name + ".dense", ...)`. An extended
/// name refers to the shorter one and must not outlive it, so a name is an argument, never a variable: `Name own = name +
/// ".layer." + l;` would dangle. To store a name, store its text().
class Name {
public:
    /// @param text  the beginning of the name; must outlive it
    Name(const char* text) : part_(text) {}
    /// @copydoc Name(const char*)
    Name(std::string_view text) : part_(text) {}
    /// @copydoc Name(const char*)
    Name(const std::string& text) : part_(text) {}

    /// @param before  a name; must outlive the result
    /// @param part  its continuation; must outlive the result
    /// @return  the longer name
    friend Name operator+(const Name& before, std::string_view part)
    {
        Name name(part);
        name.before_ = &before;
        return name;
    }
    /// @param before  a name; must outlive the result
    /// @param number  its continuation
    /// @return  the longer name
    friend Name operator+(const Name& before, std::size_t number)
    {
        Name name = before + std::string_view();
        name.number_ = number;
        return name;
    }

    /// @param kind  the parameter's kind
    /// @return  the same name with this kind
    Name of(ParameterKind kind) const
    {
        Name name = *this;
        name.kind_ = kind;
        return name;
    }
    /// @param depth  0 for embeddings, l + 1 for block l
    /// @return  the same name with this depth; names that extend it inherit it
    Name at_depth(std::size_t depth) const
    {
        Name name = *this;
        name.depth_ = depth;
        return name;
    }

    /// @return  what the parameter is: a matrix, unless `of` said otherwise
    ParameterKind kind() const { return kind_; }
    /// @return  0 for embeddings, l + 1 for block l; std::nullopt for pooler and heads
    std::optional<std::size_t> depth() const { return depth_ || before_ == nullptr ? depth_ : before_->depth(); }

    /// @return  the whole name
    std::string text() const
    {
        std::string text = before_ ? before_->text() : std::string();
        return number_ ? text + std::to_string(*number_) : text.append(part_);
    }
    /// @copydoc text
    operator std::string() const { return text(); }

private:
    const Name* before_ = nullptr;  // the name that part_ or number_ extends
    std::string_view part_;
    std::optional<std::size_t> number_, depth_;
    ParameterKind kind_ = ParameterKind::matrix;
};

}  // namespace bert
