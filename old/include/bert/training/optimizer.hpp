/// @file
/// One optimizer step on a whole component: which parameters are decayed, frozen or slower, clipping, and what is done about
/// numbers that are not finite.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bert/core/name.hpp"
#include "bert/core/parameters.hpp"
#include "bert/training/clipping.hpp"
#include "bert/training/optimizers.hpp"
#include "bert/training/schedule.hpp"
#include "bert/training/update.hpp"

namespace bert {

/// Which of the three.
enum class OptimizerKind {
    adamw,      ///< moments corrected for their start at 0, decay on its own
    bert_adam,  ///< neither, as BERT was trained
    lamb,       ///< each tensor's step as long as the tensor, for very large batches
};

/// All that makes an optimizer. Names of parameters are the published ones; a part of a name stands for all that contain it.
struct OptimizerOptions {
    OptimizerKind kind = OptimizerKind::adamw;                  ///< which
    double learning_rate = 5e-5;                                ///< at its peak
    Schedule schedule{.kind = ScheduleKind::constant};          ///< of the learning rate
    double beta1 = 0.9;                                         ///< of the first moment
    double beta2 = 0.999;                                       ///< of the second
    double epsilon = 1e-6;                                      ///< the original code's; PyTorch's default is 1e-8
    double weight_decay = 0.01;                                 ///< of what is decayed
    std::vector<std::string> no_decay = {"bias", "LayerNorm"};  ///< parts of names that are not decayed, nor adapted by LAMB
    std::vector<std::string> frozen;                            ///< parts of names that don't change, nor count in the norm
    double layer_decay = 1;                                     ///< of the rate, from each layer to the one below it
    Clipping clipping = {};                                     ///< of the whole gradient
    std::size_t most_skipped = 10;                              ///< steps in a row without a finite gradient that are let pass
};

/// What became of a step.
struct StepReport {
    double learning_rate = 0;  ///< at its peak, times the schedule's factor
    double norm = 0;           ///< of the gradient, before clipping
    bool skipped = false;      ///< nothing was changed: the gradient was not finite
    std::string first_bad;     ///< the first tensor whose gradient, or a number of whose step, was not finite; empty: all were
};

/// An optimizer with its moments.
/// @tparam Component  a model, or anything else with parameters
template <class Component>
class Optimizer {
public:
    /// @param options  all that makes it
    /// @param component  what it will train; only its sizes matter
    /// @throws std::invalid_argument for an option out of its range
    Optimizer(OptimizerOptions options, const Component& component) : options_(std::move(options)), m_(component), v_(component)
    {
        check(options_);
        const auto clear = [](const Name&, auto& m, auto& v) {
            set_to_zero(m);
            set_to_zero(v);
        };
        Component::parameters(clear, "", m_, v_);
        treatments_ = treatments_of(m_, options_);
    }

    /// Moves the parameters against the gradient. If the gradient has a NaN or an infinity, nothing is changed, and the step is
    /// counted as skipped; the schedule goes on.
    /// @param gradient  of component
    /// @param[in,out] component  the parameters
    /// @return  what became of it
    /// @throws std::invalid_argument if a shape differs from what the optimizer was made for
    /// @throws std::runtime_error when too many steps in a row had to be skipped
    StepReport step(const Component& gradient, Component& component)
    {
        require_shapes(gradient, component);
        StepReport report;
        report.learning_rate = options_.learning_rate * options_.schedule.factor(steps_);
        auto treatment = treatments_.begin();
        const GradientNorm norm = gradient_norm(gradient, [&](const Name&) { return !(treatment++)->frozen; });
        report.norm = norm.norm;
        report.first_bad = norm.first_bad;
        ++steps_;
        if (!std::isfinite(norm.norm)) {
            report.skipped = true;
            ++skipped_;
            ++skipped_in_a_row_;
            if (skipped_in_a_row_ > options_.most_skipped)
                throw std::runtime_error("optimizer: expected a finite gradient, got none in " +
                                         std::to_string(skipped_in_a_row_) + " steps; the first bad tensor is " +
                                         report.first_bad);
            return report;
        }
        skipped_in_a_row_ = 0;
        ++updates_;
        treatment = treatments_.begin();
        Component::parameters(
            [&](const Name& name, auto& p, const auto& g, auto& m, auto& v) {
                const Treatment& own = *treatment++;
                if (own.frozen) return;
                const std::size_t left = update(update_options(own, report), g, p, m, v);
                if (left > 0 && report.first_bad.empty()) report.first_bad = name.text();
            },
            "", component, gradient, m_, v_);
        return report;
    }

    /// A step in which there is nothing to learn: nothing is changed, and the schedule goes on, as after a skipped step. So the
    /// rate of a step depends on how many batches came before it, not on what was in them.
    /// @return  the learning rate that was not used
    StepReport pass()
    {
        StepReport report;
        report.learning_rate = options_.learning_rate * options_.schedule.factor(steps_);
        ++steps_;
        return report;
    }

