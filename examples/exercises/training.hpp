/// @file
/// What exercise 10 is written with: a model in training.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <bert/bert.hpp>
#include <bert/training/trainer.hpp>

#include "exercise.hpp"

namespace exercise {

using Model = bert::Model<double, bert::Reference>;  ///< the parameters, or their gradients, or their moments

/// A model, and all that its training keeps from step to step.
struct TrainingRun {
    bert::Batch batch;               ///< the same in each step
    bert::Labels<double> labels;     ///< its answers
    bert::OptimizerOptions options;  ///< learning_rate, schedule, clipping, beta1, beta2, epsilon, weight_decay, no_decay
    Model model;                     ///< is trained
    Model gradient;                  ///< of the model's sizes
    Model m;                         ///< first moments, 0 at the beginning
    Model v;                         ///< second moments, 0 at the beginning
    std::size_t steps = 0;           ///< taken so far

    bert::ModelActivations<double> act = {};  ///< for forward
    bert::ModelGradients<double> d_act = {};  ///< for backward
    bert::Workspace workspace = {};           ///< for both
};

/// What a step says of itself.
struct StepResult {
    double loss = 0;           ///< before the update
    double norm = 0;           ///< the gradient's length, before clipping
    double learning_rate = 0;  ///< of the update
};

/// Whether a parameter is decayed: weights are, biases and layer norms aren't.
/// @param options  no_decay
/// @param name  the parameter's published name
/// @return  whether it is
inline bool is_decayed(const bert::OptimizerOptions& options, const std::string& name)
{
    return std::none_of(options.no_decay.begin(), options.no_decay.end(),
                        [&](const std::string& part) { return name.find(part) != std::string::npos; });
}

/// Visits every parameter with what belongs to it.
/// @param run  the model
/// @param visit  called as visit(name, p, g, m, v)
template <class Visit>
void for_each_parameter(TrainingRun& run, Visit&& visit)
{
    Model::parameters(visit, "", run.model, run.gradient, run.m, run.v);
}

}  // namespace exercise
