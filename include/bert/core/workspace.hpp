/// @file
/// Scratch memory that a caller owns and passes on: nothing is hidden in static or thread-local variables, and buffers keep their
/// memory between calls.
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

/// What a buffer of a workspace holds. Buffers that are in use at the same time have different names.
enum class Scratch : std::size_t {
    hidden,           ///< hidden states of an encoder
    hidden_operand,   ///< hidden states in the format of a product
    query_key_value,  ///< of an encoder, side by side
    context,          ///< of an encoder
    narrow,           ///< hidden states between MobileBERT's bottlenecks
    narrow_operand,   ///< the same in the format of a product
    query_key,        ///< of MobileBERT, side by side
    intermediate,     ///< of a feed-forward network
    left_operand,     ///< the rows that a product multiplies
    panel,            ///< some columns of its right operand
    sums,             ///< partial sums of a product
    scores,           ///< of attention; the probabilities replace them
    d_scores,         ///< gradient of the scores
    keys,             ///< of a head, in panels
    key_columns,      ///< keys of a head, transposed
    values,           ///< of a head, in panels
    number_of_names,  ///< the number of buffers
};

/// Buffers that keep their memory between calls. A buffer's contents are garbage until they are written; operations that run
/// one after the other may share a buffer. A workspace is used by one caller at a time.
class Workspace {
public:
    /// Scratch memory that the threads of an operation share.
    /// @param name  which buffer
    /// @param count  how many values
    /// @return  aligned to 64 bytes, valid until the buffer is requested again
    /// @throws std::bad_alloc if there is not enough memory
    template <class Value>
    Value* shared(Scratch name, std::size_t count)
    {
        Buffer& buffer = shared_[index_of(name)];
        buffer.make_room(bytes_of<Value>(count));
        return buffer.values<Value>();
    }

    /// Makes room in a buffer of every thread. It is called before a parallel loop, by the thread that starts it, so that a lack
    /// of memory is an error before the work begins.
    /// @param name  which buffer
    /// @param count  how many values the largest chunk of the work needs
    /// @throws std::bad_alloc if there is not enough memory
    template <class Value>
    void prepare_threads(Scratch name, std::size_t count)
    {
        if (of_thread_.size() < threads()) of_thread_.resize(threads());
        for (Buffers& buffers : of_thread_)
            buffers[index_of(name)].make_room(bytes_of<Value>(count));
    }

    /// Scratch memory of a single thread.
    /// @param thread  its number in parallel_for
    /// @param name  which buffer
    /// @param count  how many values, at most as many as in prepare_threads
    /// @return  aligned to 64 bytes, valid until prepare_threads is called again
    /// @throws std::logic_error if prepare_threads was not called, or for fewer values
    template <class Value>
    Value* of_thread(std::size_t thread, Scratch name, std::size_t count)
    {
        if (thread >= of_thread_.size() || of_thread_[thread][index_of(name)].size() < bytes_of<Value>(count))
            throw std::logic_error("workspace: of_thread: expected at most the prepared number of values, got " +
                                   std::to_string(count) + " values");
        return of_thread_[thread][index_of(name)].template values<Value>();
    }

private:
    /// Raw memory for numbers of any type.
    class Buffer {
    public:
        std::size_t size() const { return memory_ ? memory_.get_deleter().bytes : 0; }

        void make_room(std::size_t bytes)
        {
            if (size() >= bytes) return;
            memory_.reset();  // its contents need not be kept
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
