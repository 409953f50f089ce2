/// @file
/// The learning rate over a run, as a factor on its peak.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <stdexcept>
#include <string>

#include "bert/core/language.hpp"

namespace bert {

/// The course of the learning rate after the warm-up.
enum class ScheduleKind {
    constant,    ///< stays at its peak
    linear,      ///< falls to 0 in a straight line
    polynomial,  ///< falls to an end value as a power of the fraction of steps left
    cosine,      ///< falls to 0 along half a cosine
    original,    ///< google-research/bert: linear from the first step on, replaced by the warm-up at the beginning
};

/// Warm-up, then decay. (Devlin et al. 2019, appendix A.2: warm-up over 10,000 steps, then linear decay. All kinds but original
/// are those of the transformers library, optimization.py; cosine is from Loshchilov and Hutter 2017.)
struct Schedule {
    ScheduleKind kind = ScheduleKind::linear;  ///< the course
    std::size_t warmup_steps = 0;              ///< w, in steps
    std::size_t total_steps = 0;               ///< N, in steps; all but constant need it
    double power = 1;                          ///< exponent of polynomial
    double end = 0;  ///< final factor of polynomial (the transformers library's lr_end is an absolute rate)

    /// Checks every member.
    /// @throws std::invalid_argument for a member out of its range, as in `schedule: total_steps: expected at least 1, got 0`
    void require_valid() const
    {
        const auto require = [](bool holds, const char* member, const char* expected, double got) {
            if (!holds)
                throw std::invalid_argument(std::string("schedule: ") + member + ": expected " + expected + ", got " +
                                            std::to_string(got));
        };
        if (kind != ScheduleKind::constant && total_steps == 0)
            throw std::invalid_argument("schedule: total_steps: expected at least 1, got 0");
        if (kind < ScheduleKind::constant || kind > ScheduleKind::original)
            throw std::invalid_argument("schedule: kind: expected one of ScheduleKind, got another number");
        require(power >= 0 && std::isfinite(power), "power", "a finite number, 0 or more", power);
        require(end >= 0 && end <= 1, "end", "[0, 1]", end);
    }

    /// The factor on the peak in a step. Let s be the number of steps before it and q = (s - w) / max(1, N - w) the progress of
    /// the decay:
    /// \f[ f = \begin{cases} s / w & s < w
    ///     \\ 1 & \text{constant}
    ///     \\ \max(0, N - s) \,/\, \max(1, N - w) & \text{linear}
    ///     \\ (1 - \mathrm{end})(1 - q)^{\mathrm{power}} + \mathrm{end} & \text{polynomial; end for } s > N
    ///     \\ \max\big(0, \tfrac12 (1 + \cos \pi q)\big) & \text{cosine}
    ///     \\ 1 - \min(s, N) \,/\, \max(1, N) & \text{original} \end{cases} \f]
    /// Beyond N the cosine rises again, as in the transformers library: train no longer than N steps.
    /// Symbols: \f$q\f$ `progress`. With a warm-up the first step has the factor 0, and the original
    /// form never reaches the peak: it continues at 1 - w / N.
    /// @param step  s, the number of steps before this one
    /// @return  the factor, 0 to 1
    double factor(std::size_t step) const
    {
        const auto s = static_cast<double>(step), w = static_cast<double>(warmup_steps), N = static_cast<double>(total_steps);
        if (step < warmup_steps) return s / w;
        const double progress = (s - w) / std::max(1.0, N - w);
        switch (kind) {
            case ScheduleKind::constant: return 1;
            case ScheduleKind::linear: return std::max(0.0, N - s) / std::max(1.0, N - w);
            case ScheduleKind::polynomial: return s > N ? end : (1 - end) * std::pow(1 - progress, power) + end;
            case ScheduleKind::cosine: return std::max(0.0, (1 + std::cos(std::numbers::pi * progress)) / 2);
            case ScheduleKind::original: return 1 - std::min(s, N) / std::max(1.0, N);
        }
        return 1;
    }
};

}  // namespace bert
