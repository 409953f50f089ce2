/// @file
/// The number of operations of a run of bert bench.
#pragma once

#include <cstddef>
#include <vector>

#include <bert/config.hpp>
#include <bert/core/sequences.hpp>

namespace program {

/// Counts the multiplications and additions of the matrix products of one run; lookups, norms and activation functions aren't
/// counted. A training step takes three times the operations of forward, including the logits of masked LM; after the last
/// layer's attention only the rows that a head reads are computed.
/// @param config  sizes
/// @param batch  T tokens in B sequences
/// @param train  true for a training step, false for hidden states only
/// @param read  in training, the rows of the hidden states that heads read; if empty, all
/// @param masked  in training, the number of masked positions
/// @return  the number of operations: 2 for a multiplication and its addition
inline double operation_count(const bert::Config& config, const bert::Batch& batch, bool train,
                              const std::vector<std::size_t>& read = {}, std::size_t masked = 0)
{
    const auto T = static_cast<double>(batch.sequences.tokens()), H = static_cast<double>(config.hidden_size);
    const auto I = static_cast<double>(config.intermediate_size);
    double count = 2 * T * (4 * H * H + 2 * H * I);
    for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
        const auto n = static_cast<double>(batch.sequences.length(b));
        count += 4 * n * n * H;
    }
    count *= static_cast<double>(config.num_hidden_layers);
    if (!train) return count;
    if (!read.empty() && config.num_hidden_layers > 0) count -= 2 * (T - static_cast<double>(read.size())) * (H * H + 2 * H * I);
    return 3 * (count + 2 * static_cast<double>(masked) * H * (H + static_cast<double>(config.vocab_size)));
}

}  // namespace program
