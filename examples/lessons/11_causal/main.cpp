// Lesson 11: causal attention, which looks to the left only, beside BERT's, which looks both ways; and why BERT masks words.
//
// Beside it: include/bert/ops/reference/attention.hpp (is_causal), ops/reference/softmax.hpp.
// Radford et al. 2018 (GPT, from left to right); Devlin et al. 2019, section 1 and section 3.1, task 1 (both ways).
#include <bert/ops/reference.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// The input of attention: query, key and value of one sentence, [n, H] each.
using Sentence = QueryKeyValue<double>;

// "the dog bites the man", with arbitrary numbers.
Sentence five_tokens()
{
    return {{{1, 0, 1}, {0, 2, 0}, {1, 1, 0}, {0, 0, 2}, {2, 0, 1}},
            {{1, 1, 0}, {0, 1, 1}, {1, 0, 0}, {0, 1, 0}, {1, 0, 2}},
            {{4, 0, 0}, {0, 4, 0}, {0, 0, 4}, {2, 2, 0}, {0, 2, 2}}};
}

// Attention within one sentence.
AttentionActivations<double> attend(const Sentence& sentence, bool causal)
{
    Config config;
    config.num_attention_heads = 1;
    config.is_causal = causal;
    const Sequences sequences{{0, sentence.query.shape(0)}};
    Workspace workspace;
    AttentionActivations<double> act;
    Reference::attention(Reference{}, sentence, {config, sequences, workspace}, act);
    return act;
}

// The first rows of a tensor.
Tensor<double, 2> first_rows(const Tensor<double, 2>& tensor, std::size_t count)
{
    Tensor<double, 2> rows = zeros<double, 2>({count, tensor.shape(1)});
    for (std::size_t i = 0; i < rows.size(); ++i)
        rows.data()[i] = tensor.data()[i];
    return rows;
}

// The indices of the rows in which two tensors differ, as a text.
std::string changed_rows(const Tensor<double, 2>& before, const Tensor<double, 2>& after)
{
    std::string changed;
    for (std::size_t t = 0; t < before.shape(0); ++t) {
        double difference = 0;
        for (std::size_t h = 0; h < before.shape(1); ++h)
            difference += std::abs(before(t, h) - after(t, h));
        if (difference > 0) changed.append(" ").append(std::to_string(t));
    }
    return changed;
}

// The largest absolute value above the diagonal.
double largest_above_diagonal(const Tensor<double, 2>& table)
{
    double largest = 0;
    for (std::size_t i = 0; i < table.shape(0); ++i)
        for (std::size_t j = i + 1; j < table.shape(1); ++j)
            largest = std::max(largest, std::abs(table(i, j)));
    return largest;
}

// Weights that copy the next word: token i's query fits the key of position i + 1. The columns of value are words.
Sentence looks_at_next(const std::vector<std::size_t>& words, std::size_t V)
{
    const std::size_t n = words.size(), H = std::max(n + 1, V);
    Sentence sentence{zeros<double, 2>({n, H}), zeros<double, 2>({n, H}), zeros<double, 2>({n, H})};
    for (std::size_t i = 0; i < n; ++i) {
        sentence.query(i, i + 1) = 30;
        sentence.key(i, i) = 1;
        sentence.value(i, words[i]) = 1;
    }
    return sentence;
}

