// The names are those that transformers 5.23 knows.
#include "bert/io/tokenizer_class.hpp"

#include "catch.hpp"

using bert::detail::tokenizer_class_named;
using bert::detail::tokenizer_class_of_model;
using bert::detail::TokenizerClass;

TEST_CASE("what a class makes of the files")
{
    CHECK(tokenizer_class_named("BertTokenizer") == TokenizerClass::bert);
    CHECK(tokenizer_class_named("DistilBertTokenizerFast") == TokenizerClass::bert);
    CHECK(tokenizer_class_named("PreTrainedTokenizerFast") == TokenizerClass::stored);
    CHECK(tokenizer_class_named("TokenizersBackend") == TokenizerClass::stored);
    CHECK(tokenizer_class_named("SomethingElse") == TokenizerClass::stored);
    CHECK(tokenizer_class_named("RobertaTokenizer") == TokenizerClass::other);
    CHECK(tokenizer_class_named("BertJapaneseTokenizer") == TokenizerClass::other);
}

TEST_CASE("the class that belongs to a model")
{
    CHECK(tokenizer_class_of_model("bert") == "BertTokenizer");
    CHECK(tokenizer_class_of_model("electra") == "BertTokenizer");
    CHECK(tokenizer_class_of_model("roberta") == "roberta");
}
