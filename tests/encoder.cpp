#include "bert/encoder.hpp"

#include <cstddef>
#include <stdexcept>

#include <instances.hpp>
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Encoder;
using bert::Tensor;
using namespace component;

TEST_CASE("encoder: every stored layer, and the gradient of each, from the last to the embeddings")
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/cases/pretraining_gelu_new");
    const auto model = reference.model<double>();
    const auto& sequences = reference.batch().sequences;
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const auto x = reference.rows<double>("forward.embeddings");
    const Tensor<double, 2>& y = model.encoder.forward(x, sequences, model.config, act, workspace);
    CHECK_THAT(y, bert::matches(reference, "forward.layer.2.output"));
    CHECK_THAT(act.layer[0].y(), bert::matches(reference, "forward.layer.0.output"));

    auto gradient = Encoder<double>::make(model.config);
    Tensor<double, 2> d_x;
    model.encoder.backward(reference.rows<double>("grad.forward.layer.2.output"), x, sequences, model.config, act, gradient,
                           d_act, d_x, workspace);
    CHECK_THAT(d_act.y[1], bert::matches(reference, "grad.forward.layer.1.output"));
    CHECK_THAT(d_act.y[0], bert::matches(reference, "grad.forward.layer.0.output"));
    CHECK_THAT(d_x, bert::matches(reference, "grad.forward.embeddings"));
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
    act.dropout = {.hidden = 0.4, .attention = 0.4, .stream = {1, 2}};
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    Tensor<double, 2> d_x;
    const auto loss = [&] { return weighted_sum(encoder.forward(x, sequences, config, act, workspace), d_y); };
    loss();
    encoder.backward(d_y, x, sequences, config, act, gradient, d_act, d_x, workspace);
    CHECK(bert::check_gradient(encoder, gradient, loss).message == "");
    CHECK(bert::check_tensor_gradient("x", x, d_x, loss).message == "");

    // Where a number was dropped, it is 0: in the first layer at other places than in the second.
    bool differs = false;
    for (std::size_t i = 0; i < 30; ++i)
        differs = differs || (act.layer[0].feed_forward.output.dropped.data()[i] == 0) !=
                                 (act.layer[1].feed_forward.output.dropped.data()[i] == 0);
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
    CHECK((empty.forward(x, sequences, config, act, workspace) == x));
    auto gradient = empty;
    empty.backward(d_y, x, sequences, config, act, gradient, d_act, d_x, workspace);
    CHECK((d_x == d_y));
    config.num_hidden_layers = 1;
    auto other = Encoder<double>::make(config);
    CHECK_THROWS_WITH(empty.backward(d_y, x, sequences, config, act, other, d_act, d_x, workspace),
                      "encoder: d_encoder: expected 0 layers, got 1");

    const auto two = Encoder<double>::make(small_config());
    CHECK_THROWS_WITH(bert::copy_parameters(two, empty), "encoder: expected instances of 2 layers each");
}

TEST_CASE("encoder: more blocks than there are, backward before forward, and sequences that cross are refused")
{
    const bert::Config config = small_config();
    const auto encoder = random_component<Encoder<double>>(config);
    auto gradient = zero_component(encoder);
    bert::EncoderActivations<double> act;
    bert::EncoderGradients<double> d_act;
    bert::Workspace workspace;
    const auto x = random<2>({5, 6}, 1);
    Tensor<double, 2> d_x;
    const bert::Sequences sequences{{0, 2, 5}};
    const auto nothing = [](std::size_t, const Tensor<double, 2>&) {};
    CHECK_THROWS_WITH(encoder.infer(x, sequences, config, 3, act, workspace, nothing),
                      "encoder: blocks: expected at most 2, got 3");
    for (const bool recompute : {false, true}) {
        bert::EncoderActivations<double> fresh;
        fresh.recompute = recompute;
        CHECK_THROWS_WITH(encoder.backward(x, x, sequences, config, fresh, gradient, d_act, d_x, workspace),
                          "encoder: act: expected what forward computed in 2 layers, got 0");
    }
    CHECK_THROWS_WITH(encoder.forward(x, bert::Sequences{{0, 5, 4, 5}}, config, act, workspace),
                      "attention: sequences: begin[2]: expected 5 or more, got 4");
}
