#include "bert/variants/albert.hpp"

#include <cstddef>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/body_training.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"
#include "variants/check_variant.hpp"

TEST_CASE("ALBERT: which block runs in which layer")
{
    const auto blocks_of = [](std::size_t layers, std::size_t groups, std::size_t inner) {
        bert::Config config;
        config.num_hidden_layers = layers;
        config.num_hidden_groups = groups;
        config.inner_group_num = inner;
        std::vector<std::size_t> blocks;
        for (std::size_t run = 0; run < config.block_runs(); ++run)
            blocks.push_back(config.block_of(run));
        return blocks;
    };
    using Blocks = std::vector<std::size_t>;
    CHECK(blocks_of(3, 0, 1) == Blocks{0, 1, 2});        // BERT
    CHECK(blocks_of(3, 1, 1) == Blocks{0, 0, 0});        // the published models
    CHECK(blocks_of(5, 2, 1) == Blocks{0, 0, 0, 1, 1});  // transformers 5.23
    CHECK(blocks_of(3, 2, 2) == Blocks{0, 1, 0, 1, 2, 3});
    CHECK(blocks_of(2, 2, 1) == Blocks{0, 1});
}

TEST_CASE("ALBERT: the number of parameters is that of the published models")
{
    // transformers 5.23: AlbertModel of base, large, xlarge and xxlarge.
    bert::Config config = bert::albert_family.defaults();
    const auto count = [&](std::size_t H, std::size_t A, std::size_t layers) {
        config.hidden_size = H;
        config.num_attention_heads = A;
        config.num_hidden_layers = layers;
        config.intermediate_size = 4 * H;
        return bert::parameter_count(config);
    };
    CHECK(count(768, 12, 12) == 11'683'584);
    CHECK(count(1024, 16, 24) == 17'683'968);
    CHECK(count(2048, 16, 24) == 58'724'864);
    CHECK(count(4096, 64, 12) == 222'595'584);
    config.hidden_size = 12;
    config.embedding_size = 5;
    config.intermediate_size = 7;
    config.num_attention_heads = 3;
    config.vocab_size = 11;
    CHECK(bert::count_parameters(bert::AlbertModel<float>::make(config)) == bert::parameter_count(config));
}

TEST_CASE("ALBERT: every class is trained as its gradient says, with dropout")
{
    variant::check_gradients(bert::load_albert<double, bert::Reference>, "albert_groups");
    variant::check_gradients(bert::load_albert<double, bert::Fast>, "albert_inner_groups");
    variant::check_gradients(bert::load_albert<double, bert::Fast>, "albert_pretraining");
}

TEST_CASE("ALBERT: with gradient checkpointing the same bits")
{
    using Model = bert::AlbertModel<double, bert::Fast>;
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/albert_groups");
    const std::vector<bert::LabelledBatch<double, bert::AlbertHeads>> batch{
        {reference.batch(), reference.targets<double, bert::AlbertHeads>()}};
    const auto trained = [&](bool checkpointing) {
        auto model = bert::load_albert<double, bert::Fast>(reference.model_folder());
        bert::TrainingOptions options;
        options.gradient_checkpointing = checkpointing;
        bert::Trainer<double, bert::Fast, bert::BertBody, bert::AlbertHeads> trainer(options, model);
        for (int step = 0; step < 2; ++step)
            trainer.step(batch);
        return model;
    };
    const Model kept = trained(false), recomputed = trained(true);
    bool same = true;
    Model::parameters([&](const bert::Name&, const auto& a, const auto& b) { same = same && a == b; }, "", kept, recomputed);
    CHECK(same);
}
