/// @file
/// Conversion between UTF-8 and code points. Bytes that are not UTF-8 are replaced by U+FFFD and counted, or refused.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "bert/core/error.hpp"

namespace bert {

/// One code point read from UTF-8.
struct Utf8Character {
    char32_t code;       ///< the code point; U+FFFD if the bytes are not UTF-8
    std::size_t length;  ///< its number of bytes, at least 1
    bool valid;          ///< false if the bytes are not UTF-8
};

/// Reads the code point at a position. The lead byte gives the number of bytes that follow, each 10xxxxxx:
///
///     0xxxxxxx                                U+0000 to U+007F
///     110xxxxx 10xxxxxx                       U+0080 to U+07FF
///     1110xxxx 10xxxxxx 10xxxxxx              U+0800 to U+FFFF, without the surrogates U+D800 to U+DFFF
///     11110xxx 10xxxxxx 10xxxxxx 10xxxxxx     U+10000 to U+10FFFF
///
/// A sequence that could be written with fewer bytes is not UTF-8. In a malformed sequence, the longest part that could begin a
/// valid one becomes a single U+FFFD, as the Unicode standard recommends.
/// @param text  the bytes
/// @param position  where to read, below text.size()
/// @return  the code point and its length
/// @see The Unicode Standard, section 3.9, table 3-7
inline Utf8Character read_utf8(std::string_view text, std::size_t position)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(position);
    if (lead < 0x80) return {lead, 1, true};
    if (lead < 0xC2 || lead > 0xF4) return {0xFFFD, 1, false};

    const std::size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t code = lead & (0x7Fu >> length);
    for (std::size_t i = 1; i < length; ++i) {
        // The range of the second byte excludes sequences that are too long, surrogates and code points above U+10FFFF.
        const unsigned low = i > 1 ? 0x80 : lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
        const unsigned high = i > 1 ? 0xBF : lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
        if (position + i >= text.size() || byte(position + i) < low || byte(position + i) > high) return {0xFFFD, i, false};
        code = code << 6 | (byte(position + i) & 0x3Fu);
    }
    return {code, length, true};
}

/// Decodes a whole text.
/// @param text  the bytes
/// @param[out] codes  its code points
/// @return  the number of malformed sequences, each of which became U+FFFD
inline std::size_t decode_utf8(std::string_view text, std::u32string& codes)
{
    std::size_t replaced = 0;
    codes.clear();
    for (std::size_t position = 0; position < text.size();) {
        const Utf8Character character = read_utf8(text, position);
        codes += character.code;
        replaced += character.valid ? 0 : 1;
        position += character.length;
    }
    return replaced;
}

/// The length of a code point in UTF-8.
/// @param code  a Unicode scalar value
/// @return  the number of bytes, 1 to 4
inline std::size_t utf8_length(char32_t code) { return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4; }

/// Appends a code point to UTF-8.
/// @param code  a Unicode scalar value
/// @param[in,out] text  the code point is appended
inline void append_utf8(char32_t code, std::string& text)
{
    const auto trail = [](char32_t bits) { return static_cast<char>(0x80 | (bits & 0x3F)); };
    if (code < 0x80) {
        text += static_cast<char>(code);
    } else if (code < 0x800) {
        text += {static_cast<char>(0xC0 | code >> 6), trail(code)};
    } else if (code < 0x10000) {
        text += {static_cast<char>(0xE0 | code >> 12), trail(code >> 6), trail(code)};
    } else {
        text += {static_cast<char>(0xF0 | code >> 18), trail(code >> 12), trail(code >> 6), trail(code)};
    }
}

/// Encodes code points.
/// @param codes  Unicode scalar values
/// @return  UTF-8
inline std::string encode_utf8(std::u32string_view codes)
{
    std::string text;
    for (const char32_t code : codes)
        append_utf8(code, text);
    return text;
}

/// Finds the first malformed UTF-8 sequence.
/// @param text  the bytes
/// @return  the index of its first byte; text.size() if there is none
inline std::size_t find_malformed_utf8(std::string_view text)
{
    std::size_t position = 0;
    while (position < text.size()) {
        const Utf8Character character = read_utf8(text, position);
        if (!character.valid) break;
        position += character.length;
    }
    return position;
}

/// Checks that bytes are UTF-8.
/// @param place  name of the text for the message, as in `vocab.txt:17`
/// @param text  the bytes
/// @throws InputError `vocab.txt:17: byte 3: expected UTF-8, got 0xFF` (bytes count from 0)
inline void require_utf8(std::string_view place, std::string_view text)
{
    static constexpr char digits[] = "0123456789ABCDEF";
    const std::size_t position = find_malformed_utf8(text);
    if (position == text.size()) return;
    const auto byte = static_cast<unsigned char>(text[position]);
    fail_input(place, "byte " + std::to_string(position) + ": expected UTF-8, got 0x" + digits[byte >> 4] + digits[byte & 15]);
}

}  // namespace bert
