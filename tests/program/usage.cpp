#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include "program.hpp"

namespace {

// What is said about arguments that are refused.
std::string error(const std::vector<std::string>& arguments)
{
    const Run result = run(arguments);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    return result.error;
}

}  // namespace

TEST_CASE("what isn't a command is refused in one line")
{
    const Run unknown = run({"pretrian"});
    CHECK(unknown.status == 2);
    CHECK(unknown.out.empty());
    CHECK(unknown.error ==
          "bert: command: expected one of info, tokenize, encode, similarity, search, fill-mask, verify, dump, diff, bench, got "
          "\"pretrian\"\n");
    const Run none = run({});
    CHECK(none.status == 2);
    CHECK(none.error.ends_with("bench, got none\n"));
}

TEST_CASE("help is shown, for the program and for each command")
{
    const Run help = run({"--help"});
    CHECK(help.status == 0);
    CHECK(help.error.empty());
    for (const char* command :
         {"info", "tokenize", "encode", "similarity", "search", "fill-mask", "verify", "dump", "diff", "bench"}) {
        INFO(command);
        CHECK(help.out.find(std::string("\n  ") + command + " ") != std::string::npos);
        const Run of_command = run({command, "--help"});
        CHECK(of_command.status == 0);
        CHECK(of_command.out.find("--json") != std::string::npos);
        CHECK(of_command.error.empty());
    }
    CHECK(run({"--version"}).out.starts_with("bert 0."));
}

TEST_CASE("wrong options are refused in one line that names them")
{
    CHECK(error({"tokenize", "--jsno", "a"}) ==
          "bert: tokenize: expected options of this command (bert tokenize --help), got \"--jsno\"\n");
    CHECK(error({"encode", "--scalar", "half", "a"}) == "bert: --scalar: expected float|double|long-double, got \"half\"\n");
    CHECK(error({"encode", "--scalar", "long-double", "a"}) ==
          "bert: --scalar: expected float or double for --ops fast, got long-double, which --ops reference has\n");
    CHECK(error({"encode", "--precision", "bf16", "--scalar", "double", "a"}) ==
          "bert: --precision: expected float32, got bf16, which is for --scalar float and --ops fast\n");
    CHECK(error({"encode", "--threads", "0", "a"}) == "bert: --threads: expected a whole number from 1 to 4096, got \"0\"\n");
    CHECK(error({"encode", "--threads", "two", "a"}) == "bert: --threads: expected a whole number from 1 to 4096, got \"two\"\n");
    CHECK(error({"tokenize", "--max-length", "-3", "a"}) ==
          "bert: --max-length: expected a whole number from 1 to 2147483647, got \"-3\"\n");
    CHECK(error({"tokenize", "--max-length", "0", "a"}) ==
          "bert: --max-length: expected a whole number from 1 to 2147483647, got \"0\"\n");
    CHECK(error({"diff", "one.safetensors"}) == "bert: diff: EXPECTED is required\n");
    CHECK(error({"encode", "--layer", "1", "--layers", "sum4", "a"}) == "bert: encode: --layer excludes --layers\n");
    CHECK(error({"similarity", "--pooling", "pooler", "--layer", "1", "a", "b"}) ==
          "bert: --pooling: expected mean, cls, max or none beside --layer or --layers, got pooler\n");
    CHECK(error({"verify", "--model", "m", project("reference_outputs/cases/masked_lm")}) ==
          "bert: --model: expected none beside a case, which has its own, got \"m\"\n");
    CHECK(error({"diff", "--model", "m", "a", "b"}) == "bert: --model: expected none beside two files, got \"m\"\n");
    CHECK(error({"info", "--model", "m", "a"}) == "bert: --model: expected none beside PATH, got \"m\"\n");
    CHECK(error({"bench", "--model", "m", "--config", "c"}) == "bert: --model: expected none beside --config, got \"m\"\n");
}

