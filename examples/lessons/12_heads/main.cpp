// Lesson 12: the heads of fine-tuning: one body, and a small layer on top of it for each kind of task.
//
// Beside it: include/bert/heads/head.hpp, heads/sequence_classification.hpp, heads/token_classification.hpp,
// heads/multiple_choice.hpp, heads/question_answering.hpp, heads/loss_options.hpp, training/trainer.hpp.
// Devlin et al. 2019, section 3.2 and figure 4 (fine-tuning), 4.1 (classification), 4.2 (question answering), 4.4 (multiple
// choice), 5.3 (named entities).
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

// A vocabulary of twelve words.
enum Word : std::int64_t { pad, cls, sep, who, bites, dog, man, cat, the, runs, sleeps, quickly };

// Two texts, as in question answering: "who bites" and "the dog bites the man"; "who sleeps" and "the cat sleeps".
Batch two_sequences()
{
    return pack({{cls, who, bites, sep, the, dog, bites, the, man, sep}, {cls, who, sleeps, sep, the, cat, sleeps, sep}},
                {{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 1, 1, 1, 1}});
}

// H = 4, one layer; without dropout, so that everything can be computed by hand. Three classes.
Config tiny_config(const std::string& architecture, std::size_t classes = 3)
{
    Config config;
    set_architecture(architecture, config);
    config.vocab_size = 12;
    config.hidden_size = 4;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 8;
    config.max_position_embeddings = 12;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    config.labels.clear();
    for (std::size_t c = 0; c < classes; ++c)
        config.labels.push_back("class " + std::to_string(c));
    return config;
}

// Arbitrary weights from -1 to 1; the layer norms have gamma 1 and beta 0. The bodies of all models get the same numbers.
Model<double> make_model(const Config& config)
{
    auto model = Model<double>::make(config);
    std::size_t k = 0;
    const auto fill = [&k](const std::string& name, auto& tensor) {
        const bool norm = name.find("LayerNorm") != std::string::npos;
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = !norm ? static_cast<double>(7 * k++ % 11) / 5 - 1 : name.ends_with(".weight") ? 1 : 0;
    };
    Model<double>::parameters(fill, "", model);
    return model;
}

// Forward without dropout.
ModelActivations<double> run(const Model<double>& model, const Batch& batch, const Targets<double>& targets = {})
{
    Workspace workspace;
    ModelActivations<double> act;
    model.forward(batch, targets, {model.config, batch.sequences, workspace}, act);
    return act;
}

// The losses of a batch on its own.
Losses<double> losses_of(const Model<double>& model, const Batch& batch, const Targets<double>& targets)
{
    Counts<double> counts;
    model.count(batch, targets, counts);
    return model.loss(batch, targets, counts, {}, run(model, batch, targets));
}

// -log softmax(scores)_target, written out.
double cross_entropy(const std::vector<double>& scores, std::size_t target)
{
    double sum = 0;
    for (const double s : scores)
        sum += std::exp(s);
    return std::log(sum) - scores[target];
}

