#include "bert/io/model_folder.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "bert/io/config_writer.hpp"
#include "bert/io/safetensors_writer.hpp"

#include "catch.hpp"
#include "helpers.hpp"
#include "same_parameters.hpp"

using bert::LoadReport;
using bert::Model;
using bert::Reference;
using bert::TensorView;

namespace {

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

/// Copies a case's model folder with its tensors changed.
template <class Change>
void write_changed(const std::string& name, const std::filesystem::path& to, const Change& change)
{
    std::filesystem::copy_file(cases / name / "config.json", to / "config.json",
                               std::filesystem::copy_options::overwrite_existing);
    const bert::SafetensorsFile file(cases / name / "model.safetensors");
    std::vector<TensorView> tensors = file.tensors();
    change(tensors);
    bert::write_safetensors(to / "model.safetensors", tensors);
}

}  // namespace

TEST_CASE("A model is found without its prefix, with old names, and beside what it doesn't need")
{
    const TemporaryFolder folder;
    const auto model = bert::load_model<double, Reference>(cases / "pretraining_gelu");
    const bert::IndexTensor<1> positions = {0, 1, 2};
    const auto rename = [](std::string& name, const std::string& from, const std::string& to) {
        const std::size_t at = name.find(from);
        if (at != std::string::npos) name.replace(at, from.size(), to);
    };
    write_changed("pretraining_gelu", folder.path(), [&](std::vector<TensorView>& tensors) {
        for (TensorView& tensor : tensors) {
            rename(tensor.name, "bert.", "");
            rename(tensor.name, "LayerNorm.weight", "LayerNorm.gamma");
            rename(tensor.name, "LayerNorm.bias", "LayerNorm.beta");
        }
        tensors.push_back(bert::view_of("embeddings.position_ids", positions));  // no parameter, of another dtype
        tensors.push_back(bert::view_of("something.else", positions));
    });
    LoadReport report;
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path(), &report), model));
    CHECK(report.ignored == std::vector<std::string>{"something.else"});
}

TEST_CASE("Of a class whose head is missing, or that isn't known, the encoder is used, with a warning")
{
    const TemporaryFolder folder;
    const auto model = bert::load_model<double, Reference>(cases / "base_with_pooler");
    write_changed("base_with_pooler", folder.path(), [](std::vector<TensorView>&) {});
    const std::string config = contents_of(folder / "config.json"), place = (folder / "config.json").string();
    const auto with_architecture = [&](const std::string& name) {
        std::string changed = config;
        const std::string known = "\"BertModel\"";
        changed.replace(changed.find(known), known.size(), '"' + name + '"');
        put(folder / "config.json", changed);
    };
    LoadReport report;
    with_architecture("BertForSequenceClassification");
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path(), &report), model));
    CHECK(report.warnings == std::vector<std::string>{place + ": architectures: \"BertForSequenceClassification\" has a head, of "
                                                              "which the files have no tensor; the model is a BertModel"});
    with_architecture("MyOwnModel");
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path(), &report), model));
    CHECK(report.warnings ==
          std::vector<std::string>{place + ": architectures: \"MyOwnModel\" isn't known; its encoder is used"});
}

TEST_CASE("What is missing or has the wrong shape is named")
{
    const TemporaryFolder folder;
    write_changed("pretraining_gelu", folder.path(), [](std::vector<TensorView>& tensors) {
        std::erase_if(tensors, [](const TensorView& t) { return t.name == "bert.pooler.dense.bias"; });
    });
    CHECK_THROWS_WITH(
        (bert::load_model<float, Reference>(folder.path())),
        folder.path().string() + ": tensor \"bert.pooler.dense.bias\": expected by BertForPreTraining, got no such tensor");
    bert::Family other_names = bert::bert_family;  // a message says what the family's files would call the tensor
    constexpr std::array<bert::NameSubstitution, 1> names{{{"attention.self.query", "attention.q_lin"}}};
    other_names.names = names;
    CHECK_THROWS_WITH((bert::load_model<float, Reference>(folder.path(), nullptr, other_names)),
                      folder.path().string() + ": tensor \"bert.encoder.layer.0.attention.q_lin.weight\": expected by " +
                          "BertForPreTraining, got no such tensor");
    write_changed("pretraining_gelu", folder.path(), [](std::vector<TensorView>& tensors) {
        for (TensorView& tensor : tensors)
            if (tensor.name == "bert.pooler.dense.bias") tensor.shape = {1, tensor.shape[0]};
    });
    CHECK_THROWS_WITH((bert::load_model<float, Reference>(folder.path())),
                      Catch::Contains("model.safetensors: tensor \"bert.pooler.dense.bias\": expected ["));
}

TEST_CASE("A decoder that equals the word table is tied, another is the model's own")
{
    const auto tied = bert::load_model<double, Reference>(cases / "masked_lm");
    CHECK(tied.masked_lm->decoder.size() == 0);
    const auto untied = bert::load_model<double, Reference>(cases / "masked_lm_untied");
    CHECK(untied.masked_lm->decoder.shape(0) == untied.config.vocab_size);
    const TemporaryFolder folder;
    write_changed("masked_lm", folder.path(), [](std::vector<TensorView>& tensors) {
        const auto table = std::find_if(tensors.begin(), tensors.end(),
                                        [](const TensorView& t) { return t.name.ends_with("word_embeddings.weight"); });
        TensorView decoder = *table;
        decoder.name = "cls.predictions.decoder.weight";
        tensors.push_back(decoder);
    });
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path()), tied));
}

TEST_CASE("A configuration that asks for far more than the file holds is refused before memory is taken")
{
    const TemporaryFolder folder;
    std::filesystem::copy_file(cases / "pretraining_gelu" / "model.safetensors", folder.path() / "model.safetensors");
    bert::Config config;
    config.hidden_size = 49152;
    config.num_attention_heads = 1;
    bert::write_config(folder.path() / "config.json", config);
    CHECK_THROWS_WITH((bert::load_model<float, Reference>(folder.path())),
                      Catch::Contains("config.json: expected sizes for the "));
}
