/// @file
/// A range: of a text's characters or bytes, or of an encoding's tokens.
#pragma once

#include <cstddef>

#include "bert/core/language.hpp"

namespace bert {

/// What lies from start to before end.
struct Span {
    std::size_t start;  ///< the first one
    std::size_t end;    ///< one past the last

    /// @return  whether start and end are equal to the other's
    bool operator==(const Span&) const = default;
};

}  // namespace bert