int main()
{
    std::puts("1. A body turns T tokens into hidden states, [T, H], and its pooler turns each [CLS] into a vector, [B, H].");
    const Batch batch = two_sequences();
    const Model<double> classifier = make_model(tiny_config("BertForSequenceClassification"));
    const ModelActivations<double> act = run(classifier, batch);
    show("pooled vectors", act.body.pooler.pooled);
    show("classifier: weight", classifier.sequence_classification->dense.weight);  // [C, H]
    std::size_t of_body = 0, of_head = 0;
    Model<double>::parameters(
        [&](const std::string& name, const auto& tensor) { (name.starts_with("bert.") ? of_body : of_head) += tensor.size(); },
        "", classifier);
    std::printf("   parameters: body %zu, head %zu\n", of_body, of_head);  // STOP 1: act.body, classifier.sequence_classification
    claim(of_head == 3 * 4 + 3, "a head is a linear layer: C x H weights and C biases");

    std::puts("2. Classes of sequences: a softmax over C logits. The loss is the mean of -log p of the right class.");
    Targets<double> classes;
    classes.sequence_classification = IndexTensor<1>{2, 0};
    const Tensor<double, 2>& logits = act.sequence_classification.logits;
    show("logits", logits);
    const double by_hand = (cross_entropy({logits(0, 0), logits(0, 1), logits(0, 2)}, 2) +
                            cross_entropy({logits(1, 0), logits(1, 1), logits(1, 2)}, 0)) /
                           2;
    const Losses<double> of_classes = losses_of(classifier, batch, classes);
    std::printf("   loss %.4f nats\n", *of_classes.sequence_classification);  // STOP 2: logits, of_classes
    claim(std::abs(*of_classes.sequence_classification - by_hand) < 1e-12, "the same as by hand");

    std::puts("3. The same layer learns values or several labels at once; only the loss is another one.");
    const Model<double> regressor = make_model(tiny_config("BertForSequenceClassification", 1));
    Targets<double> values, labels;
    values.sequence_classification = Tensor<double, 1>{1.5, -0.5};
    labels.sequence_classification = Tensor<double, 2>{{1, 1, 0}, {0, 0, 1}};
    const ModelActivations<double> of_values = run(regressor, batch, values);
    const Tensor<double, 2>& predicted = of_values.sequence_classification.logits;
    const double squared = *losses_of(regressor, batch, values).sequence_classification;
    const double binary = *losses_of(classifier, batch, labels).sequence_classification;
    show("predicted values", predicted);
    std::printf("   mean squared error %.4f, binary cross-entropy %.4f\n", squared, binary);
    const double first = predicted(0, 0) - 1.5, second = predicted(1, 0) + 0.5;
    claim(std::abs(squared - (first * first + second * second) / 2) < 1e-12, "values: the mean of the squared differences");
    double by_label = 0;
    for (std::size_t b = 0; b < 2; ++b)
        for (std::size_t c = 0; c < 3; ++c) {
            const double p = 1 / (1 + std::exp(-logits(b, c)));  // a sigmoid of its own for each label
            const bool has = std::get<2>(*labels.sequence_classification)(b, c) == 1;
            by_label -= std::log(has ? p : 1 - p) / 6;
        }
    claim(std::abs(binary - by_label) < 1e-12, "labels: each is a yes or no of its own");  // STOP 3: squared, binary

    std::puts("4. Classes of tokens: the same layer on every hidden state. A token without a class doesn't count.");
    const Model<double> tagger = make_model(tiny_config("BertForTokenClassification"));
    constexpr std::int64_t none = ignored_label;
    Targets<double> tags;  // only "dog", "man" and "cat" have a class
    tags.token_classification = IndexTensor<1>{none, none, none, none, none, 1, none, none, 2, none,  //
                                               none, none, none, none, none, 1, none, none};
    const ModelActivations<double> of_tags = run(tagger, batch, tags);
    const Tensor<double, 2>& token_logits = of_tags.token_classification.logits;
    Counts<double> tag_count;
    tagger.count(batch, tags, tag_count);
    const double tag_loss = *losses_of(tagger, batch, tags).token_classification;
    double three = 0;
    for (const std::size_t t : {5U, 8U, 15U})
        three += cross_entropy({token_logits(t, 0), token_logits(t, 1), token_logits(t, 2)},
                               static_cast<std::size_t>((*tags.token_classification)(t)));
    std::printf("   %zu rows of logits, %.0f of them count: loss %.4f\n", token_logits.shape(0), tag_count.token_classification,
                tag_loss);  // STOP 4: token_logits, tag_count
    claim(std::abs(tag_loss - three / 3) < 1e-12, "the mean over the three tokens that have a class");

    std::puts("5. Multiple choice: each ending is a sequence of its own with one number, and the softmax is over the endings.");
    const Model<double> chooser = make_model(tiny_config("BertForMultipleChoice"));
    const Batch endings = pack(
        {{cls, the, dog, sep, bites, the, man, sep}, {cls, the, dog, sep, sleeps, sep}, {cls, the, dog, sep, cat, quickly, sep}});
    Targets<double> choice;
    choice.multiple_choice = IndexTensor<1>{1};  // one example: "the dog", three endings; the right one is number 1
    const ModelActivations<double> of_endings = run(chooser, endings, choice);
    const Tensor<double, 2>& scores = of_endings.multiple_choice.logits;
    show("one number for each ending", scores);
    const double choice_loss = *losses_of(chooser, endings, choice).multiple_choice;
    claim(std::abs(choice_loss - cross_entropy({scores(0, 0), scores(1, 0), scores(2, 0)}, 1)) < 1e-12,
          "three sequences are one example: one softmax over the three");  // STOP 5: scores

    std::puts(
        "6. Answers in a text: each token has a number as the answer's start and one as its end; the softmax is over positions.");
    const Model<double> reader = make_model(tiny_config("BertForQuestionAnswering", 2));
    Targets<double> answers;  // "the dog", positions 4 and 5; "the cat", positions 4 and 5
    answers.question_answering = QuestionAnsweringTarget{{4, 4}, {5, 5}};
    const ModelActivations<double> of_answers = run(reader, batch, answers);
    const Tensor<double, 2>& span = of_answers.question_answering.logits;
    double start_and_end = 0;
    for (std::size_t b = 0; b < 2; ++b) {
        std::vector<double> starts, ends;
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t) {
            starts.push_back(span(t, 0));
            ends.push_back(span(t, 1));
        }
        start_and_end += cross_entropy(starts, 4) + cross_entropy(ends, 5);
    }
    const double answer_loss = *losses_of(reader, batch, answers).question_answering;
    show("starts and ends, of every token", span);
    std::printf("   loss %.4f nats\n", answer_loss);  // STOP 6: span
    claim(std::abs(answer_loss - start_and_end / 4) < 1e-12, "the mean over both sequences, and over start and end");

    std::puts("7. A loss is a sum, divided by the count of the whole batch. So micro-batches add up, however uneven they are.");
    const Batch first_text = pack({{cls, who, bites, sep, the, dog, bites, the, man, sep}}, {{0, 0, 0, 0, 1, 1, 1, 1, 1, 1}});
    const Batch second_text = pack({{cls, who, sleeps, sep, the, cat, sleeps, sep}}, {{0, 0, 0, 0, 1, 1, 1, 1}});
    Targets<double> first_tags, second_tags;
    first_tags.token_classification = IndexTensor<1>{none, none, none, none, none, 1, none, none, 2, none};
    second_tags.token_classification = IndexTensor<1>{none, none, none, none, none, 1, none, none};
    const auto part_of = [&](const Batch& part, const Targets<double>& targets) {
        return *tagger.loss(part, targets, tag_count, {}, run(tagger, part, targets)).token_classification;
    };
    const double first_part = part_of(first_text, first_tags), second_part = part_of(second_text, second_tags);
    const double mean_of_means = (*losses_of(tagger, first_text, first_tags).token_classification +
                                  *losses_of(tagger, second_text, second_tags).token_classification) /
                                 2;
    std::printf("   %.4f + %.4f; the mean of the two means would be %.4f\n", first_part, second_part,
                mean_of_means);  // STOP 7: first_part, second_part
    claim(std::abs(first_part + second_part - tag_loss) < 1e-12, "both parts, divided by 3, are the loss of section 4");
    claim(std::abs(mean_of_means - tag_loss) > 0.01,
          "each divided by its own count isn't: two tokens would weigh as much as one");

    std::puts("8. Fine-tuning trains everything, the body too: its gradient comes through the head.");
    Counts<double> counts;
    Workspace workspace;
    Model<double> tuned = classifier;
    const Pass pass{tuned.config, batch.sequences, workspace};
    tuned.count(batch, classes, counts);
    ModelGradients<double> d_act;
    Model<double> gradient = Model<double>::make(tuned.config);
    tuned.loss_backward(batch, classes, counts, {}, act, d_act);
    tuned.backward(batch, pass, act, gradient, d_act);
    ModelActivations<double> now;
    const auto loss = [&] {
        tuned.forward(batch, classes, pass, now);
        return tuned.loss(batch, classes, counts, {}, now).total;
    };
    const GradientCheck check = check_gradient(tuned, gradient, loss);
    std::printf("   %zu numbers checked\n", check.count);
    claim(check.holds, "the gradients of head and body agree with differences");
    TrainingOptions options;
    options.optimizer.learning_rate = 0.02;
    Trainer trainer(options, tuned);
    const LabelledBatch<double> example{batch, classes};
    const double at_start = trainer.step({&example, 1}).losses.total;
    for (std::size_t step = 1; step < 60; ++step)
        trainer.step({&example, 1});
    const double at_end = losses_of(tuned, batch, classes).total;
    std::printf("   loss %.2f; after 60 steps %.2f\n", at_start, at_end);  // STOP 8: gradient, at_end
    claim(std::abs(at_start - by_hand) < 1e-12, "training begins with the loss of section 2");
    claim(at_end < 0.1, "and learns both classes");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. BERT-base, H = 768, is fine-tuned to name entities of nine classes. How many parameters does the head have?
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 2. Four micro-batches of a batch have 5, 0, 2 and 1 tokens with a class. By which number is the third one's sum divided?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. An answer can't end before it begins. Of all i <= j, which have the largest starts[i] + ends[j]?
struct Span {
    std::size_t first, last;
};
std::optional<Span> best_span([[maybe_unused]] const std::vector<double>& starts,
                              [[maybe_unused]] const std::vector<double>& ends)
{
    return std::nullopt;  // YOUR ANSWER: the indices
}

