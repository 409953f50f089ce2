#include "bert/variants/mobilebert.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/core/threads.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/initialize.hpp"

#include "catch.hpp"
#include "component.hpp"
#include "sanitizers.hpp"
#include "variants/check_variant.hpp"

using bert::IndexTensor;
using bert::Pass;
using bert::Tensor;
using namespace component;

namespace {

/// H 6, E 3, N 4, A 2, I 5, V 11, 2 layers of 3 feed-forward networks; GELU, since ReLU has a corner.
bert::Config mobile_config()
{
    bert::Config config = small_config();
    config.embedding_size = 3;
    config.mobilebert.emplace();
    config.mobilebert->intra_bottleneck_size = 4;
    config.mobilebert->num_feedforward_networks = 3;
    config.heads = {"masked_lm", "next_sentence"};
    return config;
}

/// The forms of a block: each has attention read something else.
std::vector<bert::Config> forms()
{
    std::vector<bert::Config> forms(5, mobile_config());
    forms[1].mobilebert->use_bottleneck_attention = true;
    forms[1].mobilebert->normalization_type = "layer_norm";
    forms[1].mobilebert->num_feedforward_networks = 1;
    forms[2].mobilebert->key_query_shared_bottleneck = false;
    forms[2].mobilebert->intra_bottleneck_size = 6;
    forms[2].mobilebert->classifier_activation = false;
    forms[3].mobilebert->use_bottleneck = false;
    forms[3].mobilebert->normalization_type = "layer_norm";
    forms[4].mobilebert->use_bottleneck = false;
    forms[4].mobilebert->trigram_input = false;
    forms[4].embedding_size = 6;
    forms[4].tie_word_embeddings = false;
    return forms;
}

bert::Targets<double, bert::MobileBertHeads> small_targets()
{
    bert::Targets<double, bert::MobileBertHeads> targets;
    targets.masked_lm = {{1, 3, 4}, {3, 10, 0}};
    targets.next_sentence = IndexTensor<1>{0, 1};
    return targets;
}

/// Two sequences of 3 and 2 tokens; the mask hides position 1 of the first, and the end of the second.
bert::Batch batch_with_hole()
{
    const IndexTensor<2> ids = {{5, 6, 7, 3}, {8, 9, 3, 3}}, segments = {{0, 0, 1, 1}, {0, 0, 0, 0}};
    return bert::pack(ids, segments, IndexTensor<2>{{1, 0, 1, 1}, {1, 1, 0, 0}});
}

/// A model's gradient, by backward. All of model, pass and gradient are of double.
template <class Ops>
bert::MobileBertModel<double, Ops> gradient_of(const bert::MobileBertModel<double, Ops>& model, const bert::Batch& batch,
                                               const Pass& pass)
{
    using Model = bert::MobileBertModel<double, Ops>;
    const auto targets = small_targets();
    bert::Counts<double, bert::MobileBertHeads> counts;
    typename Model::Activations act;
    typename Model::Gradients d_act;
    auto gradient = Model::make(model.config);
    model.count(batch, targets, counts);
    model.forward(batch, targets, pass, act);
    model.loss_backward(batch, targets, counts, {}, act, d_act);
    model.backward(batch, pass, act, gradient, d_act);
    return gradient;
}

}  // namespace

TEST_CASE("NoNorm: scale and shift, by hand, forward and backward")
{
    const bert::LayerNorm<double> norm{{2, -1}, {0.5, 1}};
    bert::LayerNorm<double> d_norm{{100, 100}, {100, 100}};
    const Tensor<double, 2> x = {{1, 2}, {3, -1}}, d_y = {{1, 2}, {3, 4}};
    Tensor<double, 2> y, d_x;
    bert::no_norm(x, norm, y);
    CHECK((y == Tensor<double, 2>{{2.5, -1}, {6.5, 2}}));
    bert::no_norm_backward(d_y, x, norm, d_norm, d_x);
    CHECK((d_norm.gamma == Tensor<double, 1>{100 + 1 * 1 + 3 * 3, 100 + 2 * 2 - 4 * 1}));
    CHECK((d_norm.beta == Tensor<double, 1>{104, 106}));
    CHECK((d_x == Tensor<double, 2>{{2, -2}, {6, -4}}));
    CHECK_THROWS_WITH(bert::no_norm(Tensor<double, 2>{{1, 2, 3}}, norm, y), "no_norm.weight: expected [3], got [2]");
    CHECK_THROWS_WITH(bert::no_norm_backward({{1, 2}}, x, norm, d_norm, d_x),
                      "no_norm_backward: d_y: expected [2, 2], got [1, 2]");
    bert::LayerNorm<double> wider = norm;
    wider.beta.resize({3});
    CHECK_THROWS_WITH(bert::no_norm(x, wider, y), "no_norm.bias: expected [2], got [3]");
    CHECK_THROWS_WITH(bert::no_norm_backward(d_y, x, wider, d_norm, d_x), "no_norm_backward.bias: expected [2], got [3]");
    CHECK_THROWS_WITH(bert::no_norm_backward(d_y, x, norm, wider, d_x), "no_norm_backward: d_norm.bias: expected [2], got [3]");
    CHECK((y == Tensor<double, 2>{{2.5, -1}, {6.5, 2}}));  // as before
    CHECK((d_norm.beta == Tensor<double, 1>{104, 106}));
    CHECK((d_x == Tensor<double, 2>{{2, -2}, {6, -4}}));
}

