#include "bert/inference.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/ops/fast.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Pass;
using bert::Reference;
using bert::ReferenceCase;
using bert::Tensor;
using namespace component;

namespace {

ReferenceCase reference_case() { return ReferenceCase(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu"); }

/// The last block's hidden states of a batch, [T, H].
template <class Real, class Ops>
Tensor<Real, 2> infer(const bert::Model<Real, Ops>& model, const bert::Batch& batch)
{
    bert::EmbeddingsActivations<Real> embeddings;
    bert::InferenceActivations<Real> blocks;
    bert::Workspace workspace;
    const Pass pass{model.config, batch.sequences, workspace};
    model.body.embeddings.forward(batch, pass, embeddings);
    const bert::Encoder<Real, Ops>& encoder = model.body.encoder;
    return bert::infer(encoder, embeddings.y, pass, encoder.layer.size(), blocks, [](std::size_t, const Tensor<Real, 2>&) {});
}

}  // namespace

TEST_CASE("inference: it keeps two blocks, and gives the same bits as the pass that keeps everything")
{
    const ReferenceCase reference = reference_case();
    const auto compare_bits = [&](const auto& model) {
        bert::BertBodyActivations<double> act;
        bert::Workspace workspace;
        model.body.forward(
            reference.batch(),
            {.config = model.config, .sequences = reference.batch().sequences, .workspace = workspace, .keep_all = true}, act);
        CHECK((infer(model, reference.batch()) == act.encoder.layer.back().y()));
    };
    compare_bits(reference.model<double, Reference>());
    compare_bits(reference.model<double, bert::Fast>());
}

TEST_CASE("inference: a sequence gives the same bits alone and in a batch, on any number of threads")
{
    const ReferenceCase reference = reference_case();
    const auto check = [&]<class Real, class Ops>(Real, Ops) {
        const auto model = reference.model<Real, Ops>();
        const bert::Batch& batch = reference.batch();
        bert::set_threads(1);
        const Tensor<Real, 2> together = infer(model, batch);
        for (const std::size_t threads : {2u, 3u}) {
            bert::set_threads(threads);
            CHECK((infer(model, batch) == together));
        }
        for (std::size_t b = 0; b < batch.sequences.count(); ++b) {
            const std::size_t first = batch.sequences.begin[b], n = batch.sequences.length(b);
            bert::Batch single = bert::pack(std::vector(1, std::vector<std::int64_t>(n, 0)));
            for (std::size_t i = 0; i < n; ++i) {
                single.ids(i) = batch.ids(first + i);
                single.segments(i) = batch.segments(first + i);
                single.positions(i) = batch.positions(first + i);
            }
            const Tensor<Real, 2> alone = infer(model, single);
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

TEST_CASE("inference: the first blocks only, each of them shown; more than there are are refused")
{
    const bert::Config config = small_config();
    const auto encoder = random_component<bert::Encoder<double>>(config);
    bert::EncoderActivations<double> act;
    bert::InferenceActivations<double> blocks;
    bert::Workspace workspace;
    const auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 2, 5}};
    const Pass pass{config, sequences, workspace};
    encoder.forward(x, pass, act);
    for (std::size_t count = 0; count <= 2; ++count) {
        std::vector<Tensor<double, 2>> shown;
        const Tensor<double, 2>& y =
            bert::infer(encoder, x, pass, count, blocks, [&](std::size_t l, const Tensor<double, 2>& of_l) {
                CHECK(l == shown.size());
                shown.push_back(of_l);
            });
        REQUIRE(shown.size() == count);
        CHECK((y == encoder.input(count, x, act)));
        for (std::size_t l = 0; l < count; ++l)
            CHECK((shown[l] == act.layer[l].y()));
    }
    const auto nothing = [](std::size_t, const Tensor<double, 2>&) {};
    CHECK_THROWS_WITH(bert::infer(encoder, x, pass, 3, blocks, nothing), "encoder: blocks: expected at most 2, got 3");
}
