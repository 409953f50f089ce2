#include "sets.hpp"

#include <cstddef>
#include <string>
#include <system_error>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>

namespace program {

std::filesystem::path model_folder(const CommonOptions& common)
{
    std::error_code ignored;
    if (!common.model.empty()) {
        if (!std::filesystem::is_directory(common.model, ignored))
            bert::fail_input(common.model.string(), "expected a model folder, got no folder");
        return common.model;
    }
    // Without /proc the installed folder can't be found, and the source folder is used.
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    const std::filesystem::path installed = self.parent_path().parent_path() / "share" / "bert" / "models" / "default";
    if (std::filesystem::is_directory(installed, ignored)) return installed;
    return std::filesystem::path(BERT_SOURCE_DIR) / "examples" / "models" / "default";
}

void warn_of_ignored(const CommonOptions& common, const bert::LoadReport& report)
{
    for (const std::string& warning : report.warnings)
        warn(common.quiet, warning);
    if (report.ignored.empty()) return;
    const std::size_t count = report.ignored.size();
    warn(common.quiet, model_folder(common).string() + ": " + std::to_string(count) +
                           (count == 1 ? " tensor that the model doesn't have is" : " tensors that the model doesn't have are") +
                           " ignored: " + bert::one_line(report.ignored.front()) + (count == 1 ? "" : ", ..."));
}

}  // namespace program
