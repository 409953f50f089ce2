#include "bert/training/optimizer.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "bert/core/layer_norm.hpp"
#include "bert/core/linear.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/io/architectures.hpp"
#include "bert/model.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::Linear;
using bert::OptimizerOptions;

namespace {

template <class Component, class Real = double>
using Optimizer = bert::Optimizer<Component, Real, bert::Reference>;

// One step of a linear layer.
template <class Real>
bert::StepReport step(Optimizer<Linear<Real>, Real>& optimizer, Linear<Real> gradient, Linear<Real>& dense)
{
    return optimizer.step(bert::parameter_list<Real>(gradient), bert::parameter_list<Real>(dense));
}

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
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(options, dense);
    step(optimizer, ones, dense);
    CHECK((dense.weight == bert::Tensor<double, 2>{{-0.5, -0.5}}));  // 1 - 0.5 (1 + 2)
    CHECK(dense.bias(0) == 0.5);                                     // 1 - 0.5

    options.frozen = {".weight"};
    Linear<double> other = ones;
    Optimizer<Linear<double>> frozen(options, other);
    const Linear<double> gradient{{{3, 3}}, {4}};
    const bert::StepReport report = step(frozen, gradient, other);
    CHECK((other.weight == ones.weight));
    CHECK(other.bias(0) == 0.5);
    CHECK(report.norm == 4);  // what is frozen doesn't count
}

TEST_CASE("A gradient that is too long enters the moments as long as allowed")
{
    OptimizerOptions options = plain();
    options.beta1 = options.beta2 = 0.5;
    options.clipping = {.max_norm = 6.5, .epsilon = 0};
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(options, dense);
    CHECK(step(optimizer, {{{3, 4}}, {12}}, dense).norm == 13);                 // twice as long as allowed
    CHECK((optimizer.state().m.weight == bert::Tensor<double, 2>{{0.75, 1}}));  // 0.5 g
    CHECK(optimizer.state().m.bias(0) == 3);
    CHECK(optimizer.state().v.bias(0) == 18);  // 0.5 g^2
}

TEST_CASE("The schedule and the step's number go on, the moments are kept")
{
    OptimizerOptions options;
    options.learning_rate = 0.1;
    options.clipping.max_norm = 0;
    options.schedule = {.kind = bert::ScheduleKind::linear, .warmup_steps = 1, .total_steps = 3};
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(options, dense);
    CHECK(step(optimizer, ones, dense).learning_rate == 0);
    CHECK((dense.weight == ones.weight));
    CHECK(optimizer.state().m.bias(0) == 1 - 0.9);
    CHECK(step(optimizer, ones, dense).learning_rate == 0.1);
    CHECK(step(optimizer, ones, dense).learning_rate == 0.05);
    CHECK(optimizer.state().steps == 3);
    CHECK(dense.bias(0) < 1);
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
    bert::set_architecture("BertForSequenceClassification", config);
    using Model = bert::Model<double>;
    Model model = Model::make(config), gradient = Model::make(config);
    Model::parameters([](const std::string&, auto& tensor) { tensor.fill(1.0); }, "", gradient);
    OptimizerOptions options = plain();
    options.learning_rate = 1;
    options.layer_decay = 0.5;
    Optimizer<Model>(options, model).step(bert::parameter_list<double>(gradient), bert::parameter_list<double>(model));
    CHECK(model.sequence_classification->dense.bias(0) == -1);
    CHECK(model.body.pooler->dense.bias(0) == -1);
    CHECK(model.body.encoder.layer[1].attention.query.bias(0) == -0.5);
    CHECK(model.body.encoder.layer[0].attention.query.bias(0) == -0.25);
    CHECK(model.body.embeddings.word(0, 0) == -0.125);
}

TEST_CASE("A gradient that is not finite changes nothing, is counted and named; too many in a row end training")
{
    OptimizerOptions options = plain();
    options.max_skipped_in_a_row = 2;
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(options, dense);
    for (const double number : {std::nan(""), std::numeric_limits<double>::infinity()}) {
        Linear<double> gradient = ones;
        gradient.bias(0) = number;
        const bert::StepReport report = step(optimizer, gradient, dense);
        CHECK(report.skipped);
        CHECK(report.first_non_finite == ".bias");
        CHECK((dense.weight == ones.weight));
        CHECK((dense.bias == ones.bias));
        CHECK(optimizer.state().v.weight(0, 0) == 0);
    }
    CHECK(optimizer.state().skipped == 2);
    CHECK_FALSE(step(optimizer, ones, dense).skipped);  // a good one: counting in a row begins anew
    Linear<double> gradient = ones;
    gradient.weight(0, 1) = std::nan("");
    step(optimizer, gradient, dense);
    step(optimizer, gradient, dense);
    CHECK_THROWS_WITH(
        step(optimizer, gradient, dense),
        "optimizer: expected a finite gradient, got none in 3 steps; the first parameter with a non-finite gradient is .weight");
}

