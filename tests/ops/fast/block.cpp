// The boxes that Fast fuses against their own statements, and what a set that replaces one operation runs in their place. Over
// many sizes they are held to the readable set in table.cpp.
#include "bert/ops/fast/block.hpp"
#include "bert/core/parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <random>
#include <type_traits>
#include <vector>

#include "bert/add_and_norm.hpp"
#include "bert/attention.hpp"
#include "bert/feed_forward.hpp"
#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"

#include "catch.hpp"
#include "ops/random.hpp"

using bert::Activation;
using bert::AddAndNorm;
using bert::Fast;
using bert::FeedForward;
using bert::Pass;
using bert::Reference;
using bert::SelfAttention;
using bert::Sequences;
using bert::Tensor;
using bert::Workspace;

namespace {

using Plain = bert::FastOperations<bert::simd::NoVectors>;

template <class Component>
Component with_random_numbers(Component component, double size = 1)
{
    Component::parameters(
        [&](const bert::Name&, auto& tensor) {
            using Real = typename std::decay_t<decltype(tensor)>::value_type;
            std::normal_distribution<double> normal(0, size);
            for (Real& value : tensor)
                value = static_cast<Real>(normal(generator));
        },
        "", component);
    return component;
}

// The same component with another set of operations.
template <class To, class From>
To converted(const From& from, To to)
{
    bert::copy_parameters(from, to);
    return to;
}

// The largest difference over the largest number. A NaN on one side only counts as infinite.
template <class Real, std::size_t rank>
double error(const Tensor<Real, rank>& found, const Tensor<Real, rank>& expected)
{
    if (found.shape() != expected.shape()) return std::numeric_limits<double>::infinity();
    double difference = 0, scale = 0;
    for (std::size_t i = 0; i < found.size(); ++i) {
        const auto a = static_cast<double>(found.data()[i]), b = static_cast<double>(expected.data()[i]);
        if (std::isnan(a) != std::isnan(b)) return std::numeric_limits<double>::infinity();
        if (std::isnan(b) || a == b) continue;
        difference = std::max(difference, std::abs(a - b));
        scale = std::max(scale, std::abs(b));
    }
    return difference == 0 ? 0 : difference / scale;
}

// As in ops/fast.cpp: 16 roundings cover sums of 3,000 terms of either sign in both orders of summation.
template <class Real>
constexpr double limit = 16 * std::numeric_limits<Real>::epsilon();

template <class Real, std::size_t rank>
bool same_bits(const Tensor<Real, rank>& a, const Tensor<Real, rank>& b)
{
    return a.shape() == b.shape() && std::equal(a.begin(), a.end(), b.begin());
}

template <class Component>
bool same_parameters(const Component& a, const Component& b)
{
    bool same = true;
    Component::parameters([&](const bert::Name&, const auto& x, const auto& y) { same = same && same_bits(x, y); }, "", a, b);
    return same;
}

bert::Config config_of(std::size_t H, std::size_t A, std::size_t I)
{
    bert::Config config;
    config.hidden_size = H;
    config.num_attention_heads = A;
    config.intermediate_size = I;
    return config;
}

// Everything that the boxes compute, forward and backward.
template <class Real, class Ops>
struct Boxes {
    bert::Config config;
    SelfAttention<Real, Ops> attention;
    FeedForward<Real, Ops> feed_forward;
    SelfAttention<Real, Ops> d_attention;
    FeedForward<Real, Ops> d_feed_forward;
    bert::SelfAttentionActivations<Real> attention_act, d_attention_act;
    bert::FeedForwardActivations<Real> feed_forward_act, d_feed_forward_act;
    Tensor<Real, 2> d_x;

    explicit Boxes(const bert::Config& of)
        : config(of),
          attention(SelfAttention<Real, Ops>::make(of)),
          feed_forward(FeedForward<Real, Ops>::make(of)),
          d_attention(attention),
          d_feed_forward(feed_forward)
    {
    }

    void run(const Tensor<Real, 2>& x, const Tensor<Real, 2>& d_y, const Pass& pass)
    {
        attention.forward(x, pass, attention_act);
        feed_forward.forward(attention_act.y(), pass, feed_forward_act);
        Tensor<Real, 2> d_attended;
        feed_forward.backward(d_y, attention_act.y(), pass, feed_forward_act, d_feed_forward, d_feed_forward_act, d_attended);
        attention.backward(d_attended, x, pass, attention_act, d_attention, d_attention_act, d_x);
    }
};

}  // namespace

