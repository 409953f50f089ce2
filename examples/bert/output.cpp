#include "output.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bert/core/error.hpp>
#include <bert/core/one_line.hpp>
#include <bert/io/mapped_file.hpp>
#include <bert/text/utf8.hpp>

namespace program {

namespace {

std::string kept;  // buffered output of print

// Any thread may handle a signal while another one writes, so volatile std::sig_atomic_t isn't enough.
using Flag = std::atomic<int>;
static_assert(Flag::is_always_lock_free, "a signal handler must not wait for a lock");
constexpr int ending = std::numeric_limits<int>::min() / 2;  // stays below 0 whatever is added

Flag uninterrupted = 0;  // number of Uninterrupted objects; `ending` once a signal ends the program
Flag waiting = 0;        // a signal that has been delayed

void on_signal(int signal)
{
    waiting = signal;
    int none = 0;
    if (uninterrupted.compare_exchange_strong(none, ending)) ::_exit(128 + signal);
}

void write_error(std::string_view text)
{
    while (!text.empty()) {
        const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return;  // the error can't be reported anywhere
        text.remove_prefix(static_cast<std::size_t>(written));
    }
}

std::size_t width_of(std::string_view text)
{
    // Bytes 10xxxxxx continue a character.
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

void print(std::string_view text)
{
    kept += text;
    if (kept.size() > 1U << 16U) flush_output();
}

bool is_standard_output(const std::filesystem::path& path)
{
    using Status = struct stat;  // std::filesystem::equivalent doesn't support pipes
    Status file{}, output{};
    return ::stat(path.c_str(), &file) == 0 && ::fstat(STDOUT_FILENO, &output) == 0 && file.st_dev == output.st_dev &&
           file.st_ino == output.st_ino;
}

void flush_output()
{
    std::string_view rest = kept;
    while (!rest.empty()) {
        const ssize_t written = ::write(STDOUT_FILENO, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const int reason = errno;
            kept.clear();
            bert::fail_input("standard output", "expected to write it: " + bert::system_reason(reason));
        }
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    kept.clear();
}

void warn(bool quiet, std::string_view text)
{
    if (!quiet) write_error("bert: warning: " + bert::one_line(text, text.size()) + "\n");
}

void warn(bool quiet, const std::vector<std::string>& texts)
{
    for (const std::string& text : texts)
        warn(quiet, text);
}

void complain(std::string_view reason)
{
    try {
        flush_output();
    } catch (const bert::InputError&) {  // the reason below is printed anyway
    }
    write_error("bert: " + bert::one_line(reason, reason.size()) + "\n");
}

void prepare_process()
{
    for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (::fcntl(stream, F_GETFD) < 0 && ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) std::abort();
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);
    struct sigaction action {
    }, before{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGHUP, &action, &before);
    if (before.sa_handler == SIG_IGN) ::sigaction(SIGHUP, &before, nullptr);  // started with nohup
}

Uninterrupted::Uninterrupted(const std::filesystem::path& path)
{
    std::error_code ignored;  // writing the file reports the error
    const std::filesystem::file_status status = std::filesystem::status(path, ignored);
    leaves_nothing_ = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
    if (leaves_nothing_) return;
    if (uninterrupted.fetch_add(1) < 0)  // another thread's handler is ending the program, so nothing new is written
        while (true)
            ::pause();
}

Uninterrupted::~Uninterrupted()
{
    if (leaves_nothing_) return;
    if (uninterrupted.fetch_sub(1) == 1 && waiting != 0) ::_exit(128 + waiting);
}

Progress::Progress(bool quiet, std::size_t total) : shown_(!quiet && ::isatty(STDERR_FILENO) == 1), total_(total) {}

Progress::~Progress()
{
    if (shown_ && done_ > 0) write_error("\r\033[K");
}

void Progress::add(std::size_t steps)
{
    done_ += steps;
    const auto now = std::chrono::steady_clock::now();
    if (!shown_ || now - last_ < std::chrono::milliseconds(100)) return;
    last_ = now;
    if (total_ == 0) return write_error("\r" + std::to_string(done_));
    constexpr std::size_t width = 40;
    const std::size_t filled = std::min(done_, total_) * width / total_;
    write_error("\r[" + std::string(filled, '#') + std::string(width - filled, ' ') + "] " + std::to_string(done_) + " of " +
                std::to_string(total_));
}

std::string rounded(double number, int digits)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.*g", digits, number);
    return text;
}

std::string counted(std::size_t number, std::string_view thing)
{
    return std::to_string(number) + " " + std::string(thing) + (number == 1 ? "" : "s");
}

void JsonObject::append_string(std::string_view text)
{
    members_ += '"';
    for (std::size_t position = 0; position < text.size();) {
        const bert::Utf8Character character = bert::read_utf8(text, position);
        position += character.length;
        if (character.code == '"' || character.code == '\\') {
            members_ += '\\';
            members_ += static_cast<char>(character.code);
        } else if (character.code < 0x20) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(character.code));
            members_ += escaped;
        } else {
            bert::append_utf8(character.code, members_);
        }
    }
    members_ += '"';
}

std::string Table::text() const
{
    std::vector<std::size_t> widths(columns_.size());
    for (const auto& cells : rows_)
        for (std::size_t i = 0; i < cells.size(); ++i)
            widths[i] = std::max(widths[i], width_of(cells[i]));
    std::string text;
    for (const auto& cells : rows_) {
        std::string line;
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const std::string padding(widths[i] - width_of(cells[i]), ' ');
            line += (i > 0 ? "  " : "") + (columns_[i] == 'r' ? padding + cells[i] : cells[i] + padding);
        }
        line.erase(line.find_last_not_of(' ') + 1);
        text += line + "\n";
    }
    return text;
}

}  // namespace program
