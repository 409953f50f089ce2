/// @file
/// One optimizer step on all parameters of a component: parameter groups, clipping, and the handling of non-finite numbers.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/ops/optimizers.hpp"
#include "bert/training/clipping.hpp"
#include "bert/training/schedule.hpp"

namespace bert {

/// The optimizers.
enum class OptimizerKind {
    adamw,      ///< with bias correction of the moments and decoupled weight decay
    bert_adam,  ///< the same without bias correction, as BERT was trained
    lamb,       ///< scales each parameter's step to the parameter's norm, for very large batches
};

/// Options of an optimizer. A part of a name selects all parameters whose names contain it.
struct OptimizerOptions {
    OptimizerKind kind = OptimizerKind::adamw;                  ///< which optimizer
    double learning_rate = 5e-5;                                ///< at its peak
    Schedule schedule{.kind = ScheduleKind::constant};          ///< of the learning rate
    double beta1 = 0.9;                                         ///< of the first moment
    double beta2 = 0.999;                                       ///< of the second moment
    double epsilon = 1e-6;                                      ///< the original code's; PyTorch's default is 1e-8
    double weight_decay = 0.01;                                 ///< of all parameters but those in no_decay
    std::vector<std::string> no_decay = {"bias", "LayerNorm"};  ///< parts of names: not decayed, and not adapted by LAMB
    std::vector<std::string> frozen = {};                       ///< parts of names: not changed, and not counted in the norm
    double layer_decay = 1;                                     ///< factor of the rate, from each layer to the one below
    Clipping clipping = {};                                     ///< of the whole gradient
    std::size_t max_skipped_in_a_row = 10;                      ///< most steps in a row skipped for a non-finite gradient
};

/// Result of one optimizer step.
struct StepReport {
    double learning_rate = 0;      ///< the peak times the schedule's factor
    double norm = 0;               ///< of the gradient, before clipping
    bool skipped = false;          ///< whether nothing was changed because the gradient was non-finite
    std::string first_non_finite;  ///< the first parameter whose gradient or step was non-finite; empty if there is none
};

/// An optimizer's state between steps: a plain aggregate, saved and restored by optimizer_state.hpp.
/// @tparam Component  a model, or anything else with parameters
template <class Component>
struct OptimizerState {
    Component m;                       ///< running mean of the gradient
    Component v;                       ///< running mean of the gradient's square
    std::size_t steps = 0;             ///< steps taken, which the schedule counts: skipped ones and those without labels included
    std::size_t updates = 0;           ///< steps in which parameters changed: t of AdamW's correction
    std::size_t skipped = 0;           ///< steps whose gradient was non-finite
    std::size_t skipped_in_a_row = 0;  ///< length of the current run of skipped steps
};

/// The options of a parameter group. (That biases and layer norms aren't decayed: google-research/bert, optimization.py; a rate
/// that falls from layer to layer: Howard and Ruder 2018, section 3.2.)
struct ParameterGroup {
    bool frozen = false;      ///< whether it is neither changed nor counted in the norm
    double weight_decay = 0;  ///< its weight decay
    bool adapts = true;       ///< whether LAMB scales its update to the parameter's norm
    double rate_factor = 1;   ///< of the learning rate: layer_decay to the power of the layers above it, the heads being one
};

/// The group of each parameter.
/// @param list  the parameters
/// @param options  no_decay, frozen, layer_decay, weight_decay
/// @return  a group for each parameter of the list
template <class Real>
std::vector<ParameterGroup> parameter_groups(const ParameterList<Real>& list, const OptimizerOptions& options)
{
    const auto contains_any = [](const std::string& name, const std::vector<std::string>& parts) {
        return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return name.find(part) != name.npos; });
    };
    std::size_t top = 0;  // depth of the heads, above the last block
    for (const Parameter<Real>& parameter : list)
        top = std::max(top, parameter.depth.value_or(0) + 1);
    std::vector<ParameterGroup> groups;
    for (const Parameter<Real>& parameter : list) {
        const bool is_excepted = contains_any(parameter.name, options.no_decay);
        groups.push_back(
            {.frozen = contains_any(parameter.name, options.frozen),
             .weight_decay = is_excepted ? 0 : options.weight_decay,
             .adapts = !is_excepted,
             .rate_factor = std::pow(options.layer_decay, static_cast<double>(top - parameter.depth.value_or(top)))});
    }
    return groups;
}