TEST_CASE("A set is fused as it stands, and no longer when something is derived from it")
{
    struct Derived : Fast {};
    CHECK(bert::fuses<Fast>);
    CHECK(bert::fuses<bert::FastBf16>);
    CHECK(bert::fuses<Plain>);
    CHECK_FALSE(bert::fuses<Reference>);
    CHECK_FALSE(bert::fuses<Derived>);
}

TEMPLATE_TEST_CASE("attend is linear three times and attention, bit by bit", "", float, double)
{
    Workspace workspace;
    const bert::Config config = config_of(40, 2, 1);
    for (const std::size_t T : {0U, 1U, 33U}) {
        const Sequences sequences{{0, T / 2, T}};
        const auto x = random<TestType, 2>({T, 40});
        const auto box = with_random_numbers(SelfAttention<TestType, Fast>::make(config), 0.3);
        bert::SelfAttentionActivations<TestType> act;
        const Pass pass{.config = config,
                        .sequences = sequences,
                        .workspace = workspace,
                        .dropout = {.probabilities = 0.3, .stream = {11, 2}, .layer = 1, .first_token = 5}};
        box.attend(x, pass, act);
        Tensor<TestType, 2> expected;
        Fast::linear(x, box.query.weight, box.query.bias, expected, workspace);
        CHECK(same_bits(act.qkv.query, expected));
        Fast::linear(x, box.key.weight, box.key.bias, expected, workspace);
        CHECK(same_bits(act.qkv.key, expected));
        Fast::linear(x, box.value.weight, box.value.bias, expected, workspace);
        CHECK(same_bits(act.qkv.value, expected));
        bert::AttentionActivations<TestType> heads;
        Fast::attention(Fast{}, act.qkv, pass, heads);
        CHECK(same_bits(act.heads.context, heads.context));
    }
}

TEMPLATE_TEST_CASE("The first half of the fused feed-forward network is linear and activate, bit by bit", "", float, double)
{
    Workspace workspace;
    bert::Config config = config_of(50, 1, 77);
    for (const std::size_t T : {0U, 1U, 15U, 40U}) {
        const Sequences sequences{{0, T}};
        const auto x = random<TestType, 2>({T, 50});
        const auto box = with_random_numbers(FeedForward<TestType, Fast>::make(config));
        const auto readable = converted(box, FeedForward<TestType, Reference>::make(config));
        for (const Activation activation : {Activation::gelu, Activation::gelu_tanh, Activation::relu}) {
            config.hidden_act = activation;
            const Pass pass{.config = config, .sequences = sequences, .workspace = workspace, .keep_all = true};
            bert::FeedForwardActivations<TestType> act, expected;
            box.forward(x, pass, act);
            readable.forward(x, pass, expected);
            CHECK(error(act.pre_activation, expected.pre_activation) <= limit<TestType>);
            CHECK(error(act.activated, expected.activated) <= limit<TestType>);
            Tensor<TestType, 2> before, separate;
            Fast::linear(x, box.intermediate.weight, box.intermediate.bias, before, workspace);
            Fast::activate(Fast{}, activation, before, separate);
            CHECK(same_bits(act.pre_activation, before));
            CHECK(same_bits(act.activated, separate));
        }
    }
}

TEMPLATE_TEST_CASE("The fused Add & Norm agrees with Reference's statements, and keeps the norm alone", "", float, double)
{
    Workspace workspace;
    const bert::Config config = config_of(77, 1, 1);  // epsilon 1e-12
    for (const std::size_t T : {0U, 1U, 15U, 40U}) {
        const Sequences sequences{{0, T}};
        const auto x = random<TestType, 2>({T, 50}), residual = random<TestType, 2>({T, 77});
        const auto readable = with_random_numbers(AddAndNorm<TestType, Reference>::make(50, 77));
        const auto box = converted(readable, AddAndNorm<TestType, Fast>::make(50, 77));
        const auto plain = converted(readable, AddAndNorm<TestType, Plain>::make(50, 77));
        bert::AddAndNormActivations<TestType> act, expected;
        Pass pass{config, sequences, workspace};
        readable.forward(x, residual, pass, expected);
        box.forward(x, residual, pass, act);
        CHECK(error(act.norm.rstd, expected.norm.rstd) <= limit<TestType>);
        CHECK(error(act.norm.x_hat, expected.norm.x_hat) <= limit<TestType>);
        CHECK(error(act.y(), expected.y()) <= limit<TestType>);
        CHECK(act.sum.size() == 0);  // what backward doesn't need isn't kept
        CHECK(act.projected.size() == 0);
        CHECK(act.after_dropout.size() == 0);
        // With dropout the same numbers are dropped, without vectors, too, where a tile is 2 columns wide.
        pass.dropout = {.hidden = 0.3, .stream = {11, 2}, .layer = 1};
        readable.forward(x, residual, pass, expected);
        box.forward(x, residual, pass, act);
        CHECK(error(act.y(), expected.y()) <= limit<TestType>);
        plain.forward(x, residual, pass, act);
        CHECK(error(act.y(), expected.y()) <= limit<TestType>);
    }
}

