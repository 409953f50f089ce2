// Lesson 10: a tiny BERT learns one batch by heart. This is the first test of a new training loop: if it fails, there is a bug.
//
// Beside it: include/bert/training/trainer.hpp, training/initialize.hpp (BERT's distribution of new weights; this tiny model has
// larger ones of its own), core/dropout.hpp, core/random.hpp, ops/reference/dropout.hpp, losses.hpp.
// Devlin et al. 2019, section 3.1; Srivastava et al. 2014, section 4 (dropout); Salmon et al. 2011 (random numbers by position).
#include <bert/io/architectures.hpp>
#include <bert/training/trainer.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A vocabulary of twelve words.
enum Word : std::int64_t { pad, cls, sep, mask, the, a, dog, man, cat, bites, runs, sleeps };
const std::vector<std::string> words = {"[PAD]", "[CLS]", "[SEP]", "[MASK]", "the",  "a",
                                        "dog",   "man",   "cat",   "bites",  "runs", "sleeps"};

constexpr std::size_t steps = 120;

// V = 12, H = 8, two heads, I = 16, two layers.
Config tiny_config()
{
    Config config;
    set_architecture("BertForPreTraining", config);
    config.vocab_size = words.size();
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 16;
    config.max_position_embeddings = 16;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.1;
    return config;
}

// A new model: random weights between -0.3 and 0.3, biases 0; layer norms with gamma 1 and beta 0.
Model<double> make_model()
{
    auto model = Model<double>::make(tiny_config());
    std::uint32_t tensor_index = 0;  // each tensor has random numbers of its own
    const auto fill = [&tensor_index](const std::string& name, auto& tensor) {
        const bool norm = name.find("LayerNorm") != std::string::npos, bias = name.ends_with("bias");
        for (std::size_t i = 0; i < tensor.size(); ++i) {
            const std::uint32_t word = random_words({2024, 0}, tensor_index, static_cast<std::uint32_t>(i), 0)[0];
            const double uniform = static_cast<double>(word) / 4294967296.0;  // 0 to 1
            tensor.data()[i] = bias ? 0 : norm ? 1 : 0.3 * (2 * uniform - 1);
        }
        ++tensor_index;
    };
    Model<double>::parameters(fill, "", model);
    return model;
}

// Makes an example of sequences with [MASK] at the masked positions, the hidden words in the same order, and the labels of next
// sentence.
LabelledBatch<double> make_example(const std::vector<std::vector<std::int64_t>>& ids, const std::vector<std::int64_t>& hidden,
                                   const IndexTensor<1>& next_sentence)
{
    std::vector<std::vector<std::int64_t>> segments;
    for (const std::vector<std::int64_t>& sequence : ids) {
        segments.emplace_back();
        std::int64_t segment = 0;
        for (const std::int64_t id : sequence) {
            segments.back().push_back(segment);
            if (id == sep) segment = 1;
        }
    }
    LabelledBatch<double> example;
    example.batch = pack(ids, segments);
    MaskedLmTarget target;
    for (std::size_t t = 0; t < example.batch.ids.size(); ++t)
        if (example.batch.ids(t) == mask) target.rows.push_back(t);
    target.ids = zeros<std::int64_t, 1>({hidden.size()});
    std::copy(hidden.begin(), hidden.end(), target.ids.begin());
    example.targets.masked_lm = target;
    example.targets.next_sentence = next_sentence;
    return example;
}

// The batch that is learned.
LabelledBatch<double> one_batch()
{
    return make_example({{cls, the, mask, bites, sep, the, man, mask, sep}, {cls, a, cat, mask, sep, a, mask, runs, sep}},
                        {dog, runs, sleeps, man}, {0, 1});
}

// The options of training.
TrainingOptions options_of(bool dropout, std::uint64_t seed)
{
    TrainingOptions options;
    options.optimizer.learning_rate = 0.01;
    options.dropout = dropout;
    options.seed = seed;
    return options;
}

// Trains on the same batch in every step, and returns the loss of each step.
std::vector<double> train(Model<double>& model, const LabelledBatch<double>& example, const TrainingOptions& options,
                          std::size_t count = steps)
{
    Trainer trainer(options, model);
    std::vector<double> curve;
    for (std::size_t step = 0; step < count; ++step)
        curve.push_back(trainer.step({&example, 1}).losses.total);
    return curve;
}

