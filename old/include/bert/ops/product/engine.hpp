/// @file
/// Which engine multiplies matrices.
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>

#include "bert/core/language.hpp"

extern "C" {
/// Where the CBLAS is OpenBLAS: how many threads it uses; this project divides the work itself and wants 1.
/// @param count  of the whole process
void openblas_set_num_threads(int count) __attribute__((weak));
/// Where the CBLAS is OpenBLAS: the processor that its kernels are made for.
/// @return  its name
char* openblas_get_corename() __attribute__((weak));
}

namespace bert {

/// What computes the matrix products of the fast operations.
enum class Engine {
    own,     ///< the kernel of ops/product/kernel.hpp: the fastest, and bits that never depend on a row's place
    cblas,   ///< any CBLAS, one thread on tiles of our own
    onednn,  ///< oneDNN's matmul; there if BERT_WITH_ONEDNN is defined
    loops,   ///< plain loops, to compare with
};

/// @param engine  an engine
/// @return  its name
inline std::string engine_name(Engine engine)
{
    switch (engine) {
        case Engine::own: return "own";
        case Engine::cblas: return "cblas";
        case Engine::onednn: return "onednn";
        case Engine::loops: return "loops";
    }
    return "unknown";
}

/// @param engine  an engine
/// @return  whether this program was built with it
constexpr bool has_engine(Engine engine)
{
#ifndef BERT_WITH_ONEDNN
    if (engine == Engine::onednn) return false;
#endif
    return engine == Engine::own || engine == Engine::cblas || engine == Engine::onednn || engine == Engine::loops;
}

namespace detail {

/// The engine of the whole program; what is packed with one engine is multiplied with it.
inline std::atomic<Engine> chosen_engine{Engine::own};

}  // namespace detail

/// @return  the engine in use; the own kernel unless set_engine chose another one
inline Engine engine() { return detail::chosen_engine; }

/// Chooses the engine of all products from now on. Nothing else does: no environment variable, nothing before main.
/// @param engine  which
/// @throws std::invalid_argument if the program was built without it
inline void set_engine(Engine engine)
{
    if (!has_engine(engine))
        throw std::invalid_argument("set_engine: " + engine_name(engine) + ": this program was built without it");
    const bool calls_cblas = engine == Engine::cblas || engine == Engine::onednn;  // the latter in double
    if (calls_cblas && openblas_set_num_threads != nullptr) openblas_set_num_threads(1);
    detail::chosen_engine = engine;
}

}  // namespace bert
