/// @file
/// One thread for few texts and a small model, where starting other threads takes longer than the work.
#pragma once

#include <cstddef>

#include <bert/config.hpp>
#include <bert/core/threads.hpp>
#include <bert/io/model_folder.hpp>

namespace program {

/// Reading and packing a weight takes as long as the operations of this many tokens with it.
inline constexpr std::size_t loading_takes = 4;

/// Sets the number of threads to one for its lifetime if there is little work.
///
/// Threads synchronize after every operation. If an operation takes microseconds, that costs as much as a second thread saves,
/// and far more on a busy processor, where one thread waits until the system schedules the other one. The bits of results don't
/// depend on the number of threads.
class LittleWork {
public:
    /// Fewer operations than this are little work: they take less than a millisecond.
    static constexpr double operations = 1e8;

    /// @param config  configuration of the model
    /// @param tokens  number of tokens
    LittleWork(const bert::Config& config, std::size_t tokens) : threads_(bert::threads())
    {
        // An estimate: a multiplication and an addition for each weight and token.
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
