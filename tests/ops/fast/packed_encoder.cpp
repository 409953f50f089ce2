// The packed encoder against the plain one: not close, but equal.
#include "bert/ops/fast/packed_encoder.hpp"
#include "bert/ops/product/loops.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <random>
#include <set>
#include <string>

#include <instances.hpp>

#include "bert/inference.hpp"
#include "bert/io/packed_folder.hpp"
#include "catch.hpp"

using bert::Tensor;

namespace {

template <class Real>
void randomize(Tensor<Real, 2>& x, std::mt19937& generator)
{
    std::normal_distribution<double> normal;
    for (Real& value : x)
        value = static_cast<Real>(normal(generator));
}

template <class Real, class Ops>
bert::Encoder<Real, Ops> random_encoder(const bert::Config& config, std::mt19937& generator)
{
    std::normal_distribution<double> normal(0, 0.1);
    auto encoder = bert::Encoder<Real, Ops>::make(config);
    bert::Encoder<Real, Ops>::parameters(
        [&](const std::string&, auto& tensor) {
            for (Real& value : tensor)
                value = static_cast<Real>(normal(generator));
        },
        "encoder", encoder);
    return encoder;
}

/// Several groups; an empty sequence, one that is longer than a group, and a last one alone.
bert::Sequences large_batch()
{
    bert::Sequences sequences;
    for (const std::size_t n : {900U, 0U, 300U, 1500U, 1U, 40U, 700U, 7U})
        sequences.begin.push_back(sequences.tokens() + n);
    return sequences;
}

}  // namespace

TEMPLATE_TEST_CASE("A packed encoder computes the same bits as the encoder", "", float, double)
{
    std::mt19937 generator(3);
    bert::Config config;
    config.hidden_size = 60;
    config.num_attention_heads = 4;
    config.intermediate_size = 130;
    config.num_hidden_layers = 3;
    const auto encoder = random_encoder<TestType, bert::Fast>(config, generator);
    const auto packed = bert::pack_weights(encoder, config);
    const bert::Sequences sequences{{0, 17, 17, 18, 90}};
    Tensor<TestType, 2> x, y;
    x.resize({90, 60});
    randomize(x, generator);
    bert::Workspace workspace;
    bert::EncoderActivations<TestType> act;
    const Tensor<TestType, 2>& expected = encoder.forward(x, {config, sequences, workspace}, act);
    packed.forward(x, sequences, y, workspace);
    CHECK((y == expected));

    SECTION("in place, and a sequence alone")
    {
        Tensor<TestType, 2> last;
        last.resize({72, 60});
        std::copy_n(x.data() + 18 * 60, 72 * 60, last.data());
        packed.forward(last, {{0, 72}}, last, workspace);
        CHECK(std::equal(last.begin(), last.end(), y.data() + 18 * 60));
    }
    SECTION("with 1, 2 and 3 threads")
    {
        const std::size_t threads = bert::threads();
        for (const std::size_t count : {1U, 2U, 3U}) {
            bert::set_threads(count);
            packed.forward(x, sequences, y, workspace);
            CHECK((y == expected));
        }
        bert::set_threads(threads);
    }
    SECTION("and takes hidden states of its own width only")
    {
        x.resize({90, 59});
        CHECK_THROWS_WITH(packed.forward(x, sequences, y, workspace), "packed_encoder: x: expected [90, 60], got [90, 59]");
    }
}

TEST_CASE("A large batch goes through the packed encoder in groups of sequences, with the bits of all at once")
{
    std::mt19937 generator(4);
    bert::Config config;
    config.hidden_size = 12;
    config.num_attention_heads = 3;
    config.intermediate_size = 20;
    config.num_hidden_layers = 2;
    const auto encoder = random_encoder<float, bert::Fast>(config, generator);
    const auto packed = bert::pack_weights(encoder, config);
    const bert::Sequences sequences = large_batch();
    const std::size_t T = sequences.tokens();
    REQUIRE(T > 3 * bert::product::group_size);
    Tensor<float, 2> x, y;
    x.resize({T, 12});
    randomize(x, generator);
    bert::Workspace workspace;
    bert::EncoderActivations<float> act;
    packed.forward(x, sequences, y, workspace);
    CHECK((y == encoder.forward(x, {config, sequences, workspace}, act)));
    CHECK_THROWS_WITH(packed.forward(x, {{0, T, 5}}, y, workspace),
                      "packed_encoder: sequences: begin[2]: expected " + std::to_string(T) + " or more, got 5");
}