TEMPLATE_TEST_CASE("Selected rows have the bits that they have among all rows, dropout included", "", float, double)
{
    Workspace workspace;
    const bert::Config config = config_of(34, 2, 45);
    const std::vector<std::size_t> rows{0, 3, 4, 11, 19};
    const Sequences all_sequences{{0, 20}}, some_sequences{{0, 5}};
    const auto take = [&](const Tensor<TestType, 2>& all) {
        auto some = bert::zeros<TestType, 2>({rows.size(), all.shape(1)});
        for (std::size_t i = 0; i < rows.size(); ++i)
            std::copy_n(all.data() + rows[i] * all.shape(1), all.shape(1), some.data() + i * all.shape(1));
        return some;
    };
    const auto x = random<TestType, 2>({20, 34}), inner = random<TestType, 2>({20, 45});
    const auto box = with_random_numbers(FeedForward<TestType, Fast>::make(config));
    const Pass all{.config = config,
                   .sequences = all_sequences,
                   .workspace = workspace,
                   .dropout = {.hidden = 0.4, .stream = {3, 4}, .layer = 1, .first_token = 7}};
    Pass some{config, some_sequences, workspace, all.dropout};
    some.dropout.rows = rows;

    bert::AddAndNormActivations<TestType> norm_of_all, norm_of_some;
    box.output.forward(inner, x, all.at(bert::DropoutSite::attention), norm_of_all);
    box.output.forward(take(inner), take(x), some.at(bert::DropoutSite::attention), norm_of_some);
    CHECK(same_bits(norm_of_some.y(), take(norm_of_all.y())));

    bert::FeedForwardActivations<TestType> act_of_all, act_of_some, d_act_of_all, d_act_of_some;
    box.forward(x, all, act_of_all);
    box.forward(take(x), some, act_of_some);
    CHECK(same_bits(act_of_some.y(), take(act_of_all.y())));

    const auto d_y = random<TestType, 2>({20, 34});
    auto gradient = FeedForward<TestType, Fast>::make(config), again = gradient;
    Tensor<TestType, 2> d_x, d_x_of_some;
    box.backward(d_y, x, all, act_of_all, gradient, d_act_of_all, d_x);
    box.backward(take(d_y), take(x), some, act_of_some, again, d_act_of_some, d_x_of_some);
    CHECK(same_bits(d_x_of_some, take(d_x)));
    CHECK(same_bits(d_act_of_some.output.projected, take(d_act_of_all.output.projected)));
}

TEMPLATE_TEST_CASE("Neither what is kept nor the number of threads changes a bit of the boxes, forward and backward", "", float,
                   double)
{
    const std::size_t threads = bert::threads();
    const bert::Config config = config_of(69, 3, 141);
    const Sequences sequences{{0, 70, 71, 120}};
    Workspace workspace;
    const auto x = random<TestType, 2>({120, 69}), d_y = random<TestType, 2>({120, 69});
    Boxes<TestType, Fast> expected(config);
    expected.attention = with_random_numbers(expected.attention, 0.3);
    expected.feed_forward = with_random_numbers(expected.feed_forward, 0.3);
    const Boxes<TestType, Fast> start = expected;
    Pass pass{.config = config,
              .sequences = sequences,
              .workspace = workspace,
              .dropout = {.hidden = 0.1, .probabilities = 0.1, .stream = {5, 6}, .layer = 1}};
    bert::set_threads(1);
    expected.run(x, d_y, pass);
    CHECK(expected.feed_forward_act.activated.size() == 0);
    CHECK(expected.attention_act.heads.probabilities.empty());
    for (const bool keep_all : {false, true}) {
        pass.keep_all = keep_all;
        for (const std::size_t count : {1U, 2U, 3U}) {
            bert::set_threads(count);
            Boxes<TestType, Fast> boxes = start;
            boxes.run(x, d_y, pass);
            CHECK(same_bits(boxes.feed_forward_act.y(), expected.feed_forward_act.y()));
            CHECK(same_bits(boxes.d_x, expected.d_x));
            CHECK(same_parameters(boxes.d_attention, expected.d_attention));
            CHECK(same_parameters(boxes.d_feed_forward, expected.d_feed_forward));
        }
    }
    bert::set_threads(threads);
}