// The losses of a model without dropout, and its activations.
Losses<double> look_at(const Model<double>& model, const LabelledBatch<double>& example, ModelActivations<double>& act)
{
    Workspace workspace;
    Counts<double> counts;
    model.count(example.batch, example.targets, counts);
    model.forward(example.batch, example.targets, {model.config, example.batch.sequences, workspace}, act);
    return model.loss(example.batch, example.targets, counts, {}, act);
}

// Prints each masked word, the model's first choice, and their probabilities. Returns how many are right.
std::size_t show_words(const char* when, const Model<double>& model, const LabelledBatch<double>& example)
{
    ModelActivations<double> act;
    look_at(model, example, act);
    Tensor<double, 2> probabilities;
    Reference::softmax(act.masked_lm.logits, probabilities);
    std::printf("   %s\n", when);
    std::size_t right = 0;
    for (std::size_t m = 0; m < act.masked_lm.rows.size(); ++m) {
        const auto label = static_cast<std::size_t>(example.targets.masked_lm->ids(m));
        std::size_t best = 0;
        for (std::size_t v = 0; v < words.size(); ++v)
            if (probabilities(m, v) > probabilities(m, best)) best = v;
        std::printf("     row %2zu: masked %-6s p %.2f, first choice %-6s p %.2f\n", act.masked_lm.rows[m], words[label].c_str(),
                    probabilities(m, label), words[best].c_str(), probabilities(m, best));
        right += best == label ? 1 : 0;
    }
    return right;
}

// The mean of the last numbers of a curve.
double mean_of_last(const std::vector<double>& curve, std::size_t count)
{
    double mean = 0;
    for (std::size_t i = curve.size() - count; i < curve.size(); ++i)
        mean += curve[i] / static_cast<double>(count);
    return mean;
}

