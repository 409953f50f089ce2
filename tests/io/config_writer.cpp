#include "bert/io/config_writer.hpp"

#include <stdexcept>
#include <string>
#include <vector>

#include "bert/io/config.hpp"
#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

TEST_CASE("a config.json of the transformers library is read, and written as it was")
{
    // transformers 5.23: BertConfig(vocab_size=101, ..., my_own=[1, {"a": None}]).to_json_string()
    const std::string text = R"({
  "add_cross_attention": false,
  "architectures": [
    "BertForSequenceClassification"
  ],
  "attention_probs_dropout_prob": 0.1,
  "bos_token_id": null,
  "classifier_dropout": 0.25,
  "dtype": "float64",
  "eos_token_id": null,
  "hidden_act": "gelu_new",
  "hidden_dropout_prob": 0.0,
  "hidden_size": 15,
  "id2label": {
    "0": "joy",
    "1": "\u00c4rger",
    "2": "peur"
  },
  "initializer_range": 0.02,
  "intermediate_size": 37,
  "is_decoder": false,
  "label2id": {
    "joy": 0,
    "peur": 2,
    "\u00c4rger": 1
  },
  "layer_norm_eps": 1e-05,
  "max_position_embeddings": 19,
  "model_type": "bert",
  "my_own": [
    1,
    {
      "a": null
    }
  ],
  "num_attention_heads": 3,
  "num_hidden_layers": 2,
  "pad_token_id": null,
  "problem_type": "multi_label_classification",
  "tie_word_embeddings": false,
  "transformers_version": "5.23.0",
  "type_vocab_size": 2,
  "use_cache": true,
  "vocab_size": 101
}
)";
    const TemporaryFolder folder;
    put(folder / "config.json", text);
    const Config config = read_config(folder / "config.json");
    CHECK(config.architecture == "BertForSequenceClassification");
    CHECK(config.heads == std::vector<std::string>{"sequence_classification"});
    CHECK(config.has_pooler);
    CHECK(config.vocab_size == 101);
    CHECK(config.hidden_size == 15);
    CHECK(config.num_hidden_layers == 2);
    CHECK(config.num_attention_heads == 3);
    CHECK(config.intermediate_size == 37);
    CHECK(config.max_position_embeddings == 19);
    CHECK(config.type_vocab_size == 2);
    CHECK(config.hidden_act == Activation::gelu_tanh);
    CHECK(config.layer_norm_eps == 1e-5);
    CHECK(config.hidden_dropout_prob == 0);
    CHECK(config.classifier_dropout == 0.25);
    CHECK(!config.pad_token_id);
    CHECK(!config.tie_word_embeddings);
    CHECK(config.labels == std::vector<std::string>{"joy", "\xC3\x84rger", "peur"});
    CHECK(config.problem_type == "multi_label_classification");
    CHECK(config.dtype == "float64");

    write_config(folder / "again.json", config);
    CHECK(contents_of(folder / "again.json") == text);
    CHECK(read_config(folder / "again.json") == config);
}

TEST_CASE("a configuration that can't be written is refused")
{
    Config config;
    config.other_keys = "[]";
    CHECK_THROWS_WITH(config_json(config), "config: other_keys: expected a JSON object, got []");
    Config causal;
    causal.is_causal = true;
    CHECK_THROWS_WITH(config_json(causal), "config: is_causal: expected false, since config.json has no key for it, got true");
    config.other_keys = "{";
    CHECK_THROWS_AS(config_json(config), std::invalid_argument);
    config.other_keys = "{}";
    config.labels = {"\xFF"};
    CHECK_THROWS_AS(config_json(config), std::invalid_argument);
    config.labels = {};
    config.heads = {"token_classification"};
    CHECK_THROWS_WITH(config_json(config), "config: id2label: expected at least one label, got none");
    CHECK(input_error([] { write_config("/dev/full", Config{}); }) == "/dev/full: expected to write it: No space left on device");
}
