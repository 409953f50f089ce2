/// @file
/// Memory for what is big and read from end to end: in pages of 2 MB where the system gives them, so that looking up
/// addresses costs nothing. Products of 16 rows, which wait for the weights, gain a fifth; of 512 rows, a fiftieth.
#pragma once

#include <cstddef>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

#include "bert/core/tensor.hpp"

namespace bert::product {

/// Allocates whole huge pages and leaves new numbers uninitialised; what is smaller than a page, as a Tensor does.
template <class Value>
struct HugePageAllocator : AlignedAllocator<Value> {
    static constexpr std::size_t page = std::size_t{1} << 21;  ///< bytes

    HugePageAllocator() = default;
    /// There is nothing to take over: all allocators are alike.
    /// @param other  an allocator of something else
    template <class Other>
    HugePageAllocator([[maybe_unused]] const HugePageAllocator<Other>& other) noexcept
    {
    }

    /// @param count  how many values
    /// @return  uninitialised memory for them
    Value* allocate(std::size_t count)
    {
        if (count * sizeof(Value) < page) return AlignedAllocator<Value>::allocate(count);
        const std::size_t bytes = (count * sizeof(Value) + page - 1) / page * page;
        void* memory = ::operator new (bytes, std::align_val_t{page});
#ifdef __linux__
        madvise(memory, bytes, MADV_HUGEPAGE);  // a wish; without it everything works, slower
#endif
        return static_cast<Value*>(memory);
    }
    /// @param values  what allocate returned
    /// @param count  how many
    void deallocate(Value* values, std::size_t count) noexcept
    {
        if (count * sizeof(Value) < page)
            AlignedAllocator<Value>::deallocate(values, count);
        else
            ::operator delete (values, std::align_val_t{page});
    }
};

}  // namespace bert::product
