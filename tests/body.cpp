#include "bert/body.hpp"

#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/core/parameters.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::BertBody;
using bert::Pass;
using bert::Tensor;
using namespace component;

TEST_CASE("body: each component alone, held to a stored case by its input and output")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    const BertBody<double>& body = model.body;
    bert::Workspace workspace;
    const Pass pass{model.config, reference.batch().sequences, workspace};

    bert::EmbeddingsActivations<double> embeddings;
    body.embeddings.forward(reference.batch(), pass, embeddings);
    CHECK_THAT(embeddings.y, bert::matches(reference, "forward.embeddings"));

    bert::SelfAttentionActivations<double> attention;
    body.encoder.layer[1].attention.forward(reference.rows<double>("forward.layer.0.output"), pass, attention);
    CHECK_THAT(attention.qkv.query, bert::matches(reference, "forward.layer.1.query"));
    CHECK_THAT(attention.heads.context, bert::matches(reference, "forward.layer.1.context"));
    CHECK_THAT(attention.y(), bert::matches(reference, "forward.layer.1.attention"));

    bert::FeedForwardActivations<double> feed_forward;
    body.encoder.layer[1].feed_forward.forward(reference.rows<double>("forward.layer.1.attention"), pass, feed_forward);
    CHECK_THAT(feed_forward.activated, bert::matches(reference, "forward.layer.1.intermediate"));
    CHECK_THAT(feed_forward.y(), bert::matches(reference, "forward.layer.1.output"));

    bert::PoolerActivations<double> pooler;
    body.pooler->forward(reference.rows<double>("forward.layer.1.output"), reference.batch(), pass, pooler);
    CHECK_THAT(pooler.pooled, bert::matches(reference, "forward.pooled"));
}

TEST_CASE("body: what heads read is the last block's result and what the pooler makes of it")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu");
    const auto model = reference.model<double>();
    bert::BertBodyActivations<double> act;
    bert::Workspace workspace;
    model.body.forward(reference.batch(), {model.config, reference.batch().sequences, workspace}, act);
    const bert::BodyResult<double> result = model.body.result(reference.batch(), act);
    CHECK_THAT(result.hidden, bert::matches(reference, "forward.layer.1.output"));
    CHECK_THAT(result.pooled, bert::matches(reference, "forward.pooled"));
    CHECK(&result.word_table == &model.body.embeddings.word);
    CHECK(&result.batch == &reference.batch());
}

TEST_CASE("body: backward against central differences, with a pooler and without")
{
    const bert::Config config = small_config();
    const bert::Batch batch = small_batch();  // without the padding id 0
    for (const bool has_pooler : {true, false}) {
        INFO("pooler " << has_pooler);
        auto body = BertBody<double>::make(config, has_pooler);
        unsigned seed = 100;
        BertBody<double>::parameters(
            [&](const bert::Name&, auto& tensor) {
                for (double& value : tensor)
                    value = random<1>({1}, seed++)(0) / 2;
            },
            "", body);
        auto gradient = BertBody<double>::make(config, has_pooler);
        const auto d_hidden = random<2>({5, 6}, 1), d_pooled = random<2>({has_pooler ? 2U : 0U, 6}, 2);
        bert::BertBodyActivations<double> act;
        bert::BertBodyGradients<double> d_act;
        bert::Workspace workspace;
        const Pass pass{config, batch.sequences, workspace, {.hidden = 0.3, .probabilities = 0.3, .stream = {1, 2}}};
        const auto loss = [&] {
            body.forward(batch, pass, act);
            const bert::BodyResult<double> result = body.result(batch, act);
            return weighted_sum(result.hidden, d_hidden) + weighted_sum(d_pooled, result.pooled);
        };
        loss();
        d_act.hidden = random<2>({9, 6}, 3);  // what the last step left
        const bert::BodyResultGradients<double> d_result = body.clear_result_gradients(batch, gradient, d_act);
        CHECK(&d_result.word_table == &gradient.embeddings.word);
        bert::add(d_hidden, d_result.hidden);
        bert::add(d_pooled, d_result.pooled);
        body.backward(batch, pass, act, gradient, d_act);
        CHECK(bert::check_gradient(body, gradient, loss).message == "");
    }
}

TEST_CASE("body: names of parameters; instances with a pooler and without one are refused")
{
    auto with = BertBody<double>::make(small_config(), true);
    auto without = BertBody<double>::make(small_config(), false);
    std::vector<std::string> names;
    BertBody<double>::parameters([&](const std::string& name, const auto&) { names.push_back(name); }, "bert.", with);
    REQUIRE(names.size() == 5 + 2 * 16 + 2);
    CHECK(names.front() == "bert.embeddings.word_embeddings.weight");
    CHECK(names[5] == "bert.encoder.layer.0.attention.self.query.weight");
    CHECK(names.back() == "bert.pooler.dense.bias");
    CHECK_THROWS_WITH(bert::copy_parameters(with, without), "body: expected instances that all have a pooler, or none");
    CHECK_THROWS_WITH(bert::copy_parameters(without, with), "body: expected instances that all have a pooler, or none");

    // Of another scalar and set: the numbers are converted.
    auto in_float = BertBody<float, bert::Fast>::make(small_config(), true);
    with.pooler->dense.bias(1) = 0.1;
    bert::copy_parameters(with, in_float);
    CHECK(in_float.pooler->dense.bias(1) == 0.1F);
    CHECK_THROWS_WITH(bert::copy_parameters(without, in_float), "body: expected instances that all have a pooler, or none");

    const bert::Batch batch = small_batch();
    bert::Workspace workspace;
    const bert::Config config = small_config();
    const Pass pass{config, batch.sequences, workspace};
    bert::BertBodyActivations<double> act;
    bert::BertBodyGradients<double> d_act;
    with.forward(batch, pass, act);
    with.clear_result_gradients(batch, with, d_act);
    CHECK_THROWS_WITH(with.backward(batch, pass, act, without, d_act),
                      "body: expected instances that all have a pooler, or none");
    const bert::Sequences other{{0, 5}};
    CHECK_THROWS_WITH(with.forward(batch, {config, other, workspace}, act),
                      "body: pass.sequences: expected those of the batch, got others");
}
