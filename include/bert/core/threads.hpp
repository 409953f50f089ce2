/// @file
/// Threads: how many, and how work is divided among them.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <limits>
#include <mutex>
#include <stdexcept>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "bert/core/language.hpp"

namespace bert {

/// How many threads an operation may use: OpenMP's own number (the environment's OMP_NUM_THREADS, or set_threads);
/// 1 in a build without OpenMP.
/// @return  at least 1
inline std::size_t threads()
{
#ifdef _OPENMP
    return static_cast<std::size_t>(omp_get_max_threads());
#else
    return 1;
#endif
}

/// Sets how many threads the calling thread's operations may use. Without OpenMP it stays 1.
/// @param count  at least 1
/// @throws std::invalid_argument if count is 0
inline void set_threads(std::size_t count)
{
    if (count == 0) throw std::invalid_argument("set_threads: expected at least 1, got 0");
#ifdef _OPENMP
    omp_set_num_threads(static_cast<int>(count));
#endif
}

/// A range divided into at most 256 chunks whose lengths differ by at most 1. The division depends on the range's length alone,
/// never on threads: a sum of partial sums, one for each chunk, has the same bits on any number of threads.
struct Chunks {
    static constexpr std::size_t max_count = 256;  ///< chunks
    std::size_t size;                              ///< length of the range
    std::size_t count;                             ///< number of chunks, at least 1

    /// @param total  length of the range
    /// @param least  minimum length of a chunk, if total is not less
    Chunks(std::size_t total, std::size_t least) : size(total), count(std::clamp<std::size_t>(total / least, 1, max_count)) {}

    /// @param chunk  a chunk, below count
    /// @return  its first index
    std::size_t begin(std::size_t chunk) const { return size * chunk / count; }
    /// @param chunk  a chunk, below count
    /// @return  one more than its last index
    std::size_t end(std::size_t chunk) const { return begin(chunk + 1); }
};

namespace detail {

/// Keeps the exception of the first chunk of a loop that throws, because an exception must not leave an OpenMP loop.
class FirstException {
public:
    /// @param chunk  a chunk of the loop
    /// @return  whether an earlier chunk has failed, so that this one need not run
    bool is_before(std::size_t chunk) const { return chunk_ < chunk; }

    /// Keeps the exception that is being handled.
    /// @param chunk  the chunk that threw it
    void keep(std::size_t chunk)
    {
        const std::lock_guard lock(mutex_);
        if (chunk_ <= chunk) return;
        chunk_ = chunk;
        exception_ = std::current_exception();
    }

    /// Throws the exception that was kept; called after the loop.
    void rethrow() const
    {
        if (exception_) std::rethrow_exception(exception_);
    }

private:
    std::atomic<std::size_t> chunk_{std::numeric_limits<std::size_t>::max()};
    std::exception_ptr exception_;
    std::mutex mutex_;
};

}  // namespace detail

/// Calls `work(chunk, thread)` once for each chunk of work, on several threads. Chunks are handed out as threads become free;
/// as they depend on shapes alone and each is computed by one thread, the assignment changes no bit of the result. If chunks
/// throw, the exception of the first of them leaves the loop, as with one thread; later chunks may have been computed or not.
/// @param chunks  number of chunks
/// @param work  called with the chunk, from 0, and the number of the calling thread, from 0 and below threads()
template <class Work>
void parallel_for(std::size_t chunks, const Work& work)
{
#ifdef _OPENMP
    if (chunks > 1 && threads() > 1) {
        detail::FirstException failure;
#pragma omp parallel for schedule(dynamic, 1)
        for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
            if (failure.is_before(chunk)) continue;
            try {
                work(chunk, static_cast<std::size_t>(omp_get_thread_num()));
            } catch (...) {
                failure.keep(chunk);
            }
        }
        failure.rethrow();
        return;
    }
#endif
    for (std::size_t chunk = 0; chunk < chunks; ++chunk)
        work(chunk, std::size_t{0});
}

}  // namespace bert