TEST_CASE("Shapes that don't fit are refused by the fused boxes")
{
    Workspace workspace;
    const bert::Config config = config_of(4, 2, 6);
    const Sequences sequences{{0, 3}};
    const Pass pass{config, sequences, workspace};
    const auto x = random<float, 2>({3, 4}), wide = random<float, 2>({3, 5}), few = random<float, 2>({2, 4});

    const auto attention = SelfAttention<float, Fast>::make(config);
    bert::SelfAttentionActivations<float> act, d_act;
    CHECK_THROWS_WITH(attention.attend(wide, pass, act), "attention: query.weight: expected [5, 5], got [4, 4]");
    auto without_bias = attention;
    without_bias.value.bias = bert::zeros<float, 1>({3});
    CHECK_THROWS_WITH(without_bias.attend(x, pass, act), "attention: value.bias: expected [4], got [3]");
    attention.attend(x, pass, act);
    auto gradient = attention;
    d_act.heads.context = x;
    Tensor<float, 2> d_x = few;
    CHECK_THROWS_WITH(attention.attend_backward(x, pass, act, gradient, d_act, d_x),
                      "attention: d_x: expected [3, 4], got [2, 4]");

    const auto add_and_norm = AddAndNorm<float, Fast>::make(4, 4);
    bert::AddAndNormActivations<float> norm_act;
    CHECK_THROWS_WITH(add_and_norm.forward(wide, x, pass, norm_act), "add_and_norm: dense.weight: expected [4, 5], got [4, 4]");
    CHECK_THROWS_WITH(add_and_norm.forward(x, few, pass, norm_act), "add_and_norm: residual: expected [3, 4], got [2, 4]");
    const std::vector<std::size_t> rows{1, 2};
    Pass of_rows = pass;
    of_rows.dropout.rows = rows;
    CHECK_THROWS_WITH(add_and_norm.forward(x, x, of_rows, norm_act), "dropout: rows: expected 3, got 2");
    Pass certain = pass;
    certain.dropout.hidden = 1;
    CHECK_THROWS_WITH(add_and_norm.forward(x, x, certain, norm_act), "dropout: expected a probability in [0, 1), got 1.000000");

    const auto feed_forward = FeedForward<float, Fast>::make(config);
    bert::FeedForwardActivations<float> inner, d_inner;
    CHECK_THROWS_WITH(feed_forward.forward(wide, pass, inner), "feed_forward: intermediate.weight: expected [6, 5], got [6, 4]");
    feed_forward.forward(x, pass, inner);
    auto d_feed_forward = feed_forward;
    const auto backward = [&](const Tensor<float, 2>& d_y) {
        feed_forward.backward(d_y, x, pass, inner, d_feed_forward, d_inner, d_x);
    };
    CHECK_THROWS_WITH(backward(few), "feed_forward: d_y: expected [3, 4], got [2, 4]");
    inner.pre_activation = wide;
    CHECK_THROWS_WITH(backward(x), "feed_forward: act.pre_activation (forward computes it): expected [3, 6], got [3, 5]");
}

namespace {

// How often the operation that a set replaces has run.
std::size_t calls = 0;

// Sets that replace one operation of Fast's by its own, counted.
struct OwnLinear : Fast {
    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace& workspace)
    {
        ++calls;
        Fast::linear(x, weight, bias, y, workspace);
    }
};

struct OwnLinearBackward : Fast {
    template <class Real>
    static void linear_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight,
                                Tensor<Real, 2>& d_weight, Tensor<Real, 1>& d_bias, Tensor<Real, 2>& d_x, Workspace& workspace)
    {
        ++calls;
        Fast::linear_backward(d_y, x, weight, d_weight, d_bias, d_x, workspace);
    }
};

