// A family of our own making: what its files call the parameters, and models that go through such files.
#include "bert/io/family.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "bert/core/parameters.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/model_writer.hpp"
#include "catch.hpp"
#include "helpers.hpp"

using bert::Family;
using bert::Model;
using bert::NameSubstitution;
using bert::Reference;

namespace {

constexpr std::array<NameSubstitution, 3> names{{
    {"encoder.layer", "transformer.blocks"},
    {"attention.output.LayerNorm", "first_norm"},
    {"cls.predictions.transform", "lm.hidden"},
}};
constexpr std::array<NameSubstitution, 1> config_keys{{{"hidden_size", "width"}}};
constexpr std::array<NameSubstitution, 2> old_names{{{"norm.weight", "norm.g"}, {"norm.bias", "norm.b"}}};
constexpr std::array<std::string_view, 2> ignored{"mask_bias", "numbers"};
constexpr std::array<std::string_view, 2> body_components{"embeddings", "transformer"};
constexpr std::array<std::string_view, 5> head_components{"lm", "cls.predictions", "cls.seq_relationship", "classifier",
                                                          "qa_outputs"};

constexpr Family family{.model_type = "bert",
                        .body = "base.",
                        .architectures = bert::bert_family.architectures,
                        .config_keys = config_keys,
                        .names = names,
                        .old_names = old_names,
                        .ignored = ignored,
                        .body_components = body_components,
                        .head_components = head_components,
                        .table = "base.embeddings.word_embeddings.weight",
                        .decoder = "cls.predictions.decoder.weight"};

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

bool same_parameters(const Model<double>& a, const Model<double>& b)
{
    bool same = bert::count_parameters(a) == bert::count_parameters(b);
    if (same)
        Model<double>::parameters([&](const std::string&, const auto& x, const auto& y) { same = same && x == y; }, "", a, b);
    return same;
}

}  // namespace

TEST_CASE("Our names become a family's: the body's prefix, then each substitution that fits")
{
    CHECK(family.published("bert.embeddings.LayerNorm.weight", {}) == "base.embeddings.LayerNorm.weight");
    CHECK(family.published("bert.encoder.layer.3.attention.self.query.bias", {}) ==
          "base.transformer.blocks.3.attention.self.query.bias");
    CHECK(family.published("bert.encoder.layer.0.attention.output.LayerNorm.weight", {}) ==
          "base.transformer.blocks.0.first_norm.weight");
    CHECK(family.published("cls.predictions.transform.dense.weight", {}) == "lm.hidden.dense.weight");
    CHECK(family.published("embeddings.LayerNorm.weight", {}) == "embeddings.LayerNorm.weight");  // of a model without heads
    CHECK(family.published("qa_outputs.bias", {}) == "qa_outputs.bias");
}

TEST_CASE("A configuration is read and written under the family's keys")
{
    CHECK(family.config_key("hidden_size") == "width");
    CHECK(family.config_key("vocab_size") == "vocab_size");
    const bert::Config config = bert::parse_config("f", R"({"width": 36, "num_attention_heads": 4, "hidden_size": 12})", family);
    CHECK(config.hidden_size == 36);
    CHECK(config.other_keys == R"({"hidden_size":12})");  // means nothing to this family
    CHECK(bert::parse_config("f", bert::config_json(config, family), family) == config);
}

TEST_CASE("A name is looked for with the body's prefix and without, and as older files have it")
{
    const std::vector<std::string> spellings{"base.first_norm.weight", "base.first_norm.g", "first_norm.weight", "first_norm.g"};
    CHECK(family.spellings("base.first_norm.weight") == spellings);
    CHECK(family.spellings("first_norm.weight") == spellings);
    CHECK(family.spellings("pooler.dense.bias") == std::vector<std::string>{"base.pooler.dense.bias", "pooler.dense.bias"});
}

