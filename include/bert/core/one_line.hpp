/// @file
/// Texts from files, shown in messages whatever bytes they contain.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bert/core/language.hpp"

namespace bert {

/// A text on one short line: control characters are written as in JSON, and a long text is truncated.
/// @param text  any bytes
/// @param max_bytes  the most bytes of it that are shown
/// @return  the text for a message
inline std::string one_line(std::string_view text, std::size_t max_bytes = 200)
{
    constexpr char digits[] = "0123456789abcdef";
    std::size_t shown = text.size();
    if (shown > max_bytes) {
        shown = max_bytes;
        // Don't truncate within a character: in UTF-8, a byte 10xxxxxx continues the one before it.
        while (shown > 0 && (static_cast<unsigned char>(text[shown]) & 0xC0U) == 0x80U)
            --shown;
    }
    std::string result;
    for (const char character : text.substr(0, shown)) {
        const auto byte = static_cast<unsigned char>(character);
        if (byte < 0x20 || byte == 0x7F) {
            result += "\\u00";
            result += digits[byte / 16];
            result += digits[byte % 16];
        } else {
            result += character;
        }
    }
    return shown < text.size() ? result + "..." : result;
}

/// A name in quotation marks, on one short line.
/// @param name  any bytes
/// @return  as in `"encoder.layer.0"`
inline std::string in_quotes(std::string_view name) { return '"' + one_line(name) + '"'; }

}  // namespace bert
