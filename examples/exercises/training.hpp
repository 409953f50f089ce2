/// @file
/// A model in training, for exercise 10.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <bert/bert.hpp>
#include <bert/core/parameter_list.hpp>
#include <bert/training/trainer.hpp>

#include "exercise.hpp"

namespace exercise {

using Model = bert::Model<double, bert::Reference>;  ///< the parameters, their gradients, or their moments

/// A model, and everything that its training keeps from step to step.
struct TrainingRun {
    bert::Batch batch;               ///< the same in each step
    bert::Targets<double> targets;   ///< training targets
    bert::OptimizerOptions options;  ///< learning_rate, schedule, clipping, beta1, beta2, epsilon, weight_decay, no_decay
    Model model;                     ///< the trained model
    Model gradient;                  ///< gradient of the loss with respect to the model
    Model m;                         ///< first moments, 0 at the beginning
    Model v;                         ///< second moments, 0 at the beginning
    std::size_t steps = 0;           ///< steps taken so far

    bert::ModelActivations<double> act = {};  ///< activations of forward
    bert::ModelGradients<double> d_act = {};  ///< gradients of the activations, for backward
    bert::Workspace workspace = {};           ///< scratch memory, for bert::Pass
};

/// Result of one training step.
struct StepResult {
    double loss = 0;           ///< loss before the update
    double norm = 0;           ///< norm of the gradient, before clipping
    double learning_rate = 0;  ///< learning rate of the update
};

/// Whether a parameter is decayed: weights are, biases and layer norms aren't.
/// @param options  no_decay: parts of the names of parameters that aren't decayed
/// @param name  the parameter's published name
/// @return  true if it is decayed
inline bool is_decayed(const bert::OptimizerOptions& options, const std::string& name)
{
    return std::none_of(options.no_decay.begin(), options.no_decay.end(),
                        [&](const std::string& part) { return name.find(part) != std::string::npos; });
}

/// Visits every parameter with its gradient and its moments.
/// @param run  the model, its gradient and its moments
/// @param visit  called as visit(name, g, numbers): g is a std::span of the gradient; numbers.p, numbers.m and numbers.v are those
///     of the parameter and of its moments
template <class Visit>
void for_each_parameter(TrainingRun& run, const Visit& visit)
{
    const auto p = bert::parameter_list<double>(run.model), g = bert::parameter_list<double>(run.gradient);
    const auto m = bert::parameter_list<double>(run.m), v = bert::parameter_list<double>(run.v);
    for (std::size_t i = 0; i < p.size(); ++i)
        visit(p[i].name, g[i].values, bert::ParameterAndMoments<double>{p[i].values, m[i].values, v[i].values});
}

}  // namespace exercise
