#include "bert/training/initialize.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "bert/core/parameter_list.hpp"
#include "bert/core/random.hpp"
#include "bert/core/tensor.hpp"
#include "bert/core/threads.hpp"
#include "bert/io/architectures.hpp"
#include "bert/model.hpp"

#include "catch.hpp"

using bert::Initialization;
using bert::Model;
using bert::Tensor;

namespace {

bert::Config config()
{
    bert::Config config;
    bert::set_architecture("BertForPreTraining", config);
    config.vocab_size = 501;
    config.hidden_size = 40;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 4;
    config.intermediate_size = 90;
    config.max_position_embeddings = 33;
    config.initializer_range = 0.03;
    config.pad_token_id = 7;
    return config;
}

struct Moments {
    double mean = 0, deviation = 0, fourth = 0, largest = 0;
};

Moments moments_of(const Tensor<double, 2>& tensor)
{
    Moments moments;
    const auto n = static_cast<double>(tensor.size());
    for (const double x : tensor)
        moments.mean += x / n;
    for (const double x : tensor) {
        moments.deviation += (x - moments.mean) * (x - moments.mean) / n;
        moments.largest = std::max(moments.largest, std::abs(x));
    }
    moments.deviation = std::sqrt(moments.deviation);
    for (const double x : tensor)
        moments.fourth += std::pow((x - moments.mean) / moments.deviation, 4) / n;
    return moments;
}

}  // namespace

TEST_CASE("Random numbers of a tensor: the values of an implementation in Python")
{
    // Philox and Box-Muller written anew in Python, seed 42 + 7 * 2^32, tensor 3.
    const std::uint64_t seed = 42 + (std::uint64_t{7} << 32U);
    const double expected[] = {-0.01476674021446823, -1.7015760919754674, -0.8272082655300044, -1.2152567409504917,
                               -0.20830174501739088, -0.5956978302865531, -1.2359538900216556, -0.4680762361563588};
    auto normal = bert::zeros<double, 2>({4, 9}), truncated = normal;
    bert::fill_randomly(Initialization::normal, 1, seed, 3, std::span(normal.data(), normal.size()));
    bert::fill_randomly(Initialization::truncated_normal, 1, seed, 3, std::span(truncated.data(), truncated.size()));
    for (std::size_t i = 0; i < 8; ++i) {
        CHECK(std::abs(normal.data()[i] - expected[i]) < 1e-15);
        CHECK(truncated.data()[i] == normal.data()[i]);
    }
    // Number 11 is drawn a second time, number 35 a third time.
    CHECK(std::abs(normal.data()[11] - 2.1644085887068933) < 1e-14);
    CHECK(std::abs(truncated.data()[11] - 0.9633448337773751) < 1e-14);
    CHECK(std::abs(normal.data()[35] + 2.3563307268232907) < 1e-14);
    CHECK(std::abs(truncated.data()[35] - 0.698657896439998) < 1e-14);
}

TEST_CASE("A fresh model: matrices and tables of the distribution's moments, biases 0, gamma 1, the padding row 0")
{
    auto model = Model<double>::make(config());
    bert::initialize(model, 1);
    const Moments words = moments_of(model.body.embeddings.word);  // 20,040 numbers
    const double root = std::sqrt(20000.0);
    CHECK(std::abs(words.mean) < 4 * 0.03 / root);
    // The padding row is 1 of 501; a deviation's own is sigma / sqrt(2 n), a fourth moment's sqrt(96 / n).
    CHECK(std::abs(words.deviation - 0.03 * std::sqrt(500.0 / 501)) < 4 * 0.03 / (root * std::sqrt(2.0)));
    CHECK(std::abs(words.fourth - 3) < 4 * std::sqrt(96.0) / root);
    CHECK(words.largest > 3 * 0.03);
    for (std::size_t h = 0; h < 40; ++h) {
        CHECK(model.body.embeddings.word(7, h) == 0);
        CHECK(model.body.embeddings.word(8, h) != 0);
    }
    Model<double>::parameters(
        [](const std::string& name, const auto& tensor) {
            INFO(name);
            const bool is_gamma = name.ends_with("LayerNorm.weight"), is_bias = name.ends_with("bias");
            for (const double x : tensor) {
                if (is_gamma || is_bias)
                    REQUIRE(x == (is_gamma ? 1 : 0));
                else
                    REQUIRE(std::abs(x) < 6 * 0.03);
            }
        },
        "", model);
    CHECK(std::abs(moments_of(model.body.encoder.layer[1].feed_forward.output.dense.weight).deviation - 0.03) <
          4 * 0.03 / std::sqrt(7200.0));
    CHECK((model.body.encoder.layer[0].attention.query.weight != model.body.encoder.layer[0].attention.key.weight));
    CHECK((model.body.encoder.layer[0].attention.query.weight != model.body.encoder.layer[1].attention.query.weight));
}

TEST_CASE("The original's distribution ends at two sigma, which leaves 0.8796 of it, and no row is 0")
{
    auto model = Model<double>::make(config());
    bert::initialize(model, 1, Initialization::truncated_normal);
    const Moments words = moments_of(model.body.embeddings.word);
    CHECK(words.largest <= 2 * 0.03);
    CHECK(words.largest > 1.99 * 0.03);
    // Variance of a normal cut at 2 sigma: 1 - 4 phi(2) / (2 Phi(2) - 1) = 0.7737.
    CHECK(std::abs(words.deviation - 0.8796 * 0.03) < 4 * 0.03 / std::sqrt(40000.0));
    CHECK(model.body.embeddings.word(7, 0) != 0);
}

TEST_CASE("A seed makes the same model with any number of threads, in float and double, and another seed another one")
{
    const std::size_t threads = bert::threads();
    bert::set_threads(1);
    auto one = Model<double>::make(config());
    bert::initialize(one, 5);
    for (const std::size_t count : {2U, 3U}) {
        bert::set_threads(count);
        auto other = Model<double>::make(config());
        bert::initialize(other, 5);
        auto in_float = Model<float>::make(config());
        bert::initialize(in_float, 5);
        bool same = true, rounded = true;
        const auto a = bert::parameter_list<double>(one), b = bert::parameter_list<double>(other);
        const auto c = bert::parameter_list<float>(in_float);
        REQUIRE(c.size() == a.size());
        for (std::size_t k = 0; k < a.size(); ++k) {
            REQUIRE(c[k].shape == a[k].shape);
            for (std::size_t i = 0; i < a[k].values.size(); ++i) {
                same = same && a[k].values[i] == b[k].values[i];
                rounded = rounded && static_cast<float>(a[k].values[i]) == c[k].values[i];
            }
        }
        CHECK(same);
        CHECK(rounded);
        bert::initialize(other, 6);
        CHECK((other.body.embeddings.word != one.body.embeddings.word));
    }
    bert::set_threads(threads);
}

TEST_CASE("Dropout of the same seed draws other numbers than initialization")
{
    const bert::RandomStream dropout{42, 0}, initialization{42, 0, bert::RandomDomain::initialization};
    CHECK(bert::random_words(dropout, 0, 0, 0) != bert::random_words(initialization, 0, 0, 0));
}
