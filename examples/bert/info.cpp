/// @file
/// bert info

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <bert/io/config_writer.hpp>
#include <bert/io/families.hpp>
#include <bert/io/json.hpp>
#include <bert/io/mapped_file.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/safetensors_folder.hpp>
#include <bert/io/sentence_folder.hpp>
#include <bert/io/tokenizer_folder.hpp>
#include <bert/ops/product/check.hpp>

#include "commands.hpp"
#include "default_model.hpp"
#include "engines.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "sets.hpp"

namespace program {

namespace {

/// The printed description: a title and a table, or a JSON object.
class Description {
public:
    explicit Description(std::string title) : title_(std::move(title)) {}

    template <class Value>
    void add(const std::string& key, const Value& value)
    {
        object_.add(key, value);
        if constexpr (std::is_same_v<Value, bool>)
            row(key, value ? "yes" : "no");
        else if constexpr (std::is_floating_point_v<Value>)
            row(key, rounded(value));
        else if constexpr (std::is_integral_v<Value>)
            row(key, std::to_string(value));
        else
            row(key, std::string(value));
    }

    /// Adds a row to the table only.
    void row(const std::string& key, const std::string& value) { table_.row({"  " + key, value}); }

    /// The JSON object, for values that the table doesn't show.
    JsonObject& object() { return object_; }

