/// @file
/// From options to types: the scalar and the set of operations, and the folder of the model.
#pragma once

#include <filesystem>

#include <bert/core/threads.hpp>

#include "../instances/instances.hpp"
#include "options.hpp"
#include "output.hpp"

namespace program {

/// Whether a set is one of the fast ones, whose encoders can be packed.
template <class Ops>
concept FastSet = requires
{
    typename Ops::InstructionSet;
};

/// The instruction set of packed weights: that of the set, if it is a fast one.
template <class Ops>
struct PackedFor {
    using InstructionSet = bert::fast::NoVectors;  ///< of an encoder that is never packed
};
template <FastSet Ops>
struct PackedFor<Ops> {
    using InstructionSet = typename Ops::InstructionSet;
};

/// Calls `work.template operator()<Real, Ops>()` with the types that the options name.
/// @param common  --scalar, --ops, --precision, --threads
/// @param work  a generic lambda: `[&]<class Real, class Ops>() { ... }`
/// @return  what it returns
template <class Work>
int with_set(const CommonOptions& common, const Work& work)
{
    if (common.threads > 0) bert::set_threads(common.threads);
    if (common.precision == Precision::bf16) return work.template operator()<float, bert::FastBf16>();
    const bool fast = common.operations == Operations::fast;
    switch (common.scalar) {
        case Scalar::float32:
            return fast ? work.template operator()<float, bert::Fast>() : work.template operator()<float, bert::Reference>();
        case Scalar::float64:
            return fast ? work.template operator()<double, bert::Fast>() : work.template operator()<double, bert::Reference>();
        case Scalar::long_double: break;
    }
    return work.template operator()<long double, bert::Reference>();
}

/// The model folder that is meant.
/// @param common  --model
/// @return  it, or the folder of the default model: beside the installed program, or else in the project that it was built from
/// @throws bert::InputError if what is meant is no folder
std::filesystem::path model_folder(const CommonOptions& common);

/// Says which tensors of a model's files weren't used.
/// @param common  --quiet
/// @param report  what load_model said
void warn_of_ignored(const CommonOptions& common, const bert::LoadReport& report);

/// Loads a model and its tokenizer.
/// @param common  --model, --quiet
/// @return  both
/// @throws bert::InputError for a file that is missing or broken
template <class Real, class Ops>
bert::Pretrained<Real, Ops> load_pretrained(const CommonOptions& common)
{
    const std::filesystem::path folder = model_folder(common);
    bert::LoadReport report;
    bert::Pretrained<Real, Ops> pretrained{bert::load_tokenizer(folder), bert::load_model<Real, Ops>(folder, &report)};
    warn_of_ignored(common, report);
    return pretrained;
}

}  // namespace program
