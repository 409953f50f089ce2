// Lesson 09: one training step by hand: forward, losses, backward, clipping, AdamW; then the same by bert::Trainer.
//
// Beside it: include/bert/model.hpp, heads/masked_lm.hpp, training/clipping.hpp, training/schedule.hpp,
// ops/reference/optimizers.hpp, training/optimizer.hpp, training/body_training.hpp, training/trainer.hpp.
// Devlin et al. 2019, section 3.1 (both tasks) and appendix A.2; Loshchilov and Hutter 2019 (AdamW); Pascanu, Mikolov and
// Bengio 2013, section 3.2 (clipping).
#include <bert/io/architectures.hpp>
#include <bert/training/trainer.hpp>
#include <bert/verify/gradient_check.hpp>

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

// A vocabulary of ten words.
enum Word : std::int64_t { pad, cls, sep, mask, the, dog, bites, man, runs, away };
const std::vector<std::string> words = {"[PAD]", "[CLS]", "[SEP]", "[MASK]", "the", "dog", "bites", "man", "runs", "away"};

// V = 10, H = 4, two heads, I = 8, one layer; without dropout, so that everything can be computed by hand.
Config tiny_config()
{
    Config config;
    set_architecture("BertForPreTraining", config);  // with both heads of pre-training
    config.vocab_size = words.size();
    config.hidden_size = 4;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 8;
    config.max_position_embeddings = 8;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    return config;
}

// Arbitrary weights from -1 to 1; the layer norms have gamma 1 and beta 0.
Model<double> make_model()
{
    auto model = Model<double>::make(tiny_config());
    std::size_t k = 0;
    const auto fill = [&k](const std::string& name, auto& tensor) {
        const bool norm = name.find("LayerNorm") != std::string::npos;
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = !norm ? static_cast<double>(7 * k++ % 11) / 5 - 1 : name.ends_with(".weight") ? 1 : 0;
    };
    Model<double>::parameters(fill, "", model);
    return model;
}

// Two pairs of texts. In each one word is masked. The model predicts it, and whether the second text follows the first.
LabelledBatch<double> make_example()
{
    LabelledBatch<double> example;
    example.batch = pack({{cls, the, mask, bites, sep, man, runs, sep}, {cls, man, mask, sep, the, dog, sep}},
                         {{0, 0, 0, 0, 0, 1, 1, 1}, {0, 0, 0, 0, 1, 1, 1}});
    example.targets.masked_lm = {{2, 10}, {dog, runs}};  // the masked rows, and their words
    example.targets.next_sentence = {0, 1};              // in the first pair the second text follows, in the second it doesn't
    return example;
}

// The largest difference between the parameters of two models.
double model_difference(const Model<double>& a, const Model<double>& b)
{
    double largest = 0;
    Model<double>::parameters(
        [&](const std::string&, const auto& x, const auto& y) { largest = std::max(largest, max_difference(x, y)); }, "", a, b);
    return largest;
}

// Some rows of a tensor.
Tensor<double, 2> rows_of(const Tensor<double, 2>& tensor, const std::vector<std::size_t>& rows)
{
    Tensor<double, 2> taken = zeros<double, 2>({rows.size(), tensor.shape(1)});
    for (std::size_t m = 0; m < rows.size(); ++m)
        for (std::size_t i = 0; i < tensor.shape(1); ++i)
            taken(m, i) = tensor(rows[m], i);
    return taken;
}

