/// @file
/// The names of a classifier's classes in a config.json: `id2label` and `num_labels`.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/config.hpp"
#include "bert/core/one_line.hpp"

namespace bert::detail {

/// The number of a class from a key of `id2label`, which may have a sign, zeros and spaces in front.
/// @param place  the file, for the message
/// @param key  the key
/// @param names  all of `id2label`, for the message
/// @throws InputError if it isn't a number
inline std::int64_t class_number(std::string_view place, std::string_view key, const nlohmann::json& names)
{
    const std::size_t first = key.find_first_not_of(' ');
    std::string_view digits = key.substr(std::min(first, key.size()));
    if (digits.starts_with('+')) digits.remove_prefix(1);
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size())
        fail_key(place, "id2label", "whole numbers as keys", std::string_view(one_line(names.dump())));
    return number;
}

/// The names of the classes, as the transformers library reads them. Where the two keys disagree, the number counts, and all
/// classes get the library's names, LABEL_0 and so on; so do single classes without a name.
/// @param place  the file, for messages
/// @param names  `id2label`, the names by the number of the class; or null
/// @param number  `num_labels`, C; or null
/// @param[out] warning  what isn't followed, or nothing
/// @return  C names
/// @throws InputError for a value of another type
inline std::vector<std::string> class_labels(std::string_view place, const nlohmann::json& names, const nlohmann::json& number,
                                             std::string& warning)
{
    constexpr std::size_t most = 1'000'000;
    const auto fail = [place](const char* key, const std::string& expected, const nlohmann::json& got) {
        fail_key(place, key, expected, std::string_view(one_line(got.dump())));
    };
    if (!names.is_null() && !names.is_object()) fail("id2label", "an object", names);
    std::map<std::int64_t, nlohmann::json> by_number;
    for (const auto& [key, name] : names.items())
        by_number[class_number(place, key, names)] = name;
    std::size_t C = by_number.size();
    if (!number.is_null()) {
        if (!number.is_number_unsigned()) fail("num_labels", "a whole number from 0", number);
        C = number.get<std::size_t>();
        if (C > most) fail("num_labels", "at most " + std::to_string(most), number);
    }
    std::vector<std::string> labels;
    for (std::size_t c = 0; c < C; ++c)
        labels.push_back("LABEL_" + std::to_string(c));
    if (names.is_null()) return labels;
    if (C != by_number.size()) {
        warning = "expected " + std::to_string(C) + " names, as num_labels says, got " + std::to_string(by_number.size()) +
                  "; isn't followed";
        return labels;
    }
    std::size_t named = 0;
    for (const auto& [c, name] : by_number) {
        if (c < 0 || c >= static_cast<std::int64_t>(C) || name.is_null()) continue;
        labels[static_cast<std::size_t>(c)] = name.is_string() ? name.get<std::string>() : one_line(name.dump());
        ++named;
    }
    if (named < C)
        warning = "expected a name for each class from 0 to " + std::to_string(C - 1) +
                  ", got some; the others are called LABEL_0 and so on";
    return labels;
}

}  // namespace bert::detail
