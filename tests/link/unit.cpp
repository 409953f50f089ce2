// The other units are this file compiled for other processors. Not optimised, so that every function stays one that the linker
// sees: what two units define under one name, it takes from the first.
#include "unit.hpp"

#include <cmath>
#include <cstddef>
#include <span>
#include <string>

#include <bert/attention.hpp>
#include <bert/feed_forward.hpp>
#include <bert/ops/fast.hpp>
#include <bert/ops/product/check.hpp>

namespace {

template <class Real>
bert::Tensor<Real, 2> filled(std::size_t rows, std::size_t columns, double frequency)
{
    auto matrix = bert::zeros<Real, 2>({rows, columns});
    for (std::size_t i = 0; i < matrix.size(); ++i)
        matrix.data()[i] = static_cast<Real>(std::sin(frequency * static_cast<double>(i + 1)));
    return matrix;
}

template <class Real, std::size_t rank>
void print(const std::string& operation, const bert::Tensor<Real, rank>& tensor)
{
    print_bits(UNIT, (operation + (sizeof(Real) == 4 ? " in float" : " in double")).c_str(), tensor.data(), tensor.size());
}

template <class Ops, class Real>
void print_products(const std::string& kind)
{
    constexpr std::size_t T = 37, in = 45, out = 71;
    bert::Workspace workspace;
    auto x = filled<Real>(T, in, 0.7), weight = filled<Real>(out, in, 1.3), d_y = filled<Real>(T, out, 0.3);
    x(0, 0) = static_cast<Real>(1e-39);  // no normal float: an instruction for bfloat16 takes it for 0
    const auto bias = bert::zeros<Real, 1>({out});
    bert::Tensor<Real, 2> y, d_x;
    auto d_weight = bert::zeros<Real, 2>({out, in});
    auto d_bias = bias;
    Ops::linear(x, weight, bias, y, workspace);
    Ops::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
    print(kind + "linear", y);
    print(kind + "linear_backward", d_x);
    print(kind + "linear_backward: weight", d_weight);
    print(kind + "linear_backward: bias", d_bias);
}

// The boxes that are fused, forward and backward.
template <class Ops, class Real>
void print_boxes(const std::string& kind)
{
    constexpr std::size_t T = 37;
    bert::Config config;
    config.hidden_size = 48;
    config.num_attention_heads = 2;
    config.intermediate_size = 71;
    const bert::Sequences sequences{{0, 17, T}};
    bert::Workspace workspace;
    const bert::Pass pass{.config = config,
                          .sequences = sequences,
                          .workspace = workspace,
                          .dropout = {.hidden = 0.1, .probabilities = 0.1, .stream = {7, 1}},
                          .keep_all = true};
    const auto x = filled<Real>(T, 48, 0.9), d_y = filled<Real>(T, 48, 2.9);
    double frequency = 1.7;
    const auto fill = [&](const bert::Name&, auto& tensor) {
        frequency += 0.1;
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = static_cast<Real>(0.3 * std::sin(frequency * static_cast<double>(i + 1)));
    };
    auto attention = bert::SelfAttention<Real, Ops>::make(config), d_attention = attention;
    bert::SelfAttention<Real, Ops>::parameters(fill, "", attention);
    bert::SelfAttentionActivations<Real> act, d_act;
    bert::Tensor<Real, 2> d_x;
    attention.forward(x, pass, act);
    attention.backward(d_y, x, pass, act, d_attention, d_act, d_x);
    print(kind + "self-attention", act.y());
    print(kind + "self-attention: context", act.heads.context);
    print(kind + "self-attention backward", d_x);
    print(kind + "self-attention backward: query", d_act.qkv.query);
    print(kind + "self-attention backward: weight", d_attention.query.weight);
    auto feed_forward = bert::FeedForward<Real, Ops>::make(config), d_feed_forward = feed_forward;
    bert::FeedForward<Real, Ops>::parameters(fill, "", feed_forward);
    bert::FeedForwardActivations<Real> inner, d_inner;
    feed_forward.forward(x, pass, inner);
    feed_forward.backward(d_y, x, pass, inner, d_feed_forward, d_inner, d_x);
    print(kind + "feed-forward", inner.y());
    print(kind + "feed-forward: activated", inner.activated);
    print(kind + "feed-forward backward", d_x);
    print(kind + "feed-forward backward: weight", d_feed_forward.output.dense.weight);
}

template <class Ops, class Real>
void print_rows()
{
    constexpr std::size_t T = 9, H = 53;
    const auto x = filled<Real>(T, H, 1.1), d_y = filled<Real>(T, H, 0.4);
    bert::Tensor<Real, 2> y;
    Ops::gelu(x, y);
    print("gelu", y);
    Ops::gelu_tanh_backward(d_y, x, y);
    print("gelu_tanh_backward", y);
    Ops::tanh(x, y);
    print("tanh", y);
    Ops::softmax(x, y);
    print("softmax", y);
    bert::LayerNorm<Real> norm{bert::zeros<Real, 1>({H}), bert::zeros<Real, 1>({H})}, d_norm = norm;
    norm.gamma.fill(Real(1.5));
    bert::LayerNormActivations<Real> act;
    Ops::layer_norm(x, norm, Real(1e-12), act);
    print("layer_norm", act.y);
    Ops::layer_norm_backward(d_y, norm, act, d_norm, y);
    print("layer_norm_backward", y);
    print("layer_norm_backward: gamma", d_norm.gamma);
    Ops::dropout(x, {.probability = 0.3, .stream = {7, 1}}, y);
    print("dropout", y);
    const bert::IndexTensor<1> ids = {3, 1, 3, 0, 2, 2, 3, 1, 0};
    auto d_table = bert::zeros<Real, 2>({4, H});
    Ops::embedding_lookup_backward(d_y, ids, {}, d_table);
    print("embedding_lookup_backward", d_table);
    const Real loss = Ops::cross_entropy(x, ids, {.smoothing = 0.1}).value;
    print_bits(UNIT, sizeof(Real) == 4 ? "cross_entropy in float" : "cross_entropy in double", &loss, 1);
}

template <class Real>
void print_training()
{
    const auto gradient = filled<Real>(7, 31, 0.8);
    const std::span<const Real> g(gradient.data(), gradient.size());
    const auto print_step = [&](const char* operation, const auto& update) {
        auto parameter = filled<Real>(7, 31, 1.9), m = bert::zeros<Real, 2>({7, 31}), v = m;
        const auto span_of = [](bert::Tensor<Real, 2>& tensor) { return std::span<Real>(tensor.data(), tensor.size()); };
        update(bert::ParameterAndMoments<Real>{span_of(parameter), span_of(m), span_of(v)});
        print(operation, parameter);
    };
    const bert::UpdateOptions options{.learning_rate = 0.01, .weight_decay = 0.1};
    print_step("adamw", [&](bert::ParameterAndMoments<Real> numbers) { bert::Fast::adamw(g, options, numbers); });
    print_step("bert_adam", [&](bert::ParameterAndMoments<Real> numbers) { bert::Fast::bert_adam(g, options, numbers); });
    print_step("lamb", [&](bert::ParameterAndMoments<Real> numbers) { bert::Fast::lamb(g, options, numbers); });
    const double squares = bert::Fast::sum_of_squares(g);
    print_bits(UNIT, sizeof(Real) == 4 ? "sum_of_squares in float" : "sum_of_squares in double", &squares, 1);
    auto zeroed = gradient;
    bert::Fast::set_to_zero(std::span<Real>(zeroed.data(), zeroed.size()));
    print("set_to_zero", zeroed);
}

void print_all()
{
    std::printf("%s: %s\n", UNIT, bert::check_matrix_unit().name.c_str());
    print_products<bert::Fast, float>("");
    print_products<bert::Fast, double>("");
    print_products<bert::FastBf16, float>("bfloat16: ");
    print_boxes<bert::Fast, float>("");
    print_boxes<bert::Fast, double>("");
    print_boxes<bert::FastBf16, float>("bfloat16: ");
    print_rows<bert::Fast, float>();
    print_rows<bert::Fast, double>();
    print_training<float>();
    print_training<double>();
}

bool can_run()
{
#ifdef __AVX512BF16__
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return true;
#endif
}

[[maybe_unused]] const bool is_listed = (units().push_back({UNIT, &can_run, &print_all}), true);

}  // namespace
