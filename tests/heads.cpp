#include "bert/heads.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

#include "catch.hpp"
#include "component.hpp"

using bert::MaskedWordHead;
using bert::Pooler;
using bert::Tensor;
using namespace component;

TEST_CASE("pooler: the tanh of a map of each first token, by hand")
{
    Pooler<double> pooler{{{{1, 0}, {0, 2}}, {0, 1}}};
    bert::PoolerActivations<double> act;
    bert::Workspace workspace;
    pooler.forward(Tensor<double, 2>{{0.5, 0.25}, {9, 9}, {-1, 0}}, bert::pack({{1, 2}, {3}}), act, workspace);
    CHECK((act.pre_activation == Tensor<double, 2>{{0.5, 1.5}, {-1, 1}}));
    CHECK(std::abs(act.pooled(0, 0) - std::tanh(0.5)) < 1e-15);
    CHECK(std::abs(act.pooled(1, 1) - std::tanh(1.0)) < 1e-15);
}

TEST_CASE("pooler: backward against central differences, and added to what other heads have brought")
{
    const bert::Config config = small_config();
    auto pooler = random_component<Pooler<double>>(config);
    auto gradient = zero_component(pooler);
    auto x = random<2>({5, 6}, 1);
    const auto d_pooled = random<2>({2, 6}, 2);
    const bert::Batch batch = small_batch();
    bert::PoolerActivations<double> act, d_act;
    bert::Workspace workspace;
    const auto loss = [&] {
        pooler.forward(x, batch, act, workspace);
        return weighted_sum(act.pooled, d_pooled);
    };
    loss();
    auto d_x = bert::zeros<double, 2>({5, 6});
    d_x.fill(10.0);
    pooler.backward(d_pooled, batch, act, gradient, d_act, d_x, workspace);
    for (double& value : d_x)
        value -= 10;
    CHECK(bert::check_gradient(pooler, gradient, loss, {.most = 0}).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
}

TEST_CASE("masked words: logits by hand, at the rows that are asked for")
{
    // transform is twice the identity, plus (0 2); ReLU; normalized (-1 1); the table's rows (1 0), (0 1), (1 1) and their biases.
    bert::Config config;
    config.hidden_size = 2;
    config.vocab_size = 3;
    config.hidden_act = bert::Activation::relu;
    auto head = MaskedWordHead<double>::make(config);
    head.transform = {{{2, 0}, {0, 2}}, {0, 2}};
    head.norm = {{1, 3}, {0.5, 0}};
    head.bias = {10, 20, 30};
    const Tensor<double, 2> table = {{1, 0}, {0, 1}, {1, 1}}, hidden = {{7, 7}, {-5, 4}};
    bert::MaskedWordActivations<double> act;
    bert::Workspace workspace;
    head.forward(hidden, std::vector<std::size_t>{1}, table, config, act, workspace);
    CHECK((act.activated == Tensor<double, 2>{{0, 10}}));
    const Tensor<double, 2> expected = {{10 - 0.5, 20 + 3, 30 + 2.5}};
    for (std::size_t v = 0; v < 3; ++v)
        CHECK(std::abs(act.logits(0, v) - expected(0, v)) < 1e-9);
    head.forward(hidden, {}, table, config, act, workspace);  // all of them
    CHECK(act.rows == std::vector<std::size_t>{0, 1});
    for (std::size_t v = 0; v < 3; ++v)
        CHECK(std::abs(act.logits(1, v) - expected(0, v)) < 1e-9);
    head.forward(hidden, std::vector<std::size_t>{}, table, config, act, workspace);  // none of them
    CHECK((act.logits.shape() == Tensor<double, 2>::shape_type{0, 3}));
}

TEST_CASE("masked words: backward against central differences, tied and with a decoder of its own")
{
    for (const bool tied : {true, false}) {
        bert::Config config = small_config();
        config.tie_word_embeddings = tied;
        auto head = random_component<MaskedWordHead<double>>(config);
        auto gradient = zero_component(head);
        auto hidden = random<2>({5, 6}, 1), table = random<2>({11, 6}, 2);
        const std::vector<std::size_t> rows = {4, 1};
        const auto d_logits = random<2>({2, 11}, 3);
        bert::MaskedWordActivations<double> act, d_act;
        bert::Workspace workspace;
        const auto loss = [&] {
            head.forward(hidden, rows, table, config, act, workspace);
            return weighted_sum(act.logits, d_logits);
        };
        loss();
        auto d_hidden = bert::zeros<double, 2>({5, 6}), d_table = bert::zeros<double, 2>({11, 6});
        d_hidden.fill(10.0);
        d_table.fill(10.0);
        head.backward(d_logits, table, config, act, gradient, d_table, d_act, d_hidden, workspace);
        for (double& value : d_hidden)
            value -= 10;
        for (double& value : d_table)
            value -= 10;
        CHECK(bert::check_gradient(head, gradient, loss, {.most = 0}).message == "");
        CHECK(bert::check_tensor_gradient("hidden", hidden, d_hidden, loss).message == "");
        CHECK(bert::check_tensor_gradient("table", table, d_table, loss).message == "");
    }
}

TEST_CASE("classifier: a map, and its backward")
{
    bert::ClassifierHead<double> head{{{{1, 2}, {0, 1}, {3, 0}}, {0, 0, 1}}};
    bert::Workspace workspace;
    Tensor<double, 2> logits, d_x;
    head.forward(Tensor<double, 2>{{1, 10}}, logits, workspace);
    CHECK((logits == Tensor<double, 2>{{21, 10, 4}}));
    auto gradient = zero_component(head);
    head.backward(Tensor<double, 2>{{1, 0, 2}}, Tensor<double, 2>{{1, 10}}, gradient, d_x, workspace);
    CHECK((d_x == Tensor<double, 2>{{7, 2}}));
    CHECK((gradient.map.weight == Tensor<double, 2>{{1, 10}, {0, 0}, {2, 20}}));
    CHECK((gradient.map.bias == Tensor<double, 1>{1, 0, 2}));
}

TEST_CASE("heads: what doesn't fit is named")
{
    const auto pooler = random_component<Pooler<double>>(small_config());
    bert::PoolerActivations<double> act;
    bert::Workspace workspace;
    CHECK_THROWS_WITH(pooler.forward(random<2>({1, 6}, 1), small_batch(), act, workspace),
                      "pooler: x: expected [5, 6], got [1, 6]");
    CHECK_THROWS_WITH(pooler.forward(random<2>({1, 6}, 1), bert::pack({{}, {1}}), act, workspace),
                      "pooler: sequence 0: expected a token, got none");
    const bert::Batch masked = bert::pack({{5, 6}}, {{0, 0}}, {{0, 1}});
    CHECK_THROWS_WITH(pooler.forward(random<2>({1, 6}, 1), masked, act, workspace),
                      "pooler: sequence 0: expected a real token at position 0, got a masked one");

    bert::Config config = small_config();
    auto tied = MaskedWordHead<double>::make(config);
    config.tie_word_embeddings = false;
    auto untied = MaskedWordHead<double>::make(config);
    CHECK_THROWS_WITH(bert::copy_parameters(tied, untied),
                      "masked_word: expected instances that are all tied to their word tables, or none");
    bert::MaskedWordActivations<double> words, d_words;
    const auto hidden = random<2>({5, 6}, 1), table = random<2>({11, 6}, 2);
    tied.forward(hidden, std::vector<std::size_t>{4}, table, small_config(), words, workspace);
    auto d_table = table, d_hidden = random<2>({4, 6}, 3);
    auto gradient = tied;
    CHECK_THROWS_WITH(
        tied.backward(random<2>({1, 11}, 4), table, small_config(), words, gradient, d_table, d_words, d_hidden, workspace),
        "masked_word: d_hidden: rows[0]: expected a row below 4, got 4");
}
