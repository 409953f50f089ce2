/// @file
/// Threads: how many, and how work is cut among them.
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

/// Things in a row, cut into at most 256 pieces whose lengths differ by at most 1. The cut depends on the number of things alone,
/// never on threads: a sum of one part for each piece has the same bits on any number of threads.
struct Pieces {
    static constexpr std::size_t most = 256;  ///< pieces
    std::size_t things;                       ///< how many there are
    std::size_t count;                        ///< pieces, at least 1

    /// @param total  how many things there are
    /// @param least  length of a piece at least, if there are as many
    Pieces(std::size_t total, std::size_t least) : things(total), count(std::clamp<std::size_t>(total / least, 1, most)) {}

    /// @param piece  below count
    /// @return  its first thing
    std::size_t begin(std::size_t piece) const { return things * piece / count; }
    /// @param piece  below count
    /// @return  one more than its last thing
    std::size_t end(std::size_t piece) const { return begin(piece + 1); }
};

namespace detail {

/// Of the exceptions that pieces of a loop end with, that of the first piece: an exception may not leave an OpenMP loop.
class FirstException {
public:
    /// @param piece  a piece of the loop
    /// @return  whether one before it has failed, so that it need not run
    bool is_before(std::size_t piece) const { return piece_ < piece; }

    /// Keeps the exception that is being handled.
    /// @param piece  the piece that threw it
    void keep(std::size_t piece)
    {
        const std::lock_guard lock(mutex_);
        if (piece_ <= piece) return;
        piece_ = piece;
        exception_ = std::current_exception();
    }

    /// Throws what was kept, after the loop.
    void rethrow() const
    {
        if (exception_) std::rethrow_exception(exception_);
    }

private:
    std::atomic<std::size_t> piece_{std::numeric_limits<std::size_t>::max()};
    std::exception_ptr exception_;
    std::mutex mutex_;
};

}  // namespace detail

/// Calls `work(piece, thread)` once for each piece, on several threads. Pieces are handed out as threads become free; as the
/// pieces depend on shapes alone and each is computed by one thread, which thread takes which changes no bit of the result.
/// When pieces throw, the exception of the first of them leaves the loop, as it would with one thread; of the pieces after it
/// some have been computed and some not.
/// @param pieces  how many
/// @param work  called with the piece, from 0, and the number of the calling thread, from 0 and below threads()
template <class Work>
void parallel_for(std::size_t pieces, const Work& work)
{
#ifdef _OPENMP
    if (pieces > 1 && threads() > 1) {
        detail::FirstException failure;
#pragma omp parallel for schedule(dynamic, 1)
        for (std::size_t piece = 0; piece < pieces; ++piece) {
            if (failure.is_before(piece)) continue;
            try {
                work(piece, static_cast<std::size_t>(omp_get_thread_num()));
            } catch (...) {
                failure.keep(piece);
            }
        }
        failure.rethrow();
        return;
    }
#endif
    for (std::size_t piece = 0; piece < pieces; ++piece)
        work(piece, std::size_t{0});
}

}  // namespace bert
