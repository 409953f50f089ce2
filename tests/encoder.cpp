#include "bert/encoder.hpp"

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/core/parameters.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Encoder;
using bert::Pass;
using bert::Tensor;
using namespace component;

TEST_CASE("encoder: every stored layer, and the gradient of each, from the last to the embeddings")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu_new");
    const auto model = reference.model<double>();
    const Encoder<double>& encoder = model.body.encoder;
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const Pass pass{.config = model.config, .sequences = reference.batch().sequences, .workspace = workspace, .keep_all = true};
    const auto x = reference.rows<double>("forward.embeddings");
    const Tensor<double, 2>& y = encoder.forward(x, pass, act);
    CHECK_THAT(y, bert::matches(reference, "forward.layer.2.output"));
    CHECK_THAT(act.layer[0].y(), bert::matches(reference, "forward.layer.0.output"));
    CHECK(&encoder.input(0, x, act) == &x);
    CHECK(&encoder.input(1, x, act) == &act.layer[0].y());
    CHECK(&encoder.input(3, x, act) == &y);

    auto gradient = Encoder<double>::make(model.config);
    const auto d_y = reference.rows<double>("grad.forward.layer.2.output");
    Tensor<double, 2> d_x;
    encoder.backward(d_y, x, pass, act, gradient, d_act, d_x);
    REQUIRE(d_act.y.size() == 3);
    CHECK((d_act.y[2] == d_y));
    CHECK_THAT(d_act.y[1], bert::matches(reference, "grad.forward.layer.1.output"));
    CHECK_THAT(d_act.y[0], bert::matches(reference, "grad.forward.layer.0.output"));
    CHECK_THAT(d_x, bert::matches(reference, "grad.forward.embeddings"));

    // In place, and without keeping each block's gradient, the same bits.
    Tensor<double, 2> in_place = d_y;
    const Pass short_pass{model.config, reference.batch().sequences, workspace};
    encoder.backward(in_place, x, short_pass, act, gradient, d_act, in_place);
    CHECK((in_place == d_x));
    CHECK(d_act.y.empty());
}

TEST_CASE("encoder: every layer drops other numbers; backward against central differences")
{
    const bert::Config config = small_config();
    auto encoder = random_component<Encoder<double>>(config);
    encoder.layer[1] = encoder.layer[0];
    auto gradient = zero_component(encoder);
    auto x = random<2>({5, 6}, 1);
    const auto d_y = random<2>({5, 6}, 2);
    const bert::Sequences sequences{{0, 2, 5}};
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace, {.hidden = 0.4, .probabilities = 0.4, .stream = {1, 2}}};
    Tensor<double, 2> d_x;
    const auto loss = [&] { return weighted_sum(encoder.forward(x, pass, act), d_y); };
    loss();
    encoder.backward(d_y, x, pass, act, gradient, d_act, d_x);
    CHECK(bert::check_gradient(encoder, gradient, loss).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

    // Where a number was dropped, it is 0: in the first layer at other places than in the second.
    bool differs = false;
    for (std::size_t i = 0; i < 30; ++i)
        differs = differs || (act.layer[0].feed_forward.output.after_dropout.data()[i] == 0) !=
                                 (act.layer[1].feed_forward.output.after_dropout.data()[i] == 0);
    CHECK(differs);
}

TEST_CASE("encoder: without layers the input is the output; instances of other depth are refused")
{
    bert::Config config = small_config();
    config.num_hidden_layers = 0;
    auto empty = Encoder<double>::make(config);
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const auto x = random<2>({3, 6}, 1), d_y = random<2>({3, 6}, 2);
    Tensor<double, 2> d_x;
    const bert::Sequences sequences{{0, 3}};
    const Pass pass{config, sequences, workspace};
    CHECK((empty.forward(x, pass, act) == x));
    auto gradient = empty;
    empty.backward(d_y, x, pass, act, gradient, d_act, d_x);
    CHECK((d_x == d_y));
    bert::Config one = config;
    one.num_hidden_layers = 1;
    auto other = Encoder<double>::make(one);
    CHECK_THROWS_WITH(empty.backward(d_y, x, pass, act, other, d_act, d_x), "encoder: d_encoder: expected 0 layers, got 1");

    const auto two = Encoder<double>::make(small_config());
    CHECK_THROWS_WITH(bert::copy_parameters(two, empty), "encoder: instances side by side: expected 2 layers, got 0");
}

TEST_CASE("encoder: backward before forward, and sequences that cross are refused")
{
    const bert::Config config = small_config();
    const auto encoder = random_component<Encoder<double>>(config);
    auto gradient = zero_component(encoder);
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const auto x = random<2>({5, 6}, 1);
    Tensor<double, 2> d_x;
    const bert::Sequences sequences{{0, 2, 5}}, crossing{{0, 5, 4, 5}};
    CHECK_THROWS_WITH(encoder.backward(x, x, {config, sequences, workspace}, act, gradient, d_act, d_x),
                      "encoder: act (forward computes it): expected 2 layers, got 0");
    CHECK_THROWS_WITH(encoder.input(2, x, act), "encoder: act (forward computes it): expected at least 2 layers, got 0");
    CHECK_THROWS_WITH(encoder.forward(x, {config, crossing, workspace}, act),
                      "encoder: sequences: begin[2]: expected 5 or more, got 4");
    encoder.forward(x, {config, sequences, workspace}, act);
    CHECK_THROWS_WITH(encoder.backward(x, x, {config, crossing, workspace}, act, gradient, d_act, d_x),
                      "encoder: sequences: begin[2]: expected 5 or more, got 4");
}

TEST_CASE("encoder: a parameter's depth is that of its block, from 1")
{
    const auto encoder = Encoder<double>::make(small_config());
    std::vector<std::string> names;
    std::vector<std::optional<std::size_t>> depths;
    Encoder<double>::parameters(
        [&](const bert::Name& name, const auto&) {
            names.push_back(name);
            depths.push_back(name.depth());
        },
        "encoder", encoder);
    REQUIRE(names.size() == 2 * 16);
    CHECK(names[0] == "encoder.layer.0.attention.self.query.weight");
    CHECK(names[31] == "encoder.layer.1.output.LayerNorm.bias");
    for (std::size_t i = 0; i < 32; ++i)
        CHECK(depths[i] == i / 16 + 1);
}

TEST_CASE("encoder: sequences and a gradient that don't fit are named before anything is written")
{
    const bert::Config config = small_config();
    const auto encoder = random_component<Encoder<double>>(config);
    auto gradient = zero_component(encoder);
    const auto x = random<2>({5, 6}, 1);
    const bert::Sequences sequences{{0, 5}}, other{{0, 4}};
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const Pass pass{config, sequences, workspace};
    CHECK_THROWS_WITH(encoder.forward(x, {config, other, workspace}, act), "encoder: sequences: expected 5 tokens, got 4");
    CHECK(act.layer.empty());
    Tensor<double, 2> d_x;
    CHECK_THROWS_WITH(encoder.backward(x, x, pass, act, gradient, d_act, d_x),
                      "encoder: act (forward computes it): expected 2 layers, got 0");
    encoder.forward(x, pass, act);
    CHECK_THROWS_WITH(encoder.backward(random<2>({4, 6}, 1), x, pass, act, gradient, d_act, d_x),
                      "encoder: d_y: expected [5, 6], got [4, 6]");
    CHECK(d_x.size() == 0);
}
