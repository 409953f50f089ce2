/// @file
/// The default model: the one that comes with the program.
#pragma once

#include <filesystem>

namespace program {

struct CommonOptions;

/// Whether the default model is trained. As long as its weights are random, what it computes has no meaning, and the program
/// says so wherever that matters; nothing else has to change once it is trained.
inline constexpr bool default_model_is_trained = false;

/// @return  its folder, beside the installed program or in the source folder
std::filesystem::path default_model_folder();

/// Whether a model's weights are known to be random.
/// @param folder  a model folder
/// @return  true for the default model, by whatever path, until it is trained
bool has_random_weights(const std::filesystem::path& folder);

/// Warns that results have no meaning if the model's weights are random.
/// @param common  --model, --quiet
void warn_of_random_weights(const CommonOptions& common);

}  // namespace program
