#include "bert/config.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

#include "catch.hpp"
#include "io/helpers.hpp"

using bert::check_config;
using bert::Config;

namespace {

/// The message about BERT-base with one thing changed.
template <class Change>
std::string message(Change&& change)
{
    Config config;
    change(config);
    return input_error([&] { check_config(config, "f"); });
}

}  // namespace

TEST_CASE("the defaults are BERT-base")
{
    const Config config;
    CHECK_NOTHROW(check_config(config));
    CHECK(config.num_labels() == 2);
}

TEST_CASE("a size of zero is refused")
{
    CHECK(message([](Config& c) { c.vocab_size = 0; }) == "f: vocab_size: expected at least 1, got 0");
    CHECK(message([](Config& c) { c.hidden_size = 0; }) == "f: hidden_size: expected at least 1, got 0");
    CHECK(message([](Config& c) { c.num_hidden_layers = 0; }) == "f: num_hidden_layers: expected at least 1, got 0");
    CHECK(message([](Config& c) { c.num_attention_heads = 0; }) == "f: num_attention_heads: expected at least 1, got 0");
    CHECK(message([](Config& c) { c.intermediate_size = 0; }) == "f: intermediate_size: expected at least 1, got 0");
    CHECK(message([](Config& c) { c.max_position_embeddings = 0; }) == "f: max_position_embeddings: expected at least 1, got 0");
    CHECK(message([](Config& c) {
              c.heads = {"token_classification"};
              c.labels.clear();
          }) == "f: id2label: expected at least one label, got none");
    CHECK(message([](Config& c) { c.labels.clear(); }) == "no error");  // of a model without a classifier
}

TEST_CASE("sizes that don't go together are refused")
{
    CHECK(message([](Config& c) { c.num_attention_heads = 7; }) ==
          "f: num_attention_heads: expected a divisor of hidden_size (768), got 7");
    CHECK(message([](Config& c) { c.hidden_size = c.num_attention_heads = 4097; }) ==
          "f: num_attention_heads: expected at most 4096, got 4097");
    CHECK(message([](Config& c) { c.pad_token_id = 30522; }) ==
          "f: pad_token_id: expected less than vocab_size (30522), got 30522");
    CHECK(message([](Config& c) { c.pad_token_id = 30521; }) == "no error");
    CHECK(message([](Config& c) { c.pad_token_id.reset(); }) == "no error");
}

TEST_CASE("sizes so large that numbers of bytes would overflow are refused")
{
    const std::string place = "expected a model of at most 2^40 parameters, got ";
    CHECK(message([](Config& c) { c.vocab_size = std::numeric_limits<std::size_t>::max(); }) ==
          "f: vocab_size: " + place + "18446744073709551615");
    CHECK(message([](Config& c) { c.num_hidden_layers = 1'000'000; }) == "f: num_hidden_layers: " + place + "1000000");
    CHECK(message([](Config& c) { c.hidden_size = 12'000'000; }) == "f: hidden_size: " + place + "12000000");
    CHECK(message([](Config& c) { c.hidden_size = 12 * 8192; }) == "no error");
}

TEST_CASE("probabilities and small numbers outside their range are refused")
{
    const double nan = std::nan("");
    CHECK(message([](Config& c) { c.hidden_dropout_prob = 1; }) ==
          "f: hidden_dropout_prob: expected a probability in [0, 1), got 1");
    CHECK(message([](Config& c) { c.attention_probs_dropout_prob = -0.1; }) ==
          "f: attention_probs_dropout_prob: expected a probability in [0, 1), got -0.1");
    CHECK(message([&](Config& c) { c.classifier_dropout = nan; }) ==
          "f: classifier_dropout: expected a probability in [0, 1), got nan");
    CHECK(message([](Config& c) { c.layer_norm_eps = 0; }) == "f: layer_norm_eps: expected a positive number, got 0");
    CHECK(message([](Config& c) { c.layer_norm_eps = INFINITY; }) == "f: layer_norm_eps: expected a positive number, got inf");
    CHECK(message([&](Config& c) { c.layer_norm_eps = nan; }) == "f: layer_norm_eps: expected a positive number, got nan");
    CHECK(message([](Config& c) { c.initializer_range = -1; }) ==
          "f: initializer_range: expected a finite number, 0 or more, got -1");
}

TEST_CASE("another problem or element type is refused")
{
    CHECK(message([](Config& c) { c.problem_type = "ranking"; }) ==
          "f: problem_type: expected regression, single_label_classification or multi_label_classification, got \"ranking\"");
    CHECK(message([](Config& c) { c.dtype = "int8"; }) ==
          "f: dtype: expected float32, float64, float16 or bfloat16, got \"int8\"");
}

TEST_CASE("labels that don't fit the task are refused")
{
    CHECK(message([](Config& c) {
              c.heads = {"question_answering"};
              c.labels = {"start"};
          }) == "f: id2label: expected 2 labels (start and end) for question answering, got 1");
    CHECK(message([](Config& c) {
              c.problem_type = "single_label_classification";
              c.labels = {"score"};
          }) == "f: problem_type: expected regression for a single label, got \"single_label_classification\"");
}

TEST_CASE("a configuration names its heads")
{
    Config config;
    CHECK(!config.has_head("masked_lm"));
    config.heads = {"masked_lm", "next_sentence"};
    CHECK((config.has_head("masked_lm") && config.has_head("next_sentence") && !config.has_head("masked")));
    CHECK_NOTHROW(check_config(config));
}
