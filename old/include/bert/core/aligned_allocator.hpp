/// @file
/// Memory for numbers.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <utility>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "bert/core/language.hpp"

namespace bert {

/// Allocates at addresses that are multiples of 64 bytes (a cache line, the widest vector) and leaves new numbers
/// uninitialised: a buffer that is about to be written is not zeroed first. What is large is laid on pages of 2 MB where the
/// system gives them: a product of 16 rows, which waits for its weights, takes a fifth less time, and the first use of such
/// memory a fourth of the time.
template <class Value>
struct AlignedAllocator {
    using value_type = Value;                                       ///< what is allocated
    static constexpr std::size_t line = 64;                         ///< bytes of a cache line
    static constexpr std::size_t huge_page = std::size_t{1} << 21;  ///< bytes

    AlignedAllocator() = default;
    /// There is nothing to take over: all allocators are alike.
    /// @param other  an allocator of something else
    template <class Other>
    AlignedAllocator([[maybe_unused]] const AlignedAllocator<Other>& other) noexcept
    {
    }

    /// @param count  how many values
    /// @return  uninitialised memory for them
    /// @throws std::bad_array_new_length if their bytes can't be counted
    /// @throws std::bad_alloc if there is no memory
    Value* allocate(std::size_t count)
    {
        if (count > std::numeric_limits<std::size_t>::max() / sizeof(Value)) throw std::bad_array_new_length();
        const std::size_t bytes = count * sizeof(Value);
        void* const memory = ::operator new(bytes, alignment(bytes));
#ifdef __linux__
        if (is_large(bytes)) madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; without it everything works, slower
#endif
        return static_cast<Value*>(memory);
    }
    /// @param values  what allocate returned
    /// @param count  how many values that were
    void deallocate(Value* values, std::size_t count) noexcept { ::operator delete(values, alignment(count * sizeof(Value))); }

    /// Default construction leaves the number as it is.
    /// @param value  where to construct
    template <class Other>
    void construct(Other* value) noexcept
    {
        ::new (static_cast<void*>(value)) Other;
    }
    /// @param value  where to construct
    /// @param arguments  from what
    template <class Other, class... Arguments>
    void construct(Other* value, Arguments&&... arguments)
    {
        ::new (static_cast<void*>(value)) Other(std::forward<Arguments>(arguments)...);
    }

    /// What one allocates, any other frees.
    /// @return  true
    friend bool operator==(const AlignedAllocator&, const AlignedAllocator&) noexcept { return true; }

private:
    static constexpr bool is_large(std::size_t bytes) { return bytes >= 2 * huge_page; }
    static constexpr std::align_val_t alignment(std::size_t bytes)
    {
        return std::align_val_t{is_large(bytes) ? huge_page : line};
    }
};

}  // namespace bert