TEST_CASE("an option's value is what stands behind it, never another option; a text can begin with a dash behind --")
{
    CHECK(error({"dump", "a", "--output", "--json"}) == "bert: --output: expected a value, got \"--json\"\n");
    CHECK(error({"tokenize", "--max-length"}) == "bert: --max-length: expected a value, got none\n");
    CHECK(error({"dump", "--output=", "a"}) == "bert: --output: expected a path, got \"\"\n");
    CHECK(error({"tokenize", "-half past"}) ==
          "bert: tokenize: expected options of this command, or texts behind --, got \"-half past\"\n");
    CHECK(run({"tokenize", "--json", "--", "-half"}).out == run({"tokenize", "--json"}, "-half\n").out);
    CHECK(run({"tokenize", "--json", "--pair=", "a"}).out == run({"tokenize", "--json", "--pair", "", "a"}).out);
}

TEST_CASE("a link that leads nowhere is an error, not a file that isn't there")
{
    const TemporaryFolder folder;
    std::filesystem::copy(project("examples/models/default"), folder / "model");
    std::filesystem::create_symlink("nowhere", folder / "model/tokenizer.json");
    CHECK(run({"encode", "--model", folder / "model", "a"}).error ==
          "bert: " + (folder / "model/tokenizer.json").string() + ": expected a readable file: No such file or directory\n");
}

TEST_CASE("an empty path is refused, not taken for one that wasn't given")
{
    CHECK(error({"encode", "--model", "", "a"}) == "bert: --model: expected a path, got \"\"\n");
    CHECK(error({"tokenize", "--tokenizer", "", "a"}) == "bert: --tokenizer: expected a path, got \"\"\n");
    CHECK(error({"tokenize", "--file", ""}) == "bert: --file: expected a path, got \"\"\n");
    CHECK(error({"encode", "--output", "", "a"}) == "bert: --output: expected a path, got \"\"\n");
    CHECK(error({"search", "--index", "", "--file", "/dev/null", "a"}) == "bert: --index: expected a path, got \"\"\n");
    CHECK(error({"bench", "--config", ""}) == "bert: --config: expected a path, got \"\"\n");
    CHECK(error({"info", ""}) == "bert: PATH: expected a path, got \"\"\n");
    CHECK(error({"verify", ""}) == "bert: CASE: expected a path, got \"\"\n");
}

TEST_CASE("control characters of files and names don't reach the terminal")
{
    const TemporaryFolder folder;
    CHECK(run({"info", folder / "a\nb\x1B[31m.txt"}).error ==
          "bert: " + folder.path().string() + "/a\\u000ab\\u001b[31m.txt: expected a readable file: No such file or directory\n");
    changed_model(folder / "model", {}, 0, 0, "x\n\x1B[31m");
    CHECK(run({"encode", "--model", folder / "model", "a"}).error ==
          "bert: warning: " + (folder / "model").string() +
              ": 1 tensor that the model doesn't have is ignored: x\\u000a\\u001b[31m\n");
}

TEST_CASE("a model that isn't there is named")
{
    const Run result = run({"encode", "--model", "/nowhere", "a"});
    CHECK(result.status == 2);
    CHECK(result.error == "bert: /nowhere: expected a model folder, got no folder\n");
}

