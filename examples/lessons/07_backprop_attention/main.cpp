// Lesson 07: the gradient of attention: back through the context, the softmax and the scores, to query, key and value.
//
// Beside it: include/bert/attention.hpp, ops/reference/attention.hpp, ops/reference/softmax.hpp, ops/reference/fused.hpp.
// Vaswani et al. 2017, section 3.2, of which all this is the derivative.
#include <bert/attention.hpp>
#include <bert/verify/gradient_check.hpp>

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

// A loss: half the squared distance between what came out and what was wanted.
double half_squares(const Tensor<double, 2>& y, const Tensor<double, 2>& wanted)
{
    double loss = 0;
    for (std::size_t i = 0; i < y.size(); ++i)
        loss += (y.data()[i] - wanted.data()[i]) * (y.data()[i] - wanted.data()[i]) / 2;
    return loss;
}

// Its gradient.
Tensor<double, 2> half_squares_backward(const Tensor<double, 2>& y, const Tensor<double, 2>& wanted)
{
    Tensor<double, 2> d_y = y;
    for (std::size_t i = 0; i < y.size(); ++i)
        d_y.data()[i] = y.data()[i] - wanted.data()[i];
    return d_y;
}

// What the numbers of each row sum to.
Tensor<double, 1> row_sums(const Tensor<double, 2>& tensor)
{
    Tensor<double, 1> sums = zeros<double, 1>({tensor.shape(0)});
    for (std::size_t i = 0; i < tensor.shape(0); ++i)
        for (std::size_t j = 0; j < tensor.shape(1); ++j)
            sums(i) += tensor(i, j);
    return sums;
}

// What the numbers of each column sum to.
Tensor<double, 1> column_sums(const Tensor<double, 2>& tensor)
{
    Tensor<double, 1> sums = zeros<double, 1>({tensor.shape(1)});
    for (std::size_t i = 0; i < tensor.shape(0); ++i)
        for (std::size_t j = 0; j < tensor.shape(1); ++j)
            sums(j) += tensor(i, j);
    return sums;
}

// The number that is farthest from 0.
template <std::size_t rank>
double largest(const Tensor<double, rank>& tensor)
{
    Tensor<double, rank> zero = tensor;
    zero.fill(0);
    return max_difference(tensor, zero);
}

// Weights from -1 to 1 that nobody has to remember, but for the layer norm: gamma 1, beta 0.
SelfAttention<double> make_attention(const Config& config)
{
    auto attention = SelfAttention<double>::make(config);
    std::size_t k = 0;
    const auto fill = [&k](const std::string&, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = static_cast<double>(7 * k++ % 9) / 4 - 1;
    };
    SelfAttention<double>::parameters(fill, "attention", attention);
    attention.norm.gamma.fill(1);
    attention.norm.beta.fill(0);
    return attention;
}

