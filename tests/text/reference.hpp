/// @file
/// What tests of the tokenizer share: the stored results of the reference, and the strings that they belong to.
/// reference_outputs/tokenizer/generate.py says how they came about.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <ios>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/io/tokenizer_folder.hpp"
#include "sanitizers.hpp"

namespace reference {

/// The folder of the stored results.
inline std::filesystem::path folder() { return std::filesystem::path(BERT_SOURCE_DIR) / "reference_outputs/tokenizer"; }

/// The folder of real data, if there is one; else says what is left out.
inline std::optional<std::filesystem::path> data(const std::string& what)
{
    if (const char* path = std::getenv("BERT_DATA_DIR")) return path;
    std::cout << "SKIPPED: " << what << ": BERT_DATA_DIR is not set" << std::endl;
    return std::nullopt;
}

inline std::string contents(const std::filesystem::path& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

inline nlohmann::json json(const std::string& name) { return nlohmann::json::parse(contents(folder() / name)); }

/// One of the small tokenizers that are stored.
inline bert::FastTokenizer small(const std::string& name)
{
    return bert::load_tokenizer(folder() / "tokenizers" / (name + ".json"));
}

/// One of the published ones.
inline bert::FastTokenizer published(const std::filesystem::path& data, const std::string& name)
{
    return bert::load_tokenizer(data / "vocab" / name, name.find("uncased") != name.npos || name.find("chinese") != name.npos);
}

/// The CRC-32 of zlib, of 32-bit numbers, lowest byte first.
class Crc {
public:
    void add(std::uint32_t number)
    {
        for (int byte = 0; byte < 4; ++byte, number >>= 8)
            value_ = table()[(value_ ^ number) & 0xFF] ^ value_ >> 8;
    }
    void add(const bert::Encoding& encoding)
    {
        add(static_cast<std::uint32_t>(encoding.size()));
        for (const std::int64_t id : encoding.ids)
            add(static_cast<std::uint32_t>(id));
        for (const auto& [start, end] : encoding.offsets)
            add(start), add(end);
        for (const std::int32_t word : encoding.word_ids)
            add(static_cast<std::uint32_t>(word));
    }
    std::string text() const
    {
        char digits[9];
        std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(~value_));
        return digits;
    }

private:
    static const std::array<std::uint32_t, 256>& table()
    {
        static const std::array<std::uint32_t, 256> entries = [] {
            std::array<std::uint32_t, 256> result{};
            for (std::uint32_t i = 0; i < 256; ++i) {
                result[i] = i;
                for (int bit = 0; bit < 8; ++bit)
                    result[i] = result[i] >> 1 ^ (result[i] & 1 ? 0xEDB88320u : 0);
            }
            return result;
        }();
        return entries;
    }
    std::uint32_t value_ = 0xFFFFFFFF;
};

/// The hash of what a tokenizer makes of strings.
/// @param by_steps  whether it takes them through the steps one after another
inline std::string hash(const bert::Tokenizer& tokenizer, const std::vector<std::string>& strings, bool by_steps = false)
{
    Crc crc;
    for (const std::string& text : strings) {
        if (by_steps) {
            bert::Encoding encoding;
            encoding.push(tokenizer.cls_id(), {0, 0}, -1);
            tokenizer.Tokenizer::tokenize(text, encoding);
            encoding.push(tokenizer.sep_id(), {0, 0}, -1);
            crc.add(encoding);
        } else {
            crc.add(tokenizer.encode(text));
        }
    }
    return crc.text();
}

/// From one block of stored results to the next that is looked at: with a sanitizer each fifth, whose values are not in doubt.
inline constexpr std::size_t block_step = with_sanitizer ? 5 : 1;

/// The strings that stand for block b of the scalar values.
inline std::vector<std::string> scalar_strings(std::size_t block, const std::vector<std::string>& contexts)
{
    std::vector<std::string> result;
    for (char32_t code = static_cast<char32_t>(4096 * block); code < 4096 * (block + 1); ++code) {
        if (0xD800 <= code && code <= 0xDFFF) continue;
        std::string scalar;
        bert::append_utf8(code, scalar);
        for (const std::string& context : contexts) {
            std::string text = context;
            for (std::size_t at; (at = text.find("%s")) != text.npos;)
                text.replace(at, 2, scalar);
            result.push_back(text);
        }
    }
    return result;
}

/// 500 random strings of the parts given.
inline std::vector<std::string> random_strings(std::uint64_t seed, const std::vector<std::string>& parts)
{
    const auto below = [&](std::uint64_t limit) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        return (seed >> 33) % limit;
    };
    std::vector<std::string> result;
    for (int i = 0; i < 500; ++i) {
        std::string text;
        for (std::uint64_t remaining = below(16); remaining > 0; --remaining) {
            if (below(4) == 0) {
                constexpr std::uint64_t limits[] = {0x250, 0x3000, 0x10000, 0x110000};
                const auto code = static_cast<char32_t>(below(limits[below(4)]));
                bert::append_utf8(0xD800 <= code && code <= 0xDFFF ? 0xFFFD : code, text);
            } else {
                text += parts[below(parts.size())];
            }
        }
        result.push_back(text);
    }
    return result;
}

/// The lines of a file, without the empty one behind the last line feed.
inline std::vector<std::string> lines(const std::filesystem::path& path)
{
    std::vector<std::string> result;
    std::istringstream text(contents(path));
    for (std::string line; std::getline(text, line);)
        result.push_back(line);
    return result;
}

}  // namespace reference