TEST_CASE("a full disk and a closed pipe end the program with one line")
{
    const TemporaryFolder folder;
    put(folder / "in", "");
    CHECK(Process({"tokenize", "a"}, folder / "in", "/dev/full", folder / "error").wait() == 2);
    CHECK(contents_of(folder / "error") == "bert: standard output: expected to write it: No space left on device\n");

    // Whoever reads standard output goes away before anything is written.
    ::mkfifo((folder / "pipe").c_str(), 0600);
    put(folder / "go", "");
    const int reader = ::open((folder / "pipe").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ::mkfifo((folder / "input").c_str(), 0600);
    const Process process({"tokenize"}, folder / "input", folder / "pipe", folder / "piped");
    const int input = ::open((folder / "input").c_str(), O_WRONLY);
    REQUIRE(input >= 0);
    ::usleep(300'000);  // it has opened both by now
    ::close(reader);
    REQUIRE(::write(input, "text\n", 5) == 5);
    ::close(input);
    CHECK(process.wait() == 2);
    CHECK(contents_of(folder / "piped") == "bert: standard output: expected to write it: Broken pipe\n");
}

TEST_CASE("an interrupted run ends with status 130 and leaves nothing behind")
{
    const TemporaryFolder folder;
    std::string lines;
    for (int i = 0; i < 20'000; ++i)
        lines += "A line of several words that takes its time, and another " + std::to_string(i) + "\n";
    put(folder / "in", lines);
    const Process process({"encode", "--ops", "reference", "--scalar", "long-double"}, folder / "in", folder / "out",
                          folder / "error");
    ::usleep(500'000);
    process.send(SIGINT);
    CHECK(process.wait() == 130);
    const std::string out = contents_of(folder / "out");
    CHECK((out.empty() || out.back() == '\n'));

    const TemporaryFolder other;
    const Process writing({"encode", "--ops", "reference", "--scalar", "double", "--output", other / "vectors.npy"},
                          folder / "in", folder / "out2", folder / "error2");
    ::usleep(500'000);
    writing.send(SIGINT);
    CHECK(writing.wait() == 130);
    CHECK(other.names().empty());
}

TEST_CASE("a file that is being written when a signal comes is finished")
{
    // Some 60 MB of vectors: the file is there for a while before it is whole.
    const TemporaryFolder folder;
    std::string lines;
    for (int i = 0; i < 10'000; ++i)
        lines += "one of many lines, which differ in a number alone: " + std::to_string(i) + "\n";
    put(folder / "in", lines);
    for (const int signal : {SIGINT, SIGTERM}) {
        INFO(signal);
        const TemporaryFolder other;
        const std::string output = other / "vectors.safetensors";
        const Process writing({"encode", "--layer", "0", "--pooling", "none", "--output", output}, folder / "in", folder / "out",
                              folder / "error");
        for (int i = 0; i < 300'000 && other.names().empty(); ++i)
            ::usleep(100);
        writing.send(signal);
        CHECK(writing.wait() == 128 + signal);
        CHECK(contents_of(folder / "error").empty());
        REQUIRE(other.names() == std::vector<std::string>{"vectors.safetensors"});
        const bert::SafetensorsFile file(output);  // which refuses a file that isn't whole
        CHECK(file.find("begin")->shape[0] == 10'001);
    }
}

TEST_CASE("death by a signal is told from an exit status")
{
    const TemporaryFolder folder;
    ::mkfifo((folder / "input").c_str(), 0600);
    put(folder / "in", "");
    const Process reading({"tokenize", "--file", folder / "input"}, folder / "in", folder / "out", folder / "error");
    reading.send(SIGKILL);
    CHECK(reading.wait() == -SIGKILL);
}

TEST_CASE("a run that waits for whoever reads a pipe can be interrupted, and any run be terminated")
{
    const TemporaryFolder folder;
    put(folder / "in", "");
    ::mkfifo((folder / "vectors.npy").c_str(), 0600);
    const Process writing({"encode", "--output", folder / "vectors.npy", "a"}, folder / "in", folder / "out", folder / "error");
    ::usleep(500'000);
    writing.send(SIGINT);
    CHECK(writing.wait() == 130);

    ::mkfifo((folder / "input").c_str(), 0600);
    const Process reading({"tokenize", "--file", folder / "input"}, folder / "in", folder / "out2", folder / "error2");
    ::usleep(300'000);
    reading.send(SIGTERM);
    CHECK(reading.wait() == 143);
}

TEST_CASE("a whole line is answered while the next one is still being written")
{
    const TemporaryFolder folder;
    ::mkfifo((folder / "input").c_str(), 0600);
    const Process process({"encode"}, folder / "input", folder / "out", folder / "error");
    const int input = ::open((folder / "input").c_str(), O_WRONLY);
    REQUIRE(input >= 0);
    REQUIRE(::write(input, "the cat\nthe", 11) == 11);
    for (int i = 0; i < 100 && contents_of(folder / "out").empty(); ++i)
        ::usleep(50'000);
    CHECK(contents_of(folder / "out").ends_with('\n'));
    REQUIRE(::write(input, " whale\n", 7) == 7);
    ::close(input);
    CHECK(process.wait() == 0);
    CHECK(contents_of(folder / "out").ends_with('\n'));
    CHECK(contents_of(folder / "error") == random_weights_warning());
}
