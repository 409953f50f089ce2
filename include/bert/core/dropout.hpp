/// @file
/// Dropout: its probabilities, and where its random numbers come from. The operation: ops/reference/dropout.hpp.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/core/random.hpp"

namespace bert {

/// Where dropout acts. (Devlin et al. 2019, appendix A.2: dropout of 0.1 on all layers; the sites are those of
/// google-research/bert, modeling.py and run_classifier.py, token_classifier that of the transformers library.)
enum class DropoutSite : std::uint32_t {
    embeddings,          ///< the sum of the embeddings, after its layer norm
    probabilities,       ///< attention's probabilities: a query then ignores the dropped key, in this head
    attention,           ///< the attention sub-layer's projection, before the residual
    feed_forward,        ///< the feed-forward sub-layer's projection, before the residual
    classifier,          ///< the input of a classifier of sequences
    token_classifier,    ///< the input of a classifier of tokens
    question_answering,  ///< DistilBERT's: the input of the question-answering head
    classifier_layer,    ///< RoBERTa's: the input of the classifier's own layer
};

/// One use of dropout in one training step. Whether a number of the tensor is kept is a pure function of it.
struct DropoutPlace {
    double probability = 0;                      ///< of being dropped, in [0, 1); 0 drops nothing
    RandomStream stream = {};                    ///< seed and step
    std::uint32_t layer = 0;                     ///< the block, from 0
    DropoutSite site = DropoutSite::embeddings;  ///< where in the block
    std::uint32_t head = 0;                      ///< attention head, from 0
    std::uint32_t first_row = 0;                 ///< row of the whole batch from which rows are counted
    std::span<const std::size_t> rows = {};      ///< [T]: row t of the tensor is row rows[t] of all; if empty, row t

    /// Checks the probability and the number of rows.
    /// @param T  rows of the tensor
    /// @throws std::invalid_argument if the probability is not in [0, 1), head or layer is too large, or rows is neither
    ///     empty nor of size T
    void require_valid(std::size_t T) const
    {
        if (!(probability >= 0 && probability < 1))
            throw std::invalid_argument("dropout: expected a probability in [0, 1), got " + std::to_string(probability));
        if (head >= 1U << 12U || layer >= 1U << 16U)  // place_id() holds no more
            throw std::invalid_argument("dropout: expected a head below 4096 and a layer below 65536, got " +
                                        std::to_string(head) + " and " + std::to_string(layer));
        if (!rows.empty() && rows.size() != T)
            throw std::invalid_argument("dropout: rows: expected " + std::to_string(T) + ", got " + std::to_string(rows.size()));
    }

    /// The factor of a number that is kept, which preserves the expected value: 1 / (1 - probability).
    /// @return  the factor
    double scale() const { return 1 / (1 - probability); }

    /// A number is kept if its random word is at least this.
    /// @return  probability, in units of 2^-32
    std::uint32_t threshold() const { return static_cast<std::uint32_t>(std::ldexp(probability, 32)); }

    /// Identifies this place within its step: 16 bits for the layer, 4 for the site, 12 for the head.
    /// @return  the argument `place` of random_words
    std::uint32_t place_id() const { return (layer << 16U) | (static_cast<std::uint32_t>(site) << 12U) | head; }

    /// The index, in the whole batch, of a row.
    /// @param row  row of the tensor
    /// @return  its index
    std::uint32_t row_of_batch(std::size_t row) const
    {
        return first_row + static_cast<std::uint32_t>(rows.empty() ? row : rows[row]);
    }

    /// Whether a number is kept.
    /// \f[ \mathrm{kept} \Leftrightarrow
    ///     \mathrm{random\_words}(\mathrm{stream}, \mathrm{place\_id}, r, \lfloor c / 4 \rfloor)_{c \bmod 4}
    ///     \ge \lfloor 2^{32}\,\mathrm{probability} \rfloor \f]
    /// Symbols: \f$r\f$ `row_of_batch(row)`, \f$c\f$ `column`.
    /// @param row  row of the tensor
    /// @param column  column of the tensor
    /// @return  false if it becomes 0
    bool keeps(std::size_t row, std::size_t column) const
    {
        const auto words = random_words(stream, place_id(), row_of_batch(row), static_cast<std::uint32_t>(column / 4));
        return words[column % 4] >= threshold();
    }
};

/// Dropout of a model in one training step. The default drops nothing, as in inference.
struct Dropout {
    double hidden = 0;                                ///< probability at embeddings, attention and feed_forward
    std::optional<double> embeddings = std::nullopt;  ///< probability at embeddings; if empty, hidden
    double probabilities = 0;                         ///< probability at attention's probabilities, attention_probs_dropout_prob
    double classifier = 0;                            ///< probability at classifier and classifier_layer
    std::optional<double> token_classifier = std::nullopt;  ///< probability at token_classifier; if empty, classifier
    double question_answering = 0;                          ///< probability at question_answering
    bool after_attention = true;                            ///< whether there is any at attention
    bool after_feed_forward = true;                         ///< whether there is any at feed_forward
    RandomStream stream = {};                               ///< seed and step
    std::uint32_t layer = 0;                                ///< the block, from 0
    DropoutSite site = DropoutSite::embeddings;             ///< where in the block
    std::uint32_t first_token = 0;                          ///< tokens of the batch before this micro-batch
    std::uint32_t first_sequence = 0;                       ///< sequences of the batch before this micro-batch
    std::span<const std::size_t> rows = {};                 ///< the rows that are computed; if empty, all

    /// The use of dropout at this layer and site.
    /// @return  with the site's probability and rows
    DropoutPlace place() const
    {
        DropoutPlace place{
            .probability = hidden, .stream = stream, .layer = layer, .site = site, .first_row = first_token, .rows = rows};
        if (site == DropoutSite::embeddings) place.probability = embeddings.value_or(hidden);
        if (site == DropoutSite::probabilities) place.probability = probabilities;
        const bool is_of_sequences = site == DropoutSite::classifier || site == DropoutSite::classifier_layer;
        if (is_of_sequences) place.probability = classifier;
        if (site == DropoutSite::token_classifier) place.probability = token_classifier.value_or(classifier);
        if (site == DropoutSite::question_answering) place.probability = question_answering;
        if (site == DropoutSite::attention && !after_attention) place.probability = 0;
        if (site == DropoutSite::feed_forward && !after_feed_forward) place.probability = 0;
        if (is_of_sequences) place.first_row = first_sequence;
        if (is_of_sequences || site == DropoutSite::probabilities) place.rows = {};  // always computed in full
        return place;
    }
};

}  // namespace bert
