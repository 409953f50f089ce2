#include "bert/training/optimizer_state.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/io/model_folder.hpp"
#include "bert/io/model_writer.hpp"
#include "bert/ops/fast.hpp"
#include "bert/training/trainer.hpp"
#include "bert/verify/case.hpp"

#include "../io/helpers.hpp"
#include "catch.hpp"

using bert::Fast;
using bert::Model;
using bert::OptimizerState;
using bert::TensorView;
using bert::Trainer;

namespace {

const std::string cases = BERT_SOURCE_DIR "/reference_outputs/cases/";

// All numbers of a component.
template <class Component>
std::vector<float> numbers_of(const Component& component)
{
    std::vector<float> numbers;
    for (const auto& parameter : bert::parameter_list<const float>(component))
        numbers.insert(numbers.end(), parameter.values.begin(), parameter.values.end());
    return numbers;
}

// The losses of some steps.
std::vector<float> losses_of(Trainer<float, Fast>& trainer, const std::vector<bert::LabelledBatch<float>>& batch,
                             std::size_t steps)
{
    std::vector<float> losses;
    for (std::size_t k = 0; k < steps; ++k)
        losses.push_back(trainer.step(batch).losses.total);
    return losses;
}

std::vector<bert::LabelledBatch<float>> training_batch()
{
    const bert::ReferenceCase reference(cases + "pretraining_gelu");
    return {{reference.batch(), reference.targets<float>()}};
}

// A model with dropout, before training.
Model<float, Fast> start()
{
    auto model = bert::ReferenceCase(cases + "pretraining_gelu").model<float, Fast>();
    model.config.hidden_dropout_prob = model.config.attention_probs_dropout_prob = 0.1;
    return model;
}

bert::TrainingOptions options_of(const std::string& kind)
{
    bert::TrainingOptions options;
    options.optimizer.kind = kind == "adamw"       ? bert::OptimizerKind::adamw
                             : kind == "bert_adam" ? bert::OptimizerKind::bert_adam
                                                   : bert::OptimizerKind::lamb;
    options.optimizer.learning_rate = 1e-2;
    options.optimizer.schedule = {.kind = bert::ScheduleKind::linear, .warmup_steps = 3, .total_steps = 12};
    options.seed = 5;
    return options;
}

// A state's tensors, changed, as a file.
template <class Change>
void write_changed(const std::filesystem::path& from, const std::filesystem::path& to, const Change& change)
{
    const bert::SafetensorsFile file(from);
    std::vector<TensorView> tensors = file.tensors();
    change(tensors);
    bert::write_safetensors(to, tensors);
}

TensorView& named(std::vector<TensorView>& tensors, const std::string& name)
{
    const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const TensorView& view) { return view.name == name; });
    REQUIRE(found != tensors.end());
    return *found;
}

}  // namespace

TEST_CASE("Ten steps are five steps, saved, read in another process, and five more, bit for bit")
{
    const auto batch = training_batch();
    for (const std::string kind : {"adamw", "bert_adam", "lamb"}) {
        CAPTURE(kind);
        const TemporaryFolder folder;
        std::vector<float> losses, first_losses;
        auto at_once = start();
        Trainer<float, Fast> ten(options_of(kind), at_once);
        losses = losses_of(ten, batch, 10);
        {
            auto model = start();
            Trainer<float, Fast> first(options_of(kind), model);
            first_losses = losses_of(first, batch, 5);
            bert::save_model(model, folder.path());
            bert::save_optimizer_state(folder / "optimizer.safetensors", first.optimizer().state());
        }
        const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
        const std::string command = "BERT_TEST_FOLDER='" + folder.path().string() + "' BERT_TEST_OPTIMIZER=" + kind + " '" +
                                    program + "' 'Five more steps' >/dev/null";
        REQUIRE(std::system(command.c_str()) == 0);

        const auto after = bert::load_model<float, Fast>(folder / "after");
        auto state = ten.optimizer().state();
        bert::load_optimizer_state(folder / "after" / "optimizer.safetensors", state);
        const bert::SafetensorsFile file(folder / "after" / "losses.safetensors");
        for (const float loss : bert::read_tensor<float, 1>(*file.find("losses")))
            first_losses.push_back(loss);
        CHECK(first_losses == losses);
        CHECK(numbers_of(after) == numbers_of(at_once));
        CHECK(numbers_of(state.m) == numbers_of(ten.optimizer().state().m));
        CHECK(numbers_of(state.v) == numbers_of(ten.optimizer().state().v));
        CHECK(state.steps == 10);
        CHECK(state.updates == 10);

        // Without the state the next losses are others.
        auto without = bert::load_model<float, Fast>(folder.path());
        Trainer<float, Fast> fresh(options_of(kind), without);
        CHECK(losses_of(fresh, batch, 5) != std::vector<float>(losses.begin() + 5, losses.end()));
    }
}

