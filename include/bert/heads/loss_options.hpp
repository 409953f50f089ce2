/// @file
/// Options of the losses: label smoothing, and what they are divided by.
///
/// A loss is a sum over labelled items, divided by the count of the whole batch, which is an argument. So the losses of
/// micro-batches add up to the batch's, and so do their gradients, however the labels are distributed.
#pragma once

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "bert/core/language.hpp"

namespace bert {

/// What a loss is divided by, where two published implementations differ.
enum class LossDivisor {
    transformers,  ///< the transformers library: the number of labelled items
    original,      ///< google-research/bert. Masked LM: that number + 1e-5 (run_pretraining.py, get_masked_lm_output). Question
                   ///< answering: the number of sequences, including those whose position is ignored (run_squad.py, compute_loss)
};

/// Options of the losses.
struct LossOptions {
    double smoothing = 0;                             ///< label smoothing of every softmax cross-entropy, in [0, 1); 0 in BERT
                                                      ///< (Szegedy et al. 2016, section 7). The heads' formulas are those for 0;
                                                      ///< ops/reference/losses.hpp has the smoothed ones
    LossDivisor divisor = LossDivisor::transformers;  ///< whose divisor is used
};

/// The count as the divisor of a loss.
/// @param count  the number of labelled items
/// @return  the count; std::nullopt for 0: then the operation counts the labels itself
/// @throws std::invalid_argument if it isn't a finite number of at least 0
inline std::optional<double> divisor_of(double count)
{
    if (!(count >= 0 && std::isfinite(count)))
        throw std::invalid_argument("count: expected a finite number, 0 or more, got " + std::to_string(count));
    return count > 0 ? std::optional(count) : std::nullopt;
}

}  // namespace bert
