// The other half is one.cpp.
#include <cstddef>

#include <bert/bert.hpp>

using ThreadCount = std::size_t (*)();
ThreadCount address_in_two();

ThreadCount address_in_two() { return &bert::threads; }
