/// @file
/// The number of operations of a run of bert bench.
#pragma once

#include <cstddef>
#include <vector>

#include <bert/config.hpp>
#include <bert/core/sequences.hpp>

namespace program {

namespace detail {

/// Multiplications of one token with the matrices of a block, but for what follows attention.
inline double products_before_attention(const bert::Config& config)
{
    const auto H = static_cast<double>(config.hidden_size), W = static_cast<double>(config.block_width());
    if (!config.mobilebert || !config.mobilebert->use_bottleneck) return 3 * H * H;
    const bert::MobileBertConfig& own = *config.mobilebert;
    const bool is_narrow = own.use_bottleneck_attention;  // query, key and value read the bottleneck
    const bool has_own_bottleneck = own.key_query_shared_bottleneck && !is_narrow;
    return H * W * (has_own_bottleneck ? 2 : 1) + 2 * W * W + (is_narrow ? W * W : H * W);
}

/// Multiplications of one token with the matrices that follow attention.
inline double products_after_attention(const bert::Config& config)
{
    const auto H = static_cast<double>(config.hidden_size), W = static_cast<double>(config.block_width());
    const auto I = static_cast<double>(config.intermediate_size);
    if (!config.mobilebert) return H * H + 2 * H * I;
    const auto networks = static_cast<double>(config.mobilebert->num_feedforward_networks);
    return W * W + networks * 2 * W * I + (config.mobilebert->use_bottleneck ? W * H : 0);
}

/// Multiplications of one token with the matrices of the embeddings and of the masked-LM head.
inline double products_of_embeddings(const bert::Config& config)
{
    if (config.embedding_size == 0) return 0;
    const bool is_trigram = config.mobilebert && config.mobilebert->trigram_input;
    return static_cast<double>(config.embedding_size) * static_cast<double>(config.hidden_size) * (is_trigram ? 3 : 1);
}
inline double products_of_masked_lm(const bert::Config& config)
{
    const auto H = static_cast<double>(config.hidden_size), V = static_cast<double>(config.vocab_size);
    const double E = config.mobilebert ? H : static_cast<double>(config.embedding_width());
    return config.is_causal ? H * V : H * E + E * V;
}

}  // namespace detail

/// Counts the multiplications and additions of the matrix products of one run; lookups, norms and activation functions aren't
/// counted. A training step takes three times the operations of forward, including the logits of masked or causal LM; in BERT's
/// body, after the last layer's attention only the rows that a head reads are computed.
/// @param config  sizes
/// @param batch  T tokens in B sequences
/// @param train  true for a training step, false for hidden states only
/// @param read  in training, the rows of the hidden states that heads read; if empty, all
/// @param predicted  in training, the number of predicted tokens
/// @return  the number of operations: 2 for a multiplication and its addition
inline double operation_count(const bert::Config& config, const bert::Batch& batch, bool train,
                              const std::vector<std::size_t>& read = {}, std::size_t predicted = 0)
{
    const auto T = static_cast<double>(batch.sequences.tokens()), W = static_cast<double>(config.block_width());
    double count = 2 * T * (detail::products_before_attention(config) + detail::products_after_attention(config));
    for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
        const auto n = static_cast<double>(batch.sequences.length(b));
        count += (config.is_causal ? 2 * n * (n + 1) : 4 * n * n) * W;  // a causal head needs half of the scores
    }
    count = count * static_cast<double>(config.block_runs()) + 2 * T * detail::products_of_embeddings(config);
    if (!train) return count;
    const bool selects_rows = !config.mobilebert && !config.is_causal;
    if (selects_rows && !read.empty() && config.block_runs() > 0)
        count -= 2 * (T - static_cast<double>(read.size())) * detail::products_after_attention(config);
    return 3 * (count + 2 * static_cast<double>(predicted) * detail::products_of_masked_lm(config));
}

}  // namespace program
