// The commands by architecture: what each of them says of a variant of BERT.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <catch.hpp>

#include <bert/core/tensor.hpp>
#include <bert/io/safetensors.hpp>
#include <bert/io/tensor_view.hpp>
#include <variants.hpp>

#include "program.hpp"

namespace {

using Ids = bert::IndexTensor<2>;

std::string case_of(const std::string& name) { return project("reference_outputs/cases/" + name); }

/// The sequences of a case as lines for --input jsonl: `{"ids": [...]}`; padding at the end is left out.
std::string lines_of(const Ids& ids, const Ids& segments, const Ids& mask)
{
    std::string lines;
    for (std::size_t b = 0; b < ids.shape(0); ++b) {
        nlohmann::json line{{"ids", nlohmann::json::array()}, {"type_ids", nlohmann::json::array()}};
        for (std::size_t l = 0; l < ids.shape(1); ++l) {
            if (mask(b, l) == 0) continue;
            line["ids"].push_back(ids(b, l));
            line["type_ids"].push_back(segments(b, l));
        }
        lines += line.dump() + "\n";
    }
    return lines;
}

}  // namespace

TEST_CASE("encode takes ids, and its vectors are the hidden states that the transformers library computed")
{
    struct Model {
        const char* name;
        const char* result;  // the last block's
    };
    for (const Model& model :
         {Model{"base_with_pooler", "forward.layer.2.output"}, Model{"roberta_base", "forward.layer.2.output"},
          Model{"distilbert_base", "forward.layer.2.output"}, Model{"albert_groups", "forward.layer.4.output"},
          Model{"roberta_sequence_classes", "forward.layer.1.output"}}) {
        INFO(model.name);
        const bert::SafetensorsFile expected(case_of(model.name) + "/expected.safetensors");
        const auto ids = bert::read_tensor<std::int64_t, 2>(*expected.find("input.ids"));
        const auto segments = bert::read_tensor<std::int64_t, 2>(*expected.find("input.segments"));
        const auto mask = bert::read_tensor<std::int64_t, 2>(*expected.find("input.mask"));
        const auto states = bert::read_tensor<double, 3>(*expected.find(model.result));  // [B, L, H]
        for (const char* ops : {"reference", "fast"}) {
            const Run result = run({"encode", "--model", case_of(model.name), "--input", "jsonl", "--pooling", "none", "--json",
                                    "--scalar", "double", "--ops", ops},
                                   lines_of(ids, segments, mask));
            INFO(result.error);
            REQUIRE(result.status == 0);
            const std::vector<nlohmann::json> lines = result.json();
            REQUIRE(lines.size() == ids.shape(0));
            for (std::size_t b = 0; b < lines.size(); ++b) {
                const auto vectors = lines[b].at("vectors").get<std::vector<std::vector<double>>>();
                std::size_t t = 0;
                for (std::size_t l = 0; l < ids.shape(1); ++l) {
                    if (mask(b, l) == 0) continue;
                    for (std::size_t h = 0; h < states.shape(2); ++h)
                        CHECK(std::abs(vectors.at(t).at(h) - states(b, l, h)) < 1e-12);
                    ++t;
                }
                CHECK(t == vectors.size());
                CHECK(lines[b].at("ids").size() == t);
            }
        }
    }
}

TEST_CASE("encode refuses ids that don't fit the model")
{
    const auto error = [](const std::string& line) {
        const Run result = run({"encode", "--model", case_of("distilbert_base"), "--input", "jsonl"}, line + "\n");
        CHECK(result.status == 2);
        return result.error;
    };
    const std::string place = "bert: standard input:1: ";
    CHECK(error(R"({"ids": []})") == place + "ids: expected at least one, got none\n");
    CHECK(error(R"({"ids": [41]})") == place + "ids: expected less than vocab_size (41), got 41\n");
    CHECK(error(R"({"ids": [-1]})") == place + "ids: expected whole numbers from 0, got -1\n");
    CHECK(error(R"({"ids": 1})") == place + "ids: expected a list, got 1\n");
    CHECK(error(R"({"ids": [1], "type_ids": [1]})") == place + "type_ids: expected less than type_vocab_size (1), got 1\n");
    CHECK(error(R"({"ids": [1], "type_ids": [0, 0]})") == place + "type_ids: expected 1 as ids, got 2\n");
    CHECK(error(R"({"ids": [1], "text": "a"})") == place + R"(expected text or ids, got both: {"ids":[1],"text":"a"})" + "\n");
    CHECK(error("{}") == place + "expected an object with text or ids, got {}\n");
    CHECK(error(R"({"ids": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]})").find("ids: expected at most ") !=
          std::string::npos);
    CHECK(run({"similarity", "--model", case_of("distilbert_base"), "--input", "jsonl"}, R"({"ids": [1]})").status == 2);
}

TEST_CASE("info counts the parameters of every architecture, by component")
{
    struct Model {
        const char *name, *architecture, *component;
    };
    for (const Model& model : {Model{"roberta_masked_lm", "RobertaForMaskedLM", "lm_head"},
                               Model{"distilbert_multiple_choice", "DistilBertForMultipleChoice", "pre_classifier"},
                               Model{"albert_pretraining", "AlbertForPreTraining", "sop_classifier"},
                               Model{"mobilebert_pretraining", "MobileBertForPreTraining", "cls.predictions"},
                               Model{"gpt2_sequence_classes", "GPT2ForSequenceClassification", "score"}}) {
        INFO(model.name);
        const Run result = run({"info", "--json", case_of(model.name)});
        INFO(result.error);
        REQUIRE(result.status == 0);
        const nlohmann::json object = result.json().at(0);
        CHECK(object.at("architecture") == model.architecture);
        CHECK(object.at("components").contains(model.component));
        CHECK_FALSE(object.at("components").contains("other"));
        std::size_t sum = 0;
        for (const auto& [component, count] : object.at("components").items())
            sum += count.get<std::size_t>();
        CHECK(object.at("parameters") == sum);
    }
}