int main()
{
    std::puts("1. The input, and its targets: two masked positions, and whether the second text follows the first.");
    const LabelledBatch<double> example = make_example();
    const Batch& batch = example.batch;
    const Targets<double>& targets = example.targets;
    const std::vector<std::size_t>& masked = targets.masked_lm->rows;
    for (std::size_t t = 0, m = 0; t < batch.ids.size(); ++t) {
        const bool is_masked = m < masked.size() && masked[m] == t;
        std::printf("   %2zu %-7s segment %d%s%s\n", t, words[static_cast<std::size_t>(batch.ids(t))].c_str(),
                    static_cast<int>(batch.segments(t)), is_masked ? ", masked: " : "",
                    is_masked ? words[static_cast<std::size_t>(targets.masked_lm->ids(m++))].c_str() : "");
    }
    claim(batch.ids(2) == mask && batch.ids(10) == mask, "both masked positions hold [MASK]");  // STOP 1: batch, targets

    std::puts("2. Forward. A row has V logits, so the masked-LM head computes them at masked positions only.");
    Model<double> model = make_model();
    ModelActivations<double> act, of_all;
    Workspace workspace;
    const Pass pass{model.config, batch.sequences, workspace};
    model.forward(batch, {}, pass, of_all);  // without targets: the logits of all rows
    model.forward(batch, targets, pass, act);
    const Tensor<double, 2>& logits = act.masked_lm.logits;  // [M = 2, V = 10]
    show("logits of masked LM", logits);
    show("logits of next sentence", act.next_sentence.logits);  // STOP 2: act, member by member
    claim(max_difference(logits, rows_of(of_all.masked_lm.logits, masked)) < 1e-12,
          "the same numbers as in the logits of all rows");

    std::puts("3. The loss is -log p of what is right: the mean over a task's targets, then the sum of both tasks.");
    Tensor<double, 2> p_words, p_next;
    Reference::softmax(logits, p_words);
    Reference::softmax(act.next_sentence.logits, p_next);
    const double of_words = (-std::log(p_words(0, dog)) - std::log(p_words(1, runs))) / 2;
    const double of_next = (-std::log(p_next(0, 0)) - std::log(p_next(1, 1))) / 2;
    Counts<double> counts;  // what the sums are divided by: 2 masked positions, 2 sequences
    model.count(batch, targets, counts);
    const Losses<double> losses = model.loss(batch, targets, counts, {}, act);
    std::printf("   masked LM %.4f + next sentence %.4f = %.4f nats\n", *losses.masked_lm, *losses.next_sentence,
                losses.total);  // STOP 3: p_words, p_next, losses
    claim(std::abs(*losses.masked_lm - of_words) < 1e-12 && std::abs(*losses.next_sentence - of_next) < 1e-12,
          "Model::loss computes the same");
    claim(std::abs(losses.total - (of_words + of_next)) < 1e-12, "and adds both, as the paper does");

    std::puts("4. The gradient of the logits: predicted minus target probabilities, over the number of masked positions.");
    ModelGradients<double> d_act;
    model.loss_backward(batch, targets, counts, {}, act, d_act);
    const Tensor<double, 2>& d_logits = d_act.masked_lm.logits;
    show("gradient of the logits of masked LM", d_logits, 3);
    double sum = 0;
    for (std::size_t v = 0; v < words.size(); ++v)
        sum += d_logits(0, v);
    claim(std::abs(d_logits(0, dog) - (p_words(0, dog) - 1) / 2) < 1e-12,  // STOP 4: d_logits beside p_words
          "the right word: (p - 1) / 2, below 0, so its logit must rise");
    claim(std::abs(d_logits(0, man) - p_words(0, man) / 2) < 1e-12,
          "a wrong word: p / 2, above 0, so its logit must fall, the more the larger p is");
    claim(std::abs(sum) < 1e-12, "a row sums to 0, as after any softmax (lesson 07)");

    std::puts("5. Backward through the whole model: heads, blocks, embeddings. The gradient is a Model, too.");
    Model<double> gradient = Model<double>::make(model.config);  // zeros
    model.backward(batch, pass, act, gradient, d_act);
    show("gradient of the word table", gradient.body.embeddings.word, 3);  // STOP 5: gradient, d_act
    ModelActivations<double> now;
    const auto loss = [&] {
        model.forward(batch, targets, pass, now);
        return model.loss(batch, targets, counts, {}, now).total;
    };
    const GradientCheck check = check_gradient(model, gradient, loss);
    std::printf("   %zu numbers checked\n", check.count);
    claim(check.holds, "every parameter's gradient agrees with differences (lesson 06)");
    claim(std::abs(gradient.body.embeddings.word(away, 0)) > 0.001,
          "even \"away\", which isn't in the input, has a gradient: the logits are computed with the same table");

    std::puts("6. Clipping limits the norm of the whole gradient, of all parameters together, to 1.");
    double squares = 0;
    const ParameterList<double> gradients = parameter_list<double>(gradient);  // name, shape, kind and numbers of each
    for (const Parameter<double>& parameter : gradients)
        for (const double g : parameter.values)
            squares += g * g;
    const GradientNorm norm = gradient_norm(gradients, [](std::size_t) { return true; });
    const double scale = Clipping{}.scale(norm.value);
    std::printf("   norm %.4f, so everything is multiplied by %.4f\n", norm.value, scale);  // STOP 6: norm, scale
    claim(std::abs(norm.value - std::sqrt(squares)) < 1e-12, "the norm is the root of the sum of all squares");
    claim(norm.value > 1 && std::abs(scale * norm.value - 1) < 1e-5,
          "the clipped gradient has the norm 1 and the same direction");

    std::puts("7. The schedule gives the fraction of the peak rate in each step: here it falls linearly, without a warm-up.");
    const double peak = 0.01;
    const Schedule schedule{.kind = ScheduleKind::linear, .warmup_steps = 0, .total_steps = 10};
    const Schedule with_warmup{.kind = ScheduleKind::linear, .warmup_steps = 4, .total_steps = 10};
    std::printf("   step       ");
    for (std::size_t step = 0; step <= 10; ++step)
        std::printf("%6zu", step);
    std::printf("\n   ours       ");
    for (std::size_t step = 0; step <= 10; ++step)
        std::printf("%6.2f", schedule.factor(step));
    std::printf("\n   warm-up 4  ");
    for (std::size_t step = 0; step <= 10; ++step)
        std::printf("%6.2f", with_warmup.factor(step));
    std::puts("");
    const double rate = peak * schedule.factor(0);  // STOP 7: step into Schedule::factor
    claim(rate == peak && schedule.factor(10) == 0, "the rate falls from the peak to 0");
    claim(with_warmup.factor(0) == 0 && with_warmup.factor(4) == 1,
          "a warm-up begins at 0: the first step changes the moments only");

    std::puts("8. AdamW, for one parameter: column 1 of the vector of \"dog\".");
    const double p = model.body.embeddings.word(dog, 1);
    const double g = scale * gradient.body.embeddings.word(dog, 1);
    const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-6, decay = 0.01;
    const double m = beta1 * 0 + (1 - beta1) * g;      // a running mean of the gradient; it starts at 0
    const double v = beta2 * 0 + (1 - beta2) * g * g;  // a running mean of its square
    const double m_hat = m / (1 - beta1);              // corrected for the start: in step t, 1 - beta^t
    const double v_hat = v / (1 - beta2);
    const double kept = (1 - rate * decay) * p;  // the decay: a little towards 0, whatever the gradient is
    const double moved = kept - rate * m_hat / (std::sqrt(v_hat) + epsilon);
    std::printf("   p %.4f, g %.6f, m %.7f, v %.9f\n", p, g, m, v);
    std::printf("   m_hat %.6f, sqrt(v_hat) %.6f, after decay %.5f, after the step %.5f\n", m_hat, std::sqrt(v_hat), kept,
                moved);  // STOP 8: g, m, v, m_hat, v_hat, kept, moved
    claim(std::abs(m_hat - g) < 1e-12 && std::abs(v_hat - g * g) < 1e-12,
          "in the first step the correction gives back g and g^2");
    claim(std::abs(std::abs(moved - kept) - rate) < 0.01 * rate,
          "m_hat / sqrt(v_hat) is g's sign: if |g| is far above epsilon, the step is as long as the rate");
    UpdateOptions update;
    update.learning_rate = rate;
    update.weight_decay = decay;
    update.scale = scale;
    update.step = 1;
    const std::size_t at = dog * 4 + 1;  // in the table, row by row
    const Tensor<double, 2>& d_word = gradient.body.embeddings.word;
    std::vector<double> table(model.body.embeddings.word.begin(), model.body.embeddings.word.end());
    std::vector<double> m_of_table(table.size()), v_of_table(table.size());
    Reference::adamw<double>({d_word.data(), d_word.size()}, update, {table, m_of_table, v_of_table});
    claim(std::abs(table[at] - moved) < 1e-12, "Reference::adamw does the same to the whole table");
    claim(std::abs(m_of_table[at] - m) < 1e-12 && std::abs(v_of_table[at] - v) < 1e-12, "and updates both moments");

    std::puts("9. The same for all parameters. Matrices and tables decay towards 0; biases and layer norms don't.");
    Model<double> by_hand = model, m_of_all = Model<double>::make(model.config), v_of_all = m_of_all;  // moments are zeros
    const ParameterList<double> parameters = parameter_list<double>(by_hand);
    const ParameterList<double> firsts = parameter_list<double>(m_of_all), seconds = parameter_list<double>(v_of_all);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const ParameterKind kind = parameters[i].kind;
        update.weight_decay = kind == ParameterKind::matrix || kind == ParameterKind::table ? decay : 0;
        Reference::adamw<double>(gradients[i].values, update, {parameters[i].values, firsts[i].values, seconds[i].values});
    }
    ModelActivations<double> after;
    by_hand.forward(batch, targets, pass, after);
    const double loss_after = by_hand.loss(batch, targets, counts, {}, after).total;
    std::printf("   loss before %.4f, after %.4f\n", losses.total, loss_after);  // STOP 9: model and by_hand
    claim(loss_after < losses.total, "the loss is smaller");
    claim(std::abs(by_hand.masked_lm->bias(dog) - model.masked_lm->bias(dog) - rate) < 0.01 * rate,
          "the bias of \"dog\" went up by the rate");

    std::puts("10. bert::Trainer does all of this in one call.");
    TrainingOptions options;
    options.optimizer.learning_rate = peak;
    options.optimizer.schedule = schedule;
    Model<double> trained = model;
    Trainer trainer(options, trained);
    const TrainingReport<double> report = trainer.step({&example, 1});
    std::printf("   loss %.4f, norm %.4f, learning rate %.4f\n", report.losses.total, report.norm,
                report.learning_rate);  // STOP 10: report, trained
    claim(std::abs(report.losses.total - losses.total) < 1e-12 && std::abs(report.norm - norm.value) < 1e-12,
          "the same loss, the same norm");
    claim(model_difference(trainer.gradient(), gradient) < 1e-12, "the same gradient");
    claim(model_difference(trained, by_hand) < 1e-12, "the same parameters afterwards");

    std::puts("11. The second step: a new gradient, 9/10 of the peak rate, and the moments of the first step.");
    const double p2 = trained.body.embeddings.word(dog, 1);
    const TrainingReport<double> second = trainer.step({&example, 1});
    const double g2 = Clipping{}.scale(second.norm) * trainer.gradient().body.embeddings.word(dog, 1);
    const double m2 = beta1 * m + (1 - beta1) * g2, v2 = beta2 * v + (1 - beta2) * g2 * g2;
    const double m2_hat = m2 / (1 - beta1 * beta1), v2_hat = v2 / (1 - beta2 * beta2);
    const double rate2 = 0.9 * peak;
    const double moved2 = (1 - rate2 * decay) * p2 - rate2 * m2_hat / (std::sqrt(v2_hat) + epsilon);
    std::printf("   loss %.4f; p %.4f becomes %.4f\n", second.losses.total, p2, moved2);  // STOP 11: g2, m2, v2, moved2
    claim(std::abs(second.losses.total - loss_after) < 1e-12, "its loss is the loss after the first step");
    claim(std::abs(trained.body.embeddings.word(dog, 1) - moved2) < 1e-12,
          "computed by hand it is the same, with 1 - beta^2 as correction");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. The gradient (3, 4, 0, 12) is clipped to the norm 1. What does the 4 become?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. A warm-up of 100 steps, 1000 steps in all, linear. Half the peak is used in step 50, and in which other step?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a step

