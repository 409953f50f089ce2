#include "bert/io/atomic_file.hpp"

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <sys/stat.h>

#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

using Names = std::vector<std::string>;

/// Lets this process write no file of more bytes, as long as it lives.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes)
    {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{bytes, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;
    ~FileSizeLimit() { ::setrlimit(RLIMIT_FSIZE, &before_); }

private:
    rlimit before_{};
};

}  // namespace

TEST_CASE("a file is in its place once it is whole")
{
    const TemporaryFolder folder;
    AtomicFile file(folder / "f");
    file.write("ab");
    file.write("", 0);
    file.write("cd", 1);
    CHECK_FALSE(std::filesystem::exists(folder / "f"));
    file.commit();
    CHECK(contents_of(folder / "f") == "abc");
    CHECK(folder.names() == Names{"f"});
}

TEST_CASE("a new file takes the place of the old one, an unfinished one doesn't")
{
    const TemporaryFolder folder;
    write_file(folder / "f", "old");
    try {
        AtomicFile file(folder / "f");
        file.write("new");
        throw std::runtime_error("halfway");
    } catch (const std::runtime_error&) {
    }
    CHECK(contents_of(folder / "f") == "old");
    CHECK(folder.names() == Names{"f"});
    write_file(folder / "f", "new");
    CHECK(contents_of(folder / "f") == "new");
    CHECK(folder.names() == Names{"f"});
}

TEST_CASE("a symbolic link stays and leads to the new file")
{
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder / "sub");
    put(folder / "sub" / "f", "old");
    std::filesystem::create_symlink("sub/f", folder / "link");
    write_file(folder / "link", "new");
    CHECK(std::filesystem::is_symlink(folder / "link"));
    CHECK(contents_of(folder / "sub" / "f") == "new");
}

TEST_CASE("a new file has the permissions of any new file")
{
    const TemporaryFolder folder;
    put(folder / "other", "");
    write_file(folder / "f", "x");
    CHECK(std::filesystem::status(folder / "f").permissions() == std::filesystem::status(folder / "other").permissions());
}

TEST_CASE("a device is written directly")
{
    CHECK(input_error([] { write_file("/dev/null", "x"); }) == "no error");
    CHECK(std::filesystem::is_character_file("/dev/null"));
}

TEST_CASE("what can't be written is said with the path and the reason, and nothing is left")
{
    const TemporaryFolder folder;
    const std::string place = folder.path().string();
    CHECK(input_error([&] { AtomicFile{folder.path()}; }) == place + ": expected a file to write, got a directory");
    CHECK(input_error([&] { AtomicFile{folder / "no/f"}; }) == place + "/no/f: expected to write it: No such file or directory");
    CHECK(input_error([&] { AtomicFile{folder / std::string(300, 'x')}; }) ==
          place + "/" + std::string(300, 'x') + ": expected to write it: File name too long");
    CHECK(folder.names().empty());
}

TEST_CASE("a full disk is said, at once or when the rest is written")
{
    CHECK(input_error([] { write_file("/dev/full", "x"); }) == "/dev/full: expected to write it: No space left on device");
    CHECK(input_error([] { write_file("/dev/full", std::string(1 << 20, 'x')); }) ==
          "/dev/full: expected to write it: No space left on device");
}

TEST_CASE("a file that would pass the limit of the system leaves nothing, and the program goes on")
{
    const TemporaryFolder folder;
    write_file(folder / "f", "old");
    const std::string expected = (folder / "f").string() + ": expected to write it: File too large";
    {
        const FileSizeLimit limit(1000);
        CHECK(input_error([&] { write_file(folder / "f", std::string(1001, 'x')); }) == expected);
        CHECK(input_error([&] {
                  AtomicFile file(folder / "f");
                  for (int i = 0; i < 11; ++i)
                      file.write(std::string(100, 'x'));
                  file.commit();
              }) == expected);
    }
    CHECK(contents_of(folder / "f") == "old");
    CHECK(folder.names() == Names{"f"});
    {
        const FileSizeLimit limit(1000);
        CHECK(input_error([&] { write_file(folder / "f", std::string(1000, 'x')); }) == "no error");
    }
}
