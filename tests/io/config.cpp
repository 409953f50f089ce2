#include "bert/io/config.hpp"

#include <string>
#include <vector>

#include "catch.hpp"
#include "helpers.hpp"

using namespace bert;

namespace {

std::string message(const std::string& text)
{
    return input_error([&] { parse_config("f", text); });
}

}  // namespace

TEST_CASE("what isn't said has the transformers library's default")
{
    const Config config = parse_config("f", "{}");
    CHECK(config == Config{});
    CHECK(config.vocab_size == 30522);
    CHECK(config.layer_norm_eps == 1e-12);
    CHECK(config.labels == std::vector<std::string>{"LABEL_0", "LABEL_1"});
}

TEST_CASE("every published name of an activation is known")
{
    const auto activation = [](const std::string& name) {
        return parse_config("f", R"({"hidden_act":")" + name + "\"}").hidden_act;
    };
    CHECK(activation("gelu") == Activation::gelu);
    CHECK(activation("gelu_python") == Activation::gelu);
    CHECK(activation("gelu_new") == Activation::gelu_tanh);
    CHECK(activation("gelu_accurate") == Activation::gelu_tanh);
    CHECK(activation("gelu_pytorch_tanh") == Activation::gelu_tanh);
    CHECK(activation("gelu_python_tanh") == Activation::gelu_tanh);
    CHECK(activation("relu") == Activation::relu);
    CHECK(message(R"({"hidden_act":"swish"})") ==
          "f: hidden_act: expected gelu, gelu_python, gelu_new, gelu_accurate, gelu_pytorch_tanh, gelu_python_tanh or relu, "
          "got \"swish\"");
    CHECK(message(R"({"hidden_act":""})").substr(0, 33) == "f: hidden_act: expected gelu, gel");
    CHECK(message(R"({"hidden_act":null})") == "f: hidden_act: expected a string, got null");
}

