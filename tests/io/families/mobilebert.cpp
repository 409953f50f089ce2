#include "bert/io/families/mobilebert.hpp"

#include <filesystem>
#include <string>

#include "bert/core/parameters.hpp"
#include "bert/ops/reference.hpp"
#include "bert/variants/mobilebert.hpp"

#include "catch.hpp"
#include "io/families/check_family.hpp"
#include "io/helpers.hpp"

using bert::mobilebert_family;
using families::refusal;

namespace {

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

/// The text of a config.json with some keys.
std::string config_with(const std::string& keys) { return R"({"model_type":"mobilebert",)" + keys + "}"; }

}  // namespace

TEST_CASE("MobileBERT: what the library wrote is read and written again")
{
    CHECK(families::write_again(mobilebert_family, bert::load_mobilebert<float, bert::Reference>) >= 13);
}

TEST_CASE("MobileBERT: its names are ours; one matrix is turned")
{
    const auto published = [](const char* name) { return mobilebert_family.published(name, {}); };
    CHECK(published("bert.encoder.layer.2.bottleneck.input.LayerNorm.weight") ==
          "mobilebert.encoder.layer.2.bottleneck.input.LayerNorm.weight");
    CHECK(published("encoder.layer.0.ffn.1.output.dense.bias") == "encoder.layer.0.ffn.1.output.dense.bias");
    const bert::StoredForm form = mobilebert_family.stored("cls.predictions.dense.weight", {});
    CHECK(form.name == "cls.predictions.dense.weight");
    CHECK((form.turned && form.parts == 1));
    CHECK_FALSE(mobilebert_family.stored("cls.predictions.transform.dense.weight", {}).turned);
}

TEST_CASE("MobileBERT: every class has its heads, and the count of its numbers is that of its model, in every form")
{
    for (const bert::Architecture& architecture : mobilebert_family.architectures)
        for (const bool use_bottleneck : {true, false})
            for (const bool use_bottleneck_attention : {true, false})
                for (const bool other : {true, false}) {
                    bert::Config config = mobilebert_family.defaults();
                    bert::set_architecture(architecture.name, config, "config", mobilebert_family);
                    config.vocab_size = 11;
                    config.hidden_size = 6;
                    config.embedding_size = other ? 3 : 6;
                    config.num_hidden_layers = 2;
                    config.num_attention_heads = 2;
                    config.intermediate_size = 5;
                    config.max_position_embeddings = 7;
                    config.tie_word_embeddings = other;
                    config.mobilebert->intra_bottleneck_size = other ? 4 : 6;
                    config.mobilebert->use_bottleneck = use_bottleneck;
                    config.mobilebert->use_bottleneck_attention = use_bottleneck_attention;
                    config.mobilebert->trigram_input = other;
                    config.mobilebert->key_query_shared_bottleneck = other;
                    config.mobilebert->num_feedforward_networks = other ? 3 : 1;
                    config.mobilebert->classifier_activation = other;
                    bert::check_config(config);
                    CAPTURE(architecture.name, use_bottleneck, use_bottleneck_attention, other);
                    const auto model = bert::MobileBertModel<double>::make(config);
                    CHECK(bert::count_parameters(model) == bert::parameter_count(config));
                    CHECK(model.has_heads() == !config.heads.empty());
                    CHECK(model.body.pooler.has_value() == architecture.has_pooler);
                }
}

