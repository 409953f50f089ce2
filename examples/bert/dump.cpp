/// @file
/// bert dump

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

#include <bert/io/config.hpp>
#include <bert/io/families.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/safetensors_writer.hpp>
#include <bert/io/tensor_view.hpp>
#include <bert/verify/case.hpp>

#include <variants.hpp>

#include "commands.hpp"
#include "input.hpp"
#include "little_work.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// The padded inputs of a model.
struct Inputs {
    bert::IndexTensor<2> ids, segments, mask;  // [B, L]
    std::size_t endings = 1;                   // sequences of an example of multiple choice
};

Inputs inputs_from_file(const std::filesystem::path& path)
{
    const bert::SafetensorsFile file(path);
    const auto tensor = [&](const char* name, std::int64_t otherwise, const bert::IndexTensor<2>& like) {
        if (const bert::TensorView* view = file.find(name)) {
            bert::IndexTensor<2> values = bert::read_tensor<std::int64_t, 2>(*view);
            bert::check_tensor<std::int64_t>(*view, std::vector<std::size_t>{like.shape(0), like.shape(1)});
            return values;
        }
        bert::IndexTensor<2> values = like;
        values.fill(otherwise);
        return values;
    };
    Inputs inputs;
    inputs.ids = bert::read_ids(file);
    inputs.segments = tensor("input.segments", 0, inputs.ids);
    inputs.mask = tensor("input.mask", 1, inputs.ids);
    if (const bert::TensorView* choices = file.find("label.choice")) {
        const std::size_t examples = bert::read_tensor<std::int64_t, 1>(*choices).size(), B = inputs.ids.shape(0);
        if (examples == 0 || B % examples != 0)
            bert::fail_input(file.name(), "tensor \"label.choice\": expected a divisor of " + std::to_string(B) +
                                              " sequences, got " + std::to_string(examples));
        inputs.endings = B / examples;
    }
    return inputs;
}

Inputs inputs_from_texts(const bert::Tokenizer& tokenizer, const DumpOptions& options, const bert::Config& config)
{
    const std::vector<Text> texts = TextReader(options.texts, options.common.quiet).all();
    if (texts.empty()) bert::fail_input("texts", "expected at least one, got none");
    const bert::Batch batch = batch_of(&tokenizer, config, texts, bert::Truncation::none, config.longest_sequence(), false);
    const std::size_t B = texts.size(), L = batch.padded_length;
    Inputs inputs{bert::zeros<std::int64_t, 2>({B, L}), bert::zeros<std::int64_t, 2>({B, L}),
                  bert::zeros<std::int64_t, 2>({B, L})};
    inputs.ids.fill(tokenizer.pad_id());
    for (std::size_t b = 0; b < B; ++b) {
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t) {
            const auto l = static_cast<std::size_t>(batch.positions(t));
            inputs.ids(b, l) = batch.ids(t);
            inputs.segments(b, l) = batch.segments(t);
            inputs.mask(b, l) = 1;
        }
    }
    return inputs;
}

/// Writes the tensors of the trace in the scalar of the computation.
template <class Real>
void write(const DumpOptions& options, const Inputs& inputs, const std::vector<bert::NamedTensor>& trace, const std::string& made)
{
    std::vector<std::vector<Real>> values;
    values.reserve(trace.size());
    std::vector<bert::TensorView> views{bert::view_of("input.ids", inputs.ids), bert::view_of("input.segments", inputs.segments),
                                        bert::view_of("input.mask", inputs.mask)};
    for (const bert::NamedTensor& tensor : trace) {
        values.emplace_back();
        for (const double value : tensor.values)
            values.back().push_back(static_cast<Real>(value));
        bert::TensorView view;
        view.name = tensor.name;
        view.dtype = sizeof(Real) == sizeof(float) ? bert::Dtype::F32 : bert::Dtype::F64;
        view.shape = tensor.shape;
        view.data = reinterpret_cast<const std::byte*>(values.back().data());
        view.bytes = values.back().size() * sizeof(Real);
        views.push_back(view);
    }
    const Uninterrupted writing(options.output);
    bert::write_safetensors(options.output, views, {{"format", "pt"}, {"made", made}});
}

}  // namespace

int dump(const DumpOptions& options)
{
    return with_set(options.common, [&]<class Real, class Ops>() {
        const std::filesystem::path folder = transformer_folder(options.common);
        const bert::Config config = bert::read_config(folder / "config.json", bert::family_of(folder / "config.json"));
        const Inputs inputs = options.inputs.empty() ? inputs_from_texts(load_tokenizer(options.common, folder), options, config)
                                                     : inputs_from_file(options.inputs);
        const bert::Batch batch = bert::pack(inputs.ids, inputs.segments, inputs.mask);
        const LittleWork threads(config, batch.sequences.tokens());
        bert::LoadReport report;
        std::vector<bert::NamedTensor> trace;
        try {
            trace = bert::forward_trace_of_family<Real, Ops>(folder, report, batch, inputs.endings);
        } catch (const std::invalid_argument& error) {  // inputs that don't fit the model
            bert::fail_input(options.inputs.empty() ? folder.string() : options.inputs.string(), error.what());
        }
        warn_of_ignored(options.common, report);
        const std::string made = "bert " BERT_VERSION " dump";
        if constexpr (sizeof(Real) <= sizeof(double)) write<Real>(options, inputs, trace, made);

        if (is_standard_output(options.output)) return 0;  // standard output gets only the tensors
        if (options.common.json) {
            std::vector<std::string> names;
            for (const bert::NamedTensor& tensor : trace)
                names.push_back(tensor.name);
            print(JsonObject().add("output", options.output.string()).add("tensors", names).text() + "\n");
        } else {
            print(options.output.string() + ": " + counted(trace.size(), "tensor") + " of " +
                  counted(batch.sequences.count(), "sequence") + ", " + counted(batch.sequences.tokens(), "token") + "\n");
        }
        return 0;
    });
}

}  // namespace program