TEST_CASE("old and short ways to say things are read")
{
    CHECK(parse_config("f", R"({"torch_dtype":"float16"})").dtype == "float16");
    CHECK(parse_config("f", R"({"torch_dtype":"float16","dtype":"bfloat16"})").dtype == "bfloat16");
    CHECK(parse_config("f", R"({"torch_dtype":null,"problem_type":null,"architectures":null,"id2label":null})") == Config{});
    CHECK(parse_config("f", R"({"num_labels":3})").labels == std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"});
    CHECK(parse_config("f", R"({"architectures":["BertForMaskedLM","BertModel"]})").architecture == "BertForMaskedLM");
    CHECK(parse_config("f", R"({"hidden_dropout_prob":0})").hidden_dropout_prob == 0);
}

TEST_CASE("what isn't the JSON of a configuration is refused")
{
    const TemporaryFolder folder;
    put(folder / "empty", "");
    CHECK(input_error([&] { read_config(folder / "empty"); }) ==
          (folder / "empty").string() + ": expected a file with contents, got an empty one");
    put(folder / "bert_config.json", "{}");
    CHECK(input_error([&] { read_config(folder / "config.json"); }) ==
          (folder / "config.json").string() +
              ": expected a configuration, got none, but bert_config.json; reference_outputs/convert_checkpoint.py makes a model "
              "folder of a TensorFlow checkpoint");
    CHECK(message("[1]") == "f: expected a JSON object, got [1]");
    CHECK(message("{\"vocab_size\":").substr(0, 18) == "f: expected JSON: ");
    CHECK(message(R"({"vocab_size":"30522"})") == "f: vocab_size: expected a whole number from 0, got \"30522\"");
    CHECK(message(R"({"vocab_size":-1})") == "f: vocab_size: expected a whole number from 0, got -1");
    CHECK(message(R"({"vocab_size":7.0})") == "f: vocab_size: expected a whole number from 0, got 7.0");
    CHECK(message(R"({"vocab_size":1e30})") == "f: vocab_size: expected a whole number from 0, got 1e+30");
    CHECK(message(R"({"vocab_size":null})") == "f: vocab_size: expected a whole number from 0, got null");
    CHECK(message(R"({"pad_token_id":-1})") == "f: pad_token_id: expected a whole number from 0, got -1");
    CHECK(message(R"({"layer_norm_eps":"1e-12"})") == "f: layer_norm_eps: expected a number, got \"1e-12\"");
    CHECK(message(R"({"tie_word_embeddings":1})") == "f: tie_word_embeddings: expected true or false, got 1");
    CHECK(message(R"({"model_type":7})") == "f: model_type: expected a string, got 7");
    CHECK(message(R"({"architectures":[7]})") == "f: architectures: expected a list of names, got [7]");
    CHECK(message(R"({"type_vocab_size":0})") == "f: type_vocab_size: expected at least 1, got 0");
    CHECK(message(R"({"id2label":["a"]})") == "f: id2label: expected an object, got [\"a\"]");
    CHECK(message(R"({"id2label":{"a":"a"}})") == R"(f: id2label: expected whole numbers as keys, got {"a":"a"})");
    CHECK(message(R"({"id2label":{},"architectures":["BertForTokenClassification"]})") ==
          "f: id2label: expected at least one label, got none");
    CHECK(message(R"({"num_labels":1000001})") == "f: num_labels: expected at most 1000000, got 1000001");
    CHECK(message(R"({"num_labels":0})") == "no error");
    CHECK(message(R"({"num_labels":0,"architectures":["BertForSequenceClassification"]})") ==
          "f: id2label: expected at least one label, got none");
    CHECK(message(R"({"dtype":7})") == "f: dtype: expected a string, got 7");
}

namespace {

std::string only_warning(const std::string& text)
{
    std::vector<std::string> warnings;
    parse_config("f", text, bert::bert_family, &warnings);
    return warnings.size() == 1 ? warnings[0] : std::to_string(warnings.size()) + " warnings";
}

}  // namespace

// As transformers 5.23 does, but for types that it doesn't know: there it fails.
TEST_CASE("what contradicts itself, or isn't known and isn't needed, is not followed, with a warning")
{
    using Labels = std::vector<std::string>;
    CHECK(parse_config("f", R"({"num_labels":3,"id2label":{"0":"a","1":"b"}})").labels ==
          Labels{"LABEL_0", "LABEL_1", "LABEL_2"});
    CHECK(only_warning(R"({"num_labels":3,"id2label":{"0":"a","1":"b"}})") ==
          "f: id2label: expected 3 names, as num_labels says, got 2; isn't followed");
    CHECK(parse_config("f", R"({"num_labels":2,"id2label":{"1":"b","0":"a"}})").labels == Labels{"a", "b"});
    CHECK(parse_config("f", R"({"id2label":{"0":1,"1":null}})").labels == Labels{"1", "LABEL_1"});
    CHECK(parse_config("f", R"({"id2label":{"1":"a","2":"b","3":"c"}})").labels == Labels{"LABEL_0", "a", "b"});
    CHECK(only_warning(R"({"id2label":{"1":"a","2":"b","3":"c"}})") ==
          "f: id2label: expected a name for each class from 0 to 2, got some; the others are called LABEL_0 and so on");
    CHECK(parse_config("f", R"({"architectures":[]})").architecture == "BertModel");
    CHECK(parse_config("f", R"({"architectures":"BertForMaskedLM"})").architecture == "BertForMaskedLM");
    CHECK(parse_config("f", R"({"architectures":["BertForSomething"]})").architecture == "BertModel");
    CHECK(only_warning(R"({"architectures":["BertForSomething"]})") ==
          "f: architectures: \"BertForSomething\" isn't known; its encoder is used");
    CHECK(parse_config("f", R"({"problem_type":"foo"})").problem_type.empty());
    CHECK(only_warning(R"({"problem_type":"foo"})").find("f: problem_type: expected regression, ") == 0);
    CHECK(parse_config("f", R"({"torch_dtype":"torch.float16"})").dtype == "float16");
    CHECK(parse_config("f", R"({"dtype":"half"})").dtype == "float16");
    CHECK(parse_config("f", R"({"dtype":"auto"})").dtype == "float32");
    CHECK(only_warning(R"({"dtype":"auto"})") ==
          "f: dtype: expected float32, float64, float16 or bfloat16, got \"auto\"; isn't followed");
    CHECK(only_warning(R"({"num_labels":3})") == "0 warnings");
}

TEST_CASE("a configuration of another model is refused")
{
    CHECK(message(R"({"model_type":"xlnet"})") == "f: model_type: expected bert, got \"xlnet\"");
    CHECK(message(R"({"model_type":"roberta"})") ==
          "f: model_type: expected bert (bert/variants/roberta.hpp loads this one), got \"roberta\"");
    CHECK(message(R"({"architectures":["BertLMHeadModel"]})") ==
          "f: architectures: expected BertModel, BertForPreTraining, BertForMaskedLM, BertForNextSentencePrediction, "
          "BertForSequenceClassification, BertForTokenClassification, BertForQuestionAnswering or BertForMultipleChoice, got "
          "\"BertLMHeadModel\"");
    CHECK(message(R"({"model_type":"t5","is_encoder_decoder":true})") == "f: model_type: expected bert, got \"t5\"");
    CHECK(message(R"({"is_decoder":true})") == "f: is_decoder: expected false, got true");
    CHECK(message(R"({"add_cross_attention":true})") == "f: add_cross_attention: expected false, got true");
    CHECK(message(R"({"is_decoder":false,"add_cross_attention":false})") == "no error");
    CHECK(message(R"({"position_embedding_type":"relative_key"})") ==
          "f: position_embedding_type: expected \"absolute\", got \"relative_key\"");
    CHECK(message(R"({"position_embedding_type":"absolute"})") == "no error");
    CHECK(message(R"({"position_embedding_type":null})") == "no error");
    CHECK(message(R"({"pruned_heads":{"1":[0]}})") == R"(f: pruned_heads: expected no pruned heads, got {"1":[0]})");
    CHECK(message(R"({"pruned_heads":{}})") == "no error");
    CHECK(message(R"({"num_attention_heads":7})") == "f: num_attention_heads: expected a divisor of hidden_size (768), got 7");
}

TEST_CASE("a value that is long or has line breaks can't break the message")
{
    CHECK(message(R"({"model_type":"a\nb"})") == "f: model_type: expected bert, got \"a\\u000ab\"");
    CHECK(message("{\"model_type\":\"" + std::string(100'000, 'x') + "\"}").size() < 300);
    CHECK(message("{\"vocab_size\":\"" + std::string(100'000, 'x') + "\"}").size() < 300);
}