int main()
{
    std::puts("1. A new model knows nothing. All words are about equally probable, and so are both classes of next sentence.");
    const LabelledBatch<double> example = one_batch();
    const Model<double> fresh = make_model();
    ModelActivations<double> act;
    const Losses<double> at_start = look_at(fresh, example, act);
    const double knows_nothing = std::log(12.0) + std::log(2.0);
    std::printf("   loss %.2f; of equal probabilities: ln 12 + ln 2 = %.2f\n", at_start.total,
                knows_nothing);  // STOP 1: at_start
    claim(std::abs(at_start.total - knows_nothing) < 0.4, "a loss far from this means a bug, or weights that are too large");

    std::puts("2. Train on the same batch again and again, without dropout. The loss goes to 0.");
    Model<double> model = fresh;
    const std::vector<double> curve = train(model, example, options_of(false, 1));
    std::puts("     step   loss");
    for (std::size_t step = 0; step < steps; step += 10)
        std::printf("     %4zu %6.2f\n", step, curve[step]);
    claim(std::abs(curve.front() - at_start.total) < 1e-12,  // STOP 2: curve
          "the first step begins with the loss of section 1");
    claim(curve.back() < 0.02, "the last loss is below 0.02");

    std::puts("3. The masked words are predicted correctly.");
    const std::size_t right_before = show_words("before", fresh, example);
    const std::size_t right_after = show_words("after", model, example);
    std::printf("   %zu of 4 right before, %zu after\n", right_before, right_after);  // STOP 3: model.body.embeddings.word, act
    claim(right_after == 4, "all four are right");
    look_at(model, example, act);
    claim(act.next_sentence.logits(0, 0) > act.next_sentence.logits(0, 1) &&
              act.next_sentence.logits(1, 0) < act.next_sentence.logits(1, 1),
          "and so is the next-sentence class of both pairs");

    std::puts("4. A second run gives the same curve, bit for bit: nothing depends on time, threads or chance.");
    Model<double> model_again = fresh;
    const std::vector<double> curve_again = train(model_again, example, options_of(false, 1));
    claim(curve == curve_again, "every loss of all steps is the same number");  // STOP 4: curve, curve_again

    std::puts("5. With dropout each step uses another part of the model: the loss falls more slowly, and with jumps.");
    Model<double> dropped = fresh, dropped_again = fresh, dropped_other = fresh;
    const std::vector<double> rough = train(dropped, example, options_of(true, 1));
    const std::vector<double> rough_again = train(dropped_again, example, options_of(true, 1));
    const std::vector<double> rough_other = train(dropped_other, example, options_of(true, 2));
    std::puts("     step   without   seed 1   seed 2");
    for (std::size_t step = 0; step < steps; step += 10)
        std::printf("     %4zu    %6.2f   %6.2f   %6.2f\n", step, curve[step], rough[step], rough_other[step]);
    std::size_t rises = 0, rises_without = 0;
    for (std::size_t step = 1; step < steps; ++step) {
        rises += rough[step] > rough[step - 1] ? 1 : 0;
        rises_without += curve[step] > curve[step - 1] ? 1 : 0;
    }
    claim(rises > 20 && rises_without < 5,  // STOP 5: rough, rough_again, rough_other, rises, rises_without
          "with dropout the loss often rises from one step to the next, without it hardly ever");
    claim(mean_of_last(rough, 20) > mean_of_last(curve, 20), "and it stays higher");
    claim(rough == rough_again, "the same seed drops the same numbers: the same curve, bit for bit");
    claim(rough != rough_other, "another seed gives another curve");

    std::puts("6. Dropout is for training only. Here is the same model without it.");
    const double looked_at = look_at(dropped, example, act).total;
    std::printf("   mean of the last 20 steps %.3f; without dropout %.3f\n", mean_of_last(rough, 20), looked_at);
    const std::size_t right_dropped =
        show_words("trained with dropout, evaluated without", dropped, example);  // STOP 6: looked_at
    claim(looked_at < mean_of_last(rough, 20), "the whole model does better than its parts did in those steps");
    claim(right_dropped == 4, "all four words are right");

    std::puts("7. Learning by heart isn't understanding: here is a batch that the model has never seen.");
    const LabelledBatch<double> unseen =
        make_example({{cls, the, mask, sleeps, sep, a, man, mask, sep}, {cls, the, dog, mask, sep, a, mask, bites, sep}},
                     {cat, bites, runs, dog}, {1, 0});
    const double unseen_fresh = look_at(fresh, unseen, act).total, unseen_trained = look_at(model, unseen, act).total;
    std::printf("   loss of the new model %.2f, of the trained one %.2f\n", unseen_fresh, unseen_trained);  // STOP 7: unseen
    claim(unseen_trained > unseen_fresh + 1, "on this batch the trained model is worse than the new one: confident, and wrong");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. A batch contradicts itself: it has "the [MASK] runs" twice, once for "dog" and once for "man". How small can the masked-LM
//    loss get, however long the training?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number, in nats; std::log may be used

// 2. Which part of a name freezes the word table and nothing else? (OptimizerOptions::frozen; the names are in embeddings.hpp.)
const std::string answer_2 = "";  // YOUR ANSWER: part of a published name

// 3. With which learning rate does the loss of this lesson's batch fall below 0.05 within 40 steps? Try some.
const std::optional<double> answer_3 = std::nullopt;  // YOUR ANSWER: a rate

void exercises()
{
    exercise(1, "How small can the masked-LM loss get?", answer_1.has_value(), [] {
        const LabelledBatch<double> contradiction =
            make_example({{cls, the, mask, runs, sep}, {cls, the, mask, runs, sep}}, {dog, man}, {0, 0});
        Model<double> model = make_model();
        train(model, contradiction, options_of(false, 1), 200);
        ModelActivations<double> act;
        return wrong_number(*answer_1, *look_at(model, contradiction, act).masked_lm, 0.02);
    });

    exercise(2, "What freezes the word table?", !answer_2.empty(), [] {
        const Model<double> before = make_model();
        Model<double> after = before;
        TrainingOptions options = options_of(false, 1);
        options.optimizer.frozen = {answer_2};
        train(after, one_batch(), options, 1);
        std::string frozen;
        Model<double>::parameters(
            [&](const std::string& name, const auto& x, const auto& y) {
                if (name.find("attention.self.key.bias") != name.npos) return;  // its gradient is 0 (lesson 07)
                if (x == y) frozen += " " + name;
            },
            "", before, after);
        if (frozen == " bert.embeddings.word_embeddings.weight") return std::string();
        return "\"" + answer_2 + "\" freezes" + (frozen.empty() ? " nothing" : frozen);
    });

    exercise(3, "Which rate is fast enough?", answer_3.has_value(), [] {
        Model<double> model = make_model();
        TrainingOptions options = options_of(false, 1);
        options.optimizer.learning_rate = *answer_3;
        const double loss = train(model, one_batch(), options, 40).back();
        return loss < 0.05 ? std::string() : "with the rate " + text_of(*answer_3) + " the loss is " + text_of(loss);
    });
}
