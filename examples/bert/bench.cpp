/// @file
/// bert bench

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <bert/core/error.hpp>
#include <bert/encoder_block.hpp>
#include <bert/inference.hpp>
#include <bert/io/architectures.hpp>
#include <bert/io/config.hpp>
#include <bert/io/families.hpp>
#include <bert/io/model_folder.hpp>
#include <bert/io/packed_folder.hpp>
#include <bert/training/initialize.hpp>
#include <bert/training/trainer.hpp>
#include <bert/variants.hpp>
#include <bert/variants/packed_gpt2.hpp>
#include <bert/variants/packed_mobilebert.hpp>
#include <variants.hpp>

#include "commands.hpp"
#include "machine.hpp"
#include "operation_count.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// A model with random weights.
template <class AnyModel>
AnyModel random_model(const bert::Config& config, std::uint64_t seed)
{
    auto model = AnyModel::make(config);
    bert::initialize(model, seed);
    return model;
}

/// A batch of random ids.
bert::Batch random_batch(const bert::Config& config, std::size_t sequences, const BenchOptions& options, std::uint64_t seed)
{
    std::mt19937_64 generator(seed);
    std::vector<std::vector<std::int64_t>> ids(sequences);
    for (auto& sequence : ids)
        for (std::size_t l = 0; l < options.length; ++l)
            sequence.push_back(static_cast<std::int64_t>(generator() % config.vocab_size));
    return bert::pack(ids);
}

/// Random targets of the model's heads, with 15 % masked positions as in pre-training; a causal LM predicts every next token.
template <class Real, class Heads>
bert::Targets<Real, Heads> random_targets(const bert::Config& config, const bert::Batch& batch, const BenchOptions& options)
{
    std::mt19937_64 generator(options.seed);
    const std::size_t T = batch.sequences.tokens(), B = batch.sequences.count();
    const auto below = [&](std::size_t count, std::size_t limit) {
        bert::IndexTensor<1> numbers;
        numbers.resize({count});
        for (std::int64_t& number : numbers)
            number = static_cast<std::int64_t>(generator() % limit);
        return numbers;
    };
    bert::Targets<Real, Heads> targets;
    if constexpr (requires { targets.masked_lm; })
        if (config.has_head("masked_lm")) {
            targets.masked_lm.emplace();
            for (std::size_t t = 0; t < T; ++t)
                if (t == 0 || generator() % 100 < 15) targets.masked_lm->rows.push_back(t);
            targets.masked_lm->ids = below(targets.masked_lm->rows.size(), config.vocab_size);
        }
    if constexpr (requires { targets.causal_lm; })
        if (config.has_head("causal_lm")) {
            targets.causal_lm.emplace();
            for (std::size_t t = 0; t < T; ++t)
                if (T == 1 || (t + 1) % options.length != 0) targets.causal_lm->rows.push_back(t);
            targets.causal_lm->ids = below(targets.causal_lm->rows.size(), config.vocab_size);
        }
    if constexpr (requires { targets.next_sentence; })
        if (config.has_head("next_sentence")) targets.next_sentence = below(B, 2);
    if constexpr (requires { targets.sentence_order; })
        if (config.has_head("sentence_order")) targets.sentence_order = below(B, config.num_labels());
    if (config.has_head("sequence_classification")) targets.sequence_classification = below(B, config.num_labels());
    if constexpr (requires { targets.multiple_choice; })
        if (config.has_head("multiple_choice")) targets.multiple_choice = below(1, B);
    if (config.has_head("token_classification")) targets.token_classification = below(T, config.num_labels());
    if (config.has_head("question_answering")) targets.question_answering = {below(B, options.length), below(B, options.length)};
    return targets;
}

/// The number of tokens that a masked or causal LM predicts.
template <class Targets>
std::size_t predicted_tokens(const Targets& targets)
{
    if constexpr (requires { targets.causal_lm; })
        return targets.causal_lm ? targets.causal_lm->rows.size() : 0;
    else
        return targets.masked_lm ? targets.masked_lm->rows.size() : 0;
}