void exercises()
{
    exercise(1, "How many parameters does a head for nine classes of tokens have?", answer_1.has_value(), [] {
        Config config = tiny_config("BertForTokenClassification", 9);
        config.hidden_size = 768;
        const auto head = TokenClassificationHead<double>::make(config);
        return wrong_number(static_cast<double>(*answer_1),
                            static_cast<double>(head.dense.weight.size() + head.dense.bias.size()), 0.5);
    });

    exercise(2, "By which number is the third micro-batch's sum divided?", answer_2.has_value(), [] {
        double whole = 0;
        for (const std::size_t labelled : {5U, 0U, 2U, 1U}) {
            IndexTensor<1> target = zeros<std::int64_t, 1>({8});
            std::fill(target.begin() + static_cast<std::ptrdiff_t>(labelled), target.end(), ignored_label);
            whole += TokenClassificationHead<double>::count({}, target);
        }
        return wrong_number(static_cast<double>(*answer_2), whole, 0.5);
    });

    exercise(
        3, "Which span is the best answer?", [&] { return best_span({0}, {0}).has_value(); },
        [] {
            const std::vector<std::vector<double>> starts = {{1, 5, 2}, {0, 1, 9}, {3, 3, 3}, {-4, -1, -3}};
            const std::vector<std::vector<double>> ends = {{2, 1, 3}, {8, 7, 1}, {1, 2, 0}, {-1, -9, -2}};
            for (std::size_t k = 0; k < starts.size(); ++k) {
                double best = -INFINITY;
                for (std::size_t i = 0; i < 3; ++i)
                    for (std::size_t j = i; j < 3; ++j)
                        best = std::max(best, starts[k][i] + ends[k][j]);
                const Span found = best_span(starts[k], ends[k]).value();
                const std::string input = "for starts " + text_of(starts[k]) + " and ends " + text_of(ends[k]) + ": from " +
                                          std::to_string(found.first) + " to " + std::to_string(found.last);
                if (found.first > found.last || found.last >= 3) return input + " is no span";
                const double sum = starts[k][found.first] + ends[k][found.last];
                if (sum != best) return input + " the sum is " + text_of(sum) + ", and another span's is larger";
            }
            return std::string();
        });
}
