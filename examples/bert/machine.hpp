/// @file
/// What the program runs on: the processor, its peak, and the engine of matrix products.
#pragma once

#include <cstddef>
#include <string>

namespace program {

/// The machine.
struct Machine {
    std::string processor;        ///< its name, if the system says it
    std::size_t processors = 0;   ///< that threads can run on
    std::size_t threads = 0;      ///< that operations use
    double memory_gib = 0;        ///< of the whole machine; 0: not known
    std::string instruction_set;  ///< that this program is compiled for, as in `avx512bw`
    std::size_t vector_bits = 0;  ///< its width
    std::string blas;             ///< the processor that OpenBLAS's kernels are made for; empty: another BLAS
};

/// Looks at the machine.
/// @return  what it is
Machine machine();

/// The most memory that this program has had.
/// @return  in MiB; 0: not known
double peak_memory_mib();

/// The fastest fused multiplications and additions from registers, on all threads.
/// @tparam Ops  a fast set: the same instructions as those of its products
/// @return  the best of several measurements, in GFLOP/s
template <class Real, class Ops>
double peak_gflops();

}  // namespace program