    /// @return  the options
    const OptimizerOptions& options() const { return options_; }
    /// @return  how many steps have been taken, skipped ones and those without anything to learn included
    std::size_t steps() const { return steps_; }
    /// @return  how many steps had to be skipped
    std::size_t skipped() const { return skipped_; }
    /// @return  running mean of the gradient
    const Component& first_moment() const { return m_; }
    /// @return  running mean of its square
    const Component& second_moment() const { return v_; }

private:
    /// How one parameter is treated.
    struct Treatment {
        bool frozen;   ///< it doesn't change, nor count in the norm
        double decay;  ///< its weight decay
        bool adapts;   ///< LAMB makes its step as long as it is
        double rate;   ///< of the learning rate: layer_decay to the power of the layers above it, the heads being one of them
    };

    /// Every option in its range.
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
        const Schedule& schedule = options.schedule;
        require(schedule.kind == ScheduleKind::constant || schedule.total_steps > 0, "schedule.total_steps", "at least 1", 0);
        require(is_from_0(schedule.power), "schedule.power", "a number from 0", schedule.power);
        require(schedule.end >= 0 && schedule.end <= 1, "schedule.end", "[0, 1]", schedule.end);
    }

    /// Gradient and parameters are of the shapes that the optimizer was made for.
    void require_shapes(const Component& gradient, const Component& component) const
    {
        Component::parameters(
            [](const Name& name, const auto& m, const auto& g, const auto& p) {
                if (g.shape() != m.shape()) require_shape("optimizer: gradient of " + name.text(), g, m.shape());
                if (p.shape() != m.shape()) require_shape("optimizer: " + name.text(), p, m.shape());
            },
            "", m_, gradient, component);
    }

    static bool contains_any(std::string_view name, const std::vector<std::string>& parts)
    {
        return std::any_of(parts.begin(), parts.end(), [&](const std::string& part) { return name.find(part) != name.npos; });
    }

    /// 0 for the embeddings, l + 1 for layer l; nothing for the heads, which are above all layers.
    static std::optional<std::size_t> layer_of(std::string_view name)
    {
        if (name.find("embeddings.") != name.npos) return 0;
        constexpr std::string_view key = "layer.";
        const std::size_t place = name.find(key);
        if (place == name.npos) return std::nullopt;
        std::size_t layer = 0;
        for (std::size_t i = place + key.size(); i < name.size() && name[i] >= '0' && name[i] <= '9'; ++i)
            layer = 10 * layer + static_cast<std::size_t>(name[i] - '0');
        return layer + 1;
    }

    /// What the names say of each parameter, in their order.
    static std::vector<Treatment> treatments_of(const Component& component, const OptimizerOptions& options)
    {
        std::size_t top = 0;  // the rank of the heads, above the highest layer
        Component::parameters([&](const std::string& name, const auto&) { top = std::max(top, layer_of(name).value_or(0) + 1); },
                              "", component);
        std::vector<Treatment> treatments;
        Component::parameters(
            [&](const std::string& name, const auto&) {
                const std::size_t layer = layer_of(name).value_or(top);
                const bool is_excepted = contains_any(name, options.no_decay);
                treatments.push_back({contains_any(name, options.frozen), is_excepted ? 0 : options.weight_decay, !is_excepted,
                                      std::pow(options.layer_decay, static_cast<double>(top - layer))});
            },
            "", component);
        return treatments;
    }

    UpdateOptions update_options(const Treatment& treatment, const StepReport& report) const
    {
        UpdateOptions options;
        options.rate = report.learning_rate * treatment.rate;
        options.beta1 = options_.beta1;
        options.beta2 = options_.beta2;
        options.epsilon = options_.epsilon;
        options.decay = treatment.decay;
        options.adapts = treatment.adapts;
        options.scale = options_.clipping.factor(report.norm);
        options.step = updates_;
        return options;
    }

    template <class Values>
    std::size_t update(const UpdateOptions& options, const Values& g, Values& p, Values& m, Values& v) const
    {
        switch (options_.kind) {
            case OptimizerKind::adamw: return adamw(g, options, p, m, v);
            case OptimizerKind::bert_adam: return bert_adam(g, options, p, m, v);
            case OptimizerKind::lamb: return lamb(g, options, p, m, v);
        }
        return 0;
    }

    OptimizerOptions options_;
    Component m_, v_;
    std::vector<Treatment> treatments_;  // of each parameter
    std::size_t steps_ = 0;              // taken, skipped and passed
    std::size_t updates_ = 0;            // taken
    std::size_t skipped_ = 0, skipped_in_a_row_ = 0;
};

}  // namespace bert
