/// @file
/// The published name of a parameter, put together only where somebody reads it: most passes over all parameters of a model never
/// look, and a training step should not make hundreds of strings.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// A name that is handed down from component to component and grows on the way: `name + ".layer." + l`. A longer name looks at
/// the shorter one, so it is for the expression that makes it, or the function. Whoever keeps it keeps its text.
class Name {
public:
    /// @param text  what the name begins with; must outlive it
    Name(const char* text) : part_(text) {}
    /// @copydoc Name(const char*)
    Name(std::string_view text) : part_(text) {}
    /// @copydoc Name(const char*)
    Name(const std::string& text) : part_(text) {}

    /// @param before  a name; must outlive the result
    /// @param part  how it goes on; must outlive the result
    /// @return  the longer name
    friend Name operator+(const Name& before, std::string_view part)
    {
        Name name(part);
        name.before_ = &before;
        return name;
    }
    /// @param before  a name; must outlive the result
    /// @param number  how it goes on
    /// @return  the longer name
    friend Name operator+(const Name& before, std::size_t number)
    {
        Name name = before + std::string_view();
        name.number_ = number;
        return name;
    }

    /// @return  the whole name
    std::string text() const
    {
        std::string text = before_ ? before_->text() : std::string();
        return number_ ? text + std::to_string(*number_) : text.append(part_);
    }
    /// @copydoc text
    operator std::string() const { return text(); }

private:
    const Name* before_ = nullptr;  // what part_ or number_ follows
    std::string_view part_;
    std::optional<std::size_t> number_;
};

}  // namespace bert