namespace {

/// An engine of plain loops that takes whole products, and remembers how many rows they had.
class RowsEngine : public bert::LoopsEngine {
public:
    bool takes_whole_products(float) const override { return true; }
    using bert::LoopsEngine::multiply;
    void multiply(const bert::product::Rows<float>& x, bert::product::Right right, const bert::product::Rows<float>& operand,
                  float* sums) const override
    {
        rows.insert(x.count);
        LoopsEngine::multiply(x, right, operand, sums);
    }

    mutable std::set<std::size_t> rows;
};

}  // namespace

TEST_CASE("The groups of a large batch by hand: each holds the next sequences until there are 1150 tokens")
{
    std::mt19937 generator(4);
    bert::Config config;
    config.hidden_size = 4;
    config.num_attention_heads = 2;
    config.intermediate_size = 6;
    config.num_hidden_layers = 1;
    const auto encoder = random_encoder<float, bert::Fast>(config, generator);
    const RowsEngine engine;
    bert::set_engine(&engine);
    const auto packed = bert::pack_weights(encoder, config);
    bert::set_engine(nullptr);
    const bert::Sequences sequences = large_batch();  // 3448 tokens, three times 1024 and some: 1150 for each of three
    Tensor<float, 2> x, y;
    x.resize({sequences.tokens(), 4});
    randomize(x, generator);
    bert::Workspace workspace;
    packed.forward(x, sequences, y, workspace);
    CHECK(engine.rows == std::set<std::size_t>{1200, 1500, 748});
}

TEMPLATE_TEST_CASE("A model that is packed while it is read computes the same bits as one that is loaded, then packed", "",
                   bert::Fast, bert::FastBf16)
{
    const std::filesystem::path folder = std::filesystem::path(BERT_SOURCE_DIR) / "examples/models/default";
    const auto loaded = bert::load_model<float, TestType>(folder);
    const auto packed = bert::load_packed<float, TestType>(folder);
    const bert::Batch batch = bert::pack({{2, 7, 8, 9, 3}, {2, 30, 3}});
    const auto& encoder = loaded.body.encoder;
    bert::EmbeddingsActivations<float> embeddings;
    bert::InferenceActivations<float> blocks;
    bert::Workspace workspace;
    Tensor<float, 2> y;
    packed.infer(batch, embeddings, y, workspace);
    const bert::Pass pass{loaded.config, batch.sequences, workspace};
    loaded.body.embeddings.forward(batch, pass, embeddings);
    const auto nothing = [](std::size_t, const Tensor<float, 2>&) {};
    CHECK((y == bert::infer(encoder, embeddings.y, pass, encoder.layer.size(), blocks, nothing)));
    CHECK(packed.model.body.encoder.layer.empty());
    CHECK(packed.encoder.layer.size() == encoder.layer.size());
    CHECK_THROWS_WITH((bert::load_packed<float, TestType>(folder / "nothing")), Catch::Contains("nothing"));
}

TEST_CASE("A packed encoder multiplies with the engine that it was packed for")
{
    std::mt19937 generator(5);
    bert::Config config;
    config.hidden_size = 24;
    config.num_attention_heads = 2;
    config.intermediate_size = 40;
    config.num_hidden_layers = 1;
    const auto encoder = random_encoder<double, bert::Fast>(config, generator);
    Tensor<double, 2> x, own, other;
    x.resize({7, 24});
    randomize(x, generator);
    bert::Workspace workspace;
    bert::pack_weights(encoder, config).forward(x, {{0, 7}}, own, workspace);
    const bert::LoopsEngine loops;
    bert::set_engine(&loops);
    const auto packed = bert::pack_weights(encoder, config);
    bert::set_engine(nullptr);
    packed.forward(x, {{0, 7}}, other, workspace);
    for (std::size_t i = 0; i < own.size(); ++i)
        CHECK(own.data()[i] == Approx(other.data()[i]).epsilon(1e-12).margin(1e-13));
}
