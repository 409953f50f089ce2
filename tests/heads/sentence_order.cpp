#include "bert/heads/sentence_order.hpp"

#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::IndexTensor;
using bert::SentenceOrderHead;
using bert::Tensor;
using namespace component;

TEST_CASE("sentence order: a linear layer and its backward, by hand")
{
    const SentenceOrderHead<double> head{{{{1, 2}, {3, 0}}, {0, 1}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden, pooled = {{1, 10}}, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::SentenceOrderActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 4}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden, d_pooled = {{100, 0}}, d_word_table;
    d_act.logits = {{1, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_pooled == Tensor<double, 2>{{107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {2, 20}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{1, 2}));
}

TEST_CASE("sentence order: the gradient against central differences, with dropout and without")
{
    bert::Config config = small_config();
    config.labels = {"in order", "swapped", "neither"};
    check_head<SentenceOrderHead<double>>(config, {2, 0});
    check_head<SentenceOrderHead<double>>(config, {1, 1}, {.smoothing = 0.2}, {.classifier = 0.4, .stream = {1, 2}});
    bert::SentenceOrderActivations<double> act;
    act.logits = {{0, 0}, {0, std::log(3.0)}};  // ln 2, and ln 4 for column 0
    CHECK(std::abs(SentenceOrderHead<double>().loss(small_batch(), {1, 0}, 4, {}, act) - (std::log(2.0) + std::log(4.0)) / 4) <
          1e-15);
}

TEST_CASE("sentence order: it reads no hidden states; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK(SentenceOrderHead<double>::read_rows(small_batch(), {1, 0}, rows));
    CHECK(rows.empty());
    const auto check = [](const IndexTensor<1>& target) {
        SentenceOrderHead<double>::check(small_batch(), target, small_config());
    };
    CHECK_NOTHROW(check({0, 1}));
    CHECK_THROWS_WITH(check({0}), "sentence_order: target: expected [2], got [1]");
    CHECK_THROWS_WITH(check({0, 2}), "sentence_order: target[1]: expected 0 to 1, got 2");
    check_pooled_messages<SentenceOrderHead<double>>(small_config());
}

TEST_CASE("sentence order: forward and backward name what doesn't fit before anything is written")
{
    const bert::Config config = small_config();  // C 2, H 6
    const auto head = random_component<SentenceOrderHead<double>>(config);
    auto gradient = zero_component(head);
    const bert::Batch batch = small_batch();  // B 2
    RandomBody body(batch, config);
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    const bert::Pass certain{config, batch.sequences, workspace, {.classifier = 1}};
    bert::SentenceOrderActivations<double> act, d_act;
    CHECK_THROWS_WITH(head.forward(body.result(), std::nullopt, certain, act),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    auto changed = head;
    changed.dense.bias.resize({3});
    CHECK_THROWS_WITH(changed.forward(body.result(), std::nullopt, certain, act),
                      "sentence_order: dense.bias: expected [2], got [3]");
    CHECK(act.after_dropout.size() == 0);

    head.forward(body.result(), std::nullopt, pass, act);
    d_act.logits = act.logits;
    gradient.dense.weight.resize({3, 6});
    CHECK_THROWS_WITH(head.backward(body.result(), pass, act, gradient, d_act, body.gradients()),
                      "sentence_order: d_dense.weight: expected [2, 6], got [3, 6]");
    CHECK_THROWS_WITH(head.backward(body.result(), pass, {}, gradient, d_act, body.gradients()),
                      "sentence_order: act.after_dropout (forward computes it): expected [2, 6], got [0, 0]");
    gradient = zero_component(head);
    CHECK_THROWS_WITH(head.backward(body.result(), certain, act, gradient, d_act, body.gradients()),
                      "dropout: expected a probability in [0, 1), got 1.000000");
    CHECK((gradient.dense.bias == Tensor<double, 1>{0, 0}));
    CHECK((d_act.after_dropout.size() == 0 && body.d_pooled(0, 0) == 10));
}