    void show(bool json) const { print(json ? object_.text() + "\n" : title_ + "\n" + table_.text()); }

private:
    std::string title_;
    Table table_{"ll"};
    JsonObject object_;
};

std::string megabytes(std::size_t bytes) { return rounded(static_cast<double>(bytes) * 1e-6, 4) + " MB"; }

void describe_config(const bert::Config& config, Description& description)
{
    description.add("architecture", config.architecture);
    description.add("vocab_size", config.vocab_size);
    description.add("hidden_size", config.hidden_size);
    description.add("num_hidden_layers", config.num_hidden_layers);
    description.add("num_attention_heads", config.num_attention_heads);
    description.add("intermediate_size", config.intermediate_size);
    if (config.embedding_size > 0) description.add("embedding_size", config.embedding_size);
    if (config.num_hidden_groups > 0) description.add("num_hidden_groups", config.num_hidden_groups);
    description.add("max_position_embeddings", config.max_position_embeddings);
    description.add("type_vocab_size", config.type_vocab_size);
    description.add("hidden_act", std::string(bert::detail::published_name(config.hidden_act)));
    description.add("layer_norm_eps", config.layer_norm_eps);
    const std::size_t parameters = bert::parameter_count(config);
    description.add("parameters", parameters);
    description.object().add("memory_float", 4 * parameters).add("memory_double", 8 * parameters);
    description.row("memory", megabytes(4 * parameters) + " in float, " + megabytes(8 * parameters) + " in double");
}

void describe_tensors(const std::vector<const bert::TensorView*>& tensors, const bert::Family& family, bool verbose,
                      Description& description)
{
    std::map<std::string, std::size_t> by_component;
    std::set<std::string> dtypes;
    std::size_t bytes = 0;
    std::vector<JsonObject> list;
    for (const bert::TensorView* tensor : tensors) {
        const std::string dtype(bert::dtype_info(tensor->dtype).name);
        std::size_t count = 1;
        for (const std::size_t size : tensor->shape)
            count *= size;
        const std::string_view component = family.component_of(tensor->name);
        by_component[component.empty() ? "other" : std::string(component)] += count;
        dtypes.insert(dtype);
        bytes += tensor->bytes;
        if (verbose) list.push_back(JsonObject().add("name", tensor->name).add("dtype", dtype).add("shape", tensor->shape));
    }
    std::string names;
    for (const std::string& dtype : dtypes)
        names += (names.empty() ? "" : ", ") + dtype;
    description.object().add("tensors", tensors.size()).add("bytes", bytes).add("dtypes", dtypes);
    description.row("tensors", std::to_string(tensors.size()) + " of " + names + ", " + megabytes(bytes));
    JsonObject components;
    for (const auto& [component, count] : by_component) {
        components.add(component, count);
        description.row("  " + component, std::to_string(count));
    }
    description.object().add("components", components);
    if (!verbose) return;
    description.object().add("list", list);
    for (const bert::TensorView* tensor : tensors)
        description.row("  " + bert::one_line(tensor->name),
                        std::string(bert::dtype_info(tensor->dtype).name) + " " + bert::shape_text(tensor->shape));
}

void describe_tokenizer(const bert::Tokenizer& tokenizer, Description& description)
{
    const bert::NormalizerOptions& normalizer = tokenizer.options().normalizer;
    JsonObject object;
    object.add("vocab_size", tokenizer.vocab_size()).add("lowercase", normalizer.lowercase);
    description.object().add("tokenizer", object);
    description.row("tokenizer",
                    counted(tokenizer.vocab_size(), "token") + ", " + (normalizer.lowercase ? "lower-cases" : "keeps case"));
}

std::vector<const bert::TensorView*> pointers(const std::vector<bert::TensorView>& views)
{
    std::vector<const bert::TensorView*> result;
    for (const bert::TensorView& view : views)
        result.push_back(&view);
    return result;
}

void describe_folder(const std::filesystem::path& named, const InfoOptions& options, Description& description)
{
    const std::filesystem::path folder = bert::transformer_folder(named);
    std::vector<std::string> warnings;
    const bert::Family& family = bert::family_of(folder / "config.json");
    describe_config(bert::read_config(folder / "config.json", family, &warnings), description);
    warn(options.common.quiet, warnings);
    if (has_random_weights(named)) {
        description.object().add("weights", "random");
        description.row("weights", "random: what this model computes has no meaning");
    }
    const bert::SafetensorsFolder files(folder);
    describe_tensors(files.tensors(), family, options.verbose, description);
    std::error_code ignored;  // a file that can't be accessed counts as missing
    if (bert::is_there(folder / "tokenizer.json", ignored) || bert::is_there(folder / "vocab.txt", ignored))
        describe_tokenizer(load_tokenizer(options.common, folder), description);
    else
        description.row("tokenizer", "none");
}

void describe_file(const std::filesystem::path& path, bool verbose, Description& description)
{
    const std::string kind = path.extension().string();
    if (kind == ".safetensors") {
        const bert::SafetensorsFile file(path);
        describe_tensors(pointers(file.tensors()), bert::bert_family, verbose, description);
        JsonObject metadata;
        for (const auto& [key, value] : file.metadata()) {
            metadata.add(key, value);
            description.row(bert::one_line(key), bert::one_line(value));
        }
        description.object().add("metadata", metadata);
    } else if (kind == ".json") {
        constexpr std::array<const char*, 3> config_keys{"model_type", "architectures", "hidden_size"};
        const nlohmann::json document = bert::parse_json(path.string(), bert::MappedFile(path).text());
        if (document.is_object() && document.contains("model") && document["model"].is_object())
            describe_tokenizer(bert::load_tokenizer(path), description);
        else if (document.is_object() &&
                 std::none_of(config_keys.begin(), config_keys.end(), [&](const char* key) { return document.contains(key); }))
            bert::fail_input(path.string(), "expected a model's configuration or a tokenizer, got neither");
        else
            describe_config(bert::read_config(path, bert::family_of(path)), description);
    } else if (kind == ".txt") {
        describe_tokenizer(bert::load_tokenizer(path), description);
    } else {
        const bert::MappedFile file(path);  // throws if there is no such file
        bert::fail_input(path.string(),
                         "expected a model folder, or a file whose name ends in .safetensors, .json or .txt, got " +
                             bert::in_quotes(path.filename().string()));
    }
}

void describe_matrix_unit(const bert::MatrixUnitReport& unit, Description& description)
{
    description.object().add(
        "matrix_unit",
        JsonObject().add("name", unit.name).add("is_used", unit.is_used).add("sums_as_documented", unit.sums_as_loops));
    std::string text = unit.name;
    if (unit.is_used) text += ", used by products in bfloat16";
    if (!unit.is_used && unit.name != "none") text += ", not used";
    description.row("matrix_unit", text + (unit.advice.empty() ? "" : ": " + unit.advice));
}

void show_machine(const InfoOptions& options)
{
    const Machine here = machine();
    Description description("This machine");
    description.add("processor", here.processor.empty() ? std::string("not known") : here.processor);
    description.add("processors", here.processors);
    description.add("threads", here.threads);
    description.add("memory_gib", here.memory_gib);
    description.add("instruction_set", here.instruction_set);
    description.add("vector_bits", here.vector_bits);
    description.add("openblas_core", here.blas.empty() ? std::string("none: another BLAS") : here.blas);
    description.add("engine", bert::engine_name(bert::engine()));
    std::vector<JsonObject> engines;
    bert::MatrixUnitReport matrix_unit;
    const bert::ProductEngine* const in_use = bert::engine();
    for (const bert::ProductEngine* const engine : program::engines()) {
        const std::string name = bert::engine_name(engine);
        bert::set_engine(engine);
        const bert::EngineReport report = bert::check_engine();
        JsonObject object;
        object.add("name", name)
            .add("kernel", report.kernel)
            .add("suits_processor", report.suits_processor)
            .add("keeps_bits_float", report.same_bits_float)
            .add("keeps_bits_double", report.same_bits_double);
        if (engine == nullptr) object.add("keeps_bits_bf16", report.same_bits_bf16);
        engines.push_back(object);
        const auto bits = [](bool keeps) { return keeps ? "the same bits in any batch" : "bits that depend on the row's place"; };
        description.row("  " + name, report.kernel + "; in float " + bits(report.same_bits_float) + ", in double " +
                                         bits(report.same_bits_double));
        if (engine == nullptr) {
            description.row("  own, bfloat16", bits(report.same_bits_bf16));
            matrix_unit = report.matrix_unit;
        }
        if (!report.suits_processor) warn(options.common.quiet, name + ": " + report.advice);
    }
    bert::set_engine(in_use);
    description.object().add("engines", engines);
    describe_matrix_unit(matrix_unit, description);
    description.show(options.common.json);
}

}  // namespace

int info(const InfoOptions& options)
{
    const bool default_model = options.path.empty() && options.common.model.empty();
    const std::filesystem::path path = options.path.empty() ? model_folder(options.common) : options.path;
    Description description(path.string());
    description.object().add("path", path.string());
    std::error_code ignored;  // opening the file reports the error
    if (std::filesystem::is_directory(path, ignored))
        describe_folder(path, options, description);
    else
        describe_file(path, options.verbose, description);
    description.show(options.common.json);
    if (default_model) {
        if (!options.common.json) print("\n");
        show_machine(options);
    }
    return 0;
}

}  // namespace program
