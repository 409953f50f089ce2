/// @file
/// Chooses the scalar type, the set of operations and the model folder by the options.
#pragma once

#include <filesystem>
#include <optional>

#include <bert/core/threads.hpp>
#include <bert/fast_tokenizer.hpp>

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

/// The instruction set of packed weights: that of a fast set.
template <class Ops>
struct PackedFor {
    using InstructionSet = bert::simd::NoVectors;  ///< unused, because other encoders are never packed
};
template <FastSet Ops>
struct PackedFor<Ops> {
    using InstructionSet = typename Ops::InstructionSet;
};

/// Calls `work.template operator()<Real, Ops>()` with the types of the options.
/// @param common  --scalar, --ops, --precision, --threads
/// @param work  a generic lambda: `[&]<class Real, class Ops>() { ... }`
/// @return  the result of work
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

/// The model folder of the options.
/// @param common  --model
/// @return  the folder of --model, or that of the default model
/// @throws bert::InputError if --model isn't a folder
std::filesystem::path model_folder(const CommonOptions& common);

/// The folder of the model itself: in a sentence-transformers folder, that of its transformer.
/// @param common  --model
/// @return  the folder
/// @throws bert::InputError as model_folder
std::filesystem::path transformer_folder(const CommonOptions& common);

/// Loads a tokenizer, and warns of what its files say that isn't followed.
/// @param common  --quiet
/// @param path  a folder or a file
/// @param lowercase  for a vocab.txt: whether to lower-case; if empty, as the files say
/// @return  the tokenizer
/// @throws bert::InputError for a file that is missing or broken
bert::FastTokenizer load_tokenizer(const CommonOptions& common, const std::filesystem::path& path,
                                   std::optional<bool> lowercase = std::nullopt);

/// Warns of tensors in a model's files that weren't used, and of what its files say that isn't followed.
/// @param common  --quiet
/// @param report  report of what was loaded
void warn_of_ignored(const CommonOptions& common, const bert::LoadReport& report);

}  // namespace program
