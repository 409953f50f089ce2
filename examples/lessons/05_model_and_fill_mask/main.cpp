// Lesson 05: the whole model, from a text to the word behind [MASK], compared with what another implementation computed.
//
// Beside it: include/bert/model.hpp, encoder.hpp, heads/masked_lm.hpp, verify/case.hpp, verify/comparison.hpp.
// Devlin et al. 2019, section 3 and section 3.1, task 1.
#include <bert/core/parameters.hpp>
#include <bert/pretrained.hpp>
#include <bert/verify/case.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void read_and_run();
void exercises(const Pretrained<double, Reference>& bert, const ReferenceCase& reference);

const std::filesystem::path project = std::filesystem::path(__FILE__).parent_path() / "../../..";

int main()
{
    try {
        read_and_run();
        return status();
    } catch (const std::exception& error) {  // for instance, a file is missing
        std::fprintf(stderr, "%s\n", error.what());
        return 2;
    }
}

// The first rows and columns of a tensor.
void show_corner(const char* name, const Tensor<double, 2>& tensor)
{
    Tensor<double, 2> corner = zeros<double, 2>({std::min<std::size_t>(3, tensor.shape(0)), 5});
    for (std::size_t i = 0; i < corner.shape(0); ++i)
        for (std::size_t j = 0; j < corner.shape(1); ++j)
            corner(i, j) = tensor(i, j);
    std::printf("   %s is %s and begins with\n", name, shape_text(tensor.shape()).c_str());
    show("corner", corner);
}

// Every word with its probability, the most likely first.
std::vector<std::pair<double, std::int64_t>> by_probability(const Tensor<double, 2>& probabilities, std::size_t row)
{
    std::vector<std::pair<double, std::int64_t>> words;
    for (std::size_t v = 0; v < probabilities.shape(1); ++v)
        words.emplace_back(probabilities(row, v), static_cast<std::int64_t>(v));
    std::sort(words.rbegin(), words.rend());
    return words;
}

// Runs a model on a case and compares each forward tensor with the stored one, in the order of the computation.
std::vector<Comparison> compared(const Model<double, Reference>& model, const ReferenceCase& reference)
{
    ModelActivations<double> act;
    Workspace workspace;
    const Batch& batch = reference.batch();
    model.forward(batch, {}, {.config = model.config, .sequences = batch.sequences, .workspace = workspace, .keep_all = true},
                  act);
    const std::vector<NamedTensor> found = forward_trace(model, reference.batch(), act);
    std::vector<NamedTensor> expected;
    for (const TensorView& view : reference.expected().tensors())
        if (kind_of(view.name) == "forward") expected.push_back(named_tensor(view));
    return compare_all(found, expected, reference.mask(), limits_of<double>());
}

// The name of the first tensor that doesn't hold; empty if all do.
std::string first_wrong(const std::vector<Comparison>& comparisons)
{
    for (const Comparison& comparison : comparisons)
        if (!comparison.holds) return comparison.name;
    return "";
}