TEST_CASE("The neighbours of a token: next, own, previous, and none beyond the ends")
{
    bert::Neighbourhood found;
    bert::find_neighbours(bert::pack({{5, 6, 7}, {8}, {}}), true, found);
    CHECK((found.ids == IndexTensor<1>{6, 5, 0, 7, 6, 5, 0, 7, 6, 0, 8, 0}));
    CHECK(found.absent == std::vector<std::size_t>{2, 6, 9, 11});
    // In the padded form 6, which is hidden, is a neighbour, and so is the padding, 3.
    bert::find_neighbours(batch_with_hole(), true, found);
    CHECK((found.ids == IndexTensor<1>{6, 5, 0, 3, 7, 6, 0, 3, 7, 9, 8, 0, 3, 9, 8}));
    CHECK(found.absent == std::vector<std::size_t>{2, 6, 11});
    bert::find_neighbours(batch_with_hole(), false, found);
    CHECK((found.ids == IndexTensor<1>{5, 7, 3, 8, 9}));
    CHECK(found.absent.empty());
}

TEST_CASE("MobileBERT's embeddings: three word vectors and a linear layer, by hand")
{
    bert::Config config = mobile_config();
    config.vocab_size = 3;
    config.hidden_size = 2;
    config.embedding_size = 1;
    config.max_position_embeddings = 2;
    config.pad_token_id = 1;
    auto embeddings = bert::MobileBertEmbeddings<double>::make(config);
    embeddings.word = {{1}, {10}, {100}};
    embeddings.transformation = {{{1, 2, 3}, {0, 1, 0}}, {0.5, 0}};
    embeddings.position = {{1000, 0}, {2000, 0}};
    embeddings.segment = {{0, 7}, {0, 8}};
    embeddings.norm = {{1, -1}, {0, 0.25}};
    const bert::Batch batch = bert::pack({{2, 1}}, {{0, 1}});
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    bert::MobileBertEmbeddingsActivations<double> act, d_act;
    embeddings.forward(batch, pass, act);
    CHECK((act.word == Tensor<double, 2>{{10, 100, 0}, {0, 10, 100}}));
    // 10 + 2 * 100 + 0.5 and 100; 2 * 10 + 3 * 100 + 0.5 and 10
    CHECK((act.transformed == Tensor<double, 2>{{210.5, 100}, {320.5, 10}}));
    CHECK((act.sum == Tensor<double, 2>{{1210.5, 107}, {2320.5, 18}}));
    CHECK((act.y == Tensor<double, 2>{{1210.5, -106.75}, {2320.5, -17.75}}));

    auto gradient = bert::MobileBertEmbeddings<double>::make(config);
    embeddings.backward({{1, 0}, {0, -1}}, batch, pass, act, gradient, d_act);
    CHECK((d_act.sum == Tensor<double, 2>{{1, 0}, {0, 1}}));
    // Token 2: own word of the first, 2, and previous of the second, 0. Token 1 is the padding id: nothing.
    CHECK((gradient.word == Tensor<double, 2>{{0}, {0}, {2}}));
    CHECK((gradient.transformation->weight == Tensor<double, 2>{{10, 100, 0}, {0, 10, 100}}));
    CHECK((gradient.position == Tensor<double, 2>{{1, 0}, {0, 1}}));
    CHECK((gradient.segment == Tensor<double, 2>{{1, 0}, {0, 1}}));
}

TEST_CASE("A text has the same bits alone and among others; beside padding, its last token has a neighbour")
{
    const bert::Config config = mobile_config();
    const auto body = random_component<bert::MobileBertModel<double, bert::Fast>>(config).body;
    bert::Workspace workspace;
    const auto embeddings = [&](const bert::Batch& batch) {
        bert::MobileBertEmbeddingsActivations<double> act;
        body.embeddings.forward(batch, {config, batch.sequences, workspace}, act);
        return act.y;
    };
    const Tensor<double, 2> alone = embeddings(bert::pack({{8, 9}})), listed = embeddings(bert::pack({{1, 2, 4}, {8, 9}}));
    const IndexTensor<2> ids = {{1, 2, 4}, {8, 9, 0}}, segments = {{0, 0, 0}, {0, 0, 0}};
    const Tensor<double, 2> padded = embeddings(bert::pack(ids, segments, IndexTensor<2>{{1, 1, 1}, {1, 1, 0}}));
    for (std::size_t h = 0; h < 6; ++h) {
        CHECK(listed(3, h) == alone(0, h));
        CHECK(listed(4, h) == alone(1, h));
        CHECK(padded(3, h) == alone(0, h));
        CHECK(padded(4, h) != alone(1, h));
    }
}

TEMPLATE_TEST_CASE("MobileBERT: every parameter of every form agrees with central differences, with dropout", "", bert::Reference,
                   bert::Fast)
{
    using Model = bert::MobileBertModel<double, TestType>;
    for (const bert::Config& form : forms()) {
        CAPTURE(form.mobilebert->use_bottleneck, form.mobilebert->use_bottleneck_attention);
        auto model = random_component<Model>(form);
        model.config.pad_token_id.reset();  // its row would get no gradient from the lookup
        const bert::Batch batch = batch_with_hole();
        bert::Workspace workspace;
        const bert::Dropout dropout{.hidden = 0.2, .probabilities = 0.3, .stream = {11, 3}};
        const Pass pass{model.config, batch.sequences, workspace, dropout};
        const auto targets = small_targets();
        bert::Counts<double, bert::MobileBertHeads> counts;
        model.check(batch, targets);
        model.count(batch, targets, counts);
        typename Model::Activations act;
        const auto loss = [&] {
            model.forward(batch, targets, pass, act);
            return model.loss(batch, targets, counts, {}, act).total;
        };
        const auto gradient = gradient_of<TestType>(model, batch, pass);
        const std::size_t tried = !is_optimized || with_sanitizer ? 2 : 12;
        CHECK(bert::check_gradient(model, gradient, loss, {.most = tried}).message == "");
        CHECK(bert::count_parameters(model) == bert::parameter_count(form));
    }
}

