/// @file
/// Few texts and a small model: work that one thread has done before others are awake.
#pragma once

#include <cstddef>

#include <bert/config.hpp>
#include <bert/core/threads.hpp>
#include <bert/io/model_folder.hpp>

namespace program {

/// Reading a weight and packing it takes as long as these many tokens' operations with it.
inline constexpr std::size_t loading_takes = 4;

/// While one of these lives, one thread works if there is little to do; or else as many as before.
///
/// Threads meet behind every operation. Where an operation takes microseconds that costs as much as the second thread saves, and
/// on a processor that others keep busy far more: each time, one thread waits until the system lets the other one run. No bit of
/// a result depends on the number of threads.
class LittleWork {
public:
    /// Operations that are little: less than a millisecond.
    static constexpr double operations = 1e8;

    /// @param config  the model's
    /// @param tokens  that go through it
    LittleWork(const bert::Config& config, std::size_t tokens) : threads_(bert::threads())
    {
        // About that many: each weight is multiplied with each token's number, and added.
        if (2.0 * static_cast<double>(bert::parameter_count(config)) * static_cast<double>(tokens) < operations)
            bert::set_threads(1);
    }
    ~LittleWork() { bert::set_threads(threads_); }
    LittleWork(const LittleWork&) = delete;
    LittleWork& operator=(const LittleWork&) = delete;

private:
    std::size_t threads_;
};

}  // namespace program
