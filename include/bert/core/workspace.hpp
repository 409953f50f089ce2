/// @file
/// Scratch memory that a caller owns and passes on: nothing is hidden in statics or threads, and buffers keep their memory from
/// call to call.
#pragma once

#include <cstddef>
#include <vector>

#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"

namespace bert {

/// Buffers that keep their memory from call to call. What a buffer holds is garbage until it is written; two operations
/// that run one after the other may be given the same one. A workspace is used by one caller at a time.
class Workspace {
public:
    /// Scratch that the threads of an operation share.
    /// @param slot  which one, from 0: an operation that needs several at once numbers them
    /// @param count  how many values
    /// @return  aligned to 64 bytes, valid until the slot is asked for again
    template <class Value>
    Value* shared(std::size_t slot, std::size_t count)
    {
        return grown<Value>(shared_, slot, count);
    }

    /// Makes room for the threads of the next parallel loop; called before it, by the thread that opens it. Each gets as much
    /// as any had until now: which thread takes the largest piece is chance, and none shall have to grow for it later.
    void prepare_threads()
    {
        if (of_thread_.size() < threads()) of_thread_.resize(threads());
        std::vector<Buffer>& largest = of_thread_.front();
        for (const std::vector<Buffer>& buffers : of_thread_)
            for (std::size_t slot = 0; slot < buffers.size(); ++slot)
                grown<std::byte>(largest, slot, buffers[slot].size());
        for (std::vector<Buffer>& buffers : of_thread_)
            for (std::size_t slot = 0; slot < largest.size(); ++slot)
                grown<std::byte>(buffers, slot, largest[slot].size());
    }

    /// Scratch of one thread's own.
    /// @param thread  its number in parallel_for
    /// @param slot  which one, from 0: a piece of work that needs several at once numbers them
    /// @param count  how many values
    /// @return  aligned to 64 bytes, valid until the thread asks for the slot again
    template <class Value>
    Value* of_thread(std::size_t thread, std::size_t slot, std::size_t count)
    {
        return grown<Value>(of_thread_[thread], slot, count);
    }

private:
    using Buffer = std::vector<std::byte, AlignedAllocator<std::byte>>;

    template <class Value>
    static Value* grown(std::vector<Buffer>& buffers, std::size_t slot, std::size_t count)
    {
        if (buffers.size() <= slot) buffers.resize(slot + 1);
        Buffer& buffer = buffers[slot];
        const std::size_t bytes = count * sizeof(Value);
        if (buffer.size() < bytes) {
            buffer.clear();  // nothing to move to the new place
            buffer.resize(bytes);
        }
        return reinterpret_cast<Value*>(buffer.data());
    }

    std::vector<Buffer> shared_;
    std::vector<std::vector<Buffer>> of_thread_;
};

}  // namespace bert
