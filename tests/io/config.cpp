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
    CHECK(parse_config("f", R"({"num_labels":3,"id2label":{"1":"b","0":"a"}})").labels == std::vector<std::string>{"a", "b"});
    CHECK(parse_config("f", R"({"architectures":["BertForMaskedLM","BertModel"]})").architecture == "BertForMaskedLM");
    CHECK(parse_config("f", R"({"hidden_dropout_prob":0})").hidden_dropout_prob == 0);
}

TEST_CASE("what isn't the JSON of a configuration is refused")
{
    const TemporaryFolder folder;
    put(folder / "empty", "");
    CHECK(input_error([&] { read_config(folder / "empty"); }) ==
          (folder / "empty").string() + ": expected a file with contents, got an empty one");
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
    CHECK(message(R"({"architectures":"BertModel"})") == "f: architectures: expected a list of names, got \"BertModel\"");
    CHECK(message(R"({"architectures":[]})") == "f: architectures: expected a list of names, got []");
    CHECK(message(R"({"id2label":["a"]})") == "f: id2label: expected an object, got [\"a\"]");
    CHECK(message(R"({"id2label":{"0":"a","2":"b"}})") == R"(f: id2label: expected the keys 0 to 1, got {"0":"a","2":"b"})");
    CHECK(message(R"({"id2label":{"0":null}})") == R"(f: id2label: expected a string for each class, got null)");
    CHECK(message(R"({"id2label":{}})") == "f: id2label: expected at least one label, got none");
    CHECK(message(R"({"num_labels":1000001})") == "f: num_labels: expected at most 1000000, got 1000001");
    CHECK(message(R"({"num_labels":0})") == "f: id2label: expected at least one label, got none");
}

TEST_CASE("a configuration of another model is refused")
{
    CHECK(message(R"({"model_type":"roberta"})") == "f: model_type: expected bert, got \"roberta\"");
    CHECK(message(R"({"model_type":"t5","is_encoder_decoder":true})") == "f: model_type: expected bert, got \"t5\"");
    CHECK(message(R"({"architectures":["BertLMHeadModel"]})").find("got \"BertLMHeadModel\"") != std::string::npos);
    CHECK(message(R"({"is_decoder":true})") == "f: is_decoder: expected false, got true");
    CHECK(message(R"({"add_cross_attention":true})") == "f: add_cross_attention: expected false, got true");
    CHECK(message(R"({"is_decoder":false,"add_cross_attention":false})") == "no error");
    CHECK(message(R"({"position_embedding_type":"relative_key"})") ==
          "f: position_embedding_type: expected \"absolute\", got \"relative_key\"");
    CHECK(message(R"({"position_embedding_type":"absolute"})") == "no error");
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
