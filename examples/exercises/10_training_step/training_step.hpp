/// @file
/// Exercise 10: one whole training step of a BERT.
#pragma once

#include <cmath>

#include "../training.hpp"

namespace exercise {

/// Forward, loss, backward, length of the gradient, learning rate, update.
///   1. `run.model.forward(run.batch, run.act, run.workspace)`, then
///      `bert::model_loss(run.model, run.batch, run.act, run.labels)`: the loss is its total. Hidden words alone need logits:
///      set run.act.asked_words to `bert::labelled_rows(run.labels.masked_words)` before.
///   2. `bert::model_loss_backward(run.model, run.batch, run.act, run.labels, {}, run.d_act)`, then
///      `run.model.backward(run.batch, run.act, run.gradient, run.d_act, run.workspace)`, which adds to run.gradient: what must
///      be in it before?
///   3. `bert::gradient_norm(run.gradient, [](const std::string&) { return true; }).norm`, and
///      `run.options.clipping.factor` of it: the scale of the gradient.
///   4. `run.options.learning_rate` times `run.options.schedule.factor(run.steps)`; run.steps counts the steps before this one.
///   5. `bert::adamw(g, update, p, m, v)` on every tensor, with a `bert::UpdateOptions update`: rate, beta1, beta2, epsilon,
///      scale; decay, 0 where `is_decayed(run.options, name)` is false; and step, which adamw counts from 1.
///
/// `for_each_parameter(run, visit)` calls visit(name, p, g, m, v) with each parameter, its gradient and its two moments.
/// @param[in,out] run  model, gradient, moments, and run.steps, which is one more afterwards
/// @return  the loss and the gradient's length before the update, and the rate of the update
inline StepResult training_step(TrainingRun& run)
{
    not_written("training_step", run);  // YOUR CODE
    return {};
}

}  // namespace exercise
