/// @file
/// The learning rate over a run, as a factor on its peak.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>

#include "bert/core/language.hpp"

namespace bert {

/// The course of the learning rate after the warm-up.
enum class ScheduleKind {
    constant,    ///< stays at its peak
    linear,      ///< to 0, in a straight line
    polynomial,  ///< to an end value, as a power of what is left
    cosine,      ///< to 0, along half a cosine
    original,    ///< google-research/bert: linear from the first step on, the warm-up in its place at the beginning
};

/// Warm-up, then decay. (Devlin et al. 2019, appendix A.2: warm-up over 10,000 steps, then linear decay.)
struct Schedule {
    ScheduleKind kind = ScheduleKind::linear;  ///< the course
    std::size_t warmup_steps = 0;              ///< w, in steps
    std::size_t total_steps = 0;               ///< N, in steps; all but constant need it
    double power = 1;                          ///< of polynomial
    double end = 0;                            ///< of polynomial: the last factor

    /// What the peak is multiplied by in a step. With s steps taken before it and q = (s - w) / max(1, N - w) the part of the
    /// decay that is over:
    /// \f[ f = \begin{cases} s / w & s < w
    ///     \\ 1 & \text{constant}
    ///     \\ \max(0, N - s) \,/\, \max(1, N - w) & \text{linear}
    ///     \\ (1 - e)(1 - q)^p + e & \text{polynomial; } e \text{ for } s > N
    ///     \\ \max\big(0, \tfrac12 (1 + \cos \pi q)\big) & \text{cosine}
    ///     \\ 1 - \min(s, N) \,/\, \max(1, N) & \text{original} \end{cases} \f]
    /// Beyond N the cosine rises again, as in the transformers library: don't train longer.
    /// Symbols: \f$p\f$ `power`, \f$e\f$ `end`, \f$q\f$ `over`. With a warm-up the first step has the factor 0. The original
    /// form never reaches its peak: where the warm-up ends it goes on at 1 - w / N.
    /// @param step  s, steps taken before, from 0
    /// @return  the factor, 0 to 1
    double factor(std::size_t step) const
    {
        const auto s = static_cast<double>(step), w = static_cast<double>(warmup_steps), N = static_cast<double>(total_steps);
        if (step < warmup_steps) return s / w;
        const double over = (s - w) / std::max(1.0, N - w);
        switch (kind) {
            case ScheduleKind::constant: return 1;
            case ScheduleKind::linear: return std::max(0.0, N - s) / std::max(1.0, N - w);
            case ScheduleKind::polynomial: return s > N ? end : (1 - end) * std::pow(1 - over, power) + end;
            case ScheduleKind::cosine: return std::max(0.0, (1 + std::cos(std::numbers::pi * over)) / 2);
            case ScheduleKind::original: return 1 - std::min(s, N) / std::max(1.0, N);
        }
        return 1;
    }
};

}  // namespace bert