TEST_CASE("Five more steps", "[.]")  // hidden: what the test above starts as another process
{
    const char *const name = std::getenv("BERT_TEST_FOLDER"), *const kind = std::getenv("BERT_TEST_OPTIMIZER");
    REQUIRE((name != nullptr && kind != nullptr));
    const std::filesystem::path folder = name;
    auto model = bert::load_model<float, Fast>(folder);
    Trainer<float, Fast> second(options_of(kind), model);
    auto state = second.optimizer().state();
    bert::load_optimizer_state(folder / "optimizer.safetensors", state);
    CHECK(state.steps == 5);
    CHECK(state.updates == 5);
    second.optimizer().restore(state);
    const std::vector<float> losses = losses_of(second, training_batch(), 5);
    bert::save_model(model, folder / "after");
    bert::save_optimizer_state(folder / "after" / "optimizer.safetensors", second.optimizer().state());
    bert::Tensor<float, 1> tensor;
    tensor.resize({losses.size()});
    std::copy(losses.begin(), losses.end(), tensor.begin());
    bert::write_safetensors(folder / "after" / "losses.safetensors", {bert::view_of("losses", tensor)});
}

TEST_CASE("Moments stand under the parameters' names, and every counter is kept")
{
    const auto model = bert::ReferenceCase(cases + "masked_lm").model<double>();
    OptimizerState<Model<double>> state{model, model, 9, 7, 2, 1}, again{model, model};
    state.v.body.embeddings.word(3, 1) = 0.1;
    const TemporaryFolder folder;
    bert::save_optimizer_state(folder / "state.safetensors", state);
    bert::load_optimizer_state(folder / "state.safetensors", again);
    CHECK(again.steps == 9);
    CHECK(again.updates == 7);
    CHECK(again.skipped == 2);
    CHECK(again.skipped_in_a_row == 1);
    CHECK(again.v.body.embeddings.word(3, 1) == 0.1);
    CHECK((again.m.body.embeddings.word == state.m.body.embeddings.word));

    const bert::SafetensorsFile file(folder / "state.safetensors");
    CHECK(file.tensors().size() == 2 * bert::parameter_list<const double>(model).size() + 1);
    CHECK(file.find("m.bert.embeddings.word_embeddings.weight") != nullptr);
    CHECK(file.find("v.cls.predictions.bias") != nullptr);
}

TEST_CASE("A damaged file of a state is refused with its name and what is wrong")
{
    const auto model = bert::ReferenceCase(cases + "masked_lm").model<double>();
    OptimizerState<Model<double>> state{model, model};
    const TemporaryFolder folder;
    const std::filesystem::path right = folder / "right.safetensors", damaged = folder / "damaged.safetensors";
    bert::save_optimizer_state(right, state);
    const auto message = [&] { return input_error([&] { bert::load_optimizer_state(damaged, state); }); };
    CHECK(message() == damaged.string() + ": expected a readable file: No such file or directory");

    write_changed(right, damaged, [](std::vector<TensorView>& tensors) {
        std::erase_if(tensors, [](const TensorView& view) { return view.name == "v.cls.predictions.bias"; });
    });
    CHECK(message() == damaged.string() + ": tensor \"v.cls.predictions.bias\": expected, got no such tensor");

    write_changed(right, damaged, [](std::vector<TensorView>& tensors) {
        TensorView& bias = named(tensors, "m.cls.predictions.bias");
        bias.shape = {1, bias.shape[0]};
    });
    CHECK_THAT(message(), Catch::StartsWith(damaged.string() + ": tensor \"m.cls.predictions.bias\": expected ["));

    const std::string counters = ": tensor \"counters\": expected four numbers, 0 or more";
    for (const bert::IndexTensor<1>& numbers : {bert::IndexTensor<1>{1, 2, 3}, bert::IndexTensor<1>{1, 2, -1, 0}}) {
        write_changed(right, damaged,
                      [&](std::vector<TensorView>& tensors) { named(tensors, "counters") = bert::view_of("counters", numbers); });
        CHECK(message() == damaged.string() + counters);
    }
    write_changed(right, damaged, [](std::vector<TensorView>& tensors) {
        std::erase_if(tensors, [](const TensorView& view) { return view.name == "counters"; });
    });
    CHECK(message() == damaged.string() + ": tensor \"counters\": expected, got no such tensor");

    const bert::IndexTensor<1> more{1};
    write_changed(right, damaged,
                  [&](std::vector<TensorView>& tensors) { tensors.push_back(bert::view_of("m.another.layer", more)); });
    CHECK_THAT(message(), Catch::StartsWith(damaged.string() + ": expected ") && Catch::Contains(" tensors, got "));

    const std::string bytes = contents_of(right);
    put(damaged, bytes.substr(0, bytes.size() - 8));
    CHECK_THAT(message(), Catch::StartsWith(damaged.string() + ": "));
    put(damaged, "no safetensors");
    CHECK_THAT(message(), Catch::StartsWith(damaged.string() + ": "));
    CHECK(input_error([&] { bert::save_optimizer_state(folder / "missing" / "state.safetensors", state); }) != "no error");
}
