/// @file
/// A value of a JSON document with its position, for error messages.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/error.hpp"
#include "bert/core/one_line.hpp"

namespace bert::detail {

/// A value of a JSON document and its position.
struct JsonPlace {
    const nlohmann::json& value;  ///< the value
    std::string place;            ///< file and keys, as in `tokenizer.json: model.unk_token`

    /// @param expected  description of the expected value
    /// @throws InputError always
    [[noreturn]] void fail(std::string_view expected) const
    {
        fail_input(place, "expected " + std::string(expected) + ", got " +
                              one_line(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
    }
    /// @param key  a key of this object
    /// @return  whether it exists and isn't null
    bool has(std::string_view key) const
    {
        const auto found = object().value.find(key);
        return found != value.end() && !found->is_null();
    }
    /// @param key  a key of this object
    /// @return  its value
    JsonPlace at(std::string_view key) const
    {
        const auto found = object().value.find(key);
        const std::string inner = place + (place.ends_with(".json") ? ": " : ".") + one_line(key);
        if (found == value.end()) fail_input(inner, "expected a value, got none");
        return {*found, inner};
    }
    /// @return  this value, which must be an object
    const JsonPlace& object() const
    {
        if (!value.is_object()) fail("an object");
        return *this;
    }
    /// @return  the elements of this value, which must be an array
    std::vector<JsonPlace> elements() const
    {
        if (!value.is_array()) fail("an array");
        std::vector<JsonPlace> result;
        for (const nlohmann::json& element : value)
            result.push_back({element, place + "[" + std::to_string(result.size()) + "]"});
        return result;
    }
    /// @return  this value, which must be a string
    std::string text() const
    {
        if (!value.is_string()) fail("a string");
        return value.get<std::string>();
    }
    /// @return  this value, which must be true or false
    bool truth() const
    {
        if (!value.is_boolean()) fail("true or false");
        return value.get<bool>();
    }
    /// @param limit  one more than the largest number allowed
    /// @return  this value, which must be a whole number from 0 to limit - 1
    std::int64_t number(std::int64_t limit) const
    {
        const std::int64_t number = value.is_number_integer() ? value.get<std::int64_t>() : -1;
        if (number < 0 || number >= limit) fail("a whole number from 0 to " + std::to_string(limit - 1));
        return number;
    }
    /// @param least  the smallest number allowed
    /// @param most  the largest number allowed
    /// @return  this value, which must be a number, whole or not
    double real(double least, double most) const
    {
        const double number = value.is_number() ? value.get<double>() : std::numeric_limits<double>::quiet_NaN();
        if (!(number >= least && number <= most))
            fail("a number from " + nlohmann::json(least).dump() + " to " + nlohmann::json(most).dump());
        return number;
    }
    /// @param number  a number
    /// @return  whether this value is equal to it
    bool is(std::int64_t number) const { return value.is_number() && value.get<double>() == static_cast<double>(number); }
    /// @param key  a key of this object
    /// @param fallback  result if the key is missing
    /// @return  the key's value, which must be true or false
    bool truth(std::string_view key, bool fallback) const { return has(key) ? at(key).truth() : fallback; }
    /// @param allowed  the strings allowed
    /// @return  this value, which must be one of them
    std::string one_of(std::initializer_list<const char*> allowed) const
    {
        std::string choices;
        for (const char* choice : allowed) {
            if (value.is_string() && value.get_ref<const std::string&>() == choice) return choice;
            choices += (choices.empty() ? "" : " or ") + in_quotes(choice);
        }
        fail(choices);
    }
};

}  // namespace bert::detail
