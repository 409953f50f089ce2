// The families by name, and the parameters of the published models: docs/family.md has these numbers.
#include "bert/io/families.hpp"

#include <cstddef>
#include <string>

#include "bert/config.hpp"
#include "bert/io/architectures.hpp"
#include "catch.hpp"
#include "io/helpers.hpp"

namespace {

// Sizes as published: layers, H, A and I; what else differs from the family's defaults.
template <class Change>
std::size_t count(const bert::Family& family, std::size_t layers, std::size_t H, std::size_t A, std::size_t I,
                  const Change& change)
{
    bert::Config config = family.defaults();
    config.num_hidden_layers = layers;
    config.hidden_size = H;
    config.num_attention_heads = A;
    config.intermediate_size = I;
    change(config);
    return bert::parameter_count(config);
}

std::size_t count(const bert::Family& family, std::size_t layers, std::size_t H, std::size_t A, std::size_t I)
{
    return count(family, layers, H, A, I, [](bert::Config&) {});
}

}  // namespace

TEST_CASE("The parameters of the published models, as the transformers library 5.23 counts them")
{
    using namespace bert;
    CHECK(count(bert_family, 12, 768, 12, 3072) == 109'482'240);
    CHECK(count(bert_family, 24, 1024, 16, 4096) == 335'141'888);
    CHECK(count(bert_family, 12, 768, 12, 3072, [](Config& c) { c.vocab_size = 28996; }) == 108'310'272);
    CHECK(count(bert_family, 12, 768, 12, 3072, [](Config& c) { c.vocab_size = 119547; }) == 177'853'440);
    const auto roberta = [](Config& c) {
        c.max_position_embeddings = 514;
        c.type_vocab_size = 1;
    };
    CHECK(count(roberta_family, 12, 768, 12, 3072, roberta) == 124'645'632);
    CHECK(count(roberta_family, 24, 1024, 16, 4096, roberta) == 355'359'744);
    CHECK(count(distilbert_family, 6, 768, 12, 3072) == 66'362'880);
    CHECK(count(albert_family, 12, 768, 12, 3072) == 11'683'584);
    CHECK(count(albert_family, 24, 1024, 16, 4096) == 17'683'968);
    CHECK(count(albert_family, 24, 2048, 16, 8192) == 58'724'864);
    CHECK(count(albert_family, 12, 4096, 64, 16384) == 222'595'584);
    CHECK(count(mobilebert_family, 24, 512, 4, 512) == 24'844'544);
    CHECK(count(gpt2_family, 12, 768, 12, 3072) == 124'439'808);
    CHECK(count(gpt2_family, 24, 1024, 16, 4096) == 354'823'168);
    CHECK(count(gpt2_family, 36, 1280, 20, 5120) == 774'030'080);
    CHECK(count(gpt2_family, 48, 1600, 25, 6400) == 1'557'611'200);
}

TEST_CASE("With heads: classes of the published models")
{
    using namespace bert;
    const auto of = [](const Family& family, const char* name, std::size_t layers) {
        return count(family, layers, 768, 12, 3072, [&](Config& c) {
            set_architecture(name, c, "config", family);
            if (c.positions_after_padding) {
                c.max_position_embeddings = 514;
                c.type_vocab_size = 1;
            }
        });
    };
    CHECK(of(bert_family, "BertForPreTraining", 12) == 110'106'428);
    CHECK(of(bert_family, "BertForMaskedLM", 12) == 109'514'298);
    CHECK(of(bert_family, "BertForSequenceClassification", 12) == 109'483'778);
    CHECK(of(bert_family, "BertForQuestionAnswering", 12) == 108'893'186);
    CHECK(of(roberta_family, "RobertaForMaskedLM", 12) == 124'697'433);
    CHECK(of(roberta_family, "RobertaForSequenceClassification", 12) == 124'647'170);
    CHECK(of(distilbert_family, "DistilBertForMaskedLM", 6) == 66'985'530);
    CHECK(of(distilbert_family, "DistilBertForSequenceClassification", 6) == 66'955'010);
    CHECK(of(albert_family, "AlbertForPreTraining", 12) == 11'813'810);
    CHECK(of(albert_family, "AlbertForMaskedLM", 12) == 11'221'680);
    CHECK(of(gpt2_family, "GPT2LMHeadModel", 12) == 124'439'808);  // tied
}

TEST_CASE("A configuration names its family")
{
    const TemporaryFolder folder;
    const auto family_of = [&](const std::string& text) {
        put(folder / "config.json", text);
        return std::string(bert::family_of(folder / "config.json").model_type);
    };
    for (const bert::Family* family : bert::families)
        CHECK(family_of(R"({"model_type":")" + std::string(family->model_type) + R"("})") == family->model_type);
    CHECK(family_of("{}") == "bert");
    CHECK(family_of(R"({"model_type":"xlnet"})") == "bert");
    put(folder / "config.json", "[]");
    CHECK(input_error([&] { bert::family_of(folder / "config.json"); }) ==
          (folder / "config.json").string() + ": expected a JSON object, got []");
}