// 3. AdamW of one number, with the betas, epsilon and decay of section 8 and a rate of 0.01. Update m and v, too.
std::optional<double> your_adamw([[maybe_unused]] double p, [[maybe_unused]] double g, [[maybe_unused]] double& m,
                                 [[maybe_unused]] double& v, [[maybe_unused]] double t)
{
    return std::nullopt;  // YOUR ANSWER: the new p; t is 1, 2, 3, ...; std::pow may be used
}

void exercises()
{
    exercise(1, "What does the 4 become?", answer_1.has_value(), [] {
        Linear<double> gradient{{{3, 4}}, {0, 12}};
        const GradientNorm norm = gradient_norm(parameter_list<double>(gradient), [](std::size_t) { return true; });
        return wrong_number(*answer_1, 4 * Clipping{}.scale(norm.value), 1e-4);
    });

    exercise(2, "In which other step is half the peak used?", answer_2.has_value(), [] {
        const Schedule schedule{.kind = ScheduleKind::linear, .warmup_steps = 100, .total_steps = 1000};
        if (*answer_2 == 50) return std::string("expected another step than 50");
        return wrong_for("step " + std::to_string(*answer_2), schedule.factor(*answer_2), 0.5, 1e-12);
    });

    double first = 0, second = 0;
    exercise(
        3, "AdamW, written by you.", [&] { return your_adamw(1, 1, first, second, 1).has_value(); },
        [] {
            double yours = 0.5, your_m = 0, your_v = 0;
            std::vector<double> p{0.5}, m{0}, v{0};
            for (std::size_t t = 1; t <= 4; ++t) {
                const std::vector<double> g{static_cast<double>(t) - 1.5};
                UpdateOptions update;
                update.learning_rate = 0.01;
                update.weight_decay = 0.01;
                update.step = t;
                Reference::adamw<double>(g, update, {p, m, v});
                const double before = yours;
                yours = your_adamw(yours, g[0], your_m, your_v, static_cast<double>(t)).value();
                const std::string wrong = wrong_for(
                    "t = " + std::to_string(t) + ", p = " + text_of(before) + " and g = " + text_of(g[0]), yours, p[0], 1e-9);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
