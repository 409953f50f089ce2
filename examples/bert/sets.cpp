#include "sets.hpp"

#include <cstddef>
#include <string>
#include <system_error>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>
#include <bert/io/sentence_folder.hpp>
#include <bert/io/tokenizer_folder.hpp>

#include "default_model.hpp"

namespace program {

std::filesystem::path model_folder(const CommonOptions& common)
{
    if (common.model.empty()) return default_model_folder();
    std::error_code ignored;
    if (!std::filesystem::is_directory(common.model, ignored))
        bert::fail_input(common.model.string(), "expected a model folder, got no folder");
    return common.model;
}

std::filesystem::path transformer_folder(const CommonOptions& common) { return bert::transformer_folder(model_folder(common)); }

bert::FastTokenizer load_tokenizer(const CommonOptions& common, const std::filesystem::path& path, std::optional<bool> lowercase)
{
    std::vector<std::string> warnings;
    bert::FastTokenizer tokenizer = bert::load_tokenizer(path, lowercase, &warnings);
    warn(common.quiet, warnings);
    return tokenizer;
}

void warn_of_ignored(const CommonOptions& common, const bert::LoadReport& report)
{
    warn(common.quiet, report.warnings);
    if (report.ignored.empty()) return;
    const std::size_t count = report.ignored.size();
    warn(common.quiet, model_folder(common).string() + ": " + std::to_string(count) +
                           (count == 1 ? " tensor that the model doesn't have is" : " tensors that the model doesn't have are") +
                           " ignored: " + bert::one_line(report.ignored.front()) + (count == 1 ? "" : ", ..."));
}

}  // namespace program
