#include "bert/training/optimizer.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "bert/model.hpp"
#include "catch.hpp"

using bert::Linear;
using bert::Optimizer;
using bert::OptimizerOptions;

namespace {

// A plain step of length rate: BERT's Adam with betas 0 makes u = g / |g|.
OptimizerOptions plain()
{
    OptimizerOptions options;
    options.kind = bert::OptimizerKind::bert_adam;
    options.learning_rate = 0.5;
    options.beta1 = options.beta2 = options.epsilon = options.weight_decay = 0;
    options.clipping.max_norm = 0;
    return options;
}

const Linear<double> ones{{{1, 1}}, {1}};

}  // namespace

TEST_CASE("Names decide what is decayed and what is frozen")
{
    OptimizerOptions options = plain();
    options.weight_decay = 2;
    Linear<double> map = ones;
    Optimizer<Linear<double>> optimizer(options, map);
    optimizer.step(ones, map);
    CHECK((map.weight == bert::Tensor<double, 2>{{-0.5, -0.5}}));  // 1 - 0.5 (1 + 2)
    CHECK(map.bias(0) == 0.5);                                     // 1 - 0.5

    options.frozen = {".weight"};
    Linear<double> other = ones;
    Optimizer<Linear<double>> frozen(options, other);
    const Linear<double> gradient{{{3, 3}}, {4}};
    const bert::StepReport report = frozen.step(gradient, other);
    CHECK((other.weight == ones.weight));
    CHECK(other.bias(0) == 0.5);
    CHECK(report.norm == 4);  // what is frozen doesn't count
}

TEST_CASE("A gradient that is too long enters the moments as long as allowed")
{
    OptimizerOptions options = plain();
    options.beta1 = options.beta2 = 0.5;
    options.clipping = {.max_norm = 6.5, .epsilon = 0};
    Linear<double> map = ones;
    Optimizer<Linear<double>> optimizer(options, map);
    CHECK(optimizer.step({{{3, 4}}, {12}}, map).norm == 13);                         // twice as long as allowed
    CHECK((optimizer.first_moment().weight == bert::Tensor<double, 2>{{0.75, 1}}));  // 0.5 g
    CHECK(optimizer.first_moment().bias(0) == 3);
    CHECK(optimizer.second_moment().bias(0) == 18);  // 0.5 g^2
}

TEST_CASE("The schedule and the step's number go on, the moments are kept")
{
    OptimizerOptions options;
    options.learning_rate = 0.1;
    options.clipping.max_norm = 0;
    options.schedule = {.kind = bert::ScheduleKind::linear, .warmup_steps = 1, .total_steps = 3};
    Linear<double> map = ones;
    Optimizer<Linear<double>> optimizer(options, map);
    CHECK(optimizer.step(ones, map).learning_rate == 0);
    CHECK((map.weight == ones.weight));
    CHECK(optimizer.first_moment().bias(0) == 1 - 0.9);
    CHECK(optimizer.step(ones, map).learning_rate == 0.1);
    CHECK(optimizer.step(ones, map).learning_rate == 0.05);
    CHECK(optimizer.steps() == 3);
    CHECK(map.bias(0) < 1);
}

TEST_CASE("Lower layers learn more slowly with a layer decay below 1")
{
    bert::Config config;
    config.vocab_size = 5;
    config.hidden_size = 4;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 6;
    config.max_position_embeddings = 3;
    config.architecture = "BertForSequenceClassification";
    using Model = bert::Model<double>;
    Model model = Model::make(config), gradient = Model::make(config);
    Model::parameters([](const std::string&, auto& tensor) { tensor.fill(1.0); }, "", gradient);
    OptimizerOptions options = plain();
    options.learning_rate = 1;
    options.layer_decay = 0.5;
    Optimizer<Model>(options, model).step(gradient, model);
    CHECK(model.classifier->map.bias(0) == -1);
    CHECK(model.pooler->dense.bias(0) == -1);
    CHECK(model.encoder.layer[1].attention.query.bias(0) == -0.5);
    CHECK(model.encoder.layer[0].attention.query.bias(0) == -0.25);
    CHECK(model.embeddings.word(0, 0) == -0.125);
}

TEST_CASE("A gradient that is not finite changes nothing, is counted and named; too many in a row end training")
{
    OptimizerOptions options = plain();
    options.most_skipped = 2;
    Linear<double> map = ones;
    Optimizer<Linear<double>> optimizer(options, map);
    for (const double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        Linear<double> gradient = ones;
        gradient.bias(0) = bad;
        const bert::StepReport report = optimizer.step(gradient, map);
        CHECK(report.skipped);
        CHECK(report.first_bad == ".bias");
        CHECK((map.weight == ones.weight));
        CHECK((map.bias == ones.bias));
        CHECK(optimizer.second_moment().weight(0, 0) == 0);
    }
    CHECK(optimizer.skipped() == 2);
    CHECK_FALSE(optimizer.step(ones, map).skipped);  // a good one: counting in a row begins anew
    Linear<double> gradient = ones;
    gradient.weight(0, 1) = std::nan("");
    optimizer.step(gradient, map);
    optimizer.step(gradient, map);
    CHECK_THROWS_WITH(optimizer.step(gradient, map),
                      "optimizer: expected a finite gradient, got none in 3 steps; the first bad tensor is .weight");
}

TEST_CASE("A number whose own step is not finite stays, and its tensor is named")
{
    Linear<float> map{{{1, 1}}, {1}};
    OptimizerOptions options = plain();
    options.beta2 = 0.5;
    Optimizer<Linear<float>> optimizer(options, map);
    const Linear<float> gradient{{{1, 1e30F}}, {1}};  // finite, but its square is no float
    const bert::StepReport report = optimizer.step(gradient, map);
    CHECK_FALSE(report.skipped);
    CHECK(report.first_bad == ".weight");
    CHECK(map.weight(0, 1) == 1);
    CHECK(map.weight(0, 0) != 1);
    CHECK(std::isfinite(optimizer.second_moment().weight(0, 1)));
}

TEST_CASE("An option out of its range, and a gradient of another shape, are refused before anything changes")
{
    const auto message = [](const auto& change) {
        OptimizerOptions options = plain();
        change(options);
        try {
            Optimizer<Linear<double>>(options, ones);
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string("no error");
    };
    CHECK(message([](OptimizerOptions&) {}) == "no error");
    CHECK(message([](OptimizerOptions& o) { o.beta1 = 1; }) == "optimizer: beta1: expected [0, 1), got 1.000000");
    CHECK(message([](OptimizerOptions& o) { o.beta2 = -1; }) == "optimizer: beta2: expected [0, 1), got -1.000000");
    CHECK(message([](OptimizerOptions& o) { o.epsilon = std::nan(""); }) ==
          "optimizer: epsilon: expected a number from 0, got nan");
    CHECK(message([](OptimizerOptions& o) { o.learning_rate = INFINITY; }) ==
          "optimizer: learning_rate: expected a finite number, got inf");
    CHECK(message([](OptimizerOptions& o) { o.schedule.kind = bert::ScheduleKind::linear; }) ==
          "optimizer: schedule.total_steps: expected at least 1, got 0.000000");

    Linear<double> map = ones, gradient = ones;
    gradient.bias.resize({gradient.bias.size() + 1});
    Optimizer<Linear<double>> optimizer(plain(), map);
    CHECK_THROWS_WITH(optimizer.step(gradient, map), "optimizer: gradient of .bias: expected " +
                                                         bert::shape_text(ones.bias.shape()) + ", got " +
                                                         bert::shape_text(gradient.bias.shape()));
    CHECK((map.weight == ones.weight));
}
