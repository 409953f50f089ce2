#include "bert/io/model_folder.hpp"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"

using bert::LoadReport;
using bert::Model;
using bert::Reference;
using bert::TensorView;

namespace {

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

/// A folder that goes when the test ends.
struct Folder {
    std::filesystem::path path = std::filesystem::temp_directory_path() / "bert_test_model_folder";
    Folder()
    {
        std::filesystem::remove_all(path);
        std::filesystem::create_directories(path);
    }
    ~Folder() { std::filesystem::remove_all(path); }
};

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

bool same_parameters(const Model<double>& a, const Model<double>& b)
{
    bool same = bert::count_parameters(a) == bert::count_parameters(b);
    if (same)
        Model<double>::parameters([&](const std::string&, const auto& x, const auto& y) { same = same && x == y; }, "", a, b);
    return same;
}

}  // namespace

TEST_CASE("A model is found without its prefix, with old names, and beside what it doesn't need")
{
    const Folder folder;
    const auto model = bert::load_model<double, Reference>(cases / "pretraining_gelu");
    const bert::IndexTensor<1> positions = {0, 1, 2};
    const auto rename = [](std::string& name, const std::string& from, const std::string& to) {
        const std::size_t at = name.find(from);
        if (at != std::string::npos) name.replace(at, from.size(), to);
    };
    write_changed("pretraining_gelu", folder.path, [&](std::vector<TensorView>& tensors) {
        for (TensorView& tensor : tensors) {
            rename(tensor.name, "bert.", "");
            rename(tensor.name, "LayerNorm.weight", "LayerNorm.gamma");
            rename(tensor.name, "LayerNorm.bias", "LayerNorm.beta");
        }
        tensors.push_back(bert::view_of("embeddings.position_ids", positions));  // no parameter, of another dtype
        tensors.push_back(bert::view_of("something.else", positions));
    });
    LoadReport report;
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path, &report), model));
    CHECK(report.ignored == std::vector<std::string>{"something.else"});
}

TEST_CASE("What is missing or has the wrong shape is named")
{
    const Folder folder;
    write_changed("pretraining_gelu", folder.path, [](std::vector<TensorView>& tensors) {
        std::erase_if(tensors, [](const TensorView& t) { return t.name == "bert.pooler.dense.bias"; });
    });
    CHECK_THROWS_WITH(
        (bert::load_model<float, Reference>(folder.path)),
        folder.path.string() + ": tensor \"bert.pooler.dense.bias\": expected by BertForPreTraining, got no such tensor");
    write_changed("pretraining_gelu", folder.path, [](std::vector<TensorView>& tensors) {
        for (TensorView& tensor : tensors)
            if (tensor.name == "bert.pooler.dense.bias") tensor.shape = {1, tensor.shape[0]};
    });
    CHECK_THROWS_WITH((bert::load_model<float, Reference>(folder.path)),
                      Catch::Contains("model.safetensors: tensor \"bert.pooler.dense.bias\": expected ["));
}

TEST_CASE("A decoder that equals the word table is tied, another is the model's own")
{
    const auto tied = bert::load_model<double, Reference>(cases / "masked_lm");
    CHECK(tied.masked_word->decoder.size() == 0);
    const auto untied = bert::load_model<double, Reference>(cases / "masked_lm_untied");
    CHECK(untied.masked_word->decoder.shape(0) == untied.config.vocab_size);
    const Folder folder;
    write_changed("masked_lm", folder.path, [](std::vector<TensorView>& tensors) {
        const auto table = std::find_if(tensors.begin(), tensors.end(),
                                        [](const TensorView& t) { return t.name.ends_with("word_embeddings.weight"); });
        TensorView decoder = *table;
        decoder.name = "cls.predictions.decoder.weight";
        tensors.push_back(decoder);
    });
    CHECK(same_parameters(bert::load_model<double, Reference>(folder.path), tied));
}

TEST_CASE("A saved model is loaded as it was, every head")
{
    for (const char* name :
         {"pretraining_gelu", "masked_lm_untied", "question_answering", "multiple_choice", "base_without_pooler"}) {
        INFO(name);
        const Folder folder;
        const auto model = bert::load_model<double, Reference>(cases / name);
        bert::save_model(model, folder.path);
        LoadReport report;
        CHECK(same_parameters(bert::load_model<double, Reference>(folder.path, &report), model));
        CHECK(report.ignored.empty());
    }
}

TEST_CASE("A model saved in 16 bits is loaded as its numbers rounded, from half the file")
{
    const Folder folder;
    auto model = bert::load_model<float, Reference>(cases / "pretraining_gelu");
    const auto hold = [&](bert::StoredAs stored, bert::Dtype dtype, auto round) {
        bert::save_model(model, folder.path, stored);
        const bert::SafetensorsFile file(folder.path / "model.safetensors");
        for (const TensorView& view : file.tensors())
            CHECK(view.dtype == dtype);
        const auto loaded = bert::load_model<float, Reference>(folder.path);
        std::size_t wrong = 0;
        Model<float>::parameters(
            [&](const std::string&, const auto& x, const auto& y) {
                for (std::size_t i = 0; i < x.size(); ++i)
                    wrong += x.data()[i] == round(y.data()[i]) ? 0 : 1;
            },
            "", loaded, model);
        CHECK(wrong == 0);
    };
    hold(bert::StoredAs::bfloat16, bert::Dtype::BF16,
         [](float x) { return bert::float_from_bfloat16(bert::bfloat16_from_float(x)); });
    const auto bytes_of_bfloat16 = std::filesystem::file_size(folder.path / "model.safetensors");
    hold(bert::StoredAs::float16, bert::Dtype::F16,
         [](float x) { return bert::float_from_float16(bert::float16_from_float(x)); });
    bert::save_model(model, folder.path);
    CHECK(10 * bytes_of_bfloat16 < 6 * std::filesystem::file_size(folder.path / "model.safetensors"));

    model.pooler->dense.bias(1) = -65520;
    CHECK_THROWS_WITH(bert::save_model(model, folder.path, bert::StoredAs::float16),
                      "save_model: bert.pooler.dense.bias: expected numbers that float16 holds, got -65520.000000");
    CHECK_NOTHROW(bert::load_model<float, Reference>(folder.path));  // what stood there still does
}

TEST_CASE("A configuration that asks for far more than the file holds is refused before memory is taken")
{
    const Folder folder;
    std::filesystem::copy_file(cases / "pretraining_gelu" / "model.safetensors", folder.path / "model.safetensors");
    bert::Config config;
    config.hidden_size = 49152;
    config.num_attention_heads = 1;
    bert::write_config(folder.path / "config.json", config);
    CHECK_THROWS_WITH((bert::load_model<float, Reference>(folder.path)), Catch::Contains("config.json: expected sizes for the "));
}
