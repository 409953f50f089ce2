// Lesson 07: the gradient of attention: back through the context, the softmax and the scores, to query, key and value.
//
// Beside it: include/bert/attention.hpp, ops/reference/attention.hpp, ops/reference/softmax.hpp, add_and_norm.hpp.
// Vaswani et al. 2017, section 3.2 (the forward pass that is differentiated).
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

// A loss: half the squared distance between y and what is wanted.
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

// The sum of each row.
Tensor<double, 1> row_sums(const Tensor<double, 2>& tensor)
{
    Tensor<double, 1> sums = zeros<double, 1>({tensor.shape(0)});
    for (std::size_t i = 0; i < tensor.shape(0); ++i)
        for (std::size_t j = 0; j < tensor.shape(1); ++j)
            sums(i) += tensor(i, j);
    return sums;
}

// The sum of each column.
Tensor<double, 1> column_sums(const Tensor<double, 2>& tensor)
{
    Tensor<double, 1> sums = zeros<double, 1>({tensor.shape(1)});
    for (std::size_t i = 0; i < tensor.shape(0); ++i)
        for (std::size_t j = 0; j < tensor.shape(1); ++j)
            sums(j) += tensor(i, j);
    return sums;
}

// The largest absolute value.
template <std::size_t rank>
double largest(const Tensor<double, rank>& tensor)
{
    Tensor<double, rank> zero = tensor;
    zero.fill(0);
    return max_difference(tensor, zero);
}

// Arbitrary weights from -1 to 1; the layer norm has gamma 1 and beta 0.
SelfAttention<double> make_attention(const Config& config)
{
    auto attention = SelfAttention<double>::make(config);
    std::size_t k = 0;
    const auto fill = [&k](const std::string&, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = static_cast<double>(7 * k++ % 9) / 4 - 1;
    };
    SelfAttention<double>::parameters(fill, "attention", attention);
    attention.output.norm.gamma.fill(1);
    attention.output.norm.beta.fill(0);
    return attention;
}