/// Moves parameters against their gradient, step by step.
/// @tparam Component  a model, or anything else with parameters
/// @tparam Real  its scalar
/// @tparam Ops  the operations adamw, bert_adam and lamb
template <class Component, class Real, class Ops>
class Optimizer {
public:
    /// @param options  its options
    /// @param component  the component to train; only its sizes are used
    /// @throws std::invalid_argument for an option out of its range
    Optimizer(OptimizerOptions options, const Component& component)
        : options_(std::move(options)), state_{component, component, 0, 0, 0, 0}
    {
        check(options_);
        make_lists();
        for (const Parameter<Real>& parameter : m_)
            Ops::set_to_zero(parameter.values);
        for (const Parameter<Real>& parameter : v_)
            Ops::set_to_zero(parameter.values);
        groups_ = parameter_groups(m_, options_);
    }
    Optimizer(const Optimizer&) = delete;  // the lists point into the state
    Optimizer& operator=(const Optimizer&) = delete;

    /// Moves the parameters against the gradient, by ops/reference/optimizers.hpp with
    /// \f[ \mathrm{learning\_rate} = \mathrm{peak} \cdot f(s) \cdot d^k,\quad \mathrm{scale} = c(\mathrm{norm}) \f]
    /// Symbols: peak options.learning_rate, \f$f\f$ Schedule::factor, \f$s\f$ state.steps, \f$d\f$ options.layer_decay, \f$k\f$
    /// the number of layers above the parameter, \f$c\f$ Clipping::factor. If the gradient is non-finite, nothing is changed, and
    /// the step is counted as skipped; the schedule advances.
    /// @param gradient  gradient of the component
    /// @param parameters  parameters of the component; their numbers are changed, const fixes the list alone
    /// @return  result of the step
    /// @throws std::invalid_argument if a shape differs from what the optimizer was made for
    /// @throws std::runtime_error when too many steps in a row had to be skipped
    StepReport step(const ParameterList<Real>& gradient, const ParameterList<Real>& parameters)
    {
        require_same_parameters("optimizer: gradient", gradient, m_);
        require_same_parameters("optimizer: parameters", parameters, m_);
        StepReport report = step_without_labels();  // the schedule advances even if the step is skipped
        const GradientNorm norm = gradient_norm<Ops>(gradient, [&](std::size_t k) { return !groups_[k].frozen; });
        const double scale = options_.clipping.factor(norm.value);
        report.norm = norm.value;
        report.first_non_finite = norm.first_non_finite;
        if (!std::isfinite(norm.value)) {
            skip(report);
            return report;
        }
        state_.skipped_in_a_row = 0;
        ++state_.updates;
        for (std::size_t k = 0; k < parameters.size(); ++k) {
            if (groups_[k].frozen) continue;
            const UpdateOptions options = update_options(groups_[k], report.learning_rate, scale);
            const ParameterAndMoments<Real> numbers{parameters[k].values, m_[k].values, v_[k].values};
            const std::size_t unchanged = update(gradient[k].values, options, numbers);
            if (unchanged > 0 && report.first_non_finite.empty()) report.first_non_finite = parameters[k].name;
        }
        return report;
    }

    /// A step without labels: nothing is changed, but the schedule advances, as in a skipped step. So the learning rate depends
    /// on the number of batches before a step, not on their contents.
    /// @return  the learning rate that was not used
    StepReport step_without_labels()
    {
        StepReport report;
        report.learning_rate = options_.learning_rate * options_.schedule.factor(state_.steps);
        ++state_.steps;
        return report;
    }

