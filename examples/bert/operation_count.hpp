/// @file
/// How many operations bert bench counts.
#pragma once

#include <cstddef>
#include <vector>

#include <bert/config.hpp>
#include <bert/core/sequences.hpp>
#include <bert/model.hpp>

namespace program {

/// Multiplications and additions of one run, counted separately; lookups, norms and activations aren't counted. A training step
/// takes three times those of forward, and has the words' logits, too; what follows attention in the last layer is computed of
/// the rows that a head reads.
/// @param config  sizes and architecture
/// @param batch  T tokens in B sequences
/// @param asked_words  the rows whose word is asked for, in training
/// @param train  a training step; or else the encoder's hidden states alone
/// @return  2 for each multiplication with its addition
inline double operation_count(const bert::Config& config, const bert::Batch& batch, const std::vector<std::size_t>& asked_words,
                              bool train)
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
    const auto read = bert::rows_read(bert::heads_of(config.architecture), batch.sequences, asked_words);
    if (!read.empty() && config.num_hidden_layers > 0) count -= 2 * (T - static_cast<double>(read.size())) * (H * H + 2 * H * I);
    return 3 * (count + 2 * static_cast<double>(asked_words.size()) * H * (H + static_cast<double>(config.vocab_size)));
}

}  // namespace program