struct OwnSoftmax : Fast {
    template <class Real>
    static void softmax(const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        ++calls;
        Fast::softmax(scores, probabilities);
    }
};

struct OwnSoftmaxBackward : Fast {
    template <class Real>
    static void softmax_backward(const Tensor<Real, 2>& d_probabilities, const Tensor<Real, 2>& probabilities,
                                 Tensor<Real, 2>& d_scores)
    {
        ++calls;
        Fast::softmax_backward(d_probabilities, probabilities, d_scores);
    }
};

struct OwnDropout : Fast {
    template <class Real>
    static void dropout(const Tensor<Real, 2>& x, const bert::DropoutPlace& place, Tensor<Real, 2>& y)
    {
        ++calls;
        Fast::dropout(x, place, y);
    }
};

struct OwnDropoutBackward : Fast {
    template <class Real>
    static void dropout_backward(const Tensor<Real, 2>& d_y, const bert::DropoutPlace& place, Tensor<Real, 2>& d_x)
    {
        ++calls;
        Fast::dropout_backward(d_y, place, d_x);
    }
};

struct OwnLayerNorm : Fast {
    template <class Real>
    static void layer_norm(const Tensor<Real, 2>& x, const bert::LayerNorm<Real>& norm, Real epsilon,
                           bert::LayerNormActivations<Real>& act)
    {
        ++calls;
        Fast::layer_norm(x, norm, epsilon, act);
    }
};

struct OwnLayerNormBackward : Fast {
    template <class Real>
    static void layer_norm_backward(const Tensor<Real, 2>& d_y, const bert::LayerNorm<Real>& norm,
                                    const bert::LayerNormActivations<Real>& act, bert::LayerNorm<Real>& d_norm,
                                    Tensor<Real, 2>& d_x)
    {
        ++calls;
        Fast::layer_norm_backward(d_y, norm, act, d_norm, d_x);
    }
};

struct OwnGelu : Fast {
    template <class Real>
    static void gelu(const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        ++calls;
        Fast::gelu(x, y);
    }
};

struct OwnGeluBackward : Fast {
    template <class Real>
    static void gelu_backward(const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x, Tensor<Real, 2>& d_x)
    {
        ++calls;
        Fast::gelu_backward(d_y, x, d_x);
    }
};

struct OwnActivate : Fast {
    template <class Ops, class Real>
    static void activate(Ops, Activation activation, const Tensor<Real, 2>& x, Tensor<Real, 2>& y)
    {
        ++calls;
        Fast::activate(Ops{}, activation, x, y);
    }
};

struct OwnActivateBackward : Fast {
    template <class Ops, class Real>
    static void activate_backward(Ops, Activation activation, const Tensor<Real, 2>& d_y, const Tensor<Real, 2>& x,
                                  Tensor<Real, 2>& d_x)
    {
        ++calls;
        Fast::activate_backward(Ops{}, activation, d_y, x, d_x);
    }
};

struct OwnAttention : Fast {
    template <class Ops, class Real>
    static void attention(Ops, const bert::QueryKeyValue<Real>& qkv, const Pass& pass, bert::AttentionActivations<Real>& act)
    {
        ++calls;
        Fast::attention(Ops{}, qkv, pass, act);
    }
};

struct OwnAttentionBackward : Fast {
    template <class Ops, class Real>
    static void attention_backward(Ops, const Tensor<Real, 2>& d_context, const bert::QueryKeyValue<Real>& qkv, const Pass& pass,
                                   const bert::AttentionActivations<Real>& act, bert::AttentionActivations<Real>& d_act,
                                   bert::QueryKeyValue<Real>& d_qkv)
    {
        ++calls;
        Fast::attention_backward(Ops{}, d_context, qkv, pass, act, d_act, d_qkv);
    }
};

// A set, and how often each box runs what it replaces, forward and backward. There are 2 sequences of 3 heads.
template <class Operations, std::size_t in_attention, std::size_t in_add_and_norm, std::size_t in_feed_forward>
struct Replaced {
    using Ops = Operations;
    static constexpr std::size_t attention = in_attention, add_and_norm = in_add_and_norm, feed_forward = in_feed_forward;
};

}  // namespace