TEST_CASE("MobileBERT: the library's cases too, with dropout")
{
    variant::check_gradients(bert::load_mobilebert<double, bert::Reference>, "mobilebert_layer_norm");
    variant::check_gradients(bert::load_mobilebert<double, bert::Fast>, "mobilebert_masked_lm");
}

TEST_CASE("MobileBERT: the padding id gets nothing from a lookup, also as a neighbour, and the tied decoder's part")
{
    const bert::Config config = mobile_config();  // the padding id is 0
    auto model = random_component<bert::MobileBertModel<double>>(config);
    const bert::Batch batch = bert::pack({{1, 0, 2}, {4, 10}});
    bert::Workspace workspace;
    const auto with = gradient_of<bert::Reference>(model, batch, {config, batch.sequences, workspace}).body.embeddings.word;
    bert::Config all = config;
    all.pad_token_id.reset();
    const auto without = gradient_of<bert::Reference>(model, batch, {all, batch.sequences, workspace}).body.embeddings.word;
    for (std::size_t v = 0; v < 11; ++v)
        for (std::size_t e = 0; e < 3; ++e)
            CHECK((with(v, e) == without(v, e)) == (v != 0));
    CHECK(with(0, 0) != 0);
}

TEST_CASE("MobileBERT: the number of threads changes no bit")
{
    bert::Config config = mobile_config();
    config.hidden_size = 96;
    config.mobilebert->intra_bottleneck_size = 70;
    config.max_position_embeddings = 200;
    const auto model = random_component<bert::MobileBertModel<double, bert::Fast>>(config);
    std::vector<std::vector<std::int64_t>> ids(2);
    for (std::int64_t i = 0; i < 200; ++i)
        ids[0].push_back(i % 11);
    ids[1] = {4, 10};
    const bert::Batch batch = bert::pack(ids);
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    const std::size_t threads = bert::threads();
    bert::set_threads(1);
    const auto one = gradient_of<bert::Fast>(model, batch, pass);
    bert::set_threads(3);
    const auto three = gradient_of<bert::Fast>(model, batch, pass);
    bert::set_threads(threads);
    bool same = true;
    bert::MobileBertModel<double, bert::Fast>::parameters(
        [&](const bert::Name&, const auto& a, const auto& b) { same = same && a == b; }, "", one, three);
    CHECK(same);
}

TEST_CASE("MobileBERT: between bottlenecks there is no dropout but attention's")
{
    for (const bert::Config& config : forms()) {
        const bool inside = !config.mobilebert->use_bottleneck;
        const auto block = random_component<bert::MobileBertBlock<double>>(config);
        const bert::Batch batch = small_batch();
        bert::Workspace workspace;
        bert::MobileBertBlockActivations<double> act;
        block.forward(random<2>({5, 6}, 1),
                      {config, batch.sequences, workspace, {.hidden = 0.5, .probabilities = 0.5, .stream = {1, 2}}}, act);
        const auto drops = [](const bert::AddAndNormActivations<double>& a) { return !(a.projected == a.after_dropout); };
        CHECK((act.attention.heads.probabilities[0] != act.attention.heads.after_dropout[0]));
        CHECK(drops(act.attention.output) == inside);
        CHECK(drops(act.feed_forward.output) == inside);
        for (const bert::FeedForwardActivations<double>& network : act.ffn)
            CHECK_FALSE(drops(network.output));
        if (!inside) CHECK(drops(act.output));
    }
}

TEST_CASE("MobileBERT's pooler: the first hidden states as they are, or BERT's")
{
    bert::Config config = mobile_config();
    config.mobilebert->classifier_activation = false;
    const auto pooler = bert::MobileBertPooler<double>::make(config);
    const bert::Batch batch = bert::pack({{1, 2}, {3}});
    const Tensor<double, 2> x = {{1, 2}, {3, 4}, {5, 6}};
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    bert::PoolerActivations<double> act, d_act;
    pooler.forward(x, batch, pass, act);
    CHECK((act.pooled == Tensor<double, 2>{{1, 2}, {5, 6}}));
    Tensor<double, 2> d_x = {{10, 10}, {10, 10}, {10, 10}};
    auto gradient = pooler;
    pooler.backward({{1, 2}, {3, 4}}, batch, pass, act, gradient, d_act, d_x);
    CHECK((d_x == Tensor<double, 2>{{11, 12}, {10, 10}, {13, 14}}));
    CHECK(bert::count_parameters(pooler) == 0);
    CHECK_THROWS_WITH(pooler.forward(x, bert::pack({{}, {1, 2, 3}}), pass, act),
                      "pooler: sequence 0: expected a token, got none");
    bert::PoolerActivations<double> untouched;
    const Tensor<double, 2> d_pooled = {{1, 2}, {3, 4}};
    Tensor<double, 2> d_short = {{10, 10}, {10, 10}};
    CHECK_THROWS_WITH(pooler.forward(d_pooled, batch, pass, untouched), "pooler: x: expected [3, 2], got [2, 2]");
    CHECK(untouched.pooled.size() == 0);
    CHECK_THROWS_WITH(pooler.backward(d_pooled, batch, pass, act, gradient, d_act, d_short),
                      "pooler: d_x: expected [3, 2], got [2, 2]");
    CHECK_THROWS_WITH(pooler.backward(x, batch, pass, act, gradient, d_act, d_x),
                      "pooler: d_pooled: expected [2, 2], got [3, 2]");
    CHECK_THROWS_WITH(pooler.backward(d_pooled, batch, pass, untouched, gradient, d_act, d_x),
                      "pooler: act.pooled (forward computes it): expected [2, 2], got [0, 0]");
    CHECK((d_short == Tensor<double, 2>{{10, 10}, {10, 10}}));
    CHECK((d_x == Tensor<double, 2>{{11, 12}, {10, 10}, {13, 14}}));

    config.mobilebert->classifier_activation = true;
    auto dense = bert::MobileBertPooler<double>::make(config);
    CHECK(bert::count_parameters(dense) == 6 * 6 + 6);
    CHECK_THROWS_WITH(pooler.backward({{1, 2}, {3, 4}}, batch, pass, act, dense, d_act, d_x),
                      "pooler: expected instances that all have a linear layer, or none");
}

