#include "bert/heads/sequence_classification.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <vector>

#include "catch.hpp"
#include "component.hpp"
#include "heads/check_head.hpp"

using bert::SequenceClassificationHead;
using bert::Tensor;
using namespace component;

using Head = SequenceClassificationHead<double>;

namespace {

bert::Config config_of_labels(std::size_t labels)
{
    bert::Config config = small_config();
    config.labels.resize(labels);
    return config;
}

}  // namespace

TEST_CASE("sequence classification: a linear layer and its backward, by hand")
{
    const Head head{{{{1, 2}, {0, 1}, {3, 0}}, {0, 0, 1}}};
    const bert::Config config;
    const bert::Batch batch = bert::pack({{1}});
    const Tensor<double, 2> hidden, pooled = {{1, 10}}, word_table;
    const bert::BodyResult<double> body{batch, hidden, pooled, word_table};
    bert::SequenceClassificationActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Pass pass{config, batch.sequences, workspace};
    head.forward(body, std::nullopt, pass, act);
    CHECK((act.logits == Tensor<double, 2>{{21, 10, 4}}));
    auto gradient = zero_component(head);
    Tensor<double, 2> d_hidden, d_pooled = {{100, 0}}, d_word_table;
    d_act.logits = {{1, 0, 2}};
    head.backward(body, pass, act, gradient, d_act, {d_hidden, d_pooled, d_word_table});
    CHECK((d_act.pooled == Tensor<double, 2>{{7, 2}}));
    CHECK((d_pooled == Tensor<double, 2>{{107, 2}}));
    CHECK((gradient.dense.weight == Tensor<double, 2>{{1, 10}, {0, 0}, {2, 20}}));
    CHECK((gradient.dense.bias == Tensor<double, 1>{1, 0, 2}));
}

TEST_CASE("sequence classification: the gradient of classes, values and labels against central differences")
{
    const bert::Dropout dropout{.classifier = 0.4, .stream = {1, 2}};
    for (const bert::Dropout& of_pass : {bert::Dropout{}, dropout}) {
        check_head<Head>(config_of_labels(3), Head::Classes{2, 0}, {}, of_pass);
        check_head<Head>(config_of_labels(3), Head::Classes{2, 0}, {.smoothing = 0.2}, of_pass);
        check_head<Head>(config_of_labels(1), Head::Values{0.5, -2}, {}, of_pass);
        check_head<Head>(config_of_labels(3), Head::Labels{{1, 0, 1}, {0, 0.5, 0}}, {}, of_pass);
    }
}

TEST_CASE("sequence classification: a loss is divided by the count of sequences, that of labels by theirs")
{
    const bert::Batch batch = small_batch();
    const Head head;
    bert::SequenceClassificationActivations<double> act;
    act.logits = {{1}, {3}};  // squared distances 4 and 1
    CHECK(Head::count(batch, Head::Values{-1, 2}) == 2);
    CHECK(std::abs(head.loss(batch, Head::Values{-1, 2}, 2, {}, act) - 2.5) < 1e-15);
    CHECK(std::abs(head.loss(batch, Head::Values{-1, 2}, 10, {}, act) - 0.5) < 1e-15);
    act.logits = {{0, 0, 0}, {0, 0, 0}};  // ln 2 for each label, ln 3 for each class
    const Head::Labels labels = {{1, 0, 1}, {0, 0, 0}};
    CHECK(std::abs(head.loss(batch, labels, 2, {}, act) - std::log(2.0)) < 1e-15);
    CHECK(std::abs(head.loss(batch, labels, 4, {}, act) - std::log(2.0) / 2) < 1e-15);
    CHECK(std::abs(head.loss(batch, Head::Classes{0, 1}, 2, {}, act) - std::log(3.0)) < 1e-15);
    CHECK(std::abs(head.loss(batch, Head::Classes{0, 1}, 4, {}, act) - std::log(3.0) / 2) < 1e-15);
}

TEST_CASE("sequence classification: it reads no hidden states; what doesn't fit is named")
{
    std::vector<std::size_t> rows;
    CHECK(Head::read_rows(small_batch(), Head::Classes{1, 0}, rows));
    CHECK(rows.empty());

    const bert::Config config = config_of_labels(3);
    const auto check = [&](const Head::Target& target) { Head::check(small_batch(), target, config); };
    CHECK_NOTHROW(check(Head::Classes{0, 2}));
    CHECK_THROWS_WITH(check(Head::Classes{0}), "sequence_classification: classes: expected [2], got [1]");
    CHECK_THROWS_WITH(check(Head::Classes{0, 3}), "sequence_classification: classes[1]: expected 0 to 2, got 3");
    CHECK_THROWS_WITH(check(Head::Values{0}), "sequence_classification: values: expected [2], got [1]");
    CHECK_THROWS_WITH(check(Head::Values{0, 1}), "sequence_classification: values: expected a model with 1 label, got 3");
    CHECK_THROWS_WITH(Head::check(small_batch(), Head::Values{0, std::numeric_limits<double>::infinity()}, config_of_labels(1)),
                      "sequence_classification: values[1]: expected a finite number, got inf");
    CHECK_THROWS_WITH(check(Head::Labels{{0, 1}, {0, 1}}), "sequence_classification: labels: expected [2, 3], got [2, 2]");
    CHECK_THROWS_WITH(check(Head::Labels{{0, 1, 0}, {0, 0, 1.5}}),
                      "sequence_classification: labels[1, 2]: expected 0 to 1, got 1.500000");
    check_pooled_messages<Head>(config);
}