int main()
{
    std::puts("1. Softmax couples the numbers of a row: changing one score changes every probability.");
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
    show("by differences: row k holds the slopes of p_k for s_0, s_1, s_2", moves, 4);  // STOP 1: probabilities, moves, formula
    claim(max_difference(moves, formula) < 1e-9, "the slope of p_k is p_k (1 - p_k) for s_k, and -p_k p_j for another s_j");
    claim(largest(column_sums(moves)) < 1e-9, "columns sum to 0: what one probability gains, the others lose");
    claim(largest(row_sums(moves)) < 1e-9, "rows sum to 0: if all scores change by the same amount, no probability changes");

    std::puts("2. softmax_backward multiplies by this table without storing it: d_s = p (d_p - mean of d_p weighted by p).");
    const Tensor<double, 2> d_p = {{1, 0, 0}}, d_p_and_10 = {{11, 10, 10}};
    Tensor<double, 2> d_s, d_s_and_10;
    Reference::softmax_backward(d_p, probabilities, d_s);
    Reference::softmax_backward(d_p_and_10, probabilities, d_s_and_10);
    show("d_s", d_s, 3);  // STOP 2: d_s; the mean of d_p weighted by p is 0.5
    Tensor<double, 2> first_row = {{moves(0, 0), moves(0, 1), moves(0, 2)}};
    claim(max_difference(d_s, first_row) < 1e-9, "if the loss is p_0 itself, that is the table's first row");
    claim(largest(row_sums(d_s)) < 1e-12, "a row of d_s sums to 0");
    claim(max_difference(d_s, d_s_and_10) < 1e-12, "d_p + 10 gives the same d_s, because the probabilities always sum to 1");

    std::puts("3. Attention as a whole: three tokens, two heads of two columns; a loss of the context, and its gradient.");
    QueryKeyValue<double> qkv;
    qkv.query = {{2, 0, 1, 0}, {0, 1, 1, 1}, {1, -1, 0, 2}};  // [T = 3, H = 4]
    qkv.key = {{1, 0, 0, 1}, {0, 1, 1, 0}, {1, 1, 0, -1}};    // [T, H]
    qkv.value = {{4, 0, 0, 2}, {0, 4, 1, 0}, {0, 0, 3, 1}};   // [T, H]
    const Tensor<double, 2> wanted = {{1, 1, 1, 1}, {0, 2, 2, 0}, {2, 0, 1, 1}};
    const Sequences sequences{{0, 3}};
    Config config;
    config.hidden_size = 4;
    config.num_attention_heads = 2;
    Workspace workspace;
    const Pass pass{config, sequences, workspace};
    AttentionActivations<double> act, d_act;
    const auto loss = [&] {
        AttentionActivations<double> now;
        Reference::attention(Reference{}, qkv, pass, now);
        return half_squares(now.context, wanted);
    };
    Reference::attention(Reference{}, qkv, pass, act);
    const Tensor<double, 2> d_context = half_squares_backward(act.context, wanted);
    QueryKeyValue<double> d_qkv;
    Reference::attention_backward(Reference{}, d_context, qkv, pass, act, d_act, d_qkv);
    show("context", act.context);
    show("d_context", d_context);  // STOP 3: run again and step into attention_backward
    claim(d_act.probabilities.size() == 2, "backward goes head by head, from the context to the scores");

    std::puts("4. The context is a sum of products p v, so each factor's gradient is the other one times d_context.");
    show("d_probabilities of head 0: d_context(i, .) . value(j, .)", d_act.probabilities[0]);
    show("d_value: sum over i of p(i, j) d_context(i, .)", d_qkv.value);  // STOP 4: d_act.probabilities, d_qkv.value
    const double by_hand = d_context(0, 0) * qkv.value(1, 0) + d_context(0, 1) * qkv.value(1, 1);
    claim(std::abs(d_act.probabilities[0](0, 1) - by_hand) < 1e-12, "head 0 uses only its own columns, 0 and 1");
    claim(max_difference(d_qkv.value, by_differences(qkv.value, loss)) < 1e-8, "d_value agrees with the differences");
    claim(max_difference(column_sums(d_qkv.value), column_sums(d_context)) < 1e-12,
          "a token's probabilities sum to 1, so d_value has the same column sums as d_context");

    std::puts("5. The scores are products q k / sqrt(D). Each factor's gradient is the other one times d_scores / sqrt(D).");
    show("d_scores of head 0", d_act.scores[0]);
    show("d_query", d_qkv.query);
    show("d_key", d_qkv.key);  // STOP 5: d_act.scores, d_qkv.query, d_qkv.key
    claim(largest(row_sums(d_act.scores[0])) < 1e-12 && largest(row_sums(d_act.scores[1])) < 1e-12,
          "every row of d_scores sums to 0, as in section 2");
    claim(max_difference(d_qkv.query, by_differences(qkv.query, loss)) < 1e-8, "d_query agrees with the differences");
    claim(max_difference(d_qkv.key, by_differences(qkv.key, loss)) < 1e-8, "so does d_key");
    double unscaled = 0;
    for (std::size_t j = 0; j < 3; ++j)
        unscaled += d_act.scores[0](0, j) * qkv.key(j, 0);
    claim(std::abs(d_qkv.query(0, 0) - unscaled / std::sqrt(2.0)) < 1e-12,
          "without the scale it would be wrong by a factor of sqrt(D)");

    std::puts("6. Add the same b to all keys: token i's scores all change by q_i . b / sqrt(D), so softmax stays the same.");
    const double loss_before = loss();
    const Tensor<double, 2> key_before = qkv.key;
    for (std::size_t t = 0; t < 3; ++t)
        qkv.key(t, 0) += 5;
    const double loss_after = loss();
    AttentionActivations<double> shifted;
    Reference::attention(Reference{}, qkv, pass, shifted);
    qkv.key = key_before;
    std::printf("   score (0, 0) was %.2f and is %.2f; the loss was %.4f and is %.4f\n", act.scores[0](0, 0),
                shifted.scores[0](0, 0), loss_before, loss_after);
    show("sums of d_key's columns", column_sums(d_qkv.key));
    show("sums of d_query's columns", column_sums(d_qkv.query));  // STOP 6: act.scores[0], shifted.scores[0]
    claim(std::abs(loss_before - loss_after) < 1e-12, "the loss stays the same");
    claim(largest(column_sums(d_qkv.key)) < 1e-12,
          "so d_key sums to 0 over the tokens, and that sum is the gradient of a key's bias");
    claim(largest(column_sums(d_qkv.query)) > 0.1, "a query's bias does matter: it changes q . k differently for each key");

    std::puts("7. The sub-layer uses x four times: for the query, for the key, for the value, and as the residual.");
    auto attention = make_attention(config);
    Tensor<double, 2> x = {{1, 0, 2, 0}, {0, 1, 0, 1}, {2, 0, 0, 1}};  // [T = 3, H]
    const Tensor<double, 2> wanted_y = {{0, 0, 1, 0}, {1, 0, 0, 0}, {0, 1, 0, 0}};
    SelfAttentionActivations<double> whole, d_whole;
    attention.forward(x, pass, whole);
    const Tensor<double, 2> d_y = half_squares_backward(whole.y(), wanted_y);
    auto gradient = SelfAttention<double>::make(config);  // zeros
    Tensor<double, 2> d_x;
    attention.backward(d_y, x, pass, whole, gradient, d_whole, d_x);
    auto again = SelfAttention<double>::make(config);
    Tensor<double, 2> by_query, by_key, by_value;
    Reference::linear_backward(d_whole.qkv.query, x, attention.query.weight, again.query.weight, again.query.bias, by_query,
                               workspace);
    Reference::linear_backward(d_whole.qkv.key, x, attention.key.weight, again.key.weight, again.key.bias, by_key, workspace);
    Reference::linear_backward(d_whole.qkv.value, x, attention.value.weight, again.value.weight, again.value.bias, by_value,
                               workspace);
    Tensor<double, 2> sum = d_whole.output.sum;
    for (std::size_t i = 0; i < sum.size(); ++i)
        sum.data()[i] += by_query.data()[i] + by_key.data()[i] + by_value.data()[i];
    show("d_x by the residual", d_whole.output.sum);
    show("d_x by query", by_query);
    show("d_x by key", by_key);
    show("d_x by value", by_value);
    show("d_x", d_x);  // STOP 7: d_whole, from output.sum to qkv
    const auto loss_of_whole = [&] {
        SelfAttentionActivations<double> now;
        attention.forward(x, pass, now);
        return half_squares(now.y(), wanted_y);
    };
    claim(max_difference(d_x, sum) < 1e-12, "d_x is the sum of four gradients, one for each use");
    claim(max_difference(d_x, by_differences(x, loss_of_whole)) < 1e-7, "and it agrees with the differences");
    Tensor<double, 2> one_missing = d_x;
    for (std::size_t i = 0; i < one_missing.size(); ++i)
        one_missing.data()[i] -= by_key.data()[i];
    claim(max_difference(one_missing, by_differences(x, loss_of_whole)) > 0.01, "the sum of only three of them doesn't");

    std::puts("8. The gradients of all parameters of the sub-layer, compared with differences.");
    const GradientCheck check = check_gradient(attention, gradient, loss_of_whole);
    std::printf("   %zu numbers checked\n", check.count);
    show("gradient of the query's bias", gradient.query.bias);
    show("gradient of the key's bias", gradient.key.bias);
    show("gradient of the value's bias", gradient.value.bias);  // STOP 8: gradient, member by member
    claim(check.holds, "all of them agree with the differences");
    claim(largest(gradient.key.bias) < 1e-12, "the key's bias has the gradient 0, whatever the loss is: it learns nothing");
    claim(largest(gradient.query.bias) > 0.01 && largest(gradient.value.bias) > 0.01, "the other two biases have a gradient");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. Two scores have the same probability, 1/2 each, and d_p is (4, 0). What is the first number of d_s?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number

// 2. Five tokens, one head, and d_context is 1 everywhere. What is the sum of a column of d_value, whatever the
//    queries and keys are?
const std::optional<double> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. The gradient of one row of scores.
std::vector<double> your_softmax_backward([[maybe_unused]] const std::vector<double>& d_p,
                                          [[maybe_unused]] const std::vector<double>& p)
{
    return {};  // YOUR ANSWER: as many numbers as p has
}

void exercises()
{
    exercise(1, "What is the first number of d_s?", answer_1.has_value(), [] {
        const Tensor<double, 2> d_p = {{4, 0}}, p = {{0.5, 0.5}};
        Tensor<double, 2> d_s;
        Reference::softmax_backward(d_p, p, d_s);
        return wrong_number(*answer_1, d_s(0, 0), 1e-6);
    });

    exercise(2, "What is the sum of a column of d_value?", answer_2.has_value(), [] {
        const Tensor<double, 2> query = {{1, 2}, {0, 3}, {1, -1}, {2, 2}, {0, 1}},
                                key = {{0, 1}, {2, 0}, {1, 1}, {-1, 3}, {1, 0}};
        const Tensor<double, 2> ones = {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}};
        const Sequences sequences{{0, 5}};
        const QueryKeyValue<double> qkv{query, key, key};
        Config one_head;
        one_head.num_attention_heads = 1;
        Workspace workspace;
        const Pass pass{one_head, sequences, workspace};
        AttentionActivations<double> act, d_act;
        QueryKeyValue<double> d_qkv;
        Reference::attention(Reference{}, qkv, pass, act);
        Reference::attention_backward(Reference{}, ones, qkv, pass, act, d_act, d_qkv);
        return wrong_number(*answer_2, column_sums(d_qkv.value)(0), 1e-6);
    });

    exercise(
        3, "Softmax's gradient, written by you.",
        [&] {
            return !your_softmax_backward({1, 0}, {0.5, 0.5}).empty();
        },
        [] {
            const Tensor<double, 2> scores = {{0, 1, 2, -3}, {5, 5, 5, 5}, {-1, 0, 30, 2}},
                                    d_p = {{1, 0, 0, 2}, {1, 2, 3, 4}, {-5, 1, 2, 0}};
            Tensor<double, 2> p, d_s;
            Reference::softmax(scores, p);
            Reference::softmax_backward(d_p, p, d_s);
            for (std::size_t i = 0; i < 3; ++i) {
                const std::vector<double> d_p_row = row_values(d_p, i), p_row = row_values(p, i);
                const std::string wrong = wrong_for("d_p = " + text_of(d_p_row) + " and p = " + text_of(p_row),
                                                    your_softmax_backward(d_p_row, p_row), row_values(d_s, i), 1e-9);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
