// Packed blocks of variants against the plain ones: not close, but equal.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "bert/core/pass.hpp"
#include "bert/core/sequences.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/core/workspace.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/product.hpp"
#include "bert/variants/packed_gpt2.hpp"
#include "bert/variants/packed_mobilebert.hpp"
#include "catch.hpp"

using bert::Tensor;

namespace {

std::filesystem::path folder_of(const std::string& name)
{
    return std::filesystem::path(BERT_SOURCE_DIR) / "reference_outputs" / "cases" / name;
}

bert::Batch random_batch(const bert::Config& config, const std::vector<std::size_t>& lengths)
{
    std::mt19937 generator(5);
    std::vector<std::vector<std::int64_t>> ids;
    for (const std::size_t length : lengths) {
        ids.emplace_back();
        for (std::size_t t = 0; t < length; ++t)
            ids.back().push_back(static_cast<std::int64_t>(generator() % config.vocab_size));
    }
    return bert::pack(ids);
}

/// Holds a packed model to the plain one of the same folder, with one group of sequences and with several, and with 1 to 3 threads.
template <class Plain, class Packed>
void check_equal(const Plain& plain, const Packed& packed)
{
    const std::size_t longest = plain.config.longest_sequence(), threads = bert::threads();
    std::vector<std::size_t> several{longest, 1, 3};
    for (std::size_t tokens = 0; tokens < 2 * bert::product::group_size; tokens += longest)
        several.push_back(longest - tokens % 3);
    for (const std::vector<std::size_t>& lengths : {std::vector<std::size_t>{5, 1, longest, 7}, several}) {
        const bert::Batch batch = random_batch(plain.config, lengths);
        bert::Workspace workspace;
        decltype(Plain::Activations::body) act;
        plain.body.forward(batch, {plain.config, batch.sequences, workspace}, act);
        typename Packed::EmbeddingsScratch embeddings;
        Tensor<typename Plain::Real, 2> y;
        for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{3}}) {
            bert::set_threads(count);
            packed.infer(batch, embeddings, y, workspace);
            CHECK((y == plain.body.result(batch, act).hidden));
        }
        bert::set_threads(threads);
    }
}

}  // namespace

TEST_CASE("A packed GPT-2 computes the same bits as the plain one")
{
    const std::filesystem::path folder = folder_of("gpt2_lm");
    check_equal(bert::load_gpt2<float, bert::Fast>(folder), bert::load_packed_gpt2<float, bert::Fast>(folder));
    check_equal(bert::load_gpt2<double, bert::Fast>(folder), bert::load_packed_gpt2<double, bert::Fast>(folder));
    check_equal(bert::load_gpt2<float, bert::FastBf16>(folder), bert::load_packed_gpt2<float, bert::FastBf16>(folder));
}

TEST_CASE("A packed MobileBERT computes the same bits as the plain one")
{
    const std::filesystem::path folder = folder_of("mobilebert_pretraining");
    check_equal(bert::load_mobilebert<float, bert::Fast>(folder), bert::load_packed_mobilebert<float, bert::Fast>(folder));
    check_equal(bert::load_mobilebert<double, bert::Fast>(folder), bert::load_packed_mobilebert<double, bert::Fast>(folder));
    check_equal(bert::load_mobilebert<float, bert::FastBf16>(folder),
                bert::load_packed_mobilebert<float, bert::FastBf16>(folder));
}

TEST_CASE("MobileBERT is packed in its published configuration only")
{
    bert::Config config;
    CHECK(!bert::packs_mobilebert(config));
    config.mobilebert.emplace();
    CHECK(bert::packs_mobilebert(config));
    config.mobilebert->normalization_type = "layer_norm";
    CHECK(!bert::packs_mobilebert(config));
    const bert::MobileBertBlock<float, bert::Fast> block;
    CHECK_THROWS_WITH((bert::PackedMobileBertBlock<float, bert::Fast::InstructionSet>::pack(block, config)),
                      "pack_block: expected MobileBERT's published bottlenecks and norms, got others");
    for (bool bert::MobileBertConfig::*choice :
         {&bert::MobileBertConfig::use_bottleneck, &bert::MobileBertConfig::key_query_shared_bottleneck,
          &bert::MobileBertConfig::use_bottleneck_attention}) {
        config.mobilebert.emplace();
        bool& chosen = *config.mobilebert.*choice;
        chosen = !chosen;
        CHECK(!bert::packs_mobilebert(config));
    }
}