void read_and_run()
{
    std::puts("1. A folder holds a configuration, a vocabulary and the weights under their published names.");
    const auto bert = load<double, Reference>(project / "examples/models/default");
    const Config& config = bert.model.config;
    std::printf("   %s: V %zu, H %zu, layers %zu, A %zu, I %zu; %zu parameters\n", config.architecture.c_str(), config.vocab_size,
                config.hidden_size, config.num_hidden_layers, config.num_attention_heads, config.intermediate_size,
                count_parameters(bert.model));  // STOP 1: bert.model.config
    claim(bert.tokenizer.vocab_size() == config.vocab_size, "the word table has a row for each token of the vocabulary");

    std::puts("2. Texts become ids, and the ids of several texts become one packed batch of T rows.");
    const std::vector<std::string> texts = {"The whale swam under the [MASK].", "Is it raining?"};
    const Batch batch = bert.batch_of(texts);
    std::printf("   T = %zu tokens in B = %zu sequences\n", batch.sequences.tokens(), batch.sequences.count());
    std::string tokens;
    for (std::size_t t = 0; t < batch.ids.size(); ++t)
        tokens += " " + std::string(bert.tokenizer.token(batch.ids(t)));
    std::printf("  %s\n", tokens.c_str());  // STOP 2: batch.ids, batch.positions, batch.sequences.begin
    claim(batch.ids(batch.sequences.begin[1]) == bert.tokenizer.cls_id(), "the second text begins where the first one ends");

    std::puts("3. Embeddings and blocks all compute a tensor [T, H]: a vector for each token.");
    ModelActivations<double> act;
    Workspace workspace;
    bert.model.forward(batch, {}, {config, batch.sequences, workspace}, act);
    const auto& [embeddings, encoder, pooler] = act.body;
    show_corner("embeddings.y", embeddings.y);
    show_corner("encoder.layer[0].y()", encoder.layer[0].y());
    show_corner("encoder.layer[1].y()", encoder.layer[1].y());  // STOP 3: act.body.encoder.layer[1].attention, member by member
    const Tensor<double, 2>& hidden = encoder.layer[1].y();
    claim(embeddings.word(1, 0) == embeddings.word(8, 0),
          "tokens 1 and 8, both \"the\", begin as the same row of the word table");
    claim(std::abs(hidden(1, 0) - hidden(8, 0)) > 0.01, "and end as different vectors, because each depends on its context");

    std::puts("4. The masked-LM head compares each vector with every row of the word table: a logit for each word.");
    const auto mask_row =
        static_cast<std::size_t>(std::find(batch.ids.begin(), batch.ids.end(), bert.tokenizer.mask_id()) - batch.ids.begin());
    Tensor<double, 2> probabilities;
    Reference::softmax(act.masked_lm.logits, probabilities);
    const auto words = by_probability(probabilities, mask_row);
    for (std::size_t i = 0; i < 5; ++i)
        std::printf("   %-10s %.3f\n", std::string(bert.tokenizer.token(words[i].second)).c_str(), words[i].first);
    const auto best = static_cast<std::size_t>(words[0].second);  // STOP 4: mask_row, words, act.masked_lm.norm.y
    double logit = bert.model.masked_lm->bias(best);
    for (std::size_t h = 0; h < config.hidden_size; ++h)
        logit += act.masked_lm.norm.y(mask_row, h) * bert.model.body.embeddings.word(best, h);
    claim(std::abs(logit - act.masked_lm.logits(mask_row, best)) < 1e-9,
          "a logit is the vector times the word's own row of the table, plus a bias");
    double sum = 0;
    for (const auto& word : words)
        sum += word.first;
    claim(std::abs(sum - 1) < 1e-9, "the probabilities of all words sum to 1 (the weights are random, and so are the words)");

    std::puts("5. The pooler computes one vector for each text, from its first token, [CLS].");
    show_corner("pooler.pooled", pooler.pooled);  // STOP 5: act.body.pooler.first and act.body.pooler.pooled
    claim(pooler.pooled.shape(0) == texts.size(), "B rows, whatever the lengths of the texts");
    double largest = 0;
    for (std::size_t i = 0; i < pooler.pooled.size(); ++i)
        largest = std::max(largest, std::abs(pooler.pooled.data()[i]));
    claim(largest <= 1, "after tanh every number lies between -1 and 1");

    std::puts("6. Is all this right? A reference case holds what another implementation computed, tensor by tensor.");
    const ReferenceCase reference(project / "reference_outputs/cases/default_model");
    const Encoding encoding = bert.tokenizer.encode(texts[0]);
    const auto stored_ids = reference.tensor<std::int64_t, 2>("input.ids");
    bool same_ids = true;
    for (std::size_t l = 0; l < encoding.size(); ++l)
        same_ids = same_ids && encoding.ids[l] == stored_ids(1, l);
    claim(same_ids, "the case's second text is our first one, and its tokenizer gave the same ids");
    const std::vector<Comparison> comparisons = compared(bert.model, reference);
    for (const Comparison& comparison : comparisons)
        std::printf("   %-32s %s\n", comparison.name.c_str(), comparison.holds ? "holds" : comparison.message.c_str());
    const std::string first = first_wrong(comparisons);  // STOP 6: comparisons[0].error, and the errors of the others
    claim(first.empty(), "every tensor agrees to 1e-12 of its largest number");

    std::puts("7. The first tensor that differs shows where a number is wrong.");
    Model<double, Reference> damaged = bert.model;
    damaged.body.encoder.layer[1].feed_forward.output.dense.bias(0) += 1e-6;
    const std::vector<Comparison> of_damaged = compared(damaged, reference);
    for (const Comparison& comparison : of_damaged)
        if (!comparison.holds) std::printf("   %s is wrong\n", comparison.name.c_str());
    const std::string first_of_damaged = first_wrong(of_damaged);  // STOP 7: of_damaged
    claim(first_of_damaged == "forward.layer.1.output", "the first one is the output of layer 1, whose bias was changed");

    exercises(bert, reference);
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. A model that knows nothing gives all V words the same probability. What is its loss, in nats per word? (heads/masked_lm.hpp)
std::optional<double> answer_1([[maybe_unused]] double V)
{
    return std::nullopt;  // YOUR ANSWER: a number; std::log may be used
}

// 2. All biases of the key of layer 1 are raised by 1, which makes its key and its scores wrong. Which is the first tensor
//    after the scores that is right again, and why?
const std::string answer_2 = "";  // YOUR ANSWER: a name, as section 6 prints it

// 3. The cosine of two vectors: the sum of their products over both lengths. It measures how similar two texts are.
std::optional<double> your_cosine([[maybe_unused]] const std::vector<double>& a, [[maybe_unused]] const std::vector<double>& b)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

void exercises(const Pretrained<double, Reference>& bert, const ReferenceCase& reference)
{
    exercise(
        1, "What is the loss of a model that knows nothing?", [&] { return answer_1(10).has_value(); },
        [&] {
            const std::size_t V = bert.model.config.vocab_size;
            const Tensor<double, 2> logits = zeros<double, 2>({1, V});
            const IndexTensor<1> labels = zeros<std::int64_t, 1>({1});
            return wrong_for(std::to_string(V) + " words", answer_1(static_cast<double>(V)).value(),
                             Reference::cross_entropy(logits, labels).value, 1e-6);
        });

    exercise(2, "All key biases of layer 1 are raised by 1. Which tensor after the scores is right again?", !answer_2.empty(),
             [&] {
                 Model<double, Reference> changed = bert.model;
                 Tensor<double, 1>& bias = changed.body.encoder.layer[1].attention.key.bias;
                 for (std::size_t h = 0; h < bias.size(); ++h)
                     bias(h) += 1;
                 bool behind_scores = false, is_first = true;
                 for (const Comparison& comparison : compared(changed, reference)) {
                     if (comparison.name == answer_2) {
                         if (!behind_scores) return answer_2 + " doesn't come after the scores";
                         if (!comparison.holds) return "still wrong: " + comparison.message;
                         return is_first ? "" : answer_2 + " is right, but it isn't the first one";
                     }
                     is_first = is_first && !(behind_scores && comparison.holds);
                     behind_scores = behind_scores || comparison.name == "forward.layer.1.scores";
                 }
                 return "no tensor is called " + answer_2;
             });

    exercise(
        3, "Cosine, written by you.",
        [&] {
            return your_cosine({1, 0}, {1, 0}).has_value();
        },
        [&] {
            VectorOptions options;
            options.normalize = true;
            const Tensor<double, 2> vectors = bert.encode({"The whale swam.", "Is it raining?"}, options);  // [2, H]
            std::vector<double> a, b;
            double expected = 0;
            for (std::size_t h = 0; h < vectors.shape(1); ++h) {
                a.push_back(3 * vectors(0, h));
                b.push_back(vectors(1, h) / 5);
                expected += vectors(0, h) * vectors(1, h);
            }
            const std::string wrong = wrong_for("(3, 4) and (-6, -8)", your_cosine({3, 4}, {-6, -8}).value(), -1, 1e-9);
            return wrong.empty() ? wrong_for("two vectors of the model", your_cosine(a, b).value(), expected, 1e-9) : wrong;
        });
}
