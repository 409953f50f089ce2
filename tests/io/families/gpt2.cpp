#include "bert/io/families/gpt2.hpp"

#include "bert/ops/reference.hpp"
#include "bert/training/trainer.hpp"
#include "bert/variants/gpt2.hpp"

#include "catch.hpp"
#include "io/families/check_family.hpp"

using bert::gpt2_family;
using families::refusal;

TEST_CASE("GPT-2: what the library wrote is read and written again")
{
    CHECK(families::write_again(gpt2_family, bert::load_gpt2<float, bert::Reference>) >= 5);
}

TEST_CASE("GPT-2: query, key and value are one turned tensor")
{
    const bert::StoredForm key = gpt2_family.stored("bert.encoder.layer.3.attention.self.key.weight", {});
    CHECK(key.name == "transformer.h.3.attn.c_attn.weight");
    CHECK(key.turned);
    CHECK((key.part == 1 && key.parts == 3));
    const bert::StoredForm bias = gpt2_family.stored("encoder.layer.0.attention.self.value.bias", {});
    CHECK(bias.name == "h.0.attn.c_attn.bias");
    CHECK_FALSE(bias.turned);
    CHECK((bias.part == 2 && bias.parts == 3));
    const bert::StoredForm score = gpt2_family.stored("score.weight", {});
    CHECK((!score.turned && score.parts == 1));
}

TEST_CASE("GPT-2: its own keys, defaults, and what is refused")
{
    const auto parse = [](const char* text) { return bert::parse_config("f", text, gpt2_family); };
    const bert::Config config = parse(R"({"model_type":"gpt2","n_embd":12,"n_head":3,"embd_pdrop":0.4,"resid_pdrop":0.2})");
    CHECK(config.hidden_size == 12);
    CHECK(config.intermediate_size == 48);
    CHECK(config.max_position_embeddings == 1024);
    CHECK(config.is_causal);
    CHECK(config.layer_norm_eps == 1e-5);
    const bert::Dropout dropout = bert::dropout_of(config, {});
    CHECK(dropout.embeddings == 0.4);
    CHECK(dropout.hidden == 0.2);
    CHECK(parse(R"({"model_type":"gpt2","n_embd":12,"n_inner":null})").intermediate_size == 48);
    CHECK(parse(R"({"model_type":"gpt2","n_embd":12,"n_inner":31})").intermediate_size == 31);
    CHECK(refusal(gpt2_family, R"({"model_type":"gpt2","n_inner":0})") == "n_inner: expected at least 1, or null, got 0");
    CHECK(refusal(gpt2_family, R"({"model_type":"gpt2","scale_attn_by_inverse_layer_idx":true})") ==
          "scale_attn_by_inverse_layer_idx: expected false, got true");
    CHECK(refusal(gpt2_family, R"({"model_type":"gpt2","scale_attn_weights":false})") ==
          "scale_attn_weights: expected true, got false");
    CHECK(refusal(gpt2_family, R"({"model_type":"gpt2","add_cross_attention":true})") ==
          "add_cross_attention: expected false, got true");
    CHECK(refusal(gpt2_family, R"({"model_type":"gpt2","architectures":["GPT2DoubleHeadsModel"]})") ==
          "architectures: expected GPT2Model, GPT2LMHeadModel, GPT2ForSequenceClassification, GPT2ForTokenClassification or "
          R"(GPT2ForQuestionAnswering, got "GPT2DoubleHeadsModel")");
}
