#include "default_model.hpp"

#include <system_error>

#include "options.hpp"
#include "output.hpp"

namespace program {

std::filesystem::path default_model_folder()
{
    std::error_code ignored;
    // Without /proc the installed folder can't be found, and the source folder is used.
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const std::filesystem::path installed = self.parent_path().parent_path() / "share" / "bert" / "models" / "default";
    if (std::filesystem::is_directory(installed, ignored)) return installed;
    return std::filesystem::path(BERT_SOURCE_DIR) / "examples" / "models" / "default";
}

bool has_random_weights(const std::filesystem::path& folder)
{
    std::error_code ignored;  // folders that can't be compared are different
    return !default_model_is_trained && std::filesystem::equivalent(folder, default_model_folder(), ignored);
}

void warn_of_random_weights(const CommonOptions& common)
{
    if (has_random_weights(common.model.empty() ? default_model_folder() : common.model))
        warn(common.quiet,
             "the weights of the default model are random, so its results have no meaning; --model DIR takes a trained model");
}

}  // namespace program
