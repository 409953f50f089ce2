#include "bert/io/families/albert.hpp"

#include "bert/ops/reference.hpp"
#include "bert/variants/albert.hpp"

#include "catch.hpp"
#include "io/families/check_family.hpp"

using bert::albert_family;
using families::refusal;

TEST_CASE("ALBERT: what the library wrote is read and written again")
{
    CHECK(families::write_again(albert_family, bert::load_albert<float, bert::Reference>) >= 7);
}

TEST_CASE("ALBERT: a block's name counts groups, and blocks within a group")
{
    bert::Config config;
    CHECK(albert_family.published("bert.encoder.layer.2.attention.self.query.weight", config) ==
          "albert.encoder.albert_layer_groups.2.albert_layers.0.attention.query.weight");
    config.inner_group_num = 3;
    CHECK(albert_family.published("encoder.layer.11.output.LayerNorm.bias", config) ==
          "encoder.albert_layer_groups.3.albert_layers.2.full_layer_layer_norm.bias");
    CHECK(albert_family.published("bert.pooler.dense.weight", config) == "albert.pooler.weight");
    CHECK(albert_family.published("cls.predictions.transform.LayerNorm.weight", config) == "predictions.LayerNorm.weight");
}

TEST_CASE("ALBERT: defaults, and what is refused")
{
    const bert::Config config = bert::parse_config("f", R"({"model_type":"albert"})", albert_family);
    CHECK(config.hidden_size == 4096);
    CHECK(config.embedding_width() == 128);
    CHECK(config.blocks() == 1);
    CHECK(config.hidden_act == bert::Activation::gelu_tanh);
    CHECK(config.classifier_dropout == 0.1);
    CHECK(refusal(albert_family, R"({"model_type":"albert","num_hidden_groups":0})") ==
          "num_hidden_groups: expected at least 1, got 0");
    CHECK(refusal(albert_family, R"({"model_type":"albert","inner_group_num":0})") ==
          "inner_group_num: expected at least 1, got 0");
    CHECK(refusal(albert_family, R"({"model_type":"albert","embedding_size":0})") ==
          "embedding_size: expected at least 1, got 0");
    CHECK(refusal(albert_family, R"({"model_type":"albert","hidden_size":64,"intermediate_size":8,"inner_group_num":10000})") ==
          "inner_group_num: expected at most 65536 blocks, got 120000");
    CHECK(refusal(albert_family, R"({"model_type":"albert","num_attention_heads":3})") ==
          "num_attention_heads: expected a divisor of hidden_size (4096), got 3");
}
