/// @file
/// All families of models, by what config.json calls them.
#pragma once

#include <array>
#include <filesystem>
#include <string>

#include "bert/io/config.hpp"
#include "bert/io/families/albert.hpp"
#include "bert/io/families/bert.hpp"
#include "bert/io/families/distilbert.hpp"
#include "bert/io/families/gpt2.hpp"
#include "bert/io/families/mobilebert.hpp"
#include "bert/io/families/roberta.hpp"
#include "bert/io/family.hpp"

namespace bert {

/// The families whose models this library has, BERT's first.
inline constexpr std::array<const Family*, 6> families{&bert_family,   &roberta_family,    &distilbert_family,
                                                       &albert_family, &mobilebert_family, &gpt2_family};

/// The family of a configuration.
/// @param file  a config.json
/// @return  that of its model_type; for an unknown one BERT's, with which read_config then refuses the file
/// @throws InputError if the file can't be read, or isn't a JSON object
inline const Family& family_of(const std::filesystem::path& file)
{
    const std::string model_type = model_type_of(file);
    for (const Family* family : families)
        if (family->model_type == model_type) return *family;
    return bert_family;
}

}  // namespace bert
