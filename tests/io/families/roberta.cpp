#include "bert/io/families/roberta.hpp"

#include "bert/ops/reference.hpp"
#include "bert/variants/roberta.hpp"

#include "catch.hpp"
#include "io/families/check_family.hpp"

using families::refusal;

TEST_CASE("RoBERTa: what the library wrote is read and written again")
{
    CHECK(families::write_again(bert::roberta_family, bert::load_roberta<float, bert::Reference>) >= 6);
}

TEST_CASE("RoBERTa: defaults, and what is refused")
{
    const bert::Config config = bert::parse_config("f", R"({"model_type":"roberta"})", bert::roberta_family);
    CHECK(config.vocab_size == 50265);
    CHECK(config.pad_token_id == 1);
    CHECK(config.longest_sequence() == 510);
    CHECK(config.masked_lm_activation() == bert::Activation::gelu);
    CHECK(
        bert::parse_config("f", R"({"model_type":"roberta","hidden_act":"relu"})", bert::roberta_family).masked_lm_activation() ==
        bert::Activation::gelu);
    CHECK(refusal(bert::roberta_family, R"({"model_type":"bert"})") == R"(model_type: expected roberta, got "bert")");
    CHECK(refusal(bert::bert_family, R"({"model_type":"roberta"})") ==
          R"(model_type: expected bert (bert/variants/roberta.hpp loads this one), got "roberta")");
    CHECK(refusal(bert::roberta_family, R"({"model_type":"roberta","architectures":["RobertaForCausalLM"]})") ==
          "architectures: expected RobertaModel, RobertaForMaskedLM, RobertaForSequenceClassification, RobertaForMultipleChoice, "
          R"(RobertaForTokenClassification or RobertaForQuestionAnswering, got "RobertaForCausalLM")");
    CHECK(refusal(bert::roberta_family, R"({"model_type":"roberta","pad_token_id":null})") ==
          "pad_token_id: expected the id after which positions are counted, got null");
    CHECK(refusal(bert::roberta_family, R"({"model_type":"roberta","max_position_embeddings":2})") ==
          "max_position_embeddings: expected more than pad_token_id + 1 (2), got 2");
    CHECK(refusal(bert::roberta_family, R"({"model_type":"roberta","type_vocab_size":0})") ==
          "type_vocab_size: expected at least 1, got 0");
}
