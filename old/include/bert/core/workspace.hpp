/// @file
/// Scratch memory that a caller owns and passes on: nothing is hidden in statics or threads, and buffers keep their memory from
/// call to call.
#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "bert/core/aligned_allocator.hpp"
#include "bert/core/threads.hpp"

namespace bert {

/// What a buffer of a workspace holds. Two that are in use at once have different names.
enum class Scratch : std::size_t {
    hidden,           ///< hidden states of an encoder
    hidden_operand,   ///< the same in the format of a product
    query_key_value,  ///< of an encoder, side by side
    context,          ///< of an encoder
    intermediate,     ///< of a feed-forward network
    left_operand,     ///< the rows that a product multiplies
    panel,            ///< some columns of its right operand
    sums,             ///< what a product has summed up so far
    scores,           ///< of attention, and the probabilities that they become
    d_scores,         ///< their gradient
    keys,             ///< of a head, in panels
    key_columns,      ///< the same, transposed
    values,           ///< of a head, in panels
    number_of_names,  ///< not a buffer
};

/// Buffers that keep their memory from call to call. What a buffer holds is garbage until it is written; two operations
/// that run one after the other may be given the same one. A workspace is used by one caller at a time.
class Workspace {
public:
    /// Scratch that the threads of an operation share.
    /// @param name  which buffer
    /// @param count  how many values
    /// @return  aligned to 64 bytes, valid until the buffer is asked for again
    /// @throws std::bad_alloc if there is no such memory
    template <class Value>
    Value* shared(Scratch name, std::size_t count)
    {
        Buffer& buffer = shared_[index_of(name)];
        buffer.make_room(bytes_of<Value>(count));
        return buffer.values<Value>();
    }

    /// Makes room in a buffer of every thread; called before a parallel loop, by the thread that opens it, so that memory that
    /// can't be had is an error before the work begins.
    /// @param name  which buffer
    /// @param count  how many values the largest piece of the work needs
    /// @throws std::bad_alloc if there is no such memory
    template <class Value>
    void prepare_threads(Scratch name, std::size_t count)
    {
        if (of_thread_.size() < threads()) of_thread_.resize(threads());
        for (Buffers& buffers : of_thread_)
            buffers[index_of(name)].make_room(bytes_of<Value>(count));
    }

    /// Scratch of one thread's own.
    /// @param thread  its number in parallel_for
    /// @param name  which buffer
    /// @param count  how many values, no more than prepare_threads was told
    /// @return  aligned to 64 bytes, valid until prepare_threads is called again
    /// @throws std::logic_error if prepare_threads was not called for as much
    template <class Value>
    Value* of_thread(std::size_t thread, Scratch name, std::size_t count)
    {
        if (thread >= of_thread_.size() || of_thread_[thread][index_of(name)].size() < bytes_of<Value>(count))
            throw std::logic_error("workspace: of_thread: expected no more than was prepared, got " + std::to_string(count) +
                                   " values");
        return of_thread_[thread][index_of(name)].template values<Value>();
    }

private:
    /// Memory as it comes from the system: numbers of any type may be written there and are then read.
    class Buffer {
    public:
        std::size_t size() const { return memory_ ? memory_.get_deleter().bytes : 0; }

        void make_room(std::size_t bytes)
        {
            if (size() >= bytes) return;
            memory_.reset();  // nothing to move to the new place
            memory_ = {AlignedAllocator<std::byte>().allocate(bytes), Free{bytes}};
        }

        template <class Value>
        Value* values()
        {
            static_assert(std::is_trivial_v<Value>, "scratch holds numbers, which need no construction");
            return static_cast<Value*>(static_cast<void*>(memory_.get()));
        }

    private:
        struct Free {
            std::size_t bytes;
            void operator()(std::byte* memory) const { AlignedAllocator<std::byte>().deallocate(memory, bytes); }
        };
        std::unique_ptr<std::byte, Free> memory_{nullptr, Free{0}};
    };
    using Buffers = std::array<Buffer, static_cast<std::size_t>(Scratch::number_of_names)>;

    static constexpr std::size_t index_of(Scratch name) { return static_cast<std::size_t>(name); }

    template <class Value>
    static std::size_t bytes_of(std::size_t count)
    {
        if (count > std::numeric_limits<std::size_t>::max() / sizeof(Value)) throw std::bad_array_new_length();
        return count * sizeof(Value);
    }

    Buffers shared_;
    std::vector<Buffers> of_thread_;
};

}  // namespace bert
