/// @file
/// A file mapped into memory: the system reads a page when it is first accessed.
#pragma once

#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bert/core/error.hpp"

namespace bert {

/// The system's message for an error number, as in `No such file or directory`.
/// @param error_number  a value of errno
/// @return  the text
inline std::string system_reason(int error_number) { return std::generic_category().message(error_number); }

/// Whether a path exists. A symbolic link without a target counts as well, so that opening it reports the error.
/// @param path  the path
/// @param failed  the error if this can't be determined
/// @return  true if it exists
inline bool is_there(const std::filesystem::path& path, std::error_code& failed)
{
    const std::filesystem::file_status status = std::filesystem::symlink_status(path, failed);
    if (status.type() == std::filesystem::file_type::not_found) failed.clear();  // a missing path is not a failure
    return std::filesystem::exists(status);
}

/// A regular file, mapped read-only during the object's lifetime. The file must not be shortened meanwhile: reading a page that
/// no longer exists ends the program.
class MappedFile {
public:
    /// Maps the file.
    /// @param path  a regular file that isn't empty
    /// @throws InputError if it is missing, a directory or a device, unreadable or empty
    explicit MappedFile(const std::filesystem::path& path)
    {
        // Without O_NONBLOCK, opening a pipe would wait for a writer.
        const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file < 0) fail_input(path.string(), "expected a readable file: " + system_reason(errno));
        try {
            map(file, path.string());
        } catch (...) {
            ::close(file);
            throw;
        }
        ::close(file);
    }

    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;
    /// Unmaps the file.
    ~MappedFile() { ::munmap(address_, size_); }

    /// The contents.
    /// @return  all bytes of the file
    std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(address_), size_}; }

    /// The contents as text in any encoding.
    /// @return  all bytes of the file
    std::string_view text() const { return {static_cast<const char*>(address_), size_}; }

private:
    void map(int file, const std::string& place)
    {
        struct stat status {};
        if (::fstat(file, &status) != 0) fail_input(place, "expected a readable file: " + system_reason(errno));
        if (S_ISDIR(status.st_mode)) fail_input(place, "expected a file, got a directory");
        if (!S_ISREG(status.st_mode)) fail_input(place, "expected a regular file, got a device or a pipe");
        if (status.st_size == 0) fail_input(place, "expected a file with contents, got an empty one");
        size_ = static_cast<std::size_t>(status.st_size);
        void* const address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
        if (address == MAP_FAILED) fail_input(place, "expected a readable file: " + system_reason(errno));
        address_ = address;
    }

    void* address_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace bert