int main()
{
    std::puts("1. \"the dog bites the man\": the same queries and keys with both kinds of attention. Row i belongs to token i.");
    const Sentence sentence = five_tokens();
    const AttentionActivations<double> both_ways = attend(sentence, false), left_only = attend(sentence, true);
    show("BERT: probabilities, both ways", both_ways.probabilities[0]);
    show("a decoder: probabilities, to the left only", left_only.probabilities[0]);  // STOP 1: both_ways, left_only
    claim(both_ways.scores[0] == left_only.scores[0], "the scores are the same: the mask is applied after them");
    claim(largest_above_diagonal(left_only.probabilities[0]) == 0, "above the diagonal every probability is exactly 0");
    claim(largest_above_diagonal(both_ways.probabilities[0]) > 0.1, "in BERT they are not");

    std::puts("2. With the mask the first token sees only itself, and the last one sees everything.");
    show("context, both ways", both_ways.context);
    show("context, to the left only", left_only.context);  // STOP 2: both contexts; sentence.value
    double first = 0, last = 0;
    for (std::size_t h = 0; h < 3; ++h) {
        first += std::abs(left_only.context(0, h) - sentence.value(0, h));
        last += std::abs(left_only.context(4, h) - both_ways.context(4, h));
    }
    claim(first < 1e-12, "the first token's context is its own value: it sees no other token");
    claim(last < 1e-12, "the last token's context is the same as in BERT: nothing is hidden from it");
    double seen = 0;
    for (std::size_t j = 0; j <= 2; ++j)
        seen += both_ways.probabilities[0](2, j);
    claim(std::abs(left_only.probabilities[0](2, 1) - both_ways.probabilities[0](2, 1) / seen) < 1e-12,
          "row i is BERT's up to column i, divided by its sum");

    std::puts("3. Change the fourth token, number 3. Which contexts change?");
    Sentence changed = sentence;
    changed.query(3, 0) = changed.key(3, 0) = changed.value(3, 0) = 3;
    const std::string noticed = changed_rows(both_ways.context, attend(changed, false).context);
    const std::string noticed_left = changed_rows(left_only.context, attend(changed, true).context);
    std::printf("   both ways: tokens%s\n   to the left only: tokens%s\n", noticed.c_str(), noticed_left.c_str());
    std::puts("   (the others have the same bits: they are computed from the same numbers)");  // STOP 3: noticed, noticed_left
    claim(noticed == " 0 1 2 3 4", "in BERT all of them");
    claim(noticed_left == " 3 4", "to the left only: its own, and those after it");

    std::puts("4. So a decoder can generate text: what it computed for the first words stays valid when a word is added.");
    const Sentence beginning{first_rows(sentence.query, 3), first_rows(sentence.key, 3), first_rows(sentence.value, 3)};
    const Tensor<double, 2> of_beginning = attend(beginning, true).context;
    const Tensor<double, 2> of_beginning_both = attend(beginning, false).context;
    show("\"the dog bites\" alone, to the left only", of_beginning);
    show("\"the dog bites\" alone, both ways", of_beginning_both);  // STOP 4: beside the contexts of section 2
    claim(max_difference(of_beginning, first_rows(left_only.context, 3)) < 1e-12, "to the left only: the rows of section 2");
    claim(max_difference(of_beginning_both, first_rows(both_ways.context, 3)) > 0.1,
          "both ways: other rows; for each new word BERT would have to compute all of them again");

    std::puts(
        "5. Two layers don't get around the mask: the second one reads the results of the first, and looks to the left, too.");
    const auto two_layers = [](const Sentence& given, bool causal) {
        const Tensor<double, 2> between = attend(given, causal).context;
        return attend({between, between, between}, causal).context;
    };
    const std::string through_two =
        changed_rows(two_layers(sentence, true), two_layers(changed, true));  // STOP 5: step into two_layers
    std::printf("   changed after two layers: tokens%s\n", through_two.c_str());
    claim(through_two == " 3 4", "the same two tokens");

    std::puts("6. Backward. The loss is half the square of token 2's context. Gradients reach only what token 2 sees.");
    Sentence moving = sentence;
    const auto loss = [&] {
        const Tensor<double, 2> context = attend(moving, true).context;
        return (context(2, 0) * context(2, 0) + context(2, 1) * context(2, 1) + context(2, 2) * context(2, 2)) / 2;
    };
    Tensor<double, 2> d_context = zeros<double, 2>({5, 3});
    for (std::size_t h = 0; h < 3; ++h)
        d_context(2, h) = left_only.context(2, h);
    Config causal;
    causal.num_attention_heads = 1;
    causal.is_causal = true;
    const Sequences sequences{{0, 5}};
    Workspace workspace;
    AttentionActivations<double> d_act;
    QueryKeyValue<double> d_qkv;
    Reference::attention_backward(Reference{}, d_context, sentence, {causal, sequences, workspace}, left_only, d_act, d_qkv);
    show("d_scores", d_act.scores[0]);
    show("d_query", d_qkv.query);
    show("d_key", d_qkv.key);
    show("d_value", d_qkv.value);  // STOP 6: d_act.probabilities[0] beside d_act.scores[0]
    claim(largest_above_diagonal(d_act.probabilities[0]) > 1, "the gradient of a hidden token's probability isn't 0");
    claim(largest_above_diagonal(d_act.scores[0]) == 0, "but d_s has p as a factor, which is 0: backward needs no mask");
    claim(max_difference(d_qkv.query, by_differences(moving.query, loss)) < 1e-8, "d_query agrees with the differences");
    claim(max_difference(d_qkv.key, by_differences(moving.key, loss)) < 1e-8, "so does d_key");
    claim(max_difference(d_qkv.value, by_differences(moving.value, loss)) < 1e-8, "so does d_value");
    claim(d_qkv.value(3, 0) == 0 && d_qkv.value(4, 1) == 0 && d_qkv.key(3, 0) == 0 && d_qkv.key(4, 0) == 0,
          "tokens 3 and 4, which token 2 can't see, get no gradient from its loss");

    std::puts(
        "7. Why isn't BERT trained to predict the next word? It sees it: weights that attend to the next position suffice.");
    const std::vector<std::size_t> words = {0, 1, 2, 0, 3}, nonsense = {3, 3, 0, 2, 1};  // the 0, dog 1, bites 2, man 3
    const Tensor<double, 2> copied = attend(looks_at_next(words, 4), false).context;
    const Tensor<double, 2> copied_nonsense = attend(looks_at_next(nonsense, 4), false).context;
    const Tensor<double, 2> honest = attend(looks_at_next(words, 4), true).context;
    double worst = 1;
    for (std::size_t i = 0; i + 1 < words.size(); ++i)
        worst = std::min({worst, copied(i, words[i + 1]), copied_nonsense(i, nonsense[i + 1])});
    std::printf("   both ways: the next word gets at least %.4f\n", worst);
    std::printf("   to the left only: token 0 gives \"dog\" %.4f, and token 1 gives \"bites\" %.4f\n", honest(0, 1),
                honest(1, 2));  // STOP 7: copied, copied_nonsense, honest
    claim(worst > 0.999, "both ways: always right, even for nonsense; nothing about language was learned");
    claim(honest(0, 1) == 0 && honest(1, 2) == 0,
          "to the left only: the same weights predict nothing; here a model has to learn the language");

    std::puts("8. So BERT replaces words by [MASK] and predicts those. They can't be copied, and both sides may be used.");
    constexpr std::size_t mask_word = 4;
    const std::vector<std::size_t> hidden_dog = {0, mask_word, 2, 0, 3};  // the [MASK] bites the man
    const Tensor<double, 2> masked = attend(looks_at_next(hidden_dog, 5), false).context;
    std::printf("   the copying weights now give token 0: dog %.4f, [MASK] %.4f\n", masked(0, 1), masked(0, mask_word));
    claim(masked(0, 1) == 0 && masked(0, mask_word) > 0.999, "the copying weights find only [MASK]");  // STOP 8: masked
    Sentence left_context = sentence, right_context = sentence;  // token 2 is the masked one
    left_context.value(0, 0) = 9;
    right_context.value(4, 0) = 9;
    const double by_left = std::abs(attend(left_context, false).context(2, 0) - both_ways.context(2, 0));
    const double by_right = std::abs(attend(right_context, false).context(2, 0) - both_ways.context(2, 0));
    const double by_right_causal = std::abs(attend(right_context, true).context(2, 0) - left_only.context(2, 0));
    claim(by_left > 0.1 && by_right > 0.1, "the context of a masked word depends on words on both sides");
    claim(by_right_causal == 0, "in a decoder it doesn't depend on those to the right");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. A sentence of 100 tokens has 100 x 100 probabilities. How many does the causal mask set to 0?
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 2. Causal attention, eight tokens, and a loss of token 5 only (the first is number 0). How many tokens' values have a gradient?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. A question of m tokens is known, its answer is generated word by word. All tokens of the question see each other. A token of
//    the answer sees the question, itself and the answer before it. The question doesn't see the answer. Which tokens j may
//    token i see?
std::optional<bool> may_see([[maybe_unused]] std::size_t i, [[maybe_unused]] std::size_t j, [[maybe_unused]] std::size_t m)
{
    return std::nullopt;  // YOUR ANSWER: a condition on i, j and m
}

// A sentence of n tokens without zeros.
Sentence some_sentence(std::size_t n)
{
    Tensor<double, 2> x = zeros<double, 2>({n, 1});
    for (std::size_t i = 0; i < n; ++i)
        x(i, 0) = 1 + static_cast<double>(i % 3) / 4;
    return {x, x, x};
}

void exercises()
{
    exercise(1, "How many probabilities does the mask set to 0?", answer_1.has_value(), [] {
        const Tensor<double, 2> probabilities = attend(some_sentence(100), true).probabilities[0];
        std::size_t count = 0;
        for (const double p : probabilities)
            count += p == 0 ? 1 : 0;
        return wrong_number(static_cast<double>(*answer_1), static_cast<double>(count), 0.5);
    });

    exercise(2, "How many tokens' values have a gradient?", answer_2.has_value(), [] {
        const Sentence sentence = some_sentence(8);
        Config causal;
        causal.num_attention_heads = 1;
        causal.is_causal = true;
        const Sequences sequences{{0, 8}};
        Workspace workspace;
        AttentionActivations<double> d_act;
        QueryKeyValue<double> d_qkv;
        Tensor<double, 2> d_context = zeros<double, 2>({8, 1});
        d_context(5, 0) = 1;
        Reference::attention_backward(Reference{}, d_context, sentence, {causal, sequences, workspace}, attend(sentence, true),
                                      d_act, d_qkv);
        std::size_t count = 0;
        for (const double d : d_qkv.value)
            count += d != 0 ? 1 : 0;
        return wrong_number(static_cast<double>(*answer_2), static_cast<double>(count), 0.5);
    });

    exercise(
        3, "Which tokens may token i see, with a question of m tokens?", [&] { return may_see(0, 0, 1).has_value(); },
        [] {
            const char* expected[] = {"11000", "11000", "11100", "11110", "11111"};  // m = 2: a row for each i
            for (const std::size_t m : {2U, 0U, 5U}) {
                for (std::size_t i = 0; i < 5; ++i) {
                    for (std::size_t j = 0; j < 5; ++j) {
                        const bool may = m == 2 ? expected[i][j] == '1' : m == 5 || j <= i;
                        if (may_see(i, j, m) != may)
                            return "for i = " + std::to_string(i) + ", j = " + std::to_string(j) +
                                   " and m = " + std::to_string(m) + ": expected " +
                                   (may ? "true, got false" : "false, got true");
                    }
                }
            }
            return std::string();
        });
}
