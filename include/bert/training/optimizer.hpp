/// @file
/// One optimizer step on all parameters of a component: schedule, clipping, the update of each parameter, and the handling of
/// non-finite numbers.
#pragma once

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
#include "bert/training/optimizer_options.hpp"
#include "bert/training/parameter_groups.hpp"

namespace bert {

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

/// Updates the parameters of a component, one step per call.
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
        options_.require_valid();
        make_lists();
        for (const Parameter<Real>& parameter : m_)
            Ops::set_to_zero(parameter.values);
        for (const Parameter<Real>& parameter : v_)
            Ops::set_to_zero(parameter.values);
        groups_ = parameter_groups(m_, options_);
    }
    Optimizer(const Optimizer&) = delete;  // the lists point into the state
    Optimizer& operator=(const Optimizer&) = delete;

    /// Updates the parameters by ops/reference/optimizers.hpp with
    /// \f[ \mathrm{learning\_rate} = \mathrm{peak} \cdot f(s) \cdot d^n,\quad \mathrm{scale} = c(\mathrm{norm}) \f]
    /// Symbols: peak `options.learning_rate`, \f$f\f$ Schedule::factor, \f$s\f$ `state.steps`, \f$d\f$ `options.layer_decay`,
    /// \f$n\f$ the number of layers above the parameter, \f$c\f$ Clipping::scale. If the gradient is non-finite, nothing is
    /// changed, and the step is counted as skipped; the schedule advances.
    /// @param gradient  gradient of the component
    /// @param parameters  parameters of the component; their values are updated, only the list is const
    /// @return  result of the step
    /// @throws std::invalid_argument if a shape differs from what the optimizer was made for
    /// @throws std::runtime_error when too many steps in a row had to be skipped
    StepReport step(const ParameterList<Real>& gradient, const ParameterList<Real>& parameters)
    {
        require_same_parameters("optimizer: gradient", gradient, m_);
        require_same_parameters("optimizer: parameters", parameters, m_);
        StepReport report = begin_step();  // the schedule advances even if the step is skipped
        const GradientNorm norm = gradient_norm<Ops>(gradient, [&](std::size_t k) { return !groups_[k].frozen; });
        const double scale = options_.clipping.scale(norm.value);
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
    /// @return  the report of a step without an update
    StepReport step_without_labels() { return begin_step(); }

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
    /// The learning rate of the next step; the schedule advances.
    StepReport begin_step()
    {
        StepReport report;
        report.learning_rate = options_.learning_rate * options_.schedule.factor(state_.steps);
        ++state_.steps;
        return report;
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
                .use_trust_ratio = group.use_trust_ratio,
                .scale = scale,
                .step = state_.updates};
    }

    std::size_t update(std::span<const Real> g, const UpdateOptions& options, ParameterAndMoments<Real> numbers) const
    {
        switch (options_.kind) {
            case OptimizerKind::adamw: return Ops::adamw(g, options, numbers);
            case OptimizerKind::bert_adam: return Ops::bert_adam(g, options, numbers);
            case OptimizerKind::lamb: return Ops::lamb(g, options, numbers);
        }
        return 0;  // not reached: require_valid refuses other kinds
    }

    OptimizerOptions options_;
    OptimizerState<Component> state_;
    ParameterList<Real> m_, v_;           // the moments in state_
    std::vector<ParameterGroup> groups_;  // of each parameter
};

}  // namespace bert
