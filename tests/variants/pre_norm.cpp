// A variant that no header knows: blocks with the norm in front of each sub-layer instead of behind it (Xiong et al. 2020, On
// Layer Normalization in the Transformer Architecture), a body of such blocks, and a family whose files have names of their own.
#include <array>
#include <string>
#include <vector>

#include "bert/bert.hpp"
#include "bert/verify/case.hpp"

#include "catch.hpp"

using bert::Batch;
using bert::Pass;
using bert::Tensor;

namespace pre_norm {  // with a name: a model is made of the body, and g++ warns of a type that other files could not name

template <class Real>
struct BlockActivations {
    bert::LayerNormActivations<Real> first_norm, second_norm;   // what goes into the sub-layers, [T, H] each
    bert::SelfAttentionActivations<Real> attention;             // all but its output
    Tensor<Real, 2> attended, pre_activation, intermediate, y;  // [T, H], [T, I], [T, I], [T, H]
};

/// a = x + Attention(LayerNorm(x)), y = a + FeedForward(LayerNorm(a)). Symbols: a `act.attended`.
template <class Real, class Ops>
void forward(const bert::EncoderBlock<Real, Ops>& block, const Tensor<Real, 2>& x, const Pass& pass, BlockActivations<Real>& act)
{
    const auto& [attention, feed_forward] = block;
    const auto &out = attention.output.dense, &up = feed_forward.intermediate, &down = feed_forward.output.dense;
    const auto epsilon = static_cast<Real>(pass.config.layer_norm_eps);
    Ops::layer_norm(x, attention.output.norm, epsilon, act.first_norm);
    attention.attend(act.first_norm.y, pass, act.attention);
    Ops::linear(act.attention.heads.context, out.weight, out.bias, act.attended, pass.workspace);
    add(x, act.attended);
    Ops::layer_norm(act.attended, feed_forward.output.norm, epsilon, act.second_norm);
    Ops::linear(act.second_norm.y, up.weight, up.bias, act.pre_activation, pass.workspace);
    Ops::activate(Ops{}, pass.config.hidden_act, act.pre_activation, act.intermediate);
    Ops::linear(act.intermediate, down.weight, down.bias, act.y, pass.workspace);
    add(act.attended, act.y);
}

template <class Real, class Ops>
void backward(const Tensor<Real, 2>& d_y, const bert::EncoderBlock<Real, Ops>& block, const Tensor<Real, 2>& x, const Pass& pass,
              const BlockActivations<Real>& act, bert::EncoderBlock<Real, Ops>& d_block, BlockActivations<Real>& d_act,
              Tensor<Real, 2>& d_x)
{
    const auto& [attention, feed_forward] = block;
    auto& [d_attention, d_feed_forward] = d_block;
    auto &d_out = d_attention.output.dense, &d_up = d_feed_forward.intermediate, &d_down = d_feed_forward.output.dense;
    Ops::linear_backward(d_y, act.intermediate, feed_forward.output.dense.weight, d_down.weight, d_down.bias, d_act.intermediate,
                         pass.workspace);
    Ops::activate_backward(Ops{}, pass.config.hidden_act, d_act.intermediate, act.pre_activation, d_act.pre_activation);
    Ops::linear_backward(d_act.pre_activation, act.second_norm.y, feed_forward.intermediate.weight, d_up.weight, d_up.bias,
                         d_act.second_norm.y, pass.workspace);
    Ops::layer_norm_backward(d_act.second_norm.y, feed_forward.output.norm, act.second_norm, d_feed_forward.output.norm,
                             d_act.attended);
    add(d_y, d_act.attended);
    Ops::linear_backward(d_act.attended, act.attention.heads.context, attention.output.dense.weight, d_out.weight, d_out.bias,
                         d_act.attention.heads.context, pass.workspace);
    d_act.first_norm.y = bert::zeros<Real, 2>({x.shape(0), x.shape(1)});
    attention.attend_backward(act.first_norm.y, pass, act.attention, d_attention, d_act.attention, d_act.first_norm.y);
    Ops::layer_norm_backward(d_act.first_norm.y, attention.output.norm, act.first_norm, d_attention.output.norm, d_x);
    add(d_act.attended, d_x);
}

template <class Real>
struct BodyActivations {
    bert::EmbeddingsActivations<Real> embeddings;
    std::vector<BlockActivations<Real>> layer;
    bert::PoolerActivations<Real> pooler;  // stays empty
    Tensor<Real, 2> hidden;                // as a gradient: what heads add to, [T, H]
};

/// The parameters of BERT's body; the norms stand elsewhere.
template <class Real, class Ops>
struct Body : bert::BertBody<Real, Ops> {
    using bert::BertBody<Real, Ops>::embeddings, bert::BertBody<Real, Ops>::encoder;
    using Activations = BodyActivations<Real>;
    using Gradients = BodyActivations<Real>;

