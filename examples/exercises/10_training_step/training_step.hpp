/// @file
/// Exercise 10: one training step of a BERT.
#pragma once

#include <algorithm>
#include <cmath>

#include "../training.hpp"

namespace exercise {

/// Takes one training step: forward, loss, backward, norm of the gradient, learning rate, update.
///   1. `run.model.forward(run.batch, run.targets, pass, run.act)` with a
///      `const bert::Pass pass{run.model.config, run.batch.sequences, run.workspace}`; then
///      `run.model.loss(run.batch, run.targets, counts, {}, run.act)`, whose total is the loss. It is divided by the number of
///      targets, `bert::Counts<double> counts`, which `run.model.count(run.batch, run.targets, counts)` computes.
///   2. `run.model.loss_backward(run.batch, run.targets, counts, {}, run.act, run.d_act)`, then
///      `run.model.backward(run.batch, pass, run.act, run.gradient, run.d_act)`, which adds to run.gradient: what must it
///      contain before?
///   3. `bert::gradient_norm(bert::parameter_list<double>(run.gradient), [](std::size_t) { return true; }).value`, and
///      `run.options.clipping.scale` of this norm, which is the scale of the gradient.
///   4. The learning rate: `run.options.learning_rate * run.options.schedule.factor(run.steps)`; run.steps counts the steps
///      before this one.
///   5. `bert::Reference::adamw<double>(g, update, numbers)` on every parameter, with a `bert::UpdateOptions update`: its
///      learning_rate, beta1, beta2, epsilon and scale; its weight_decay, 0 where `is_decayed(run.options, name)` is false; and
///      its step, counted from 1.
///
/// `for_each_parameter(run, visit)` calls visit(name, g, numbers) for each parameter: g is its gradient (`std::fill(g.begin(),
/// g.end(), 0.0)` sets it to zero), and numbers are its values and its two moments.
/// @param[in,out] run  model, gradient, moments, and run.steps, which is increased by one
/// @return  the loss and the norm of the gradient before the update, and the learning rate of the update
inline StepResult training_step(TrainingRun& run)
{
    not_written("training_step", run);  // YOUR CODE
    return {};
}

}  // namespace exercise
