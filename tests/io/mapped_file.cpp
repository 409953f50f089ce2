#include "bert/io/mapped_file.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

#include <sys/stat.h>

#include "catch.hpp"
#include "helpers.hpp"

using bert::MappedFile;

TEST_CASE("a mapped file shows the bytes of the file")
{
    const TemporaryFolder folder;
    const std::string contents("a\0b\xFF\n", 5);
    put(folder / "file", contents);
    const MappedFile file(folder / "file");
    CHECK(file.text() == contents);
    REQUIRE(file.bytes().size() == 5);
    CHECK(file.bytes()[3] == std::byte{0xFF});
}

TEST_CASE("what can't be mapped is said with the path and the reason")
{
    const TemporaryFolder folder;
    const auto message = [](const std::filesystem::path& path) { return input_error([&] { MappedFile{path}; }); };
    const std::string place = folder.path().string();

    CHECK(message(folder / "missing") == place + "/missing: expected a readable file: No such file or directory");
    CHECK(message(folder.path()) == place + ": expected a file, got a directory");
    put(folder / "empty", "");
    CHECK(message(folder / "empty") == place + "/empty: expected a file with contents, got an empty one");
    CHECK(message(folder / "empty" / "file") == place + "/empty/file: expected a readable file: Not a directory");
    CHECK(message("/dev/null") == "/dev/null: expected a regular file, got a device or a pipe");
    REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
    CHECK(message(folder / "pipe") == place + "/pipe: expected a regular file, got a device or a pipe");
    std::filesystem::create_symlink("loop", folder / "loop");
    CHECK(message(folder / "loop") == place + "/loop: expected a readable file: Too many levels of symbolic links");
}
