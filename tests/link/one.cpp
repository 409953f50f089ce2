// The other half is two.cpp. What a header defines without `inline` would be there twice, and the linker would say so.
#include <cstddef>

#include <bert/bert.hpp>

using ThreadCount = std::size_t (*)();
ThreadCount address_in_two();

int main()
{
    const ThreadCount here = &bert::threads;
    return here == address_in_two() ? 0 : 1;  // one program, one function
}