TEST_CASE("A tensor that is no parameter is known by the end of its name")
{
    CHECK(family.ignores("base.transformer.blocks.0.mask_bias"));
    CHECK(family.ignores("numbers"));
    CHECK_FALSE(family.ignores("numbers.weight"));
    CHECK_FALSE(Family{.model_type = "", .body = ""}.ignores("numbers"));
}

TEST_CASE("A tensor belongs to the component with which its name begins, behind the body's prefix or without it")
{
    CHECK(family.component_of("base.transformer.blocks.0.first_norm.weight") == "transformer");
    CHECK(family.component_of("transformer.blocks.0.first_norm.weight") == "transformer");
    CHECK(family.component_of("lm.hidden.dense.weight") == "lm");
    CHECK(family.component_of("lm_head.weight").empty());  // a component's name is followed by a dot
    CHECK(family.component_of("lm").empty());
    CHECK(family.is_of_head("lm.hidden.dense.weight"));
    CHECK_FALSE(family.is_of_head("base.transformer.blocks.0.first_norm.weight"));
    CHECK(family.component_of("other.embeddings.weight").empty());
}

TEST_CASE("A model goes through a family's files as it is, every head, tied and not, with a pooler and without")
{
    for (const char* const name : {"pretraining_gelu", "masked_lm_untied", "question_answering", "multiple_choice",
                                   "base_with_pooler", "base_without_pooler"}) {
        INFO(name);
        const TemporaryFolder folder;
        const auto model = bert::load_model<double, Reference>(cases / name);
        bert::save_model(model, folder.path(), bert::StoredAs::scalar, family);
        const bert::SafetensorsFile file(folder / "model.safetensors");
        for (const bert::TensorView& view : file.tensors()) {
            CHECK_FALSE(view.name.starts_with("bert."));
            CHECK(view.name.find("encoder.layer") == std::string::npos);
        }
        bert::LoadReport report;
        const auto loaded = bert::load_model<double, Reference>(folder.path(), &report, family);
        CHECK(loaded.body.pooler.has_value() == model.body.pooler.has_value());
        CHECK(same_parameters(loaded, model));
        CHECK(report.ignored.empty());
        CHECK_THROWS_AS((bert::load_model<double, Reference>(folder.path())), bert::InputError);  // BERT's names aren't there
    }
}

TEST_CASE("A parameter that files have under two names is taken from the first that is there")
{
    // The masked-LM head's bias of BERT, whose names are tied; here each is in the file, alone and beside the other.
    const auto model = bert::load_model<double, Reference>(cases / "masked_lm");
    const auto loaded_with = [&](const std::vector<std::string>& stored) {
        const TemporaryFolder folder;
        bert::save_model(model, folder.path());
        const bert::SafetensorsFile file(folder / "model.safetensors");
        std::vector<bert::TensorView> tensors = file.tensors();
        std::erase_if(tensors, [](const bert::TensorView& view) { return view.name == "cls.predictions.bias"; });
        bert::Tensor<double, 1> values = model.masked_lm->bias;
        std::vector<bert::Tensor<double, 1>> kept;
        kept.reserve(stored.size());
        for (const std::string& name : stored) {
            for (double& value : values)
                value += 1;
            kept.push_back(values);
            tensors.push_back(bert::view_of(name, kept.back()));
        }
        const TemporaryFolder changed;
        std::filesystem::copy_file(folder / "config.json", changed / "config.json");
        bert::write_safetensors(changed / "model.safetensors", tensors);
        bert::LoadReport report;
        const auto loaded = bert::load_model<double, Reference>(changed.path(), &report);
        CHECK(report.ignored.empty());
        return loaded.masked_lm->bias(0) - model.masked_lm->bias(0);
    };
    const std::string first = "cls.predictions.decoder.bias", second = "cls.predictions.bias";
    CHECK(loaded_with({first}) == Approx(1));
    CHECK(loaded_with({second}) == Approx(1));
    CHECK(loaded_with({first, second}) == Approx(1));
    CHECK(loaded_with({second, first}) == Approx(2));
}
