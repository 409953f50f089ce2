#include "machine.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <bert/core/threads.hpp>
#include <bert/ops/fast.hpp>
#include <bert/ops/product/cblas.hpp>
#include <bert/ops/product/format.hpp>
#include <bert/ops/product/tiles.hpp>

namespace program {

namespace {

using Arch = bert::simd::DefaultArch;

/// The value in the first line of a file that begins with the key, without `:` and spaces.
std::string line_of(const char* path, std::string_view key)
{
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        if (!line.starts_with(key)) continue;
        const std::size_t begin = line.find_first_not_of(" \t:", key.size());
        return begin == std::string::npos ? "" : line.substr(begin);
    }
    return "";
}

std::string instruction_set()
{
    if constexpr (std::is_same_v<Arch, bert::simd::NoVectors>)
        return "none";
    else
        return Arch::name();
}

template <class Real>
std::array<Real, 128> filled(double number)
{
    std::array<Real, 128> numbers;
    numbers.fill(static_cast<Real>(number));
    return numbers;
}

/// Measures the peak of a matrix unit, whose tiles are loaded once.
template <class Tiles>
double peak_of_tiles()
{
    constexpr std::size_t side = bert::product::tile_side, steps = 200'000;
    const std::size_t threads = bert::threads();
    const std::array<std::uint32_t, 2 * side * 2 * side> pairs{};
    double best = 0;
    for (int attempt = 0; attempt < 7; ++attempt) {
        const auto begin = std::chrono::steady_clock::now();
        bert::parallel_for(threads, [&](std::size_t, std::size_t) {
            Tiles tiles;
            tiles.configure(side, side);
            tiles.clear();
            tiles.load(pairs.data(), side, pairs.data());
            for (std::size_t step = 0; step < steps; ++step)
                tiles.multiply_add();
            tiles.release();
        });
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        const std::size_t products = 2 * side * 2 * side * 2 * side * steps * threads;
        best = std::max(best, 2.0 * static_cast<double>(products) / seconds.count() * 1e-9);
    }
    return best;
}

}  // namespace

double peak_memory_mib()
{
    const std::string most = line_of("/proc/self/status", "VmHWM");
    return most.empty() ? 0 : std::stod(most) / 1024.0;  // the system's kB are KiB
}

template <class Real, class Ops>
double peak_gflops()
{
    using InstructionSet = typename Ops::InstructionSet;
    using Vector = bert::simd::Vector<Real, InstructionSet>;
    using Format = typename bert::product::FormatOf<Real, InstructionSet>::type;
    // Enough chains to hide the latency of an addition, and few enough steps that some attempt is undisturbed on a busy machine.
    constexpr std::size_t chains = 12, steps = 250'000;
    const std::size_t threads = bert::threads();
    std::vector<Real> results(threads);
    double best = 0;
    if constexpr (Format::Tiles::exists) {
        if (Format::Tiles::is_usable()) best = peak_of_tiles<typename Format::Tiles>();
    }
    for (int attempt = 0; attempt < 56; ++attempt) {
        const auto begin = std::chrono::steady_clock::now();
        bert::parallel_for(threads, [&](std::size_t piece, std::size_t) {
            const std::array<Real, 128> small = filled<Real>(1e-3);
            std::array<typename Format::Element, 64> buffer;
            const auto* const elements = Format::along(small.data(), small.size() * Format::per_element / 2, buffer.data());
            const typename Format::Elements panel = Format::load(elements);
            std::array<Vector, chains> sums;
            sums.fill(Vector(Real(piece)));
            for (std::size_t step = 0; step < steps; ++step)
                for (std::size_t chain = 0; chain < chains; ++chain)
                    sums[chain] = Format::multiply_add(elements[0], panel, sums[chain]);
            std::array<Real, 64> numbers{};
            for (const Vector& sum : sums) {
                sum.store_unaligned(numbers.data());
                results[piece] += numbers[0];
            }
        });
        const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
        const std::size_t products = Format::per_element * Vector::size * chains * steps * threads;
        best = std::max(best, 2.0 * static_cast<double>(products) / seconds.count() * 1e-9);
    }
    volatile Real kept = results[0];  // keeps the compiler from removing the work
    static_cast<void>(kept);
    return best;
}

template double peak_gflops<float, bert::Fast>();
template double peak_gflops<double, bert::Fast>();
template double peak_gflops<float, bert::FastBf16>();

Machine machine()
{
    Machine machine;
    machine.processor = line_of("/proc/cpuinfo", "model name");
    machine.processors = std::thread::hardware_concurrency();
    machine.threads = bert::threads();
    const std::string memory = line_of("/proc/meminfo", "MemTotal");
    if (!memory.empty()) machine.memory_gib = std::stod(memory) / (1024.0 * 1024.0);  // the system's kB are KiB
    machine.instruction_set = instruction_set();
    machine.vector_bits = 8 * sizeof(float) * bert::simd::Vector<float, Arch>::size;
    if (openblas_get_corename != nullptr) machine.blas = openblas_get_corename();
    return machine;
}

}  // namespace program
