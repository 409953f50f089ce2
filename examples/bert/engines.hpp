/// @file
/// The engines of matrix products in this program.
#pragma once

#include <vector>

#include <bert/ops/product/cblas.hpp>
#include <bert/ops/product/engine.hpp>
#include <bert/ops/product/loops.hpp>
#ifdef BERT_PROGRAM_HAS_ONEDNN
#include <bert/ops/product/onednn.hpp>
#endif

namespace program {

/// @return  nullptr for our own kernel, then the others; they live as long as the program
inline std::vector<const bert::ProductEngine*> engines()
{
    static const bert::CblasEngine cblas;
    static const bert::LoopsEngine loops;
#ifdef BERT_PROGRAM_HAS_ONEDNN
    static const bert::OnednnEngine onednn;
    return {nullptr, &cblas, &onednn, &loops};
#else
    return {nullptr, &cblas, &loops};
#endif
}

}  // namespace program
