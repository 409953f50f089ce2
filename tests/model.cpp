#include "bert/model.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/core/parameters.hpp"
#include "bert/io/architectures.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/catch_matcher.hpp"

#include "catch.hpp"
#include "component.hpp"

using bert::Model;
using bert::ReferenceCase;
using bert::Tensor;

namespace {

ReferenceCase reference_case(const std::string& name)
{
    return ReferenceCase(BERT_SOURCE_DIR "/reference_outputs/cases/" + name);
}

}  // namespace

TEST_CASE("The matcher fails, and says where, when a value is off")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    Tensor<double, 2> pooled = reference.tensor<double, 2>("forward.pooled");
    const auto matcher = bert::matches(reference, "forward.pooled");
    CHECK(matcher.match(pooled));
    pooled(1, 2) += 1e-6;
    CHECK_FALSE(matcher.match(pooled));
    CHECK_THAT(matcher.describe(), Catch::StartsWith("but forward.pooled[1, 2]: expected "));
}

TEST_CASE("A loss is the sum of its heads', and those of micro-batches add up to the batch's")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto model = reference.model<double>();
    const bert::Batch& batch = reference.batch();
    const auto targets = reference.targets<double>();
    bert::Counts<double> counts;
    model.count(batch, targets, counts);
    CHECK(counts.masked_lm == static_cast<double>(targets.masked_lm->rows.size()));
    CHECK(counts.next_sentence == static_cast<double>(batch.sequences.count()));
    bert::ModelActivations<double> act;
    bert::Workspace workspace;
    model.forward(batch, targets, {model.config, batch.sequences, workspace}, act);
    const bert::Losses<double> losses = model.loss(batch, targets, counts, {}, act);
    REQUIRE((losses.masked_lm && losses.next_sentence));
    CHECK(std::abs(losses.total - (*losses.masked_lm + *losses.next_sentence)) < 1e-15);
    CHECK(losses.count == targets.masked_lm->rows.size() + batch.sequences.count());
    CHECK_FALSE(losses.sequence_classification);
    CHECK_THROWS_WITH(model.loss(batch, targets, {}, {}, act),
                      "masked_lm: count: expected that of the whole batch, got 0.000000 for " +
                          std::to_string(targets.masked_lm->rows.size()) + " labels");

    model.count(batch, targets, counts);  // of the same batch once more: each is a half of the whole
    bert::Losses<double> sum;
    for (int part = 0; part < 2; ++part)
        Model<double>::add_losses(model.loss(batch, targets, counts, {}, act), sum);
    CHECK(std::abs(sum.total - losses.total) < 1e-14);
    CHECK(std::abs(*sum.masked_lm - *losses.masked_lm) < 1e-14);
    CHECK(sum.count == 2 * losses.count);

    // Without a target a head has neither loss nor gradient.
    auto of_words = targets;
    of_words.next_sentence.reset();
    bert::ModelGradients<double> d_act;
    d_act.next_sentence.logits = {{7, 7}};
    model.loss_backward(batch, of_words, counts, {}, act, d_act);
    CHECK(d_act.next_sentence.logits.size() == 0);
    CHECK(d_act.masked_lm.logits.size() > 0);
    CHECK_FALSE(model.loss(batch, of_words, counts, {}, act).next_sentence);
}

TEST_CASE("Rows that heads read: masked positions and each sequence's first; all, where a head reads all or has no target")
{
    using Rows = std::vector<std::size_t>;
    bert::Batch batch;
    batch.sequences = {{0, 3, 3, 5, 7}};
    const auto rows_of = [&](const char* architecture, const bert::Targets<double>& targets) {
        bert::Config config = component::small_config();
        bert::set_architecture(architecture, config);
        Rows rows = {99};  // of the batch before
        Model<double>::make(config).read_rows(batch, targets, rows);
        return rows;
    };
    const bert::IndexTensor<1> of_sequences = {0, 0, 0, 0};
    bert::Targets<double> targets;
    targets.next_sentence = of_sequences;
    targets.sequence_classification = of_sequences;
    targets.multiple_choice = of_sequences;
    targets.masked_lm = {Rows{6, 3, 1}, {0, 0, 0}};
    CHECK(rows_of("BertForPreTraining", targets) == Rows{0, 1, 3, 5, 6});
    targets.masked_lm = {Rows{1, 4}, {0, 0}};
    CHECK(rows_of("BertForMaskedLM", targets) == Rows{1, 4});
    CHECK(rows_of("BertForSequenceClassification", targets) == Rows{0, 3, 5});
    CHECK(rows_of("BertForMultipleChoice", targets) == Rows{0, 3, 5});
    targets.masked_lm = bert::MaskedLmTarget{};
    CHECK(rows_of("BertForPreTraining", targets) == Rows{0, 3, 5});
    targets.masked_lm.reset();
    CHECK(rows_of("BertForPreTraining", targets) == Rows{});
    CHECK(rows_of("BertForSequenceClassification", {}) == Rows{});
    targets.token_classification = bert::IndexTensor<1>{0, 0, 0, 0, 0, 0, 0};
    targets.question_answering = {of_sequences, of_sequences};
    CHECK(rows_of("BertForTokenClassification", targets) == Rows{});
    CHECK(rows_of("BertForQuestionAnswering", targets) == Rows{});
}

