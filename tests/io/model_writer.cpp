#include "bert/io/model_writer.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

#include "bert/io/model_folder.hpp"

#include "catch.hpp"
#include "helpers.hpp"
#include "same_parameters.hpp"

using bert::LoadReport;
using bert::Model;
using bert::Reference;
using bert::TensorView;

namespace {

const std::filesystem::path cases = BERT_SOURCE_DIR "/reference_outputs/cases";

}  // namespace

TEST_CASE("A saved model is loaded as it was, every head")
{
    for (const char* name :
         {"pretraining_gelu", "masked_lm_untied", "question_answering", "multiple_choice", "base_without_pooler"}) {
        INFO(name);
        const TemporaryFolder folder;
        const auto model = bert::load_model<double, Reference>(cases / name);
        bert::save_model(model, folder.path());
        LoadReport report;
        CHECK(same_parameters(bert::load_model<double, Reference>(folder.path(), &report), model));
        CHECK(report.ignored.empty());
    }
}

TEST_CASE("A model saved in 16 bits is loaded as its numbers rounded, from half the file")
{
    const TemporaryFolder folder;
    auto model = bert::load_model<float, Reference>(cases / "pretraining_gelu");
    const auto hold = [&](bert::StoredAs stored, bert::Dtype dtype, auto round) {
        bert::save_model(model, folder.path(), stored);
        const bert::SafetensorsFile file(folder.path() / "model.safetensors");
        for (const TensorView& view : file.tensors())
            CHECK(view.dtype == dtype);
        const auto loaded = bert::load_model<float, Reference>(folder.path());
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
    const auto bytes_of_bfloat16 = std::filesystem::file_size(folder.path() / "model.safetensors");
    hold(bert::StoredAs::float16, bert::Dtype::F16,
         [](float x) { return bert::float_from_float16(bert::float16_from_float(x)); });
    bert::save_model(model, folder.path());
    CHECK(10 * bytes_of_bfloat16 < 6 * std::filesystem::file_size(folder.path() / "model.safetensors"));

    model.body.pooler->dense.bias(1) = -65520;
    CHECK_THROWS_WITH(bert::save_model(model, folder.path(), bert::StoredAs::float16),
                      "save_model: bert.pooler.dense.bias: expected numbers that float16 holds, got -65520.000000");
    CHECK_NOTHROW(bert::load_model<float, Reference>(folder.path()));  // what stood there still does
}
