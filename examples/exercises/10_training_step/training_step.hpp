/// @file
/// Exercise 10: one whole training step of a BERT.
#pragma once

#include <cmath>

#include "../training.hpp"

namespace exercise {

/// Forward, loss, backward, length of the gradient, learning rate, update.
///   1. `run.model.forward`, then `bert::model_loss`: the loss is its total. Hidden words alone need logits: their rows,
///      `bert::labelled_rows(run.labels.masked_words)`, are what run.act.asked_rows is for.
///   2. `bert::model_loss_backward`, then `run.model.backward`, which adds to run.gradient: what must be in it before?
///   3. `bert::gradient_norm` over all tensors, and `run.options.clipping.factor` of it, the scale of the gradient.
///   4. `run.options.learning_rate` times `run.options.schedule.factor(run.steps)`; run.steps counts the steps before this one.
///   5. `bert::adamw` on every tensor. Which are decayed? `is_decayed` tells. It counts its steps from 1.
/// `for_each_parameter(run, visit)` calls visit(name, p, g, m, v) with each parameter, its gradient and its two moments.
/// @param[in,out] run  model, gradient, moments, and run.steps, which is one more afterwards
/// @return  the loss and the gradient's length before the update, and the rate of the update
inline StepResult training_step(TrainingRun& run)
{
    not_written("training_step", run);  // YOUR CODE
    return {};
}

}  // namespace exercise