TEST_CASE("A model with heads has its body's names prefixed by bert.; instances with other heads are refused")
{
    bert::Config config = component::small_config();
    const auto body_alone = Model<double>::make(config);
    bert::set_architecture("BertForMaskedLM", config);
    const auto masked_lm = Model<double>::make(config);
    const auto first_name = [](const Model<double>& model) {
        std::string first;
        Model<double>::parameters([&](const std::string& name, const auto&) { first = first.empty() ? name : first; }, "", model);
        return first;
    };
    CHECK(!body_alone.has_heads());
    CHECK(masked_lm.has_heads());
    CHECK(first_name(body_alone) == "embeddings.word_embeddings.weight");
    CHECK(first_name(masked_lm) == "bert.embeddings.word_embeddings.weight");
    bert::set_architecture("BertForTokenClassification", config);
    auto other = Model<double>::make(config);
    CHECK_THROWS_WITH(bert::copy_parameters(masked_lm, other), "model: expected instances with the same heads");
    config.heads = {"masked_lm", "masked_lm"};
    CHECK_THROWS_WITH(Model<double>::make(config),
                      "model: heads: expected distinct heads of this model's list, got masked_lm or masked_lm");
    config.heads = {"something"};
    CHECK_THROWS_WITH(Model<double>::make(config), "model: heads: expected distinct heads of this model's list, got something");
}

TEST_CASE("Targets that the model's heads can't take are named")
{
    const ReferenceCase reference = reference_case("masked_lm");
    const auto model = reference.model<double>();
    auto targets = reference.targets<double>();
    CHECK_NOTHROW(model.check(reference.batch(), targets));
    CHECK_NOTHROW(model.check(reference.batch(), {}));
    targets.token_classification = bert::IndexTensor<1>{7};  // of a head that it doesn't have, beside one that it has
    CHECK_NOTHROW(model.check(reference.batch(), targets));
    targets.masked_lm->rows.back() = 1000;
    CHECK_THROWS_AS(model.check(reference.batch(), targets), std::invalid_argument);
    targets.masked_lm.reset();
    CHECK_THROWS_WITH(model.check(reference.batch(), targets),
                      "targets: expected at least one for a head of the model, got none");
}

TEST_CASE("What a model can't take is named")
{
    const ReferenceCase reference = reference_case("pretraining_gelu");
    const auto model = reference.model<double>();
    const auto V = std::to_string(model.config.vocab_size), P = std::to_string(model.config.max_position_embeddings);
    bert::ModelActivations<double> act;
    bert::Workspace workspace;
    const auto forward = [&](const bert::Batch& batch) {
        model.forward(batch, {}, {model.config, batch.sequences, workspace}, act);
    };
    const auto last = static_cast<std::int64_t>(model.config.vocab_size);
    CHECK_THROWS_WITH(forward(bert::pack({{1, last}})),
                      "embeddings: ids[1]: expected 0 to " + std::to_string(last - 1) + ", got " + V);
    CHECK_THROWS_WITH(forward(bert::pack({{1}}, {{7}})), "embeddings: segments[0]: expected 0 to 1, got 7");
    const std::vector<std::int64_t> too_long(model.config.max_position_embeddings + 1, 1);
    CHECK_THROWS_WITH(forward(bert::pack({too_long})), "embeddings: positions[" + P + "]: expected 0 to " +
                                                           std::to_string(model.config.max_position_embeddings - 1) + ", got " +
                                                           P);
    CHECK_THROWS_WITH(forward(bert::pack({{1, 2}, {}})), "pooler: sequence 1: expected a token, got none");
    const bert::IndexTensor<2> ids = {{1, 2}}, zeros = {{0, 0}}, hole = {{0, 1}};
    CHECK_THROWS_WITH(forward(bert::pack(ids, zeros, hole)),
                      "pooler: sequence 0: expected a real token at position 0, got padding");
}

TEST_CASE("Published parameter counts")
{
    bert::Config config;
    const auto count = [&](const char* architecture) {
        bert::set_architecture(architecture, config);
        return bert::parameter_count(config);
    };
    CHECK(count("BertModel") == 109'482'240);
    CHECK(count("BertForPreTraining") == 110'106'428);
    CHECK(count("BertForMaskedLM") == 109'514'298);
    CHECK(count("BertForSequenceClassification") == 109'483'778);
    CHECK(count("BertForQuestionAnswering") == 108'893'186);
    CHECK(count("BertForMultipleChoice") == 109'483'009);
    config.labels.resize(9);
    CHECK(count("BertForTokenClassification") == 108'898'569);
    config.vocab_size = 28996;
    CHECK(count("BertModel") == 108'310'272);
    config.vocab_size = 30522;
    config.num_hidden_layers = 24;
    config.hidden_size = 1024;
    config.intermediate_size = 4096;
    CHECK(count("BertForPreTraining") == 336'226'108);

    config.num_hidden_layers = 2;
    config.hidden_size = 128;
    config.num_attention_heads = 2;
    config.intermediate_size = 512;
    bert::set_architecture("BertForPreTraining", config);
    CHECK(bert::parameter_count(config) == 4'433'468);
    CHECK(bert::count_parameters(Model<float>::make(config)) == 4'433'468);
}
