// A model that is trained and asked on several threads: what a race detector looks at.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "bert/core/threads.hpp"
#include "bert/io/architectures.hpp"
#include "bert/model.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/fast/packed_encoder.hpp"
#include "bert/training/initialize.hpp"
#include "bert/training/trainer.hpp"

#include "catch.hpp"

using bert::Fast;
using bert::Model;

namespace {

bert::Config config()
{
    bert::Config config;
    bert::set_architecture("BertForPreTraining", config);
    config.vocab_size = 70;
    config.hidden_size = 40;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 4;
    config.intermediate_size = 90;
    config.max_position_embeddings = 64;
    return config;
}

bert::LabelledBatch<float> example()
{
    std::vector<std::vector<std::int64_t>> ids(6);
    for (std::size_t b = 0; b < ids.size(); ++b)
        for (std::size_t i = 0; i < 10 + 9 * b; ++i)
            ids[b].push_back(static_cast<std::int64_t>((7 * b + 3 * i) % 70));
    bert::LabelledBatch<float> example{bert::pack(ids), {}};
    const std::size_t T = example.batch.sequences.tokens();
    auto& masked_lm = example.targets.masked_lm.emplace();
    masked_lm.ids.resize({(T + 4) / 5});
    for (std::size_t t = 0; t < T; t += 5) {
        masked_lm.rows.push_back(t);
        masked_lm.ids(t / 5) = static_cast<std::int64_t>(t % 70);
    }
    example.targets.next_sentence = {0, 1, 1, 0, 1, 0};
    return example;
}

}  // namespace

TEST_CASE("Training steps of each optimizer, and inference, have the bits of one thread with two and three")
{
    const std::size_t threads = bert::threads();
    const std::vector<bert::LabelledBatch<float>> batch{example()};
    for (const auto kind : {bert::OptimizerKind::adamw, bert::OptimizerKind::bert_adam, bert::OptimizerKind::lamb}) {
        std::vector<float> losses;
        bert::Tensor<float, 2> hidden;
        for (const std::size_t count : {1U, 2U, 3U}) {
            bert::set_threads(count);
            auto model = Model<float, Fast>::make(config());
            bert::initialize(model, 1);
            bert::TrainingOptions options;
            options.optimizer.kind = kind;
            options.optimizer.learning_rate = 1e-2;
            bert::Trainer<float, Fast> trainer(options, model);
            std::vector<float> curve;
            for (int step = 0; step < 3; ++step)
                curve.push_back(trainer.step(batch).losses.total);
            const auto packed = bert::pack_weights(model.body.encoder, model.config);
            bert::EmbeddingsActivations<float> act;
            bert::Workspace workspace;
            bert::Tensor<float, 2> y;
            const bert::Sequences& sequences = batch[0].batch.sequences;
            model.body.embeddings.forward(batch[0].batch, {model.config, sequences, workspace}, act);
            packed.forward(act.y, sequences, y, workspace);
            if (count == 1) {
                losses = curve;
                hidden = y;
            }
            CHECK(curve == losses);
            CHECK((y == hidden));
        }
        CHECK(losses[2] < losses[0]);
    }
    bert::set_threads(threads);
}