/// Rejects work that doesn't fit into this machine's memory, before any of it is allocated.
template <class Real, class Ops>
void check_memory(const bert::Config& config, const std::string& place, const BenchOptions& options)
{
    constexpr double gib = 0x1p30;
    const double memory = machine().memory_gib;
    if (memory == 0) return;  // unknown
    const auto check = [&](const std::string& where, double bytes) {
        if (bytes > memory * gib)
            bert::fail_input(where, "expected work for this machine's memory of " + rounded(memory) +
                                        " GiB, got work that takes " + rounded(bytes / gib) + " GiB");
    };
    const auto parameters = static_cast<double>(bert::parameter_count(config));
    const auto blocks = static_cast<double>(config.blocks()), runs = static_cast<double>(config.block_runs());
    const auto T = static_cast<double>(options.batch) * static_cast<double>(options.length);
    const auto H = static_cast<double>(config.hidden_size), I = static_cast<double>(config.intermediate_size);
    const double model = sizeof(Real) * parameters + sizeof(bert::EncoderBlock<Real, Ops>) * blocks;
    const double models = options.train ? 4 * model : model;  // with the gradient and two moments
    check(place, models);
    check("--batch", models + sizeof(Real) * T * (8 * H + I) * (options.train ? runs : 1));  // a layer keeps at least this
}

/// Measures the time of each run, in seconds, sorted.
template <class Run>
std::vector<double> measure(const BenchOptions& options, const Run& run)
{
    run();  // allocates memory, and brings weights into the cache
    std::vector<double> seconds;
    Progress progress(options.common.quiet, options.repeat);
    for (std::size_t i = 0; i < options.repeat; ++i) {
        const auto begin = std::chrono::steady_clock::now();
        run();
        seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
        progress.add(1);
    }
    std::sort(seconds.begin(), seconds.end());
    return seconds;
}

/// Measures the hidden states of a packed model.
template <class Packed>
std::vector<double> measure_packed(typename Packed::Plain model, const bert::Batch& batch, const BenchOptions& options)
{
    const Packed packed = Packed::pack(std::move(model));
    typename Packed::EmbeddingsScratch embeddings;
    bert::Tensor<typename Packed::Plain::Real, 2> y;
    bert::Workspace workspace;
    return measure(options, [&] { packed.infer(batch, embeddings, y, workspace); });
}

/// Measures the hidden states of a body of its own; all its activations are kept.
template <class AnyModel>
std::vector<double> measure_plain(const AnyModel& model, const bert::Batch& batch, const BenchOptions& options)
{
    decltype(AnyModel::Activations::body) act;
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace};
    return measure(options, [&] { model.body.forward(batch, pass, act); });
}

/// Measures the hidden states of BERT's body, which keeps two blocks' activations.
template <class Real, class Ops>
std::vector<double> measure_plain(const bert::Model<Real, Ops>& model, const bert::Batch& batch, const BenchOptions& options)
{
    bert::EmbeddingsActivations<Real> embeddings;
    bert::InferenceActivations<Real> act;
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace};
    const bert::Encoder<Real, Ops>& encoder = model.body.encoder;
    return measure(options, [&] {
        model.body.embeddings.forward(batch, pass, embeddings);
        bert::infer(encoder, embeddings.y, pass, encoder.runs(model.config), act,
                    [](std::size_t, const bert::Tensor<Real, 2>&) {});
    });
}

/// Measures hidden states, with the weights of a fast set packed.
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<double> measure_model(bert::Model<Real, Ops, Body, Heads> model, const bert::Batch& batch,
                                  const BenchOptions& options)
{
    if constexpr (FastSet<Ops>) {
        using OwnBody = Body<Real, Ops>;
        if constexpr (std::is_same_v<OwnBody, bert::BertBody<Real, Ops>>)
            return measure_packed<bert::PackedModel<Real, Ops>>(std::move(model), batch, options);
        else if constexpr (std::is_same_v<OwnBody, bert::Gpt2Body<Real, Ops>>)
            return measure_packed<bert::PackedGpt2<Real, Ops>>(std::move(model), batch, options);
        else if (bert::packs_mobilebert(model.config))
            return measure_packed<bert::PackedMobileBert<Real, Ops>>(std::move(model), batch, options);
    }
    return measure_plain(model, batch, options);
}