TEMPLATE_TEST_CASE("A set that is derived from Fast uses the one operation that it replaces inside every box", "",
                   (Replaced<OwnLinear, 4, 1, 2>), (Replaced<OwnLinearBackward, 4, 1, 2>), (Replaced<OwnSoftmax, 6, 0, 0>),
                   (Replaced<OwnSoftmaxBackward, 6, 0, 0>), (Replaced<OwnDropout, 7, 1, 1>),
                   (Replaced<OwnDropoutBackward, 7, 1, 1>), (Replaced<OwnLayerNorm, 1, 1, 1>),
                   (Replaced<OwnLayerNormBackward, 1, 1, 1>), (Replaced<OwnGelu, 0, 0, 1>), (Replaced<OwnGeluBackward, 0, 0, 1>),
                   (Replaced<OwnActivate, 0, 0, 1>), (Replaced<OwnActivateBackward, 0, 0, 1>), (Replaced<OwnAttention, 1, 0, 0>),
                   (Replaced<OwnAttentionBackward, 1, 0, 0>))
{
    using Ops = typename TestType::Ops;
    const bert::Config config = config_of(33, 3, 21);  // gelu
    const Sequences sequences{{0, 4, 9}};
    Workspace workspace;
    const Pass pass{.config = config,
                    .sequences = sequences,
                    .workspace = workspace,
                    .dropout = {.hidden = 0.2, .probabilities = 0.2, .stream = {5, 6}, .layer = 1}};
    const auto x = random<double, 2>({9, 33}), d_y = random<double, 2>({9, 33});
    Boxes<double, Fast> fused(config);
    fused.attention = with_random_numbers(fused.attention, 0.3);
    fused.feed_forward = with_random_numbers(fused.feed_forward, 0.3);
    Boxes<double, Ops> boxes(config);
    bert::copy_parameters(fused.attention, boxes.attention);
    bert::copy_parameters(fused.feed_forward, boxes.feed_forward);
    const auto counted = [&](const auto& run) {
        calls = 0;
        run();
        return calls;
    };

    bert::SelfAttentionActivations<double> act, d_act;
    auto d_attention = boxes.attention;
    Tensor<double, 2> d_x;
    CHECK(counted([&] {
              boxes.attention.forward(x, pass, act);
              boxes.attention.backward(d_y, x, pass, act, d_attention, d_act, d_x);
          }) == TestType::attention);

    bert::AddAndNormActivations<double> norm_act, d_norm_act;
    auto d_norm = boxes.attention.output;
    CHECK(counted([&] {
              boxes.attention.output.forward(x, d_y, pass, norm_act);
              boxes.attention.output.backward(d_y, x, pass, norm_act, d_norm, d_norm_act, d_x);
          }) == TestType::add_and_norm);

    bert::FeedForwardActivations<double> inner, d_inner;
    auto d_feed_forward = boxes.feed_forward;
    CHECK(counted([&] {
              boxes.feed_forward.forward(x, pass, inner);
              boxes.feed_forward.backward(d_y, x, pass, inner, d_feed_forward, d_inner, d_x);
          }) == TestType::feed_forward);

    // It is Fast's own operation: the boxes compute what the fused ones do. Four sub-layers, each with a limit of its own.
    fused.run(x, d_y, pass);
    boxes.run(x, d_y, pass);
    CHECK(error(boxes.feed_forward_act.y(), fused.feed_forward_act.y()) <= 4 * limit<double>);
    CHECK(error(boxes.d_x, fused.d_x) <= 4 * limit<double>);
}

TEST_CASE("What a replaced operation computes is what the box goes on with")
{
    struct NothingPasses : Fast {
        static void dropout(const Tensor<double, 2>& x, const bert::DropoutPlace&, Tensor<double, 2>& y)
        {
            y = bert::zeros<double, 2>({x.shape(0), x.shape(1)});
        }
    };
    const bert::Config config = config_of(2, 1, 3);
    const Sequences sequences{{0, 1}};
    Workspace workspace;
    const auto box = with_random_numbers(AddAndNorm<double, NothingPasses>::make(2, 2));
    bert::AddAndNormActivations<double> act;
    const Tensor<double, 2> x = {{1, 2}}, residual = {{4, -1}};
    box.forward(x, residual, {config, sequences, workspace}, act);
    CHECK((act.sum == residual));
}
