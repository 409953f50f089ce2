/// @file
/// What dropout is asked to do: with which probability, and where its random numbers come from.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

#include "bert/core/random.hpp"

namespace bert {

/// What is dropped. (Devlin et al. 2019, appendix A.2: dropout of 0.1 on all layers; the places are the published code's.)
enum class DropoutSite : std::uint32_t {
    embeddings,     ///< their sum, after its layer norm
    probabilities,  ///< of attention: a token isn't looked at
    attention,      ///< the attention sub-layer's projection, before the residual
    feed_forward,   ///< the feed-forward sub-layer's, before the residual
    classifier,     ///< what a classifier looks at
};

/// One place of a model in one step of training: whether each number of a tensor there is kept is a pure function of it.
struct DropoutPlace {
    double probability = 0;                      ///< of being dropped, in [0, 1); 0: nothing is
    RandomStream stream = {};                    ///< seed and step
    std::uint32_t layer = 0;                     ///< from 0
    DropoutSite site = DropoutSite::embeddings;  ///< of the layer
    std::uint32_t head = 0;                      ///< of attention, from 0
    std::uint32_t first_row = 0;                 ///< what row 0 is in the whole batch: where a sequence begins
    std::span<const std::size_t> rows = {};      ///< what each row is in the whole batch; none: they come in order

    /// Checks the probability, and that every row has its place in the batch.
    /// @param T  rows of the tensor
    /// @throws std::invalid_argument if the probability is not in [0, 1), or there are rows and not T of them
    void require_valid(std::size_t T) const
    {
        if (!(probability >= 0 && probability < 1))
            throw std::invalid_argument("dropout: expected a probability in [0, 1), got " + std::to_string(probability));
        if (!rows.empty() && rows.size() != T)
            throw std::invalid_argument("dropout: rows: expected " + std::to_string(T) + ", got " + std::to_string(rows.size()));
    }

    /// What a number that is kept is multiplied by, so that the expected value stays: 1 / (1 - probability).
    /// @return  the factor
    double scale() const { return 1 / (1 - probability); }

    /// The smallest random word that keeps a number.
    /// @return  probability, in units of 2^-32
    std::uint32_t threshold() const { return static_cast<std::uint32_t>(std::ldexp(probability, 32)); }

    /// The number of this place in its step: 12 bits for the head, 4 for the site, 16 for the layer.
    /// @return  as random_words wants it
    std::uint32_t number() const { return layer << 16U | static_cast<std::uint32_t>(site) << 12U | head; }

    /// @param row  of the tensor
    /// @return  of the whole batch
    std::uint32_t row_of_batch(std::size_t row) const
    {
        return static_cast<std::uint32_t>(rows.empty() ? first_row + row : rows[row]);
    }

    /// Whether a number is kept.
    /// @param row  of the tensor
    /// @param column  of the tensor
    /// @return  false: it becomes 0
    bool keeps(std::size_t row, std::size_t column) const
    {
        const auto words = random_words(stream, number(), row_of_batch(row), static_cast<std::uint32_t>(column / 4));
        return words[column % 4] >= threshold();
    }
};

/// Dropout of a model, or of one of its layers, in one step of training. The default is none, as in inference.
struct Dropout {
    double hidden = 0;                       ///< probability of embeddings, attention and feed_forward
    double attention = 0;                    ///< of probabilities
    double classifier = 0;                   ///< of classifier
    RandomStream stream = {};                ///< seed and step
    std::uint32_t layer = 0;                 ///< from 0
    std::span<const std::size_t> rows = {};  ///< which of a batch's rows attention and feed_forward are computed for; none: all.
                                             ///< They stand elsewhere, and must until backward is done

    /// @param index  a layer, from 0
    /// @return  the same in that layer
    Dropout in_layer(std::size_t index) const
    {
        Dropout other = *this;
        other.layer = static_cast<std::uint32_t>(index);
        return other;
    }

    /// @param site  what is dropped
    /// @return  the place
    DropoutPlace at(DropoutSite site) const
    {
        const double probability = site == DropoutSite::probabilities ? attention
                                   : site == DropoutSite::classifier  ? classifier
                                                                      : hidden;
        const bool is_of_all = site == DropoutSite::probabilities || site == DropoutSite::classifier;
        return {probability, stream, layer, site, 0, 0, is_of_all ? std::span<const std::size_t>{} : rows};
    }
};

}  // namespace bert
