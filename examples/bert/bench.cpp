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
#include <bert/io/model_folder.hpp>
#include <bert/ops/fast/packed_encoder.hpp>
#include <bert/training/initialize.hpp>
#include <bert/training/trainer.hpp>

#include "commands.hpp"
#include "machine.hpp"
#include "operation_count.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// A model with random weights.
template <class Real, class Ops>
bert::Model<Real, Ops> random_model(const bert::Config& config, std::uint64_t seed)
{
    auto model = bert::Model<Real, Ops>::make(config);
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

/// Random targets of the model's heads, with 15 % masked positions as in pre-training.
template <class Real>
bert::Targets<Real> random_targets(const bert::Config& config, const bert::Batch& batch, const BenchOptions& options)
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
    bert::Targets<Real> targets;
    if (config.has_head("masked_lm")) {
        targets.masked_lm.emplace();
        for (std::size_t t = 0; t < T; ++t)
            if (t == 0 || generator() % 100 < 15) targets.masked_lm->rows.push_back(t);
        targets.masked_lm->ids = below(targets.masked_lm->rows.size(), config.vocab_size);
    }
    if (config.has_head("next_sentence")) targets.next_sentence = below(B, 2);
    if (config.has_head("sequence_classification")) targets.sequence_classification = below(B, config.num_labels());
    if (config.has_head("multiple_choice")) targets.multiple_choice = below(1, B);
    if (config.has_head("token_classification")) targets.token_classification = below(T, config.num_labels());
    if (config.has_head("question_answering")) targets.question_answering = {below(B, options.length), below(B, options.length)};
    return targets;
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
    const auto layers = static_cast<double>(config.num_hidden_layers);
    const auto T = static_cast<double>(options.batch) * static_cast<double>(options.length);
    const auto H = static_cast<double>(config.hidden_size), I = static_cast<double>(config.intermediate_size);
    const double model = sizeof(Real) * parameters + sizeof(bert::EncoderBlock<Real, Ops>) * layers;
    const double models = options.train ? 4 * model : model;  // with the gradient and two moments
    check(place, models);
    check("--batch", models + sizeof(Real) * T * (8 * H + I) * (options.train ? layers : 1));  // a layer keeps at least this
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

template <class Real, class Ops>
std::vector<double> measure_model(bert::Model<Real, Ops> model, const bert::Batch& batch, const BenchOptions& options)
{
    bert::EmbeddingsActivations<Real> embeddings;
    bert::Workspace workspace;
    const bert::Pass pass{model.config, batch.sequences, workspace};
    if constexpr (FastSet<Ops>) {
        const auto packed = bert::pack_weights<typename Ops::InstructionSet>(model.body.encoder, model.config);
        model.body.encoder = {};
        bert::Tensor<Real, 2> y;
        return measure(options, [&] {
            model.body.embeddings.forward(batch, pass, embeddings);
            packed.forward(embeddings.y, batch.sequences, y, workspace);
        });
    } else {
        bert::InferenceActivations<Real> act;
        const bert::Encoder<Real, Ops>& encoder = model.body.encoder;
        return measure(options, [&] {
            model.body.embeddings.forward(batch, pass, embeddings);
            bert::infer(encoder, embeddings.y, pass, encoder.layer.size(), act, [](std::size_t, const bert::Tensor<Real, 2>&) {});
        });
    }
}

/// Measures training steps as in pre-training.
template <class Real, class Ops>
std::vector<double> measure_training(bert::Model<Real, Ops> model, const std::vector<bert::LabelledBatch<Real>>& micro_batches,
                                     const BenchOptions& options)
{
    bert::Trainer<Real, Ops> trainer({.gradient_checkpointing = options.gradient_checkpointing}, model);
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

int bench(const BenchOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        const bool made_up = !options.config.empty();
        const std::filesystem::path source = made_up ? options.config : model_folder(options.common);
        const std::filesystem::path config_file = made_up ? source : source / "config.json";
        const bert::Config config = bert::read_config(config_file);
        if (options.length > config.max_position_embeddings)
            bert::fail_input("--length", "expected at most the model's " + std::to_string(config.max_position_embeddings) +
                                             " positions, got " + std::to_string(options.length));
        check_memory<Real, Ops>(config, config_file.string(), options);
        if (options.train && config.heads.empty())
            bert::fail_input("--train", "expected a model with a head, as BertForPreTraining, got " + config.architecture);
        auto model = made_up ? random_model<Real, Ops>(config, options.seed) : bert::load_model<Real, Ops>(source);
        std::vector<bert::LabelledBatch<Real>> micro_batches;
        Result result{source.string(), {}, 0, static_cast<double>(options.batch * options.length), std::nullopt};
        const std::size_t most = options.train ? options.micro_batch : options.batch;  // sequences
        for (std::size_t first = 0; first < options.batch; first += most) {
            const bert::Batch batch =
                random_batch(config, std::min(most, options.batch - first), options, options.seed + micro_batches.size());
            const bert::Targets<Real> targets =
                options.train ? random_targets<Real>(config, batch, options) : bert::Targets<Real>{};
            std::vector<std::size_t> read;
            if (options.train) model.read_rows(batch, targets, read);
            result.operations +=
                operation_count(config, batch, options.train, read, targets.masked_lm ? targets.masked_lm->rows.size() : 0);
            micro_batches.push_back({batch, targets});
        }
        // The peak is measured before and after the runs, because it is too small while the processor is busy with other work.
        if constexpr (!std::is_same_v<Real, long double>) result.peak = peak_of<Real, Ops>();
        result.seconds = options.train ? measure_training(std::move(model), micro_batches, options)
                                       : measure_model(std::move(model), micro_batches[0].batch, options);
        // It isn't raised to the speed of the runs: a speed above it shows that operations are counted that aren't executed.
        if constexpr (!std::is_same_v<Real, long double>) result.peak = std::max(*result.peak, peak_of<Real, Ops>());
        show(options, result);
        return 0;
    });
}

}  // namespace program