TEST_CASE("A number whose own step is not finite stays, and its parameter is named")
{
    Linear<float> dense{{{1, 1}}, {1}};
    OptimizerOptions options = plain();
    options.beta2 = 0.5;
    Optimizer<Linear<float>, float> optimizer(options, dense);
    const Linear<float> gradient{{{1, 1e30F}}, {1}};  // finite, but its square is no float
    const bert::StepReport report = step(optimizer, gradient, dense);
    CHECK_FALSE(report.skipped);
    CHECK(report.first_non_finite == ".weight");
    CHECK(dense.weight(0, 1) == 1);
    CHECK(dense.weight(0, 0) != 1);
    CHECK(std::isfinite(optimizer.state().v.weight(0, 1)));
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
          "optimizer: epsilon: expected a finite number, 0 or more, got nan");
    CHECK(message([](OptimizerOptions& o) { o.learning_rate = INFINITY; }) ==
          "optimizer: learning_rate: expected a finite number, got inf");
    CHECK(message([](OptimizerOptions& o) { o.weight_decay = INFINITY; }) ==
          "optimizer: weight_decay: expected a finite number, got inf");
    CHECK(message([](OptimizerOptions& o) { o.layer_decay = -1; }) ==
          "optimizer: layer_decay: expected a finite number, 0 or more, got -1.000000");
    CHECK(message([](OptimizerOptions& o) { o.clipping.max_norm = -1; }) ==
          "optimizer: clipping.max_norm: expected a finite number, 0 or more, got -1.000000");
    CHECK(message([](OptimizerOptions& o) { o.clipping.epsilon = -1; }) ==
          "optimizer: clipping.epsilon: expected a finite number, 0 or more, got -1.000000");
    CHECK(message([](OptimizerOptions& o) { o.kind = static_cast<bert::OptimizerKind>(3); }) ==
          "optimizer: kind: expected one of OptimizerKind, got another number");
    CHECK(message([](OptimizerOptions& o) { o.schedule.kind = bert::ScheduleKind::linear; }) ==
          "schedule: total_steps: expected at least 1, got 0");

    Linear<double> dense = ones, gradient = ones;
    gradient.bias.resize({gradient.bias.size() + 1});
    Optimizer<Linear<double>> optimizer(plain(), dense);
    CHECK_THROWS_WITH(step(optimizer, gradient, dense), "optimizer: gradient: .bias: expected " +
                                                            bert::shape_text(ones.bias.shape()) + ", got " +
                                                            bert::shape_text(gradient.bias.shape()));
    CHECK((dense.weight == ones.weight));
}

TEST_CASE("Another component's gradient, and another component's moments, are refused")
{
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(plain(), dense);
    bert::LayerNorm<double> norm{{1}, {1}};
    auto list = bert::parameter_list<double>(dense);
    list.pop_back();
    CHECK_THROWS_WITH(optimizer.step(list, bert::parameter_list<double>(dense)),
                      "optimizer: gradient: expected 2 parameters, got 1");
    CHECK_THROWS_WITH(optimizer.step(bert::parameter_list<double>(dense), bert::parameter_list<double>(norm)),
                      Catch::StartsWith("optimizer: parameters: .weight: expected "));
    bert::OptimizerState<Linear<double>> state = optimizer.state();
    state.v.bias.resize({state.v.bias.size() + 1});
    CHECK_THROWS_WITH(optimizer.restore(state), Catch::StartsWith("optimizer: second moment: .bias: expected "));
    CHECK(optimizer.state().steps == 0);
}

TEST_CASE("A step without anything to learn from moves the schedule alone")
{
    OptimizerOptions options = plain();
    options.schedule = {.kind = bert::ScheduleKind::linear, .total_steps = 2};
    Linear<double> dense = ones;
    Optimizer<Linear<double>> optimizer(options, dense);
    CHECK(optimizer.step_without_labels().learning_rate == 0.5);
    CHECK(optimizer.state().steps == 1);
    CHECK(optimizer.state().updates == 0);
    CHECK(step(optimizer, ones, dense).learning_rate == 0.25);
    CHECK(optimizer.state().updates == 1);
}
