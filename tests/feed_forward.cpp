#include "bert/feed_forward.hpp"

#include <cmath>
#include <string>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::FeedForward;
using bert::Pass;
using bert::Tensor;
using namespace component;

TEST_CASE("feed-forward: a stored layer by its input and its tensors")
{
    for (const char* name : {"pretraining_gelu", "pretraining_gelu_new", "pretraining_relu"}) {
        const bert::ReferenceCase reference(std::string(BERT_SOURCE_DIR "/reference_outputs/cases/") + name);
        const auto model = reference.model<double>();
        bert::FeedForwardActivations<double> act;
        bert::Workspace workspace;
        const Pass pass{model.config, reference.batch().sequences, workspace};
        model.body.encoder.layer[0].feed_forward.forward(reference.rows<double>("forward.layer.0.attention"), pass, act);
        CHECK_THAT(act.activated, bert::matches(reference, "forward.layer.0.intermediate"));
        CHECK_THAT(act.y(), bert::matches(reference, "forward.layer.0.output"));
    }
}

TEST_CASE("feed-forward: by hand, with ReLU")
{
    // x (1 -1): x W1^T + b1 = (1 -1 + 3) = (3) -> 3; 3 (1 0) + (0 1) = (3 1); with x (4 0), normalized (1 -1).
    bert::Config config;
    config.hidden_size = 2;
    config.intermediate_size = 2;
    config.hidden_act = bert::Activation::relu;
    auto feed_forward = FeedForward<double>::make(config);
    feed_forward.intermediate = {{{1, 1}, {0, 1}}, {3, 0}};  // (3 -1), after ReLU (3 0)
    feed_forward.output.dense = {{{1, 9}, {0, 9}}, {0, 1}};
    feed_forward.output.norm = {{1, 2}, {0, 0}};
    bert::FeedForwardActivations<double> act;
    bert::Workspace workspace;
    const bert::Sequences sequences{{0, 1}};
    feed_forward.forward(Tensor<double, 2>{{1, -1}}, {config, sequences, workspace}, act);
    CHECK((act.pre_activation == Tensor<double, 2>{{3, -1}}));
    CHECK((act.activated == Tensor<double, 2>{{3, 0}}));
    CHECK((act.output.sum == Tensor<double, 2>{{4, 0}}));
    CHECK(std::abs(act.y()(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.y()(0, 1) + 2) < 1e-9);
}

TEST_CASE("feed-forward: backward against central differences, with dropout and without")
{
    for (const auto activation : {bert::Activation::gelu, bert::Activation::gelu_tanh}) {
        bert::Config config = small_config();
        config.hidden_act = activation;
        auto feed_forward = random_component<FeedForward<double>>(config);
        auto gradient = zero_component(feed_forward);
        auto x = random<2>({4, 6}, 1);
        const auto d_y = random<2>({4, 6}, 2);
        bert::FeedForwardActivations<double> act, d_act;
        bert::Workspace workspace;
        const bert::Sequences sequences{{0, 4}};
        const double probability = activation == bert::Activation::gelu ? 0.0 : 0.4;
        const Pass pass{config, sequences, workspace, {.hidden = probability, .stream = {1, 2}, .layer = 3}};
        Tensor<double, 2> d_x;
        const auto loss = [&] {
            feed_forward.forward(x, pass, act);
            return weighted_sum(act.y(), d_y);
        };
        loss();
        feed_forward.backward(d_y, x, pass, act, gradient, d_act, d_x);
        CHECK(bert::check_gradient(feed_forward, gradient, loss, {.most = 0}).message == "");
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

        // The result may stand where the gradient of the output stood.
        loss();  // act is that of the last difference until then
        auto in_place = d_y;
        auto again = zero_component(feed_forward);
        feed_forward.backward(in_place, x, pass, act, again, d_act, in_place);
        CHECK((in_place == d_x));
    }
}

TEMPLATE_TEST_CASE("feed-forward: what doesn't fit is named before anything is written", "", bert::Reference, bert::Fast)
{
    const bert::Config config = small_config();  // H = 6, I = 5
    auto feed_forward = random_component<FeedForward<double, TestType>>(config);
    auto gradient = zero_component(feed_forward);
    const auto x = random<2>({4, 6}, 1);
    bert::FeedForwardActivations<double> act, d_act;
    bert::Workspace workspace;
    const bert::Sequences sequences{{0, 4}};
    const Pass pass{config, sequences, workspace};
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(feed_forward.forward(random<2>({4, 3}, 1), pass, act),
                      "feed_forward: intermediate.weight: expected [5, 3], got [5, 6]");
    feed_forward.output.dense.bias.resize({2});
    CHECK_THROWS_WITH(feed_forward.forward(x, pass, act), "feed_forward: output.bias: expected [6], got [2]");
    CHECK(act.pre_activation.size() == 0);
    feed_forward.output.dense.bias.resize({6});
    feed_forward.forward(x, pass, act);
    CHECK_THROWS_WITH(feed_forward.backward(random<2>({4, 5}, 1), x, pass, act, gradient, d_act, d_x),
                      "feed_forward: d_y: expected [4, 6], got [4, 5]");
    const bert::FeedForwardActivations<double> of_nothing;
    CHECK_THROWS_WITH(feed_forward.backward(x, x, pass, of_nothing, gradient, d_act, d_x),
                      "feed_forward: act.pre_activation (forward computes it): expected [4, 5], got [0, 0]");
    gradient.intermediate.bias.resize({4});
    CHECK_THROWS_WITH(feed_forward.backward(x, x, pass, act, gradient, d_act, d_x),
                      "feed_forward: d_intermediate.bias: expected [5], got [4]");
}
