/// @file
/// Running the program from a test: arguments and standard input in, exit status and both outputs out.
#pragma once

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include <bert/io/safetensors.hpp>
#include <bert/io/safetensors_writer.hpp>
#include <bert/io/tensor_view.hpp>

#include "../../examples/bert/default_model.hpp"
#include "../io/helpers.hpp"

/// What a run of the program came to.
struct Run {
    int status = -1;    ///< exit status; below 0: died of this signal, as in -SIGKILL
    std::string out;    ///< standard output
    std::string error;  ///< standard error

    /// @return  standard output as lines of JSON
    std::vector<nlohmann::json> json() const
    {
        std::vector<nlohmann::json> lines;
        for (std::size_t begin = 0; begin < out.size();) {
            const std::size_t end = out.find('\n', begin);
            if (end == std::string::npos) throw std::runtime_error("standard output: expected whole lines");
            lines.push_back(nlohmann::json::parse(out.substr(begin, end - begin)));
            begin = end + 1;
        }
        return lines;
    }
};

/// A process that runs the program.
class Process {
public:
    /// @param arguments  what stands behind the program's name
    /// @param input  the file that is its standard input
    /// @param output  the file that is its standard output
    /// @param error  the file that is its standard error
    Process(const std::vector<std::string>& arguments, const std::string& input, const std::string& output,
            const std::string& error)
    {
        std::vector<std::string> words{BERT_PROGRAM};
        words.insert(words.end(), arguments.begin(), arguments.end());
        std::vector<char*> pointers;
        for (std::string& word : words)
            pointers.push_back(word.data());
        pointers.push_back(nullptr);
        process_ = ::fork();
        if (process_ < 0) throw std::runtime_error("fork: no process");
        if (process_ != 0) return;
        const int in = ::open(input.c_str(), O_RDONLY), out = ::open(output.c_str(), O_WRONLY | O_CREAT, 0600);
        const int err = ::open(error.c_str(), O_WRONLY | O_CREAT, 0600);
        if (in < 0 || out < 0 || err < 0) ::_exit(126);
        ::dup2(in, STDIN_FILENO);
        ::dup2(out, STDOUT_FILENO);
        ::dup2(err, STDERR_FILENO);
        ::execv(pointers[0], pointers.data());
        ::_exit(127);
    }

    /// @param signal  sent to it, as in SIGINT
    void send(int signal) const { ::kill(process_, signal); }

    /// @return  its exit status, or the signal that it died of, negated: the program exits with 130 when it is interrupted, which
    ///     isn't death by SIGINT
    int wait() const
    {
        int status = 0;
        ::waitpid(process_, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }

private:
    pid_t process_ = -1;
};

/// Runs the program to its end.
/// @param arguments  what stands behind its name
/// @param input  its standard input
inline Run run(const std::vector<std::string>& arguments, const std::string& input = "")
{
    const TemporaryFolder folder;
    put(folder / "in", input);
    Run result;
    result.status = Process(arguments, folder / "in", folder / "out", folder / "error").wait();
    result.out = contents_of(folder / "out");
    result.error = contents_of(folder / "error");
    return result;
}

/// A path in the project.
inline std::string project(const std::string& path) { return std::string(BERT_SOURCE_DIR) + "/" + path; }

/// What standard error holds after a result of the default model: a warning, until it is trained.
inline std::string random_weights_warning()
{
    return program::default_model_is_trained
               ? ""
               : "bert: warning: the weights of the default model are random, so its results have no meaning; --model DIR takes "
                 "a trained model\n";
}

/// The case that was made with the program's default model, from text.
inline std::string default_case() { return project("reference_outputs/cases/default_model"); }

/// The file of inputs that a model is to be dumped on.
inline std::string inputs_file(const std::filesystem::path& path, const std::vector<std::size_t>& shape,
                               const std::vector<std::int64_t>& ids)
{
    bert::TensorView view;
    view.name = "input.ids";
    view.dtype = bert::Dtype::I64;
    view.shape = shape;
    view.data = reinterpret_cast<const std::byte*>(ids.data());
    view.bytes = ids.size() * sizeof(std::int64_t);
    bert::write_safetensors(path, {view});
    return path;
}

/// Copies a folder, one level deep.
inline void copy_folder(const std::string& from, const std::filesystem::path& to)
{
    std::filesystem::copy(from, to, std::filesystem::copy_options::recursive);
    for (const auto& entry : std::filesystem::directory_iterator(to))
        std::filesystem::permissions(entry, std::filesystem::perms::owner_all);
}

/// The default model, but that the numbers of some tensors are others.
/// @param folder  where to
/// @param endings  of the tensors' names
/// @param first  the tensor's first number
/// @param rest  all others
/// @param more  the name of one tensor more; empty: none
inline void changed_model(const std::filesystem::path& folder, const std::vector<std::string>& endings, float first, float rest,
                          const std::string& more = "")
{
    copy_folder(project("examples/models/default"), folder);
    const bert::SafetensorsFile file(project("examples/models/default/model.safetensors"));
    std::vector<bert::TensorView> views = file.tensors();
    std::vector<std::vector<float>> changed;
    changed.reserve(views.size());
    for (bert::TensorView& view : views) {
        const auto is_ending = [&](const std::string& ending) { return view.name.ends_with(ending); };
        if (std::none_of(endings.begin(), endings.end(), is_ending)) continue;
        std::vector<float>& values = changed.emplace_back(view.bytes / sizeof(float), rest);
        values[0] = first;
        view.data = reinterpret_cast<const std::byte*>(values.data());
    }
    if (!more.empty()) {
        views.push_back(views.front());
        views.back().name = more;
    }
    bert::write_safetensors(folder / "model.safetensors", views);
}
