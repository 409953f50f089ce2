// What a steady step allocates: every operator new of this program is counted.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include <instances.hpp>
#include "bert/inference.hpp"
#include "bert/io/architectures.hpp"
#include "bert/ops/fast/packed_encoder.hpp"

#include "catch.hpp"

namespace {

std::atomic<bool> is_counting{false};
std::atomic<std::size_t> count{0}, bytes_taken{0};

void* allocated(std::size_t bytes, std::size_t alignment)
{
    if (is_counting) {
        ++count;
        bytes_taken += bytes;
    }
    void* const memory = std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}

// How many there are while something runs.
template <class Run>
std::size_t allocations_of(const Run& run)
{
    count = bytes_taken = 0;
    is_counting = true;
    run();
    is_counting = false;
    return count;
}

constexpr std::size_t T = 96, H = 32;

bert::Config config(const char* architecture)
{
    bert::Config config;
    bert::set_architecture(architecture, config);
    config.vocab_size = 100;
    config.hidden_size = H;
    config.num_attention_heads = 4;
    config.num_hidden_layers = 3;
    config.intermediate_size = 64;
    return config;
}

bert::Batch batch()
{
    std::vector<std::vector<std::int64_t>> ids{std::vector<std::int64_t>(T / 3, 7), std::vector<std::int64_t>(2 * T / 3, 9)};
    return bert::pack(ids);
}

// The texts with a target for every head.
bert::LabelledBatch<float> labelled()
{
    bert::LabelledBatch<float> example{batch(), {}};
    bert::Targets<float>& targets = example.targets;
    targets.masked_lm.emplace();
    for (std::size_t t = 0; t < T; t += 7)
        targets.masked_lm->rows.push_back(t);
    targets.masked_lm->ids.resize({targets.masked_lm->rows.size()});
    targets.masked_lm->ids.fill(5);
    targets.token_classification.emplace().resize({T});
    targets.token_classification->fill(1);
    targets.next_sentence = {1, 0};
    targets.sequence_classification = bert::IndexTensor<1>{1, 0};
    targets.question_answering = {{2, 40}, {30, 3}};
    targets.multiple_choice = bert::IndexTensor<1>{1};
    return example;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocated(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocated(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment)
{
    return allocated(bytes, static_cast<std::size_t>(alignment));
}
// Not inlined: g++ would compare std::free with an operator new that it knows nothing of.
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

TEST_CASE("A thread's scratch is allocated before the loop, once for as much")
{
    const std::size_t threads = bert::threads();
    bert::set_threads(3);  // without OpenMP it stays 1
    bert::Workspace workspace;
    const auto prepare = [&](std::size_t values) { workspace.prepare_threads<float>(bert::Scratch::sums, values); };
    CHECK(allocations_of([&] { prepare(1000); }) > 0);
    for (std::size_t thread = 0; thread < bert::threads(); ++thread)
        CHECK(allocations_of([&] { workspace.of_thread<float>(thread, bert::Scratch::sums, 1000); }) == 0);
    CHECK(allocations_of([&] { prepare(1000); }) == 0);
    CHECK(allocations_of([&] { prepare(1001); }) == bert::threads());
    bert::set_threads(threads);
}

TEMPLATE_TEST_CASE("Inference allocates nothing in a steady step", "", bert::Fast, bert::FastBf16)
{
    const auto model = bert::Model<float, TestType>::make(config("BertForPreTraining"));
    const auto packed = bert::pack_weights<typename TestType::InstructionSet>(model.body.encoder, model.config);
    const bert::Batch texts = batch();
    bert::EmbeddingsActivations<float> act;
    bert::InferenceActivations<float> blocks;
    bert::Workspace workspace;
    const bert::Pass pass{model.config, texts.sequences, workspace};
    bert::Tensor<float, 2> y;
    const auto in_packed = [&] {
        model.body.embeddings.forward(texts, pass, act);
        packed.forward(act.y, texts.sequences, y, workspace);
    };
    const auto in_plain = [&] {
        model.body.embeddings.forward(texts, pass, act);
        bert::infer(model.body.encoder, act.y, pass, model.config.num_hidden_layers, blocks, [](std::size_t, const auto&) {});
    };
    CHECK(allocations_of(in_packed) > 0);  // they are counted
    in_packed();
    in_packed();
    CHECK(allocations_of(in_packed) == 0);
    in_plain();
    in_plain();
    CHECK(allocations_of(in_plain) == 0);
}

TEMPLATE_TEST_CASE("Training allocates nothing in a steady step", "", bert::Fast, bert::FastBf16)
{
    for (const char* const architecture : {"BertForPreTraining", "BertForSequenceClassification", "BertForMultipleChoice",
                                           "BertForTokenClassification", "BertForQuestionAnswering"}) {
        for (const bool gradient_checkpointing : {false, true}) {
            CAPTURE(architecture, gradient_checkpointing);
            auto model = bert::Model<float, TestType>::make(config(architecture));
            const bert::LabelledBatch<float> example = labelled();
            bert::TrainingOptions options;
            options.gradient_checkpointing = gradient_checkpointing;
            bert::Trainer<float, TestType> trainer(options, model);
            std::size_t learned_from = 0;
            const auto step = [&] { learned_from = trainer.step(std::span(&example, 1)).losses.count; };
            CHECK(allocations_of(step) > 0);  // they are counted
            step();
            const std::size_t in_steady_step = allocations_of(step);
            const std::string_view name = architecture;
            if (name == "BertForMultipleChoice" || name == "BertForQuestionAnswering")
                // The losses of endings and positions copy logits: starts and ends, forward and backward with its gradient, each
                // at most twice T numbers; and an index of 8 bytes, aligned to 64, four times.
                CHECK(bytes_taken <= sizeof(float) * 2 * (2 * 3 * T) + 4 * 64);
            else
                CHECK(in_steady_step == 0);
            CHECK(learned_from > 0);
        }
    }
}

// What a block keeps of each token for backward: query, key, value and context, of both layer norms the normalized row and the
// result, 8 H in all, and I before the activation. With gradient checkpointing, of six blocks the last keeps it, and backward
// computes one again, which needs I after the activation too, and of each its result is kept, H. So four blocks' tensors less, at
// most six results and I more.
TEMPLATE_TEST_CASE("Gradient checkpointing takes the memory of two blocks", "", bert::Fast, bert::FastBf16)
{
    bert::Config six_layers = config("BertForTokenClassification");
    six_layers.num_hidden_layers = 6;
    const auto example = labelled();
    std::size_t bytes[2];
    for (const bool gradient_checkpointing : {false, true}) {
        auto model = bert::Model<float, TestType>::make(six_layers);
        bert::TrainingOptions options;
        options.gradient_checkpointing = gradient_checkpointing;
        bert::Trainer<float, TestType> trainer(options, model);
        allocations_of([&] { trainer.step(std::span(&example, 1)); });
        bytes[gradient_checkpointing ? 1 : 0] = bytes_taken;
    }
    constexpr std::size_t I = 64;
    CHECK(bytes[0] >= bytes[1] + sizeof(float) * T * (4 * (8 * H + I) - 6 * H - I));
}
