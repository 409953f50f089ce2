/// @file
/// Writes a file completely or not at all.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bert/core/error.hpp"
#include "bert/io/mapped_file.hpp"

namespace bert {

/// A file that is written beside its target and moved there by commit(), replacing what was there before. If commit() isn't
/// called, because of an error or an exception, nothing is left of it. A device or a pipe (`/dev/stdout`) is written directly.
class AtomicFile {
public:
    /// Begins a file.
    /// @param path  the target; its folder must exist
    /// @throws InputError if no file can be written there
    explicit AtomicFile(const std::filesystem::path& path) : place_(path.string()), target_(path)
    {
        std::error_code ignored;  // opening the file reports whatever is wrong with the path
        const std::filesystem::file_status status = std::filesystem::status(path, ignored);
        if (std::filesystem::is_directory(status)) fail_input(place_, "expected a file to write, got a directory");
        direct_ = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
        if (std::filesystem::is_regular_file(status)) {
            // A symbolic link is kept and leads to the new file.
            const std::filesystem::path target = std::filesystem::canonical(path, ignored);
            if (!ignored) target_ = target;
        }
        // The process id separates two programs that write the same file: the last one to finish wins.
        beside_ = target_;
        if (!direct_) beside_ += "." + std::to_string(::getpid()) + ".tmp";
        file_ = std::fopen(beside_.c_str(), "wb");
        if (file_ == nullptr) fail(errno);
        // The new file gets the permissions of the old one.
        if (std::filesystem::is_regular_file(status)) ::fchmod(::fileno(file_), static_cast<mode_t>(status.permissions()));
    }

    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    /// Removes a file that was not committed.
    ~AtomicFile()
    {
        if (file_ != nullptr) std::fclose(file_);
        if (!committed_ && !direct_) ::unlink(beside_.c_str());
    }

    /// Adds bytes at the end.
    /// @param data  the bytes
    /// @param size  number of bytes
    /// @throws InputError with the system's reason, as in `out.json: expected to write it: No space left on device`
    void write(const void* data, std::size_t size)
    {
        // A write beyond the limit of file sizes would end the program with a signal.
        rlimit limit{};
        if (!direct_ && ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
            size > limit.rlim_cur - std::min<rlim_t>(limit.rlim_cur, written_))
            fail(EFBIG);
        if (std::fwrite(data, 1, size, file_) != size) fail(errno);
        written_ += size;
    }

    /// Adds a text at the end.
    /// @param text  its bytes
    /// @throws InputError with the system's reason
    void write(std::string_view text) { write(text.data(), text.size()); }

    /// Moves the file to its target once it is stored on the disk. Nothing can be added after that.
    /// @throws InputError with the system's reason; the target is then unchanged
    void commit()
    {
        if (std::fflush(file_) != 0) fail(errno);
        if (!direct_ && ::fsync(::fileno(file_)) != 0) fail(errno);
        std::FILE* const file = file_;
        file_ = nullptr;
        if (std::fclose(file) != 0) fail(errno);
        if (!direct_ && std::rename(beside_.c_str(), target_.c_str()) != 0) fail(errno);
        committed_ = true;
    }

private:
    [[noreturn]] void fail(int error_number) const { fail_input(place_, "expected to write it: " + system_reason(error_number)); }

    std::string place_;             // the path as given, for messages
    std::filesystem::path target_;  // where the file goes
    std::filesystem::path beside_;  // where it is written
    bool direct_ = false;           // a device or a pipe
    bool committed_ = false;
    std::FILE* file_ = nullptr;
    std::size_t written_ = 0;  // bytes
};

/// Writes a text into a file.
/// @param path  the file
/// @param text  its contents
/// @throws InputError with the system's reason; the file is then unchanged
inline void write_file(const std::filesystem::path& path, std::string_view text)
{
    AtomicFile file(path);
    file.write(text);
    file.commit();
}

}  // namespace bert
