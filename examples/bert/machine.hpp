/// @file
/// The machine that the program runs on: processor, memory, peak of operations.
#pragma once

#include <cstddef>
#include <string>

namespace program {

/// Properties of the machine.
struct Machine {
    std::string processor;        ///< name, if the system tells it
    std::size_t processors = 0;   ///< number of processors
    std::size_t threads = 0;      ///< number of threads of operations
    double memory_gib = 0;        ///< of the whole machine; 0 if unknown
    std::string instruction_set;  ///< instruction set that the program is compiled for, as in `avx512bw`
    std::size_t vector_bits = 0;  ///< width of a vector
    std::string blas;             ///< the processor of OpenBLAS's kernels; empty with another BLAS
};

/// Reads the properties of the machine.
/// @return  the properties
Machine machine();

/// The peak memory of this program.
/// @return  MiB; 0 if unknown
double peak_memory_mib();

/// Measures the peak of multiplications and additions from registers, on all threads.
/// @tparam Ops  a fast set, whose products use the same instructions
/// @return  the best of several measurements, in GFLOP/s
template <class Real, class Ops>
double peak_gflops();

}  // namespace program
