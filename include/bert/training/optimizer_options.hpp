/// @file
/// Options of an optimizer.
#pragma once

#include <cmath>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "bert/training/clipping.hpp"
#include "bert/training/schedule.hpp"

namespace bert {

/// The optimizers.
enum class OptimizerKind {
    adamw,      ///< with bias correction of the moments and decoupled weight decay
    bert_adam,  ///< the same without bias correction, as BERT was trained
    lamb,       ///< steps in proportion to each parameter's norm, for very large batches
};

/// Options of an optimizer. no_decay and frozen list parts of names: each selects all parameters whose names contain it.
struct OptimizerOptions {
    OptimizerKind kind = OptimizerKind::adamw;                  ///< which optimizer
    double learning_rate = 5e-5;                                ///< at its peak
    Schedule schedule{.kind = ScheduleKind::constant};          ///< of the learning rate
    double beta1 = 0.9;                                         ///< of the first moment
    double beta2 = 0.999;                                       ///< of the second moment
    double epsilon = 1e-6;                                      ///< the original code's; PyTorch's default is 1e-8
    double weight_decay = 0.01;                                 ///< of all parameters but those in no_decay
    std::vector<std::string> no_decay = {"bias", "LayerNorm"};  ///< parts of names: neither decayed nor scaled by LAMB
    std::vector<std::string> frozen = {};                       ///< parts of names: not changed, and not counted in the norm
    double layer_decay = 1;                                     ///< each layer's rate is this times that of the layer above
    Clipping clipping = {};                                     ///< of the whole gradient
    std::size_t max_skipped_in_a_row = 10;                      ///< most steps in a row skipped for a non-finite gradient

    /// Checks that every option is in its range.
    /// @throws std::invalid_argument as in `optimizer: beta1: expected [0, 1), got 1.000000`
    void require_valid() const
    {
        const auto require = [](bool holds, const char* option, const char* expected, double got) {
            if (!holds)
                throw std::invalid_argument(std::string("optimizer: ") + option + ": expected " + expected + ", got " +
                                            std::to_string(got));
        };
        const auto is_from_0 = [](double value) { return value >= 0 && std::isfinite(value); };
        require(std::isfinite(learning_rate), "learning_rate", "a finite number", learning_rate);
        require(beta1 >= 0 && beta1 < 1, "beta1", "[0, 1)", beta1);
        require(beta2 >= 0 && beta2 < 1, "beta2", "[0, 1)", beta2);
        require(is_from_0(epsilon), "epsilon", "a finite number, 0 or more", epsilon);
        require(std::isfinite(weight_decay), "weight_decay", "a finite number", weight_decay);
        require(is_from_0(layer_decay), "layer_decay", "a finite number, 0 or more", layer_decay);
        require(is_from_0(clipping.max_norm), "clipping.max_norm", "a finite number, 0 or more", clipping.max_norm);
        require(is_from_0(clipping.epsilon), "clipping.epsilon", "a finite number, 0 or more", clipping.epsilon);
        if (kind != OptimizerKind::adamw && kind != OptimizerKind::bert_adam && kind != OptimizerKind::lamb)
            throw std::invalid_argument("optimizer: kind: expected one of OptimizerKind, got another number");
        schedule.require_valid();
    }
};

}  // namespace bert
