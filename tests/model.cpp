#include "bert/model.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"

using bert::Model;
using bert::Reference;
using bert::ReferenceCase;
using bert::Tensor;

namespace {

ReferenceCase reference_case(const std::string& name)
{
    return ReferenceCase(BERT_SOURCE_DIR "/reference_outputs/cases/" + name);
}

}  // namespace

TEST_CASE("Each component alone, held to a stored case by its input and output")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto model = reference.model<double>();
    const auto& sequences = reference.batch().sequences;
    bert::Workspace workspace;

    bert::EmbeddingsActivations<double> embedded;
    model.embeddings.forward(reference.batch(), model.config, embedded);
    CHECK_THAT(embedded.norm.y, bert::matches(reference, "forward.embeddings"));

    const auto x = reference.rows<double>("forward.layer.0.output");
    bert::SelfAttentionActivations<double> attended;
    model.encoder.layer[1].attention.forward(x, sequences, model.config, attended, workspace);
    CHECK_THAT(attended.query, bert::matches(reference, "forward.layer.1.query"));
    CHECK_THAT(attended.heads.context, bert::matches(reference, "forward.layer.1.context"));
    CHECK_THAT(attended.output.norm.y, bert::matches(reference, "forward.layer.1.attention"));

    bert::FeedForwardActivations<double> thought;
    model.encoder.layer[1].feed_forward.forward(reference.rows<double>("forward.layer.1.attention"), model.config, thought,
                                                workspace);
    CHECK_THAT(thought.intermediate, bert::matches(reference, "forward.layer.1.intermediate"));
    CHECK_THAT(thought.output.norm.y, bert::matches(reference, "forward.layer.1.output"));

    bert::PoolerActivations<double> pooled;
    model.pooler->forward(reference.rows<double>("forward.layer.1.output"), reference.batch(), pooled, workspace);
    CHECK_THAT(pooled.pooled, bert::matches(reference, "forward.pooled"));
}

TEST_CASE("The matcher fails, and says where, when a value is off")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    Tensor<double, 2> pooled = reference.tensor<double, 2>("forward.pooled");
    const auto matcher = bert::matches(reference, "forward.pooled");
    CHECK(matcher.match(pooled));
    pooled(1, 2) += 1e-6;
    CHECK_FALSE(matcher.match(pooled));
    CHECK_THAT(matcher.describe(), Catch::StartsWith("but forward.pooled[1, 2]: expected "));
}

TEST_CASE("Inference, which keeps nothing, gives the same bits as the pass that keeps everything")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto compare_bits = [&](const auto& model) {
        bert::ModelActivations<double> kept, running;
        bert::Workspace workspace;
        kept.encoder.keep_all = true;
        model.forward(reference.batch(), kept, workspace);
        const Tensor<double, 2> y = model.infer(reference.batch(), running, workspace);
        CHECK((y == kept.encoder.layer.back().y()));
    };
    compare_bits(reference.model<double, Reference>());
    compare_bits(reference.model<double, bert::Fast>());
}

TEST_CASE("A sequence gives the same bits alone and in a batch, on any number of threads")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto check = [&]<class Real, class Ops>(Real, Ops) {
        const auto model = reference.model<Real, Ops>();
        const bert::Batch& batch = reference.batch();
        bert::ModelActivations<Real> act;
        bert::Workspace workspace;
        bert::set_threads(1);
        const Tensor<Real, 2> together = model.infer(batch, act, workspace);
        for (const std::size_t threads : {2u, 3u}) {
            bert::set_threads(threads);
            CHECK((model.infer(batch, act, workspace) == together));
        }
        for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
            const std::size_t first = batch.sequences.begin[b], n = batch.sequences.length(b);
            bert::Batch single = bert::pack(std::vector(1, std::vector<std::int64_t>(n, 0)));
            for (std::size_t i = 0; i < n; ++i) {
                single.ids(i) = batch.ids(first + i);
                single.segments(i) = batch.segments(first + i);
                single.positions(i) = batch.positions(first + i);
            }
            const Tensor<Real, 2> alone = model.infer(single, act, workspace);
            bool same = true;
            for (std::size_t i = 0; i < n; ++i)
                for (std::size_t h = 0; h < alone.shape(1); ++h)
                    same = same && alone(i, h) == together(first + i, h);
            CHECK(same);
        }
    };
    check(double{}, Reference{});
    check(float{}, bert::Fast{});
    check(double{}, bert::Fast{});
}

TEST_CASE("What a model can't take is named")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto model = reference.model<double>();
    const auto V = std::to_string(model.config.vocab_size), P = std::to_string(model.config.max_position_embeddings);
    bert::ModelActivations<double> act;
    bert::Workspace workspace;
    const auto last = static_cast<std::int64_t>(model.config.vocab_size);
    CHECK_THROWS_WITH(model.forward(bert::pack({{1, last}}), act, workspace),
                      "embeddings: ids[1]: expected 0 to " + std::to_string(last - 1) + ", got " + V);
    CHECK_THROWS_WITH(model.forward(bert::pack({{1}}, {{7}}), act, workspace), "embeddings: segments[0]: expected 0 to 1, got 7");
    const std::vector<std::int64_t> too_long(model.config.max_position_embeddings + 1, 1);
    CHECK_THROWS_WITH(model.forward(bert::pack({too_long}), act, workspace),
                      "embeddings: positions[" + P + "]: expected 0 to " +
                          std::to_string(model.config.max_position_embeddings - 1) + ", got " + P);
    CHECK_THROWS_WITH(model.forward(bert::pack({{1, 2}, {}}), act, workspace), "pooler: sequence 1: expected a token, got none");
    const bert::IndexTensor<2> ids = {{1, 2}}, zeros = {{0, 0}}, hole = {{0, 1}};
    CHECK_THROWS_WITH(model.forward(bert::pack(ids, zeros, hole), act, workspace),
                      "pooler: sequence 0: expected a real token at position 0, got a masked one");
}

TEST_CASE("Published parameter counts")
{
    bert::Config config;
    const auto count = [&](const char* architecture) {
        config.architecture = architecture;
        return bert::parameter_count(config);
    };
    CHECK(count("BertModel") == 109'482'240);
    CHECK(count("BertForPreTraining") == 110'106'428);
    CHECK(count("BertForMaskedLM") == 109'514'298);
    CHECK(count("BertForSequenceClassification") == 109'483'778);
    CHECK(count("BertForQuestionAnswering") == 108'893'186);
    CHECK(count("BertForMultipleChoice") == 109'483'009);
    config.labels.resize(9);
    CHECK(count("BertForTokenClassification") == 108'898'569);
    config.vocab_size = 28996;
    CHECK(count("BertModel") == 108'310'272);
    config.vocab_size = 30522;
    config.num_hidden_layers = 24;
    config.hidden_size = 1024;
    config.intermediate_size = 4096;
    CHECK(count("BertForPreTraining") == 336'226'108);

    config.num_hidden_layers = 2;
    config.hidden_size = 128;
    config.num_attention_heads = 2;
    config.intermediate_size = 512;
    config.architecture = "BertForPreTraining";
    CHECK(bert::parameter_count(config) == 4'433'468);
    CHECK(bert::count_parameters(Model<float>::make(config)) == 4'433'468);
}