TEST_CASE("dump writes the tensors of every architecture, and diff holds them to the case's")
{
    const TemporaryFolder folder;
    for (const char* name :
         {"roberta_sequence_classes", "distilbert_multiple_choice", "albert_inner_groups", "mobilebert_masked_lm", "gpt2_lm"}) {
        INFO(name);
        const std::string file = folder / (std::string(name) + ".safetensors"),
                          expected = case_of(name) + "/expected.safetensors";
        const Run dumped =
            run({"dump", "--model", case_of(name), "--inputs", expected, "--output", file, "--scalar", "double", "--json"});
        INFO(dumped.error);
        REQUIRE(dumped.status == 0);
        const Run compared = run({"diff", "--json", file, expected});
        INFO(compared.out << compared.error);
        CHECK(compared.status == 0);
        CHECK(compared.json().at(0).at("holds") == true);
    }
}

TEST_CASE("bench measures every architecture, hidden states and training steps")
{
    for (const char* name :
         {"roberta_masked_lm", "distilbert_masked_lm", "albert_pretraining", "mobilebert_pretraining", "gpt2_lm"}) {
        INFO(name);
        std::vector<std::string> arguments{"bench",   "--json", "--quiet",  "--config", case_of(name) + "/config.json",
                                           "--batch", "2",      "--length", "5",        "--repeat",
                                           "1"};
        const Run inference = run(arguments);
        INFO(inference.error);
        REQUIRE(inference.status == 0);
        CHECK(inference.json().at(0).at("milliseconds").get<double>() > 0);
        arguments.insert(arguments.end(), {"--train", "--micro-batch", "1"});
        const Run training = run(arguments);
        INFO(training.error);
        REQUIRE(training.status == 0);
        CHECK(training.json().at(0).at("gflops").get<double>() > 0);
    }
}

TEST_CASE("fill-mask has the probabilities of the architecture's own masked-LM head")
{
    for (const char* name : {"distilbert_masked_lm", "albert_masked_lm", "mobilebert_masked_lm"}) {
        INFO(name);
        const TemporaryFolder folder;
        for (const char* file : {"config.json", "model.safetensors"})
            std::filesystem::copy(case_of(name) + "/" + file, folder / file);
        const bert::SafetensorsFile expected(case_of(name) + "/expected.safetensors");
        const std::size_t V = expected.find("forward.logits.mlm")->shape[2];
        std::string vocabulary = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n";
        for (std::size_t v = 5; v < V; ++v)
            vocabulary += "w" + std::to_string(v) + "\n";
        put(folder / "vocab.txt", vocabulary);
        put(folder / "tokenizer_config.json", R"({"tokenizer_class": "BertTokenizer"})");  // published ALBERT has another
        const Run result = run({"fill-mask", "--model", folder.path(), "--json", "--scalar", "double", "--ops", "reference",
                                "--top", "4", "w7 [MASK] w9"});
        INFO(result.error);
        REQUIRE(result.status == 0);
        const nlohmann::json words = result.json().at(0).at("masks").at(0).at("words");

        bert::LoadReport report;
        const bert::Batch batch = bert::pack({{2, 7, 4, 9, 3}});
        std::vector<double> probabilities;  // of the masked position, from the logits of all
        for (const bert::NamedTensor& tensor :
             bert::forward_trace_of_family<double, bert::Reference>(folder.path(), report, batch, 1))
            if (tensor.name == "forward.logits.mlm")
                probabilities.assign(tensor.values.begin() + static_cast<std::ptrdiff_t>(2 * V),
                                     tensor.values.begin() + static_cast<std::ptrdiff_t>(3 * V));
        REQUIRE(probabilities.size() == V);
        double sum = 0;
        for (double& value : probabilities) {
            value = std::exp(value);
            sum += value;
        }
        std::vector<double> sorted = probabilities;
        std::sort(sorted.rbegin(), sorted.rend());
        REQUIRE(words.size() == 4);
        for (std::size_t i = 0; i < 4; ++i) {
            CHECK(words[i].at("probability").get<double>() == Approx(sorted[i] / sum).epsilon(1e-10));
            CHECK(probabilities[words[i].at("id").get<std::size_t>()] == sorted[i]);
        }
    }
    const Run result = run({"fill-mask", "--model", case_of("gpt2_base"), "[MASK]"});
    CHECK(result.status == 2);
}

TEST_CASE("what a command can't do with an architecture is one line")
{
    const auto error = [](const std::vector<std::string>& arguments) {
        const Run result = run(arguments);
        CHECK(result.status == 2);
        return result.error;
    };
    CHECK(error({"encode", "--model", case_of("gpt2_base"), "--input", "jsonl", "--pooling", "pooler"}) ==
          "bert: --pooling: expected mean, cls, max or none for a GPT2Model, got pooler\n");
    CHECK(error({"bench", "--config", case_of("gpt2_base") + "/config.json", "--train", "--length", "5"})
              .find("expected a model with a head") != std::string::npos);
    CHECK(error({"bench", "--config", case_of("mobilebert_masked_lm") + "/config.json", "--train", "--length", "5",
                 "--gradient-checkpointing"}) ==
          "bert: --gradient-checkpointing: expected bert, roberta, distilbert or albert, got mobilebert\n");
}