int main()
{
    std::puts("1. Softmax ties the numbers of a row together: who moves one score moves every probability.");
    Tensor<double, 2> scores = {{std::log(2.0), 0, 0}};  // e^score is 2, 1, 1
    Tensor<double, 2> probabilities;
    Reference::softmax(scores, probabilities);
    show("probabilities", probabilities);
    Tensor<double, 2> moves = zeros<double, 2>({3, 3}), formula = moves;
    for (std::size_t k = 0; k < 3; ++k) {
        const auto probability_k = [&] {
            Tensor<double, 2> now;
            Reference::softmax(scores, now);
            return now(0, k);
        };
        const Tensor<double, 2> slopes = by_differences(scores, probability_k);
        for (std::size_t j = 0; j < 3; ++j) {
            moves(k, j) = slopes(0, j);
            formula(k, j) = probabilities(0, k) * ((k == j ? 1 : 0) - probabilities(0, j));
        }
    }
    show("by differences: row k is what p_k does when s_0, s_1, s_2 move", moves, 4);  // STOP 1: probabilities, moves, formula
    claim(max_difference(moves, formula) < 1e-9, "p_k moves by p_k (1 - p_k) times what s_k does, and by -p_k p_j times s_j");
    claim(largest(column_sums(moves)) < 1e-9, "columns sum to 0: what one probability gains, the others lose");
    claim(largest(row_sums(moves)) < 1e-9, "rows sum to 0: if all scores move alike, no probability moves");

    std::puts("2. softmax_backward sums over that table without making it: d_s = p (d_p - average of d_p under p).");
    const Tensor<double, 2> d_p = {{1, 0, 0}}, d_p_and_10 = {{11, 10, 10}};
    Tensor<double, 2> d_s, d_s_and_10;
    Reference::softmax_backward(d_p, probabilities, d_s);
    Reference::softmax_backward(d_p_and_10, probabilities, d_s_and_10);
    show("d_s", d_s, 3);  // STOP 2: d_s; d_p's average under p is 0.5
    Tensor<double, 2> first_row = {{moves(0, 0), moves(0, 1), moves(0, 2)}};
    claim(max_difference(d_s, first_row) < 1e-9, "if the loss is p_0 itself, that is the table's first row");
    claim(largest(row_sums(d_s)) < 1e-12, "a row of d_s sums to 0");
    claim(max_difference(d_s, d_s_and_10) < 1e-12, "d_p raised by 10 everywhere gives the same: p can't grow everywhere");

    std::puts("3. Now all of attention: three tokens, two heads of two columns. A loss at the context, and its gradient.");
    Tensor<double, 2> query = {{2, 0, 1, 0}, {0, 1, 1, 1}, {1, -1, 0, 2}};  // [T = 3, H = 4]
    Tensor<double, 2> key = {{1, 0, 0, 1}, {0, 1, 1, 0}, {1, 1, 0, -1}};    // [T, H]
    Tensor<double, 2> value = {{4, 0, 0, 2}, {0, 4, 1, 0}, {0, 0, 3, 1}};   // [T, H]
    const Tensor<double, 2> wanted = {{1, 1, 1, 1}, {0, 2, 2, 0}, {2, 0, 1, 1}};
    const Sequences sequences{{0, 3}};
    AttentionOptions options;
    options.heads = 2;
    AttentionActivations<double> act, d_act;
    Workspace workspace;
    const auto loss = [&] {
        AttentionActivations<double> now;
        Reference::attention(Reference{}, query, key, value, sequences, options, now, workspace);
        return half_squares(now.context, wanted);
    };
    Reference::attention(Reference{}, query, key, value, sequences, options, act, workspace);
    const Tensor<double, 2> d_context = half_squares_backward(act.context, wanted);
    Tensor<double, 2> d_query, d_key, d_value;
    Reference::attention_backward(Reference{}, d_context, query, key, value, sequences, options, act, d_act, d_query, d_key,
                                  d_value, workspace);
    show("context", act.context);
    show("d_context", d_context);  // STOP 3: run again and step into attention_backward
    claim(d_act.probabilities.size() == 2, "backward goes head by head, from the context to the scores");

    std::puts("4. The context is a sum of products p v, so each factor's gradient is the other one times d_context.");
    show("d_probabilities of head 0: d_context(i, .) . value(j, .)", d_act.probabilities[0]);
    show("d_value: sum over i of p(i, j) d_context(i, .)", d_value);  // STOP 4: d_act.probabilities, d_value
    const double by_hand = d_context(0, 0) * value(1, 0) + d_context(0, 1) * value(1, 1);
    claim(std::abs(d_act.probabilities[0](0, 1) - by_hand) < 1e-12, "head 0 looks at its columns, 0 and 1, alone");
    claim(max_difference(d_value, by_differences(value, loss)) < 1e-8, "d_value is what the differences say");
    claim(max_difference(column_sums(d_value), column_sums(d_context)) < 1e-12,
          "each token hands all of its d_context out, in shares that sum to 1: the columns' sums stay");

    std::puts("5. The scores are products q k / sqrt(D). Each factor's gradient is the other one times d_scores / sqrt(D).");
    show("d_scores of head 0", d_act.scores[0]);
    show("d_query", d_query);
    show("d_key", d_key);  // STOP 5: d_act.scores, d_query, d_key
    claim(largest(row_sums(d_act.scores[0])) < 1e-12 && largest(row_sums(d_act.scores[1])) < 1e-12,
          "every row of d_scores sums to 0, as in section 2");
    claim(max_difference(d_query, by_differences(query, loss)) < 1e-8, "d_query is what the differences say");
    claim(max_difference(d_key, by_differences(key, loss)) < 1e-8, "so is d_key");
    double unscaled = 0;
    for (std::size_t j = 0; j < 3; ++j)
        unscaled += d_act.scores[0](0, j) * key(j, 0);
    claim(std::abs(d_query(0, 0) - unscaled / std::sqrt(2.0)) < 1e-12, "who forgets the scale here is off by sqrt(D)");

    std::puts("6. Add the same b to all keys: token i's scores all move by q_i . b / sqrt(D). Softmax doesn't see it.");
    const double loss_before = loss();
    const Tensor<double, 2> key_before = key;
    for (std::size_t t = 0; t < 3; ++t)
        key(t, 0) += 5;
    const double loss_after = loss();
    AttentionActivations<double> shifted;
    Reference::attention(Reference{}, query, key, value, sequences, options, shifted, workspace);
    key = key_before;
    std::printf("   score (0, 0) was %.2f and is %.2f; the loss was %.4f and is %.4f\n", act.scores[0](0, 0),
                shifted.scores[0](0, 0), loss_before, loss_after);
    show("sums of d_key's columns", column_sums(d_key));
    show("sums of d_query's columns", column_sums(d_query));  // STOP 6: act.scores[0], shifted.scores[0]
    claim(std::abs(loss_before - loss_after) < 1e-12, "the loss stays");
    claim(largest(column_sums(d_key)) < 1e-12,
          "so d_key sums to 0 over the tokens, and that sum is the gradient of a key's bias");
    claim(largest(column_sums(d_query)) > 0.1, "a query's bias is another matter: it changes q . k for each key differently");

    std::puts("7. The whole sub-layer uses x four times: as query, as key, as value, and past all that, by the residual.");
    Config config;
    config.hidden_size = 4;
    config.num_attention_heads = 2;
    auto attention = make_attention(config);
    Tensor<double, 2> x = {{1, 0, 2, 0}, {0, 1, 0, 1}, {2, 0, 0, 1}};  // [T = 3, H]
    const Tensor<double, 2> wanted_y = {{0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}};
    SelfAttentionActivations<double> whole, d_whole;
    attention.forward(x, sequences, config, whole, workspace);
    const Tensor<double, 2> d_y = half_squares_backward(whole.output.norm.y, wanted_y);
    auto gradient = SelfAttention<double>::make(config);  // zeros
    Tensor<double, 2> d_x;
    attention.backward(d_y, x, sequences, config, whole, gradient, d_whole, d_x, workspace);
    auto again = SelfAttention<double>::make(config);
    Tensor<double, 2> by_query, by_key, by_value;
    Reference::linear_backward(d_whole.query, x, attention.query.weight, again.query.weight, again.query.bias, by_query,
                               workspace);
    Reference::linear_backward(d_whole.key, x, attention.key.weight, again.key.weight, again.key.bias, by_key, workspace);
    Reference::linear_backward(d_whole.value, x, attention.value.weight, again.value.weight, again.value.bias, by_value,
                               workspace);
    Tensor<double, 2> sum = d_whole.output.sum;
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum.data()[i] += by_query.data()[i] + by_key.data()[i] + by_value.data()[i];
    show("d_x by the residual", d_whole.output.sum);
    show("d_x by query", by_query);
    show("d_x by key", by_key);
    show("d_x by value", by_value);
    show("d_x", d_x);  // STOP 7: d_whole, from output.sum to query, key and value
    const auto loss_of_whole = [&] {
        SelfAttentionActivations<double> now;
        attention.forward(x, sequences, config, now, workspace);
        return half_squares(now.output.norm.y, wanted_y);
    };
    claim(max_difference(d_x, sum) < 1e-12, "d_x is the sum of four gradients, one for each use");
    claim(max_difference(d_x, by_differences(x, loss_of_whole)) < 1e-7, "and what the differences say");
    Tensor<double, 2> one_missing = d_x;
    for (std::size_t i = 0; i < one_missing.size(); ++i)
        one_missing.data()[i] -= by_key.data()[i];
    claim(max_difference(one_missing, by_differences(x, loss_of_whole)) > 0.01, "which three of them are not");

    std::puts("8. All parameters of the sub-layer beside differences.");
    const GradientCheck check = check_gradient(attention, gradient, loss_of_whole);
    std::printf("   %zu numbers tried\n", check.count);
    show("gradient of the query's bias", gradient.query.bias);
    show("gradient of the key's bias", gradient.key.bias);
    show("gradient of the value's bias", gradient.value.bias);  // STOP 8: gradient, member by member
    claim(check.holds, "every one is what the differences say");
    claim(largest(gradient.key.bias) < 1e-12, "the key's bias has the gradient 0, whatever the loss is: it learns nothing");
    claim(largest(gradient.query.bias) > 0.01 && largest(gradient.value.bias) > 0.01, "the other two have not");

    exercises();
}

