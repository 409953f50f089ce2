/// @file
/// Units of one program, compiled for different processors from the same source. Each computes with `Fast` and prints bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

/// One of them.
struct Unit {
    const char* name;      ///< the processor that it is compiled for
    bool (*can_run)();     ///< whether the processor at hand has its instructions
    void (*print_bits)();  ///< computes, and prints a line for each operation
};

/// @return  the units of this program; each puts itself there before main
inline std::vector<Unit>& units()
{
    static std::vector<Unit> all;
    return all;
}

/// Prints one number for all bits of some values (FNV-1a).
/// @param unit  whose they are
/// @param operation  what computed them
/// @param values  the first of them
/// @param count  how many
template <class Value>
void print_bits(const char* unit, const char* operation, const Value* values, std::size_t count)
{
    std::uint64_t hash = 0xCBF29CE484222325U;
    std::vector<unsigned char> bytes(count * sizeof(Value));
    if (count > 0) std::memcpy(bytes.data(), values, bytes.size());
    for (const unsigned char byte : bytes)
        hash = (hash ^ byte) * 0x100000001B3U;
    std::printf("%s: %s: %016llx\n", unit, operation, static_cast<unsigned long long>(hash));
}
