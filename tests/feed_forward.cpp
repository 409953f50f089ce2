#include "bert/feed_forward.hpp"

#include <cmath>
#include <string>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::FeedForward;
using bert::Tensor;
using namespace component;

TEST_CASE("feed-forward: a stored layer by its input and its tensors")
{
    for (const char* name : {"pretraining_gelu", "pretraining_gelu_new", "pretraining_relu"}) {
        const bert::ReferenceCase reference(std::string(BERT_SOURCE_DIR "/reference_outputs/cases/") + name);
        const auto model = reference.model<double>();
        bert::FeedForwardActivations<double> act;
        bert::Workspace workspace;
        model.encoder.layer[0].feed_forward.forward(reference.rows<double>("forward.layer.0.attention"), model.config, act,
                                                    workspace);
        CHECK_THAT(act.intermediate, bert::matches(reference, "forward.layer.0.intermediate"));
        CHECK_THAT(act.output.norm.y, bert::matches(reference, "forward.layer.0.output"));
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
    feed_forward.output = {{{1, 9}, {0, 9}}, {0, 1}};
    feed_forward.norm = {{1, 2}, {0, 0}};
    bert::FeedForwardActivations<double> act;
    bert::Workspace workspace;
    feed_forward.forward(Tensor<double, 2>{{1, -1}}, config, act, workspace);
    CHECK((act.pre_activation == Tensor<double, 2>{{3, -1}}));
    CHECK((act.intermediate == Tensor<double, 2>{{3, 0}}));
    CHECK((act.output.sum == Tensor<double, 2>{{4, 0}}));
    CHECK(std::abs(act.output.norm.y(0, 0) - 1) < 1e-9);
    CHECK(std::abs(act.output.norm.y(0, 1) + 2) < 1e-9);
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
        act.dropout = {.hidden = activation == bert::Activation::gelu ? 0.0 : 0.4, .stream = {1, 2}, .layer = 3};
        bert::Workspace workspace;
        Tensor<double, 2> d_x;
        const auto loss = [&] {
            feed_forward.forward(x, config, act, workspace);
            return weighted_sum(act.output.norm.y, d_y);
        };
        loss();
        feed_forward.backward(d_y, x, config, act, gradient, d_act, d_x, workspace);
        CHECK(bert::check_gradient(feed_forward, gradient, loss, {.most = 0}).message == "");
        CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");
    }
}