TEST_CASE("MobileBERT: the number of parameters is that of the published model")
{
    // transformers 5.23, with classifier_activation
    bert::Config config = bert::mobilebert_family.defaults();
    const auto count = [&](const char* architecture) {
        bert::set_architecture(architecture, config, "config", bert::mobilebert_family);
        return bert::parameter_count(config);
    };
    CHECK(count("MobileBertModel") == 24'844'544);
    CHECK(count("MobileBertForPreTraining") == 36'860'220);
    CHECK(count("MobileBertForMaskedLM") == 36'596'538);
    config.has_pooler = false;
    config.heads.clear();
    CHECK(bert::parameter_count(config) == 24'581'888);
}

TEST_CASE("MobileBERT: a new model has random matrices, norms that change nothing, and no vector for the padding")
{
    auto model = bert::MobileBertModel<double>::make(mobile_config());
    bert::initialize(model, 7);
    const bert::MobileBertBlock<double>& block = model.body.encoder.layer[1];
    CHECK((block.input->norm.gamma == Tensor<double, 1>{1, 1, 1, 1}));
    CHECK((block.input->norm.beta == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK(block.ffn[1].intermediate.weight(4, 3) != 0);
    CHECK(model.masked_lm->dense(10, 2) != 0);
    CHECK(model.body.embeddings.word(0, 2) == 0);
    CHECK(model.body.embeddings.word(1, 2) != 0);
}

TEST_CASE("MobileBERT: what doesn't fit is named")
{
    using Body = bert::MobileBertBody<double>;
    CHECK_THROWS_WITH(Body::make(small_config(), true),
                      "mobilebert: expected a configuration with the member mobilebert, got one without");
    const bert::Config config = mobile_config();
    const auto body = random_component<bert::MobileBertModel<double>>(config).body;
    bert::Workspace workspace;
    Body::Activations act;
    Body::Gradients d_act;
    const auto forward = [&](const bert::Batch& batch) { body.forward(batch, {config, batch.sequences, workspace}, act); };
    CHECK_THROWS_WITH(forward(bert::pack({{1, 11}})), "embeddings: ids[1]: expected 0 to 10, got 11");
    CHECK_THROWS_WITH(forward(bert::pack({{1, 1, 1, 1, 1, 1, 1, 1}})), "embeddings: positions[7]: expected 0 to 6, got 7");
    const IndexTensor<2> ids = {{1, 12}}, segments = {{0, 0}};
    CHECK_THROWS_WITH(forward(bert::pack(ids, segments, IndexTensor<2>{{1, 0}})),
                      "embeddings: ids of neighbours[0]: expected 0 to 10, got 12");
    const bert::Batch batch = small_batch();
    const Pass pass{config, batch.sequences, workspace};
    forward(batch);

    auto gradient = Body::make(config, false);
    body.clear_result_gradients(batch, gradient, d_act);
    CHECK_THROWS_WITH(body.backward(batch, pass, act, gradient, d_act),
                      "body: expected instances that all have a pooler, or none");
    gradient = Body::make(config, true);
    gradient.encoder.layer[1].ffn.pop_back();
    CHECK_THROWS_WITH(body.backward(batch, pass, act, gradient, d_act),
                      "mobilebert_block: expected instances with the same bottlenecks and networks");
    gradient.encoder.layer.pop_back();
    CHECK_THROWS_WITH(body.backward(batch, pass, act, gradient, d_act), "encoder: d_encoder: expected 2 layers, got 1");
    gradient = Body::make(config, true);
    gradient.embeddings.transformation.reset();
    CHECK_THROWS_WITH(
        body.embeddings.backward(d_act.embeddings.y, batch, pass, act.embeddings, gradient.embeddings, d_act.embeddings),
        "embeddings: expected instances with the same parts, got one without transformation");

    const bert::MobileBertBlock<double>& block = body.encoder.layer[0];
    auto d_block = bert::MobileBertBlock<double>::make(config);
    bert::MobileBertBlockActivations<double> d_block_act;
    Tensor<double, 2> d_x;
    const Tensor<double, 2> x = random<2>({5, 6}, 1);
    CHECK_THROWS_WITH(block.backward(x, x, pass, {}, d_block, d_block_act, d_x),
                      "mobilebert_block: act (forward computes it): expected 2 feed-forward networks before the last, got 0");
    CHECK_THROWS_WITH(block.backward(random<2>({4, 6}, 1), x, pass, act.encoder.layer[0], d_block, d_block_act, d_x),
                      "mobilebert_block: d_y: expected [5, 6], got [4, 6]");
    CHECK_THROWS_WITH(block.forward(random<2>({5, 3}, 1), pass, d_block_act),
                      "mobilebert_block: output.weight: expected [3, 4], got [6, 4]");
}

// The following tests break one thing after the other, from the last check to the first: each time the message is that of the
// earlier check, and in the end nothing has been written.

TEST_CASE("MobileBERT's bottleneck: what doesn't fit is named before anything is written")
{
    const bert::Config config = mobile_config();  // H 6, N 4
    const auto bottleneck = random_component<bert::Bottleneck<double>>(config);
    const Tensor<double, 2> x = random<2>({3, 6}, 1), d_y = random<2>({3, 4}, 2);
    const bert::Sequences sequences{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    bert::BottleneckActivations<double> act, d_act;
    auto changed = bottleneck;
    changed.norm.beta.resize({6});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "bottleneck: LayerNorm.bias: expected [4], got [6]");
    changed.dense.bias.resize({6});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "bottleneck: dense.bias: expected [4], got [6]");
    CHECK_THROWS_WITH(changed.forward(d_y, pass, act), "bottleneck: dense.weight: expected [4, 4], got [4, 6]");
    CHECK(act.projected.size() == 0);

    auto gradient = zero_component(bottleneck);
    Tensor<double, 2> d_x;
    bottleneck.forward(x, pass, act);
    gradient.norm.gamma.resize({6});
    CHECK_THROWS_WITH(bottleneck.backward(d_y, x, pass, act, gradient, d_act, d_x),
                      "bottleneck: d_LayerNorm.weight: expected [4], got [6]");
    gradient.dense.weight.resize({6, 4});
    CHECK_THROWS_WITH(bottleneck.backward(d_y, x, pass, act, gradient, d_act, d_x),
                      "bottleneck: d_dense.weight: expected [4, 6], got [6, 4]");
    CHECK_THROWS_WITH(bottleneck.backward(x, x, pass, act, gradient, d_act, d_x), "bottleneck: d_y: expected [3, 4], got [3, 6]");
    CHECK_THROWS_WITH(bottleneck.backward(d_y, x, pass, {}, gradient, d_act, d_x),
                      "bottleneck: act.projected (forward computes it): expected [3, 4], got [0, 0]");
    CHECK((gradient.dense.bias == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((gradient.norm.beta == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((d_act.projected.size() == 0 && d_x.size() == 0));
}

TEST_CASE("MobileBERT's Add & Norm: what doesn't fit is named before anything is written")
{
    const bert::Config config = mobile_config();
    const auto box = random_component<bert::MobileBertFeedForward<double>>(config).output;  // from I 5 to N 4
    const Tensor<double, 2> z = random<2>({3, 5}, 1), residual = random<2>({3, 4}, 2);
    const bert::Sequences sequences{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace}, certain{config, sequences, workspace, {.hidden = 1}};
    bert::AddAndNormActivations<double> act, d_act;
    CHECK_THROWS_WITH(box.forward(z, residual, 0, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(box.forward(z, z, 0, certain, act), "add_and_norm: residual: expected [3, 4], got [3, 5]");
    auto changed = box;
    changed.norm.gamma.resize({5});
    CHECK_THROWS_WITH(changed.forward(z, z, 0, certain, act), "add_and_norm: LayerNorm.weight: expected [4], got [5]");
    CHECK_THROWS_WITH(changed.forward(residual, z, 0, certain, act), "add_and_norm: dense.weight: expected [4, 4], got [4, 5]");
    CHECK(act.projected.size() == 0);

    auto gradient = zero_component(box);
    Tensor<double, 2> d_z;
    box.forward(z, residual, 0, pass, act);
    CHECK_THROWS_WITH(box.backward(residual, z, certain, act, gradient, d_act, d_z),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    gradient.norm.beta.resize({5});
    CHECK_THROWS_WITH(box.backward(residual, z, certain, act, gradient, d_act, d_z),
                      "add_and_norm: d_LayerNorm.bias: expected [4], got [5]");
    gradient.dense.weight.resize({5, 4});
    CHECK_THROWS_WITH(box.backward(residual, z, certain, act, gradient, d_act, d_z),
                      "add_and_norm: d_dense.weight: expected [4, 5], got [5, 4]");
    CHECK_THROWS_WITH(box.backward(z, z, certain, act, gradient, d_act, d_z), "add_and_norm: d_y: expected [3, 4], got [3, 5]");
    CHECK_THROWS_WITH(box.backward(z, z, certain, {}, gradient, d_act, d_z),
                      "add_and_norm: act.sum (forward computes it): expected [3, 4], got [0, 0]");
    CHECK((gradient.dense.bias == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((gradient.norm.gamma == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((d_act.sum.size() == 0 && d_z.size() == 0));
}

TEST_CASE("MobileBERT's feed-forward network: what doesn't fit is named before anything is written")
{
    const bert::Config config = mobile_config();  // N 4, I 5
    const auto network = random_component<bert::MobileBertFeedForward<double>>(config);
    const Tensor<double, 2> x = random<2>({3, 4}, 1), wider = random<2>({3, 5}, 2);
    const bert::Sequences sequences{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace}, certain{config, sequences, workspace, {.hidden = 1}};
    bert::FeedForwardActivations<double> act, d_act;
    CHECK_THROWS_WITH(network.forward(x, 0, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    auto changed = network;
    changed.output.norm.gamma.resize({5});
    CHECK_THROWS_WITH(changed.forward(x, 0, certain, act), "feed_forward: output.LayerNorm.weight: expected [4], got [5]");
    changed.output.dense.weight.resize({4, 4});
    CHECK_THROWS_WITH(changed.forward(x, 0, certain, act), "feed_forward: output.weight: expected [4, 5], got [4, 4]");
    CHECK_THROWS_WITH(changed.forward(wider, 0, certain, act), "feed_forward: intermediate.weight: expected [5, 5], got [5, 4]");
    CHECK(act.pre_activation.size() == 0);

    auto gradient = zero_component(network);
    Tensor<double, 2> d_x;
    network.forward(x, 0, pass, act);
    gradient.intermediate.weight.resize({4, 5});
    CHECK_THROWS_WITH(network.backward(x, x, pass, act, gradient, d_act, d_x),
                      "feed_forward: d_intermediate.weight: expected [5, 4], got [4, 5]");
    act.activated.resize({3, 4});
    CHECK_THROWS_WITH(network.backward(x, x, pass, act, gradient, d_act, d_x),
                      "feed_forward: act.activated (forward computes it): expected [3, 5], got [3, 4]");
    CHECK_THROWS_WITH(network.backward(x, x, pass, {}, gradient, d_act, d_x),
                      "feed_forward: act.pre_activation (forward computes it): expected [3, 5], got [0, 0]");
    CHECK_THROWS_WITH(network.backward(wider, x, pass, {}, gradient, d_act, d_x),
                      "feed_forward: d_y: expected [3, 4], got [3, 5]");
    CHECK((gradient.output.dense.bias == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((d_act.output.sum.size() == 0 && d_x.size() == 0));
}

TEST_CASE("MobileBERT's attention: what doesn't fit is named before anything is written")
{
    using Inputs = bert::MobileBertAttentionInputs<const Tensor<double, 2>>;
    const bert::Config config = mobile_config(), wide_config = forms()[3];  // H 6, N 4; H and N 6, without bottlenecks
    const auto attention = random_component<bert::MobileBertSelfAttention<double>>(config);
    const Tensor<double, 2> wide = random<2>({5, 6}, 1), narrow = random<2>({5, 4}, 2), short_one = random<2>({3, 4}, 3);
    const Inputs x{.query_and_key = narrow, .value = wide, .residual = narrow};
    const bert::Sequences sequences{{0, 3, 5}}, other{{0, 3}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace}, other_pass{config, other, workspace};
    bert::MobileBertSelfAttentionActivations<double> act, d_act;
    CHECK_THROWS_WITH(random_component<bert::MobileBertSelfAttention<double>>(wide_config)
                          .forward({wide, wide, wide}, {wide_config, sequences, workspace, {.hidden = 1}}, act),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(attention.forward(x, other_pass, act), "attention: sequences: expected 5 tokens, got 3");
    auto changed = attention;
    changed.output.norm.beta.resize({6});
    CHECK_THROWS_WITH(changed.forward(x, other_pass, act), "attention: output.LayerNorm.bias: expected [4], got [6]");
    changed.output.dense.weight.resize({4, 6});
    CHECK_THROWS_WITH(changed.forward(x, other_pass, act), "attention: output.dense.weight: expected [4, 4], got [4, 6]");
    CHECK_THROWS_WITH(changed.forward({narrow, narrow, narrow}, other_pass, act),
                      "attention: value.weight: expected [4, 4], got [4, 6]");
    changed.query.bias.resize({6});
    CHECK_THROWS_WITH(changed.forward(x, other_pass, act), "attention: query.bias: expected [4], got [6]");
    CHECK_THROWS_WITH(changed.forward({narrow, short_one, narrow}, other_pass, act),
                      "attention: x.value: expected [5, 4], got [3, 4]");
    CHECK_THROWS_WITH(changed.forward({wide, wide, narrow}, other_pass, act),
                      "attention: x.query_and_key: expected [5, 4], got [5, 6]");
    CHECK(act.qkv.query.size() == 0);

    auto gradient = zero_component(attention);
    Tensor<double, 2> d_narrow = narrow, d_wide = wide, d_residual = narrow;
    const auto backward = [&](const Tensor<double, 2>& d_y, const Pass& at, const auto& of_forward) {
        attention.backward(d_y, x, at, of_forward, gradient, d_act, {d_narrow, d_wide, d_residual});
    };
    attention.forward(x, pass, act);
    d_residual.resize({5, 6});
    CHECK_THROWS_WITH(backward(narrow, pass, act), "attention: d_x.residual: expected [5, 4], got [5, 6]");
    d_wide.resize({5, 4});
    CHECK_THROWS_WITH(backward(narrow, pass, act), "attention: d_x.value: expected [5, 6], got [5, 4]");
    gradient.value.weight.resize({4, 4});
    CHECK_THROWS_WITH(backward(narrow, pass, act), "attention: d_value.weight: expected [4, 6], got [4, 4]");
    act.heads.context.resize({5, 6});
    CHECK_THROWS_WITH(backward(narrow, pass, act),
                      "attention: act.heads.context (forward computes it): expected [5, 4], got [5, 6]");
    CHECK_THROWS_WITH(backward(narrow, other_pass, act), "attention: sequences: expected 5 tokens, got 3");
    const bert::MobileBertSelfAttentionActivations<double> of_nothing;
    CHECK_THROWS_WITH(backward(narrow, pass, of_nothing),
                      "attention: act.qkv.query (forward computes it): expected [5, 4], got [0, 0]");
    CHECK_THROWS_WITH(backward(wide, pass, of_nothing), "attention: d_y: expected [5, 4], got [5, 6]");
    CHECK((gradient.output.dense.bias == Tensor<double, 1>{0, 0, 0, 0}));
    CHECK((d_act.output.sum.size() == 0 && d_narrow == narrow));
}

TEST_CASE("MobileBERT's block: its bottlenecks are the configuration's; what doesn't fit is named before anything is written")
{
    const std::vector<bert::Config> configs = forms();
    const bert::Config& config = configs[0];  // H 6, N 4
    const auto block = random_component<bert::MobileBertBlock<double>>(config);
    const Tensor<double, 2> x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 3, 5}};
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace}, without{configs[3], sequences, workspace};
    bert::MobileBertBlockActivations<double> act, d_act;
    auto changed = block;
    changed.output->norm.gamma.resize({4});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "mobilebert_block: output.LayerNorm.weight: expected [6], got [4]");
    changed.output->dense.weight.resize({6, 6});
    CHECK_THROWS_WITH(changed.forward(x, pass, act), "mobilebert_block: output.weight: expected [6, 4], got [6, 6]");
    for (std::size_t form = 1; form <= 3; ++form)  // query and key read the input's bottleneck; the hidden states; there are none
        CHECK_THROWS_WITH(changed.forward(x, {configs[form], sequences, workspace}, act),
                          "mobilebert_block: expected the bottlenecks of the configuration, got others");
    CHECK(act.input.projected.size() == 0);

    auto gradient = zero_component(block);
    Tensor<double, 2> d_x;
    block.forward(x, pass, act);
    CHECK_THROWS_WITH(block.backward(x, x, without, act, gradient, d_act, d_x),
                      "mobilebert_block: expected the bottlenecks of the configuration, got others");
    gradient.shared.reset();
    CHECK_THROWS_WITH(block.backward(x, x, without, act, gradient, d_act, d_x),
                      "mobilebert_block: expected instances with the same bottlenecks and networks");
    CHECK((gradient.output->dense.bias == Tensor<double, 1>{0, 0, 0, 0, 0, 0}));
    CHECK((d_act.ffn.empty() && d_x.size() == 0));
}

TEST_CASE("MobileBERT's embeddings: a batch that doesn't fit is named, also in its padded form")
{
    const bert::Config config = mobile_config();  // V 11, 7 positions, 2 segments
    const auto embeddings = random_component<bert::MobileBertEmbeddings<double>>(config);
    bert::Workspace workspace;
    bert::MobileBertEmbeddingsActivations<double> act;
    const auto forward = [&](const bert::Batch& batch) { embeddings.forward(batch, {config, batch.sequences, workspace}, act); };
    bert::Batch batch = small_batch();  // T 5
    batch.positions(4) = -1;
    CHECK_THROWS_WITH(forward(batch), "embeddings: positions[4]: expected 0 to 6, got -1");
    batch.segments(1) = 2;
    CHECK_THROWS_WITH(forward(batch), "embeddings: segments[1]: expected 0 to 1, got 2");
    batch.positions.resize({4});
    CHECK_THROWS_WITH(forward(batch), "embeddings: positions: expected [5], got [4]");
    batch.segments.resize({6});
    CHECK_THROWS_WITH(forward(batch), "embeddings: segments: expected [5], got [6]");
    batch.ids.resize({3});
    CHECK_THROWS_WITH(forward(batch), "embeddings: ids: expected [5], got [3]");
    batch.sequences.begin = {0, 3, 2, 5};
    CHECK_THROWS_WITH(forward(batch), "embeddings: sequences: begin[2]: expected 3 or more, got 2");

    bert::Batch padded = batch_with_hole();  // B 2, L 4: find_neighbours looks for a token in row b, at its position
    padded.positions(2) = 5;
    CHECK_THROWS_WITH(forward(padded), "embeddings: positions[2]: expected 0 to 3, got 5");
    padded.padded_ids.resize({2, 3});
    CHECK_THROWS_WITH(forward(padded), "embeddings: padded_ids: expected [2, 4], got [2, 3]");
    CHECK((act.neighbourhood.ids.size() == 0 && act.word.size() == 0));
}

TEST_CASE("MobileBERT's embeddings: what doesn't fit is named before anything is written")
{
    const bert::Config config = mobile_config(), plain_config = forms()[4];  // H 6, E 3; E is H, and no trigrams
    const auto embeddings = random_component<bert::MobileBertEmbeddings<double>>(config);
    const bert::Batch batch = small_batch();  // T 5
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace}, certain{config, batch.sequences, workspace, {.hidden = 1}};
    bert::MobileBertEmbeddingsActivations<double> act, d_act;
    CHECK_THROWS_WITH(embeddings.forward(batch, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    auto changed = embeddings;
    changed.norm.gamma.resize({3});
    CHECK_THROWS_WITH(changed.forward(batch, certain, act), "embeddings: LayerNorm.weight: expected [6], got [3]");
    changed.transformation->weight.resize({6, 3});
    CHECK_THROWS_WITH(changed.forward(batch, certain, act), "embeddings: transformation.weight: expected [6, 9], got [6, 3]");
    changed.segment.resize({2, 3});
    CHECK_THROWS_WITH(changed.forward(batch, certain, act), "embeddings: segment table: expected [2, 6], got [2, 3]");
    auto plain = random_component<bert::MobileBertEmbeddings<double>>(plain_config);
    plain.word.resize({11, 3});
    CHECK_THROWS_WITH(plain.forward(batch, {plain_config, batch.sequences, workspace}, act),
                      "embeddings: word table: expected [11, 6], got [11, 3]");
    CHECK((act.neighbourhood.ids.size() == 0 && act.word.size() == 0));

    auto gradient = zero_component(embeddings);
    const Tensor<double, 2> d_y = random<2>({5, 6}, 1), narrow = random<2>({5, 3}, 2);
    bert::Config no_such_padding = config;
    no_such_padding.pad_token_id = 11;
    const auto backward = [&](const Tensor<double, 2>& d_embeddings_y, const Pass& at, const auto& of_forward) {
        embeddings.backward(d_embeddings_y, batch, at, of_forward, gradient, d_act);
    };
    embeddings.forward(batch, pass, act);
    CHECK_THROWS_WITH(backward(d_y, certain, act), "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK_THROWS_WITH(backward(d_y, {no_such_padding, batch.sequences, workspace}, act),
                      "embeddings: pad_token_id: expected less than 11, got 11");
    gradient.position.resize({6, 6});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: d_position: expected [7, 6], got [6, 6]");
    gradient.segment.resize({2, 3});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: d_segment: expected [2, 6], got [2, 3]");
    gradient.word.resize({11, 6});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: d_word: expected [11, 3], got [11, 6]");
    gradient.norm.beta.resize({3});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: d_LayerNorm.bias: expected [6], got [3]");
    gradient.transformation->weight.resize({6, 3});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: d_transformation.weight: expected [6, 9], got [6, 3]");
    CHECK_THROWS_WITH(backward(narrow, certain, act), "embeddings: d_y: expected [5, 6], got [5, 3]");
    act.sum.resize({5, 3});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: act.sum (forward computes it): expected [5, 6], got [5, 3]");
    act.word.resize({5, 3});
    CHECK_THROWS_WITH(backward(d_y, certain, act), "embeddings: act.word (forward computes it): expected [5, 9], got [5, 3]");
    CHECK_THROWS_WITH(backward(d_y, certain, bert::MobileBertEmbeddingsActivations<double>{}),
                      "embeddings: act.neighbourhood.ids (forward computes it): expected [15], got [0]");
    CHECK((gradient.norm.gamma == Tensor<double, 1>{0, 0, 0, 0, 0, 0}));
    CHECK((gradient.transformation->bias == Tensor<double, 1>{0, 0, 0, 0, 0, 0}));
    CHECK((d_act.norm.y.size() == 0 && d_act.sum.size() == 0));
}

TEST_CASE("MobileBERT's encoder and body: what doesn't fit is named before anything is written")
{
    const bert::Config config = mobile_config();
    const auto body = random_component<bert::MobileBertModel<double>>(config).body;  // 2 layers, a pooler
    auto gradient = zero_component(body);
    const bert::Batch batch = small_batch(), empty_text = bert::pack({{1, 2, 3, 4, 5}, {}});
    const bert::Sequences other{{0, 3}};
    const Tensor<double, 2> x = random<2>({5, 6}, 1);
    bert::Workspace workspace;
    const Pass pass{config, batch.sequences, workspace}, other_pass{config, other, workspace};
    bert::MobileBertEncoderActivations<double> layers;
    bert::MobileBertEncoderGradients<double> d_layers;
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(body.encoder.forward(x, other_pass, layers), "encoder: sequences: expected 5 tokens, got 3");
    CHECK_THROWS_WITH(body.encoder.input(1, x, layers), "encoder: act (forward computes it): expected at least 1 layers, got 0");
    CHECK(layers.layer.empty());
    const auto backward = [&](const Tensor<double, 2>& d_y) {
        body.encoder.backward(d_y, x, other_pass, layers, gradient.encoder, d_layers, d_x);
    };
    body.encoder.forward(x, pass, layers);
    CHECK_THROWS_WITH(backward(x), "encoder: sequences: expected 5 tokens, got 3");
    CHECK_THROWS_WITH(backward(random<2>({5, 4}, 1)), "encoder: d_y: expected [5, 6], got [5, 4]");
    layers.layer.pop_back();
    CHECK_THROWS_WITH(backward(x), "encoder: act (forward computes it): expected 2 layers, got 1");
    CHECK(d_x.size() == 0);

    bert::MobileBertBodyActivations<double> act;
    bert::MobileBertBodyGradients<double> d_act;
    CHECK_THROWS_WITH(body.forward(empty_text, {config, empty_text.sequences, workspace}, act),
                      "pooler: sequence 1: expected a token, got none");
    CHECK_THROWS_WITH(body.forward(batch, other_pass, act), "body: pass.sequences: expected those of the batch, got others");
    CHECK(act.embeddings.word.size() == 0);
    CHECK_THROWS_WITH(body.backward(batch, other_pass, act, gradient, d_act),
                      "body: pass.sequences: expected those of the batch, got others");
    gradient.encoder.layer.pop_back();
    CHECK_THROWS_WITH(bert::copy_parameters(body, gradient), "encoder: instances side by side: expected 2 layers, got 1");
}