    static Body make(const bert::Config& config, bool has_pooler)
    {
        return {bert::BertBody<Real, Ops>::make(config, has_pooler)};
    }
    void forward(const Batch& batch, const Pass& pass, Activations& act) const
    {
        embeddings.forward(batch, pass, act.embeddings);
        act.layer.resize(encoder.layer.size());
        for (std::size_t l = 0; l < act.layer.size(); ++l)
            pre_norm::forward(encoder.layer[l], input(l, act), pass.in_layer(l), act.layer[l]);
    }
    bert::BodyResult<Real> result(const Batch& batch, const Activations& act) const
    {
        return {batch, input(act.layer.size(), act), act.pooler.pooled, embeddings.word};
    }
    void backward(const Batch& batch, const Pass& pass, const Activations& act, Body& d_body, Gradients& d_act) const
    {
        d_act.layer.resize(1);
        for (std::size_t l = act.layer.size(); l-- > 0;)
            pre_norm::backward(Tensor<Real, 2>(d_act.hidden), encoder.layer[l], input(l, act), pass.in_layer(l), act.layer[l],
                               d_body.encoder.layer[l], d_act.layer[0], d_act.hidden);
        d_act.embeddings.y = d_act.hidden;
        embeddings.backward(d_act.embeddings.y, batch, pass, act.embeddings, d_body.embeddings, d_act.embeddings);
    }
    static const Tensor<Real, 2>& input(std::size_t l, const Activations& act)
    {
        return l == 0 ? act.embeddings.y : act.layer[l - 1].y;
    }
};

template <class Real>
void trace_tensors(const BodyActivations<Real>& act, bert::ForwardTrace& trace)
{
    trace.rows("embeddings", act.embeddings.y);
    for (std::size_t l = 0; l < act.layer.size(); ++l)
        trace.rows("layer." + std::to_string(l) + ".output", act.layer[l].y);
}

constexpr std::array<bert::Architecture, 1> architectures{{{"PreNormTagger", false, {"token_classification"}}}};
constexpr std::array<bert::NameSubstitution, 2> config_keys{{{"hidden_size", "width"}, {"num_hidden_layers", "depth"}}};
constexpr std::array<bert::NameSubstitution, 6> names{{{"encoder.layer", "blocks"},
                                                       {"attention.output.LayerNorm", "norm1"},
                                                       {"output.LayerNorm", "norm2"},
                                                       {"attention.output.dense", "attention.out"},
                                                       {"intermediate.dense", "linear1"},
                                                       {"classifier", "tags"}}};
constexpr bert::Family family{.model_type = "pre_norm",
                              .body = "tagger.",
                              .architectures = architectures,
                              .config_keys = config_keys,
                              .names = names,
                              .table = "tagger.embeddings.word_embeddings.weight"};

}  // namespace pre_norm

TEMPLATE_TEST_CASE("A variant of one's own agrees with PyTorch: forward, gradients and training steps", "", bert::Reference,
                   bert::Fast)
{
    const bert::ReferenceCase reference(BERT_SOURCE_DIR "/reference_outputs/variants/pre_norm");
    const auto model = bert::load_model<double, TestType, pre_norm::Body>(reference.model_folder(), nullptr, pre_norm::family);
    const bert::CaseReport report = bert::verify_model(reference, model, pre_norm::family);
    for (const bert::Comparison& comparison : report.comparisons)
        CHECK(comparison.message == "");
    CHECK(report.comparisons.size() == 87);
}