/// Measures training steps as in pre-training.
template <class Real, class Ops, template <class, class> class Body, class Heads>
std::vector<double> measure_training(bert::Model<Real, Ops, Body, Heads> model,
                                     const std::vector<bert::LabelledBatch<Real, Heads>>& micro_batches,
                                     const BenchOptions& options)
{
    bert::Trainer<Real, Ops, Body, Heads> trainer({.gradient_checkpointing = options.gradient_checkpointing}, model);
    return measure(options, [&] { trainer.step(micro_batches); });
}

struct Result {
    std::string model;
    std::vector<double> seconds;  // sorted
    double operations = 0;        // in one run
    double tokens = 0;            // in one run
    std::optional<double> peak;   // GFLOP/s
};

/// The peak of the instructions with which the fast operations multiply; for Reference, that of Fast with the same scalar.
template <class Real, class Ops>
double peak_of()
{
    using Set = std::conditional_t<FastSet<Ops>, Ops, bert::Fast>;
    return peak_gflops<Real, Set>();
}

void show(const BenchOptions& options, const Result& result)
{
    const auto quantile = [&](double part) {
        return result.seconds[static_cast<std::size_t>(part * static_cast<double>(result.seconds.size() - 1) + 0.5)];
    };
    const double median = quantile(0.5), gflops = result.operations / median * 1e-9;
    const Machine here = machine();
    const std::string engine = options.common.operations == Operations::fast ? bert::engine_name(bert::engine()) : "reference";
    if (options.common.json) {
        JsonObject object;
        object.add("model", result.model)
            .add("engine", engine)
            .add("openblas_core", here.blas)
            .add("instruction_set", here.instruction_set)
            .add("threads", here.threads)
            .add("precision", options.common.precision == Precision::bf16 ? "bf16" : "float32")
            .add("train", options.train)
            .add("batch", options.batch)
            .add("length", options.length)
            .add("repeat", options.repeat)
            .add("milliseconds", 1e3 * median)
            .add("milliseconds_quartiles", std::vector<double>{1e3 * quantile(0.25), 1e3 * quantile(0.75)})
            .add("tokens_per_second", result.tokens / median)
            .add("gflops", gflops)
            .add("peak_memory_mib", peak_memory_mib());
        if (result.peak) object.add("peak_gflops", *result.peak).add("fraction_of_peak", gflops / *result.peak);
        print(object.text() + "\n");
        return;
    }
    Table table("ll");
    table.row({"  model", result.model});
    const std::string precision = options.common.precision == Precision::bf16 ? " in bf16, " : ", ";
    table.row({"  engine", engine + precision + here.instruction_set + ", " + counted(here.threads, "thread")});
    table.row({"  work", std::string(options.train ? "training steps, " : "") + std::to_string(options.batch) + " x " +
                             counted(options.length, "token") + ", " + rounded(result.operations * 1e-9) + " GFLOP"});
    table.row({"  time", rounded(1e3 * median) + " ms (quartiles " + rounded(1e3 * quantile(0.25)) + " and " +
                             rounded(1e3 * quantile(0.75)) + " of " + counted(options.repeat, "run") + ")"});
    table.row({"  speed", rounded(result.tokens / median) + " tokens/s, " + rounded(gflops) + " GFLOP/s"});
    if (result.peak)
        table.row({"  peak", rounded(*result.peak) + " GFLOP/s measured from registers, of which " +
                                 rounded(100 * gflops / *result.peak) + " %"});
    table.row({"  memory", rounded(peak_memory_mib()) + " MiB at most, program and model included"});
    print(table.text());
}

}  // namespace

