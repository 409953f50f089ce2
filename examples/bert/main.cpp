/// @file
/// The program `bert`: finds the command, and turns errors into one line and an exit status.

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>

#include "commands.hpp"
#include "default_model.hpp"
#include "output.hpp"

namespace {

using namespace program;

struct Command {
    std::string_view name;
    std::string_view summary;
    int (*run)(const Arguments&);
};

/// Runs a command whose results depend on what the model has learned. The warning follows them: bad input gets one line only, and
/// behind many results it is still in sight. The other commands need no trained model: they count, compare or measure.
template <class Options>
int run_and_warn(int (*command)(const Options&), const Options& options)
{
    const int status = command(options);
    flush_output();
    warn_of_random_weights(options.common);
    return status;
}

constexpr std::array<Command, 10> commands{{
    {"info", "what a model folder or a file holds; this machine", [](const Arguments& a) { return info(info_options(a)); }},
    {"tokenize", "texts to ids, and back", [](const Arguments& a) { return tokenize(tokenize_options(a)); }},
    {"encode", "texts to vectors", [](const Arguments& a) { return run_and_warn(encode, encode_options(a)); }},
    {"similarity", "the cosine of two texts", [](const Arguments& a) { return run_and_warn(similarity, similarity_options(a)); }},
    {"search", "the lines of a file that are nearest to a query",
     [](const Arguments& a) { return run_and_warn(search, search_options(a)); }},
    {"fill-mask", "the most likely words for [MASK]",
     [](const Arguments& a) { return run_and_warn(fill_mask, fill_mask_options(a)); }},
    {"verify", "hold the implementation to reference cases", [](const Arguments& a) { return verify(verify_options(a)); }},
    {"dump", "all forward tensors of a model, to a file", [](const Arguments& a) { return dump(dump_options(a)); }},
    {"diff", "compare two such files", [](const Arguments& a) { return diff(diff_options(a)); }},
    {"bench", "how fast a model computes", [](const Arguments& a) { return bench(bench_options(a)); }},
}};

std::string help()
{
    Table table("ll");
    for (const Command& command : commands)
        table.row({"  " + std::string(command.name), std::string(command.summary)});
    return "BERT: texts in, vectors out, every tensor checked.\n\nUsage: bert COMMAND [OPTION...]\n       bert COMMAND --help\n\n"
           "Commands:\n" +
           table.text() +
           "\nExit status: 0 done; 1 done, and what was checked doesn't hold; 2 bad input or usage; 130 interrupted.\n";
}

int run(const Arguments& arguments)
{
    const std::string name = arguments.empty() ? "" : arguments.front();
    if (name == "--help" || name == "-h" || name == "help") {
        print(help());
        return 0;
    }
    if (name == "--version") {
        print("bert " BERT_VERSION "\n");
        return 0;
    }
    const auto command = std::find_if(commands.begin(), commands.end(), [&](const Command& known) { return known.name == name; });
    if (command == commands.end()) {
        std::string names;
        for (const Command& known : commands)
            names += (names.empty() ? "" : ", ") + std::string(known.name);
        bert::fail_input("command", "expected one of " + names + ", got " + (name.empty() ? "none" : bert::in_quotes(name)));
    }
    return command->run({arguments.begin() + 1, arguments.end()});
}

/// Prints on standard error why the program ends, and returns the exit status 2.
int fail(std::string_view reason)
{
    complain(reason);
    return 2;
}

}  // namespace

int main(int count, char** values)
{
    prepare_process();
    int status = 0;
    try {
        try {
            status = run(Arguments(values + std::min(count, 1), values + count));
        } catch (const HelpShown&) {
        }
        flush_output();
    } catch (const bert::InputError& error) {
        return fail(error.what());
    } catch (const std::invalid_argument& error) {
        return fail(error.what());
    } catch (const std::bad_alloc&) {
        return fail("memory: expected enough for this, got too little");
    } catch (const std::exception& error) {
        return fail(error.what());
    }
    return status;
}
