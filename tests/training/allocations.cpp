// What a steady step allocates: every operator new of this program is counted.
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <span>
#include <vector>

#include <instances.hpp>
#include "bert/packed_encoder.hpp"

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
    config.architecture = architecture;
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

// The texts with a label for every head.
bert::Example<float> labelled()
{
    bert::Example<float> example{batch(), {}};
    bert::Labels<float>& labels = example.labels;
    labels.masked_words.resize({T});
    labels.masked_words.fill(bert::ignored_label);
    for (std::size_t t = 0; t < T; t += 7)
        labels.masked_words(t) = 5;
    labels.tokens.resize({T});
    labels.tokens.fill(1);
    labels.next_sentence = labels.classes = {1, 0};
    labels.starts = {2, 40};
    labels.ends = {30, 3};
    labels.choices = {1};
    return example;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocated(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return allocated(bytes, alignof(std::max_align_t)); }
void* operator new(std::size_t bytes, std::align_val_t alignment)
{
    return allocated(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

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
    const auto packed = bert::pack_weights<typename TestType::InstructionSet>(model.encoder, model.config);
    const bert::Batch texts = batch();
    bert::ModelActivations<float> act;
    bert::Workspace workspace;
    bert::Tensor<float, 2> y;
    const auto in_packed = [&] {
        model.embeddings.forward(texts, model.config, act.embeddings);
        packed.forward(act.embeddings.norm.y, texts.sequences, y, workspace);
    };
    const auto in_plain = [&] { model.infer(texts, act, workspace); };
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
        for (const bool recompute : {false, true}) {
            CAPTURE(architecture, recompute);
            auto model = bert::Model<float, TestType>::make(config(architecture));
            const auto example = labelled();
            bert::TrainingOptions options;
            options.recompute = recompute;
            bert::Trainer<float, TestType> trainer(options, model);
            std::size_t learned_from = 0;
            const auto step = [&] { learned_from = trainer.step(std::span(&example, 1), model).losses.count; };
            CHECK(allocations_of(step) > 0);  // they are counted
            step();
            CHECK(allocations_of(step) == 0);
            CHECK(learned_from > 0);
        }
    }
}

// What a block keeps of each token for backward: query, key, value and context, of both layer norms the normalized row and the
// result, 8 H in all, and I before the activation. With recompute, of six blocks one keeps it in forward, and one in backward, which
// needs I after the activation too, and of each its result is kept, H. So four blocks' tensors less, six results and I more.
TEMPLATE_TEST_CASE("Recomputing takes the memory of two blocks", "", bert::Fast, bert::FastBf16)
{
    bert::Config six_layers = config("BertForTokenClassification");
    six_layers.num_hidden_layers = 6;
    const auto example = labelled();
    std::size_t bytes[2];
    for (const bool recompute : {false, true}) {
        auto model = bert::Model<float, TestType>::make(six_layers);
        bert::TrainingOptions options;
        options.recompute = recompute;
        bert::Trainer<float, TestType> trainer(options, model);
        allocations_of([&] { trainer.step(std::span(&example, 1), model); });
        bytes[recompute ? 1 : 0] = bytes_taken;
    }
    constexpr std::size_t I = 64;
    CHECK(bytes[0] >= bytes[1] + sizeof(float) * T * (4 * (8 * H + I) - 6 * H - I));
}
