// Training with products in bfloat16: its loss curve beside those of two seeds in float.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include <instances.hpp>
#include "bert/io/architectures.hpp"

#include "catch.hpp"

namespace {

constexpr std::size_t steps = 300, window = 50, B = 16, L = 16, topics = 6;
constexpr std::int64_t words = 60, mask = 1;

// A small language: a sentence has one of six topics, whose ten words it draws from. A seventh of the words are masked, and the
// second half of a text is a sentence of the next topic, half of the time.
bert::LabelledBatch<float> example(std::mt19937_64& generator)
{
    std::vector<std::vector<std::int64_t>> ids(B), segments(B);
    bert::LabelledBatch<float> result;
    std::vector<std::int64_t> masked_words;
    auto& masked_lm = result.targets.masked_lm.emplace();
    auto& next_sentence = result.targets.next_sentence.emplace();
    next_sentence.resize({B});
    for (std::size_t b = 0; b < B; ++b) {
        const bool is_other = generator() % 2 == 1;
        next_sentence(b) = is_other ? 1 : 0;
        const std::uint64_t topic = generator() % topics;
        for (std::size_t t = 0; t < L; ++t) {
            const std::uint64_t here = (topic + (is_other && t >= L / 2 ? 1 : 0)) % topics;
            const auto word = static_cast<std::int64_t>(here * words / topics + generator() % (words / topics));
            const bool is_masked = generator() % 7 == 0;
            if (is_masked) {
                masked_lm.rows.push_back(b * L + t);
                masked_words.push_back(word + 2);
            }
            ids[b].push_back(is_masked ? mask : word + 2);
            segments[b].push_back(t < L / 2 ? 0 : 1);
        }
    }
    result.batch = bert::pack(ids, segments);
    masked_lm.ids.resize({masked_words.size()});
    std::copy(masked_words.begin(), masked_words.end(), masked_lm.ids.begin());
    return result;
}

// The mean loss of each window of steps; the same texts for every seed, which is that of weights and dropout.
template <class Ops>
std::vector<double> curve(std::uint64_t seed)
{
    bert::Config config;
    bert::set_architecture("BertForPreTraining", config);
    config.vocab_size = words + 2;
    config.hidden_size = 32;
    config.num_attention_heads = 4;
    config.num_hidden_layers = 2;
    config.intermediate_size = 64;
    config.max_position_embeddings = L;
    auto model = bert::Model<float, Ops>::make(config);
    std::mt19937_64 weights(seed), texts(1);
    std::normal_distribution<float> normal(0, 0.05F);
    bert::Model<float, Ops>::parameters(
        [&](const std::string& name, auto& tensor) {
            for (float& value : tensor)
                value = name.ends_with("LayerNorm.weight") ? 1.0F : normal(weights);
        },
        "", model);
    bert::TrainingOptions options;
    options.optimizer.learning_rate = 4e-3;
    options.seed = seed;
    bert::Trainer<float, Ops> trainer(options, model);
    std::vector<double> means(steps / window);
    for (std::size_t k = 0; k < steps; ++k) {
        const bert::LabelledBatch<float> batch = example(texts);
        means[k / window] += static_cast<double>(trainer.step(std::span(&batch, 1)).losses.total) / window;
    }
    return means;
}

double distance(const std::vector<double>& a, const std::vector<double>& b)
{
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        sum += std::abs(a[i] - b[i]);
    return sum;
}

}  // namespace

TEST_CASE("300 steps of pre-training in bfloat16 stay nearer to those in float than another seed does")
{
    const std::vector<double> in_float = curve<bert::Fast>(1), other_seed = curve<bert::Fast>(2),
                              in_bf16 = curve<bert::FastBf16>(1);
    INFO("first and last mean loss: " << in_float.front() << ", " << in_float.back());
    CHECK(in_float.back() < 0.8 * in_float.front());  // something is learnt
    INFO("distance to bfloat16 " << distance(in_float, in_bf16) << ", to the other seed " << distance(in_float, other_seed));
    CHECK(distance(in_float, in_bf16) < distance(in_float, other_seed));
    CHECK(distance(in_float, in_bf16) > 0);
}