TEST_CASE("MobileBERT: defaults, and its own keys")
{
    const bert::Config config = bert::parse_config("f", R"({"model_type":"mobilebert"})", mobilebert_family);
    CHECK(config.hidden_size == 512);
    CHECK(config.embedding_width() == 128);
    CHECK(config.block_width() == 128);
    CHECK(config.num_hidden_layers == 24);
    CHECK(config.hidden_act == bert::Activation::relu);
    CHECK(config.hidden_dropout_prob == 0);
    CHECK(config.attention_probs_dropout_prob == 0.1);
    CHECK(config.mobilebert == bert::MobileBertConfig{});

    const bert::Config other = bert::parse_config(
        "f",
        config_with(R"("trigram_input":false,"use_bottleneck":false,"intra_bottleneck_size":7,"use_bottleneck_attention":true,
        "key_query_shared_bottleneck":false,"num_feedforward_networks":2,"normalization_type":"layer_norm",
        "classifier_activation":false,"true_hidden_size":512,"something":1)"),
        mobilebert_family);
    CHECK(other.mobilebert == bert::MobileBertConfig{false, false, 7, true, false, 2, "layer_norm", false});
    CHECK(other.block_width() == 512);
    CHECK(other.other_keys == R"({"something":1})");  // true_hidden_size isn't kept: it follows from the others
    CHECK(bert::parse_config("f", bert::config_json(other, mobilebert_family), mobilebert_family) == other);
    CHECK(bert::config_json(bert::Config()).find("trigram_input") == std::string::npos);  // BERT has no such keys
}

TEST_CASE("MobileBERT: what is refused")
{
    const auto refused = [](const std::string& keys) { return refusal(mobilebert_family, config_with(keys)); };
    CHECK(refused(R"("num_attention_heads":3)") ==
          "num_attention_heads: expected a divisor of intra_bottleneck_size (128), got 3");
    CHECK(refused(R"("num_attention_heads":3,"use_bottleneck":false)") ==
          "num_attention_heads: expected a divisor of hidden_size (512), got 3");
    CHECK(refused(R"("num_attention_heads":3,"intra_bottleneck_size":9)") == "no error");
    CHECK(refused(R"("intra_bottleneck_size":0)") == "intra_bottleneck_size: expected at least 1, got 0");
    CHECK(refused(R"("num_feedforward_networks":0)") == "num_feedforward_networks: expected at least 1, got 0");
    CHECK(refused(R"("embedding_size":0)") == "embedding_size: expected at least 1, got 0");
    CHECK(refused(R"("normalization_type":"rms_norm")") ==
          "normalization_type: expected no_norm or layer_norm, got \"rms_norm\"");
    CHECK(refused(R"("key_query_shared_bottleneck":false)") ==
          "key_query_shared_bottleneck: expected true, since intra_bottleneck_size (128) is not hidden_size (512), got false");
    CHECK(refused(R"("key_query_shared_bottleneck":false,"use_bottleneck_attention":true)") == "no error");
    CHECK(refused(R"("key_query_shared_bottleneck":false,"intra_bottleneck_size":512)") == "no error");
    CHECK(refused(R"("embedding_size":513)") == "no error");
    CHECK(refused(R"("embedding_size":513,"architectures":["MobileBertForMaskedLM"])") ==
          "embedding_size: expected at most hidden_size (512) for masked LM, got 513");
    CHECK(refused(R"("true_hidden_size":127)") == "true_hidden_size: expected 128, got 127");
    CHECK(refused(R"("trigram_input":1)") == "trigram_input: expected true or false, got 1");
    CHECK(refused(R"("num_feedforward_networks":1099511627776)") ==
          "num_feedforward_networks: expected a model of at most 2^40 parameters, got 1099511627776");
    CHECK(input_error([] { bert::parse_config("f", R"({"model_type":"mobilebert"})"); }) ==
          "f: model_type: expected bert (bert/variants/mobilebert.hpp loads this one), got \"mobilebert\"");
}

TEST_CASE("MobileBERT: a pooler without parameters stays, one whose parameters aren't there doesn't")
{
    const bert::Config raw = bert::load_mobilebert<float, bert::Reference>(cases / "mobilebert_base").config;
    CHECK_FALSE(raw.mobilebert->classifier_activation);
    CHECK(raw.has_pooler);
    const TemporaryFolder folder;
    std::filesystem::copy_file(cases / "mobilebert_base" / "model.safetensors", folder / "model.safetensors");
    bert::Config config = raw;
    config.mobilebert->classifier_activation = true;
    bert::write_config(folder / "config.json", config, mobilebert_family);
    CHECK_FALSE(bert::load_mobilebert<float, bert::Reference>(folder.path()).config.has_pooler);
}
