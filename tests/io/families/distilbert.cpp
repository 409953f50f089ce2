#include "bert/io/families/distilbert.hpp"

#include "bert/ops/reference.hpp"
#include "bert/training/initialize.hpp"
#include "bert/training/trainer.hpp"
#include "bert/variants/distilbert.hpp"

#include "catch.hpp"
#include "io/families/check_family.hpp"

using bert::distilbert_family;
using families::refusal;

TEST_CASE("DistilBERT: what the library wrote is read and written again")
{
    CHECK(families::write_again(distilbert_family, bert::load_distilbert<float, bert::Reference>) >= 6);
}

TEST_CASE("DistilBERT: its own keys, defaults, and what is refused")
{
    const bert::Config config = bert::parse_config(
        "f", R"({"model_type":"distilbert","dim":8,"n_layers":3,"n_heads":2,"hidden_dim":20,"activation":"relu","dropout":0.3,
                 "layer_norm_eps":0.5,"type_vocab_size":7})",
        distilbert_family);
    CHECK(config.hidden_size == 8);
    CHECK(config.num_hidden_layers == 3);
    CHECK(config.num_attention_heads == 2);
    CHECK(config.intermediate_size == 20);
    CHECK(config.hidden_act == bert::Activation::relu);
    CHECK(config.layer_norm_eps == 1e-12);  // no keys of its own: the library doesn't read them either
    CHECK(config.type_vocab_size == 0);
    CHECK_FALSE(config.has_pooler);
    const bert::Dropout dropout = bert::dropout_of(config, {});
    CHECK(dropout.hidden == 0.3);
    CHECK(dropout.classifier == 0.2);
    CHECK(dropout.token_classifier == 0.3);
    CHECK(dropout.question_answering == 0.1);
    CHECK_FALSE(dropout.after_attention);
    CHECK(refusal(distilbert_family, R"({"model_type":"distilbert","n_heads":7})") ==
          "n_heads: expected a divisor of dim (768), got 7");
    CHECK(refusal(distilbert_family, R"({"model_type":"distilbert","qa_dropout":1})") ==
          "qa_dropout: expected a probability in [0, 1), got 1");
    CHECK(refusal(distilbert_family, R"({"model_type":"distilbert","dim":"wide"})") ==
          R"(dim: expected a whole number from 0, got "wide")");
}

TEST_CASE("DistilBERT: a new model's positions are sines if its configuration says so")
{
    bert::Config config = distilbert_family.defaults();
    config.vocab_size = 5;
    config.hidden_size = config.intermediate_size = 4;
    config.num_attention_heads = config.num_hidden_layers = 1;
    config.max_position_embeddings = 3;
    config.sinusoidal_positions = true;
    auto model = bert::DistilBertModel<double>::make(config);
    bert::initialize(model, 1);
    const bert::Tensor<double, 2>& table = model.body.embeddings.position;
    CHECK((table(0, 0) == 0 && table(0, 1) == 1 && table(0, 2) == 0 && table(0, 3) == 1));
    CHECK(table(2, 0) == Approx(0.9092974268256817));  // sin 2
    CHECK(table(2, 3) == Approx(0.9998000066665778));  // cos 0.02
}
