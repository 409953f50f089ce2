// Compiled as a reader's own program may be, with neither this project's warnings nor -ffp-contract=off: which bits are equal
// then.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <bert/core/pass.hpp>
#include <bert/core/sequences.hpp>
#include <bert/core/tensor.hpp>
#include <bert/core/threads.hpp>
#include <bert/core/workspace.hpp>
#include <bert/inference.hpp>
#include <bert/io/architectures.hpp>
#include <bert/model.hpp>
#include <bert/ops/fast.hpp>
#include <bert/ops/fast/packed_encoder.hpp>
#include <bert/ops/reference.hpp>
#include <bert/training/trainer.hpp>

#include "catch.hpp"

namespace {

std::mt19937 generator(7);

// Odd sizes: rows that end within a vector, tiles that are not full.
template <class Real, class Ops>
bert::Model<Real, Ops> random_model(bert::Activation activation)
{
    bert::Config config;
    bert::set_architecture("BertForPreTraining", config);
    config.vocab_size = 101;
    config.hidden_size = 69;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 3;
    config.intermediate_size = 141;
    config.max_position_embeddings = 80;
    config.hidden_act = activation;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1;
    auto model = bert::Model<Real, Ops>::make(config);
    std::normal_distribution<double> normal(0, 0.3);
    bert::Model<Real, Ops>::parameters(
        [&](const auto&, auto& tensor) {
            for (Real& value : tensor)
                value = static_cast<Real>(normal(generator));
        },
        "", model);
    return model;
}

std::vector<std::vector<std::int64_t>> random_texts()
{
    std::vector<std::vector<std::int64_t>> texts;
    std::uniform_int_distribution<std::int64_t> id(1, 100);
    for (const std::size_t length : {1U, 17U, 70U, 5U, 33U, 64U, 16U, 2U}) {
        texts.emplace_back(length);
        for (std::int64_t& token : texts.back())
            token = id(generator);
    }
    return texts;
}

// The last block's hidden states, for results alone.
template <class Real, class Ops>
bert::Tensor<Real, 2> hidden_states(const bert::Model<Real, Ops>& model, const bert::Batch& batch, bert::Workspace& workspace)
{
    const bert::Pass pass{model.config, batch.sequences, workspace};
    bert::EmbeddingsActivations<Real> embeddings;
    bert::InferenceActivations<Real> act;
    model.body.embeddings.forward(batch, pass, embeddings);
    return bert::infer(model.body.encoder, embeddings.y, pass, model.config.num_hidden_layers, act,
                       [](std::size_t, const bert::Tensor<Real, 2>&) {});
}

template <class Real, class Operations>
struct Set {
    using Number = Real;
    using Ops = Operations;
};
using FastFloat = Set<float, bert::Fast>;
using FastDouble = Set<double, bert::Fast>;
using FastBf16 = Set<float, bert::FastBf16>;
using ReferenceFloat = Set<float, bert::Reference>;

}  // namespace

TEMPLATE_TEST_CASE("A text has the same bits alone and in any batch, with any number of threads", "", FastFloat, FastDouble,
                   FastBf16, ReferenceFloat)
{
    using Real = typename TestType::Number;
    const std::size_t threads = bert::threads();
    const auto texts = random_texts();
    for (const bert::Activation activation : {bert::Activation::gelu, bert::Activation::gelu_tanh, bert::Activation::relu}) {
        const auto model = random_model<Real, typename TestType::Ops>(activation);
        const bert::Batch batch = bert::pack(texts);
        bert::Workspace workspace;
        bert::set_threads(1);
        const bert::Tensor<Real, 2> together = hidden_states(model, batch, workspace);
        for (const std::size_t count : {1U, 2U, 3U}) {
            bert::set_threads(count);
            CHECK((hidden_states(model, batch, workspace) == together));
            for (std::size_t b = 0; b < texts.size(); ++b) {
                const bert::Tensor<Real, 2> alone = hidden_states(model, bert::pack({texts[b]}), workspace);
                const Real* const expected = together.data() + batch.sequences.begin[b] * model.config.hidden_size;
                CHECK(std::equal(alone.begin(), alone.end(), expected));
            }
        }
    }
    bert::set_threads(threads);
}

TEMPLATE_TEST_CASE("Training has the same bits with any number of threads", "", FastFloat, FastDouble, FastBf16, ReferenceFloat)
{
    using Real = typename TestType::Number;
    using Model = bert::Model<Real, typename TestType::Ops>;
    const std::size_t threads = bert::threads();
    const auto start = random_model<Real, typename TestType::Ops>(bert::Activation::gelu);
    bert::LabelledBatch<Real> example{bert::pack(random_texts()), {}};
    const std::size_t T = example.batch.sequences.tokens(), B = example.batch.sequences.count();
    bert::MaskedLmTarget target;
    for (std::size_t t = 0; t < T; t += 7)
        target.rows.push_back(t);
    target.ids.resize({target.rows.size()});
    for (std::size_t m = 0; m < target.rows.size(); ++m)
        target.ids(m) = static_cast<std::int64_t>(target.rows[m] % 101);
    example.targets.masked_lm = target;
    example.targets.next_sentence = bert::zeros<std::int64_t, 1>({B});
    const auto trained = [&](std::size_t count, bool gradient_checkpointing) {
        bert::set_threads(count);
        Model model = start;
        bert::TrainingOptions options;
        options.gradient_checkpointing = gradient_checkpointing;
        bert::Trainer<Real, typename TestType::Ops> trainer(options, model);
        std::vector<Real> numbers;
        for (int step = 0; step < 3; ++step)
            numbers.push_back(trainer.step(std::vector{example}).losses.total);
        Model::parameters([&](const auto&, const auto& tensor) { numbers.insert(numbers.end(), tensor.begin(), tensor.end()); },
                          "", model);
        return numbers;
    };
    const std::vector<Real> expected = trained(1, false);
    CHECK(trained(2, false) == expected);
    CHECK(trained(3, false) == expected);
    CHECK(trained(2, true) == expected);
    bert::set_threads(threads);
}

TEMPLATE_TEST_CASE("What is kept, and packed weights, change no bit", "", FastFloat, FastDouble, FastBf16)
{
    using Real = typename TestType::Number;
    const auto model = random_model<Real, typename TestType::Ops>(bert::Activation::gelu);
    const bert::Batch batch = bert::pack(random_texts());
    bert::ModelActivations<Real> act, kept;
    bert::Workspace workspace;
    const bert::Tensor<Real, 2> y = hidden_states(model, batch, workspace);
    bert::Pass pass{model.config, batch.sequences, workspace};
    model.forward(batch, {}, pass, act);
    CHECK((act.body.encoder.layer.back().y() == y));
    pass.keep_all = true;
    model.forward(batch, {}, pass, kept);
    CHECK((kept.body.encoder.layer.back().y() == y));
    const auto packed = bert::pack_weights<typename TestType::Ops::InstructionSet>(model.body.encoder, model.config);
    bert::Tensor<Real, 2> z;
    packed.forward(kept.body.embeddings.y, batch.sequences, z, workspace);
    CHECK((z == y));
}
