#include "bert/io/families/bert.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/io/architectures.hpp"
#include "bert/model.hpp"
#include "catch.hpp"

using bert::bert_family;

namespace {

std::vector<std::string> names_of(const char* architecture, bool tied = true)
{
    bert::Config config;
    bert::set_architecture(architecture, config);
    config.vocab_size = config.hidden_size = config.intermediate_size = config.max_position_embeddings = 4;
    config.num_attention_heads = config.num_hidden_layers = 1;
    config.tie_word_embeddings = tied;
    const auto model = bert::Model<double>::make(config);
    std::vector<std::string> names;
    for (const auto& parameter : bert::parameter_list<const double>(model))
        names.push_back(parameter.name);
    return names;
}

bool contains(const std::vector<std::string>& names, std::string_view name)
{
    return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

TEST_CASE("BERT's published names are ours")
{
    for (const bert::Architecture& architecture : bert::bert_family.architectures)
        for (const std::string& name : names_of(architecture.name.data()))
            CHECK(bert_family.published(name, {}) == name);
    const std::vector<std::string> names = names_of("BertForPreTraining");
    CHECK(contains(names, "bert.embeddings.word_embeddings.weight"));
    CHECK(contains(names, "bert.encoder.layer.0.attention.output.LayerNorm.weight"));
    CHECK(contains(names, "cls.predictions.transform.dense.bias"));
    CHECK(contains(names_of("BertModel"), "encoder.layer.0.output.dense.weight"));  // no prefix without heads
}

TEST_CASE("The word table, the decoder and what is tied are parameters of models")
{
    const std::vector<std::string> tied = names_of("BertForMaskedLM"), untied = names_of("BertForMaskedLM", false);
    CHECK(contains(tied, bert_family.table));
    CHECK_FALSE(contains(tied, bert_family.decoder));
    CHECK(contains(untied, bert_family.decoder));
    for (const bert::TiedNames& names : bert_family.tied)
        CHECK((contains(tied, names.parameter) || contains(untied, names.parameter)));
}

TEST_CASE("Every parameter belongs to a component of the table")
{
    for (const bert::Architecture& architecture : bert::bert_family.architectures)
        for (const std::string& name : names_of(architecture.name.data()))
            CHECK_FALSE(bert_family.component_of(name).empty());
    CHECK(bert_family.component_of("bert.encoder.layer.0.output.dense.weight") == "encoder");
    CHECK(bert_family.component_of("pooler.dense.bias") == "pooler");
    CHECK(bert_family.component_of("cls.seq_relationship.bias") == "cls.seq_relationship");
    CHECK(bert_family.component_of("something.else").empty());
}

TEST_CASE("A layer norm is looked for under TensorFlow's names too, and position_ids are no parameter")
{
    CHECK(bert_family.spellings("bert.embeddings.LayerNorm.weight") ==
          std::vector<std::string>{"bert.embeddings.LayerNorm.weight", "bert.embeddings.LayerNorm.gamma",
                                   "embeddings.LayerNorm.weight", "embeddings.LayerNorm.gamma"});
    CHECK(bert_family.spellings("encoder.layer.0.output.LayerNorm.bias")[1] == "bert.encoder.layer.0.output.LayerNorm.beta");
    CHECK(bert_family.spellings("classifier.bias") == std::vector<std::string>{"bert.classifier.bias", "classifier.bias"});
    CHECK(bert_family.ignores("bert.embeddings.position_ids"));
    CHECK(bert_family.ignores("embeddings.position_ids"));
    CHECK_FALSE(bert_family.ignores("bert.embeddings.position_embeddings.weight"));
    CHECK(bert_family.model_type == "bert");
}
