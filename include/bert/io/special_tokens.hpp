/// @file
/// Special and added tokens that the files beside a vocabulary name: tokenizer_config.json, and in older folders
/// special_tokens_map.json and added_tokens.json.
///
/// They are read in the transformers library's order of precedence (5.23, PreTrainedTokenizerBase): where tokenizer_config.json
/// has `added_tokens_decoder`, the older files don't count; otherwise special_tokens_map.json wins over tokenizer_config.json.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "bert/core/one_line.hpp"
#include "bert/io/json.hpp"
#include "bert/io/json_place.hpp"
#include "bert/text/added_tokens.hpp"
#include "bert/text/tokenizer_options.hpp"
#include "bert/text/wordpiece.hpp"

namespace bert::detail {

/// The files of a tokenizer that stand beside its vocabulary: objects, empty if a file isn't there.
struct CompanionFiles {
    nlohmann::json tokenizer_config = nlohmann::json::object();
    nlohmann::json special_tokens_map = nlohmann::json::object();
    nlohmann::json added_tokens = nlohmann::json::object();
    std::string folder;  ///< for messages
};

/// Reads an added token: an object with its content and flags, or its content alone, which is then special.
/// @param json  the object or string
/// @param special  the flag `special` of an object without one
/// @return  the token
inline AddedToken added_token_from(const JsonPlace& json, bool special)
{
    AddedToken token;
    token.content = json.value.is_string() ? json.text() : json.at("content").text();
    token.special = json.value.is_string() || json.truth("special", special);
    if (json.value.is_object()) {
        token.single_word = json.truth("single_word", false);
        token.lstrip = json.truth("lstrip", false);
        token.rstrip = json.truth("rstrip", false);
    }
    token.normalized = json.value.is_object() ? json.truth("normalized", !token.special) : !token.special;
    return token;
}

/// Appends a token to a list, unless it is empty; if the list has its content already, it gets the new flags there, but stays
/// special.
/// @param token  the token
/// @param[in,out] tokens  the list
inline void add_token(const AddedToken& token, std::vector<AddedToken>& tokens)
{
    const auto same = [&](const AddedToken& known) { return known.content == token.content; };
    const auto known = std::find_if(tokens.begin(), tokens.end(), same);
    if (token.content.empty()) return;
    if (known == tokens.end()) {
        tokens.push_back(token);
        return;
    }
    const bool special = known->special || token.special;
    *known = token;
    known->special = special;
}

/// Special tokens by their roles, as in {`cls_token`, `[CLS]`}.
using Roles = std::vector<std::pair<std::string, AddedToken>>;

/// The roles that BERT's tokenizer has without being told.
/// @return  the roles and their tokens
inline Roles bert_roles()
{
    const SpecialTokens special;
    Roles roles;
    for (const auto& [role, content] :
         {std::pair{"unk_token", WordPieceOptions().unknown_token}, std::pair{"sep_token", special.sep},
          std::pair{"pad_token", special.pad}, std::pair{"cls_token", special.cls}, std::pair{"mask_token", special.mask}})
        roles.emplace_back(role, AddedToken{content, false, false, false, false, true});
    return roles;
}

/// The tokens that the companion files name.
struct NamedTokens {
    Roles roles;                    ///< in the library's order: first those that every tokenizer can have
    std::vector<AddedToken> by_id;  ///< those that a file lists with their ids, in the order of the ids
    std::vector<AddedToken> extra;  ///< special tokens without a role
};

/// Reads the tokens that the companion files name.
/// @param files  the files
/// @param roles  those that the tokenizer's class has without being told, as in {`cls_token`, `[CLS]`}
/// @param stored  the added tokens of a tokenizer.json in the same folder, by id
/// @return  the tokens
/// @throws InputError for a value of a wrong type
inline NamedTokens named_tokens_from(const CompanionFiles& files, Roles roles, const std::map<std::int64_t, AddedToken>& stored)
{
    constexpr std::array<std::string_view, 7> standard{"bos_token", "eos_token", "unk_token", "sep_token",
                                                       "pad_token", "cls_token", "mask_token"};
    const JsonPlace config{files.tokenizer_config, files.folder + "tokenizer_config.json"};
    const JsonPlace map{files.special_tokens_map, files.folder + "special_tokens_map.json"};
    const JsonPlace added{files.added_tokens, files.folder + "added_tokens.json"};
    NamedTokens named{std::move(roles), {}, {}};
    const auto is_role = [](std::string_view key) { return key.ends_with("_token") && !key.starts_with("add_"); };
    const auto set_role = [&](const std::string& key, const AddedToken& token) {
        if (token.content.empty()) return;
        for (auto& [known, value] : named.roles)
            if (known == key) {
                value = token;
                return;
            }
        named.roles.emplace_back(key, token);
    };
    const auto read_roles = [&](const JsonPlace& file) {
        for (const std::string_view key : standard) {
            const auto found = file.object().value.find(key);
            if (found != file.value.end() && found->is_null())
                std::erase_if(named.roles, [&](const auto& role) { return role.first == key; });
            else if (found != file.value.end())
                set_role(std::string(key), added_token_from(file.at(key), true));
        }
        for (const auto& [key, value] : file.value.items())
            if (is_role(key) && value.is_string()) set_role(key, added_token_from(file.at(key), true));
    };
    const auto read_extra = [&](const JsonPlace& file, std::string_view key) {
        if (!file.has(key)) return;
        if (file.at(key).value.is_object()) {
            for (const auto& [role, value] : file.at(key).value.items())
                set_role(role, added_token_from(file.at(key).at(role), true));
        } else {
            for (const JsonPlace& token : file.at(key).elements())
                add_token(added_token_from(token, true), named.extra);
        }
    };
    constexpr std::string_view extra = "extra_special_tokens", old_extra = "additional_special_tokens";
    read_roles(config);
    read_extra(config, extra);
    if (named.extra.empty()) read_extra(config, old_extra);  // beside the new key's list, the old one doesn't count

    std::map<std::int64_t, AddedToken> by_id;
    if (config.has("added_tokens_decoder")) {
        for (const auto& [id, value] : config.at("added_tokens_decoder").object().value.items()) {
            const JsonPlace entry{value, config.place + ": added_tokens_decoder." + one_line(id)};
            const nlohmann::json number = parse_json(entry.place, id);
            by_id[JsonPlace{number, entry.place}.number(std::int64_t{1} << 31)] = added_token_from(entry, false);
        }
    } else {
        read_roles(map);
        read_extra(map, extra);
        const auto is_special = [&](const std::string& content) {
            const auto same = [&](const AddedToken& token) { return token.content == content; };
            return std::any_of(named.extra.begin(), named.extra.end(), same) ||
                   std::any_of(named.roles.begin(), named.roles.end(), [&](const auto& role) { return same(role.second); });
        };
        for (const auto& [content, id] : added.object().value.items()) {
            const bool special = is_special(content);
            by_id[added.at(content).number(std::int64_t{1} << 31)] = {content, false, false, false, !special, special};
        }
        for (const auto& [id, token] : stored)
            by_id[id] = token;
        if (named.extra.empty()) read_extra(map, old_extra);
    }
    for (const auto& [id, token] : by_id)
        add_token(token, named.by_id);
    const auto place_of = [&](const auto& role) { return std::find(standard.begin(), standard.end(), role.first); };
    std::stable_sort(named.roles.begin(), named.roles.end(),
                     [&](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
    for (auto& [role, token] : named.roles)
        for (const AddedToken& known : named.by_id)
            if (known.content == token.content) token = known;
    return named;
}

/// Appends the named tokens to the tokens that a tokenizer has already, in the library's order.
/// @param named  the tokens
/// @param[in,out] tokens  the tokenizer's
inline void add_named_tokens(const NamedTokens& named, std::vector<AddedToken>& tokens)
{
    std::vector<AddedToken> more = named.by_id;
    const auto add_new = [&](const AddedToken& token) {
        const auto same = [&](const AddedToken& known) { return known.content == token.content; };
        if (std::none_of(tokens.begin(), tokens.end(), same) && std::none_of(more.begin(), more.end(), same))
            more.push_back(token);
    };
    for (const auto& [role, token] : named.roles)
        add_new(token);
    for (const AddedToken& token : named.extra)
        add_new(token);
    for (AddedToken& token : more) {
        for (const auto& [role, value] : named.roles)
            token.special = token.special || token.content == value.content;
        add_token(token, tokens);
    }
}

}  // namespace bert::detail