    /// @return  the options
    const OptimizerOptions& options() const { return options_; }
    /// @return  moments and counters
    const OptimizerState<Component>& state() const { return state_; }

    /// Continues from a saved state.
    /// @param state  of an optimizer of the same component
    /// @throws std::invalid_argument if a moment has another shape
    void restore(OptimizerState<Component> state)
    {
        require_same_parameters("optimizer: first moment", parameter_list<Real>(state.m), m_);
        require_same_parameters("optimizer: second moment", parameter_list<Real>(state.v), v_);
        state_ = std::move(state);
        make_lists();
    }

private:
    /// Checks that every option is in its range.
    static void check(const OptimizerOptions& options)
    {
        const auto require = [](bool holds, const char* option, const char* expected, double got) {
            if (!holds)
                throw std::invalid_argument(std::string("optimizer: ") + option + ": expected " + expected + ", got " +
                                            std::to_string(got));
        };
        const auto is_from_0 = [](double value) { return value >= 0 && std::isfinite(value); };
        require(std::isfinite(options.learning_rate), "learning_rate", "a finite number", options.learning_rate);
        require(options.beta1 >= 0 && options.beta1 < 1, "beta1", "[0, 1)", options.beta1);
        require(options.beta2 >= 0 && options.beta2 < 1, "beta2", "[0, 1)", options.beta2);
        require(is_from_0(options.epsilon), "epsilon", "a number from 0", options.epsilon);
        require(std::isfinite(options.weight_decay), "weight_decay", "a finite number", options.weight_decay);
        require(is_from_0(options.layer_decay), "layer_decay", "a number from 0", options.layer_decay);
        require(is_from_0(options.clipping.max_norm), "clipping.max_norm", "a number from 0", options.clipping.max_norm);
        require(is_from_0(options.clipping.epsilon), "clipping.epsilon", "a number from 0", options.clipping.epsilon);
        options.schedule.require_valid();
    }

    void make_lists()
    {
        m_ = parameter_list<Real>(state_.m);
        v_ = parameter_list<Real>(state_.v);
    }

    /// Counts a step whose gradient is non-finite.
    void skip(StepReport& report)
    {
        report.skipped = true;
        ++state_.skipped;
        ++state_.skipped_in_a_row;
        if (state_.skipped_in_a_row > options_.max_skipped_in_a_row)
            throw std::runtime_error("optimizer: expected a finite gradient, got none in " +
                                     std::to_string(state_.skipped_in_a_row) +
                                     " steps; the first parameter with a non-finite gradient is " + report.first_non_finite);
    }

    UpdateOptions update_options(const ParameterGroup& group, double learning_rate, double scale) const
    {
        return {.learning_rate = learning_rate * group.rate_factor,
                .beta1 = options_.beta1,
                .beta2 = options_.beta2,
                .epsilon = options_.epsilon,
                .weight_decay = group.weight_decay,
                .adapts = group.adapts,
                .scale = scale,
                .step = state_.updates};
    }

    std::size_t update(std::span<const Real> g, const UpdateOptions& options, const ParameterAndMoments<Real>& numbers) const
    {
        switch (options_.kind) {
            case OptimizerKind::adamw: return Ops::adamw(g, options, numbers);
            case OptimizerKind::bert_adam: return Ops::bert_adam(g, options, numbers);
            case OptimizerKind::lamb: return Ops::lamb(g, options, numbers);
        }
        throw std::invalid_argument("optimizer: expected one of OptimizerKind, got another number");
    }

    OptimizerOptions options_;
    OptimizerState<Component> state_;
    ParameterList<Real> m_, v_;           // the moments in state_
    std::vector<ParameterGroup> groups_;  // of each parameter
};

}  // namespace bert
