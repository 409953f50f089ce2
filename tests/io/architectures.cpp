#include "bert/io/architectures.hpp"

#include <string>
#include <string_view>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/model.hpp"
#include "catch.hpp"
#include "helpers.hpp"

using bert::Config;

namespace {

Config config_of(std::string_view architecture)
{
    Config config;
    bert::set_architecture(architecture, config);
    return config;
}

}  // namespace

TEST_CASE("Each published class has its heads, and a pooler where one of them needs it")
{
    CHECK(config_of("BertModel").heads.empty());
    CHECK(config_of("BertModel").has_pooler);
    CHECK(config_of("BertModel") == Config{});
    CHECK(config_of("BertForPreTraining").heads == std::vector<std::string>{"masked_lm", "next_sentence"});
    CHECK(config_of("BertForPreTraining").has_pooler);
    CHECK(config_of("BertForMaskedLM").heads == std::vector<std::string>{"masked_lm"});
    CHECK_FALSE(config_of("BertForMaskedLM").has_pooler);
    CHECK(config_of("BertForNextSentencePrediction").heads == std::vector<std::string>{"next_sentence"});
    CHECK(config_of("BertForNextSentencePrediction").has_pooler);
    CHECK(config_of("BertForSequenceClassification").heads == std::vector<std::string>{"sequence_classification"});
    CHECK(config_of("BertForSequenceClassification").has_pooler);
    CHECK(config_of("BertForTokenClassification").heads == std::vector<std::string>{"token_classification"});
    CHECK_FALSE(config_of("BertForTokenClassification").has_pooler);
    CHECK(config_of("BertForQuestionAnswering").heads == std::vector<std::string>{"question_answering"});
    CHECK_FALSE(config_of("BertForQuestionAnswering").has_pooler);
    CHECK(config_of("BertForMultipleChoice").heads == std::vector<std::string>{"multiple_choice"});
    CHECK(config_of("BertForMultipleChoice").has_pooler);
    CHECK(bert::bert_family.architectures.size() == 8);
}

TEST_CASE("A class takes the place of the one before")
{
    Config config = config_of("BertForPreTraining");
    bert::set_architecture("BertForTokenClassification", config);
    CHECK(config.architecture == "BertForTokenClassification");
    CHECK(config.heads == std::vector<std::string>{"token_classification"});
    CHECK_FALSE(config.has_pooler);
    CHECK(config.has_head("token_classification"));
    CHECK_FALSE(config.has_head("masked_lm"));
}

TEST_CASE("A class that isn't in the table is refused, and the configuration stays as it was")
{
    Config config;
    CHECK(input_error([&] { bert::set_architecture("BertLMHeadModel", config, "f"); }) ==
          "f: architectures: expected BertModel, BertForPreTraining, BertForMaskedLM, BertForNextSentencePrediction, "
          "BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering or BertForMultipleChoice, "
          "got \"BertLMHeadModel\"");
    CHECK(input_error([&] { bert::set_architecture("", config); }).starts_with("config: architectures: expected BertModel, "));
    CHECK(config == Config{});
}

TEST_CASE("Each class makes the heads of its name, and the count of its numbers is that of its model")
{
    for (const bert::Architecture& architecture : bert::bert_family.architectures) {
        for (const bool tied : {true, false}) {
            Config config = config_of(architecture.name);
            config.vocab_size = 11;
            config.hidden_size = 6;
            config.num_hidden_layers = 2;
            config.num_attention_heads = 2;
            config.intermediate_size = 5;
            config.max_position_embeddings = 7;
            config.tie_word_embeddings = tied;
            if (!config.has_head("question_answering")) config.labels = {"a", "b", "c"};
            CAPTURE(config.architecture, tied);
            const auto model = bert::Model<double>::make(config);
            CHECK(bert::count_parameters(model) == bert::parameter_count(config));
            CHECK(model.has_heads() == !config.heads.empty());
            CHECK(model.body.pooler.has_value() == config.has_pooler);
            CHECK(model.masked_lm.has_value() == config.has_head("masked_lm"));
            CHECK(model.next_sentence.has_value() == config.has_head("next_sentence"));
            CHECK(model.sequence_classification.has_value() == config.has_head("sequence_classification"));
            CHECK(model.multiple_choice.has_value() == config.has_head("multiple_choice"));
            CHECK(model.token_classification.has_value() == config.has_head("token_classification"));
            CHECK(model.question_answering.has_value() == config.has_head("question_answering"));
        }
    }
}