// Exercises. Write what you think at YOUR ANSWER, build and run again.

// 1. Two scores have the same probability, 1/2 each, and d_p is (4, 0). What is the first number of d_s?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. Five tokens, one head, and d_context is 1 everywhere. What do the five numbers of a column of d_value sum to,
//    whatever the queries and keys are?
const std::optional<double> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. The gradient of one row of scores.
std::vector<double> your_softmax_backward([[maybe_unused]] const std::vector<double>& d_p,
                                          [[maybe_unused]] const std::vector<double>& p)
{
    return {};  // YOUR ANSWER: as many numbers as p has
}

void exercises()
{
    exercise(1, "The first number of d_s?", answer_1.has_value(), [] {
        const Tensor<double, 2> d_p = {{4, 0}}, p = {{0.5, 0.5}};
        Tensor<double, 2> d_s;
        Reference::softmax_backward(d_p, p, d_s);
        return std::abs(*answer_1 - d_s(0, 0)) < 1e-6;
    });

    exercise(2, "What does a column of d_value sum to?", answer_2.has_value(), [] {
        const Tensor<double, 2> query = {{1, 2}, {0, 3}, {1, -1}, {2, 2}, {0, 1}},
                                key = {{0, 1}, {2, 0}, {1, 1}, {-1, 3}, {1, 0}};
        const Tensor<double, 2> ones = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
        const Sequences sequences{{0, 5}};
        const AttentionOptions one_head;
        AttentionActivations<double> act, d_act;
        Workspace workspace;
        Tensor<double, 2> d_query, d_key, d_value;
        Reference::attention(Reference{}, query, key, key, sequences, one_head, act, workspace);
        Reference::attention_backward(Reference{}, ones, query, key, key, sequences, one_head, act, d_act, d_query, d_key,
                                      d_value, workspace);
        return std::abs(*answer_2 - column_sums(d_value)(0)) < 1e-6;
    });

    exercise(3, "Softmax's gradient, written by you.", !your_softmax_backward({1, 0}, {0.5, 0.5}).empty(), [] {
        const Tensor<double, 2> scores = {{0, 1, 2, -3}, {5, 5, 5, 5}, {-1, 0, 30, 2}},
                                d_p = {{1, 0, 0, 2}, {1, 2, 3, 4}, {-5, 1, 2, 0}};
        Tensor<double, 2> p, d_s;
        Reference::softmax(scores, p);
        Reference::softmax_backward(d_p, p, d_s);
        for (std::size_t i = 0; i < 3; ++i) {
            const std::vector<double> yours =
                your_softmax_backward({d_p(i, 0), d_p(i, 1), d_p(i, 2), d_p(i, 3)}, {p(i, 0), p(i, 1), p(i, 2), p(i, 3)});
            for (std::size_t j = 0; j < 4; ++j)
                if (!(yours.size() == 4 && std::abs(yours[j] - d_s(i, j)) < 1e-9)) return false;
        }
        return true;
    });
}