namespace {

/// Loads or makes the model, and measures its hidden states.
template <class Real, class Ops, template <class, class> class Body, class Heads>
void run_inference(const BenchOptions& options, const bert::Family& family, bert::Config config, Result& result)
{
    // RoBERTa, DistilBERT and ALBERT have BERT's body: without heads, one type of model is enough.
    constexpr bool has_berts_body = std::is_same_v<Body<Real, Ops>, bert::BertBody<Real, Ops>>;
    using HeadsOfModel = std::conditional_t<has_berts_body, bert::BertHeads, Heads>;
    using AnyModel = bert::Model<Real, Ops, Body, HeadsOfModel>;
    config.heads.clear();
    auto model = options.config.empty() ? bert::load_with_heads<Real, Ops, Body, HeadsOfModel>(result.model, {}, nullptr, family)
                                        : random_model<AnyModel>(config, options.seed);
    const bert::Batch batch = random_batch(config, options.batch, options, options.seed);
    result.operations = operation_count(config, batch, false);
    result.seconds = measure_model(std::move(model), batch, options);
}

/// Loads or makes the model, and measures training steps.
template <class Real, class Ops, template <class, class> class Body, class Heads>
void run_training(const BenchOptions& options, const bert::Family& family, const bert::Config& config, Result& result)
{
    using AnyModel = bert::Model<Real, Ops, Body, Heads>;
    auto model = options.config.empty() ? bert::load_model<Real, Ops, Body, Heads>(result.model, nullptr, family)
                                        : random_model<AnyModel>(config, options.seed);
    std::vector<bert::LabelledBatch<Real, Heads>> micro_batches;
    for (std::size_t first = 0; first < options.batch; first += options.micro_batch) {  // sequences
        const bert::Batch batch = random_batch(config, std::min(options.micro_batch, options.batch - first), options,
                                               options.seed + micro_batches.size());
        const bert::Targets<Real, Heads> targets = random_targets<Real, Heads>(config, batch, options);
        std::vector<std::size_t> read;
        model.read_rows(batch, targets, read);
        result.operations += operation_count(config, batch, true, read, predicted_tokens(targets));
        micro_batches.push_back({batch, targets});
    }
    result.seconds = measure_training(std::move(model), micro_batches, options);
}

}  // namespace

int bench(const BenchOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        const std::filesystem::path source = options.config.empty() ? model_folder(options.common) : options.config;
        const std::filesystem::path config_file = options.config.empty() ? source / "config.json" : source;
        const bert::Family& family = bert::family_of(config_file);
        const bert::Config config = bert::read_config(config_file, family);
        if (options.length > config.longest_sequence())
            bert::fail_input("--length", "expected at most the model's " + std::to_string(config.longest_sequence()) +
                                             " positions, got " + std::to_string(options.length));
        check_memory<Real, Ops>(config, config_file.string(), options);
        if (options.train && config.heads.empty())
            bert::fail_input("--train", "expected a model with a head, as BertForPreTraining, got " + config.architecture);
        if (options.gradient_checkpointing && (config.mobilebert || config.is_causal))
            bert::fail_input("--gradient-checkpointing",
                             "expected bert, roberta, distilbert or albert, got " + config.model_type);
        Result result{source.string(), {}, 0, static_cast<double>(options.batch * options.length), std::nullopt};
        // The peak is measured before and after the runs, because it is too small while the processor is busy with other work.
        if constexpr (!std::is_same_v<Real, long double>) result.peak = peak_of<Real, Ops>();
        bert::with_family(family, [&]<template <class, class> class Body, class Heads>() {
            if (options.train)
                run_training<Real, Ops, Body, Heads>(options, family, config, result);
            else
                run_inference<Real, Ops, Body, Heads>(options, family, config, result);
        });
        // It isn't raised to the speed of the runs: a speed above it shows that operations are counted that aren't executed.
        if constexpr (!std::is_same_v<Real, long double>) result.peak = std::max(*result.peak, peak_of<Real, Ops>());
        show(options, result);
        return 0;
    });
}

}  // namespace program
