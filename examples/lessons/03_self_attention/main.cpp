// Lesson 03: self-attention; the padded form beside the packed one; replacing one of our operations by your own.
//
// Beside it: include/bert/attention.hpp, ops/reference/attention.hpp, ops/reference/softmax.hpp, core/sequences.hpp.
// Vaswani et al. 2017, sections 3.2.1 and 3.2.2.
#include <bert/attention.hpp>
#include <bert/core/parameters.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

constexpr double infinity = std::numeric_limits<double>::infinity();

// Attention as it is usually written: a rectangle of B sequences of L positions each, where mask(b, l) = 0 says that a
// position is padding. Its score is set to -infinity, so that e^score is 0 and no token takes anything from it.
// bert::reference::AttentionOperations::attention needs neither the rectangle nor the mask.
Tensor<double, 3> padded_attention(const Tensor<double, 3>& query, const Tensor<double, 3>& key, const Tensor<double, 3>& value,
                                   const IndexTensor<2>& mask, std::size_t A)
{
    const std::size_t B = query.shape(0), L = query.shape(1), H = query.shape(2), D = H / A;
    Tensor<double, 3> context = zeros<double, 3>({B, L, H});
    for (std::size_t b = 0; b < B; ++b) {
        for (std::size_t a = 0; a < A; ++a) {
            Tensor<double, 2> scores = zeros<double, 2>({L, L});
            for (std::size_t i = 0; i < L; ++i) {
                for (std::size_t j = 0; j < L; ++j) {
                    for (std::size_t d = a * D; d < (a + 1) * D; ++d)
                        scores(i, j) += query(b, i, d) * key(b, j, d) / std::sqrt(double(D));
                    if (mask(b, j) == 0) scores(i, j) = -infinity;
                }
            }
            Tensor<double, 2> probabilities;
            Reference::softmax(scores, probabilities);
            for (std::size_t i = 0; i < L; ++i)
                for (std::size_t d = a * D; d < (a + 1) * D; ++d)
                    for (std::size_t j = 0; j < L; ++j)
                        context(b, i, d) += probabilities(i, j) * value(b, j, d);
        }
    }
    return context;
}

// Reference with another softmax, written directly from the formula e^s / sum of e^s.
struct Mine : Reference {
    template <class Real>
    static void softmax(const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        const std::size_t rows = scores.shape(0), n = scores.shape(1);
        probabilities.resize({rows, n});
        for (std::size_t i = 0; i < rows; ++i) {
            Real sum = 0;
            for (std::size_t k = 0; k < n; ++k)
                sum += std::exp(scores(i, k));
            for (std::size_t j = 0; j < n; ++j)
                probabilities(i, j) = std::exp(scores(i, j)) / sum;
        }
    }
};

// Reference with a wrong softmax: every score is doubled first.
struct Wrong : Reference {
    template <class Real>
    static void softmax(const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        Tensor<Real, 2> doubled = scores;
        for (std::size_t i = 0; i < doubled.size(); ++i)
            doubled.data()[i] *= 2;
        Reference::softmax(doubled, probabilities);
    }
};

// Arbitrary weights from -1 to 1. Every parameter is visited with its published name.
template <class Component>
void fill_parameters(Component& component)
{
    std::size_t k = 0;
    const auto fill = [&k](const std::string&, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = static_cast<double>(7 * k++ % 9) / 4 - 1;
    };
    Component::parameters(fill, "attention", component);
}

// The result of SelfAttention with another set of operations and the same weights.
template <class Ops>
Tensor<double, 2> attended(const SelfAttention<double>& weights, const Tensor<double, 2>& x, const Sequences& sequences,
                           const Config& config)
{
    auto attention = SelfAttention<double, Ops>::make(config);
    copy_parameters(weights, attention);
    SelfAttentionActivations<double> act;
    Workspace workspace;
    attention.forward(x, {config, sequences, workspace}, act);
    return act.y();
}

int main()
{
    std::puts("1. A score is the product of one token's query and another token's key, over sqrt(D).");
    const double u = 2 * std::log(2.0);  // divided by sqrt(D) = 2 it gives the score ln 2, and e^score is 2
    const Tensor<double, 2> query = {{u, 0, 0, 0}, {0, 0, 0, 0}, {0, u, 0, 0}};  // [T = 3, H = 4]
    const Tensor<double, 2> key = {{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}};    // [T, H]
    const Tensor<double, 2> value = {{4, 0, 0, 8}, {0, 4, 0, 8}, {0, 0, 4, 8}};  // [T, H]
    const QueryKeyValue<double> qkv{query, key, value};
    const Sequences one_sequence{{0, 3}};  // rows 0 to 2
    Config one_head, four_heads;
    one_head.num_attention_heads = 1;
    four_heads.num_attention_heads = 4;
    AttentionActivations<double> act;
    Workspace workspace;
    Reference::attention(Reference{}, qkv, {one_head, one_sequence, workspace}, act);
    show("scores", act.scores[0]);
    show("probabilities", act.probabilities[0]);
    show("context", act.context);  // STOP 1: row i of probabilities is what token i takes from each token
    const Tensor<double, 2> shares = {{2. / 4, 1. / 4, 1. / 4}, {1. / 3, 1. / 3, 1. / 3}, {1. / 4, 2. / 4, 1. / 4}};
    claim(max_difference(act.probabilities[0], shares) < 1e-12,
          "e^score is 2 where query and key match, and 1 elsewhere: shares of 2/4, 1/4 and 1/3");
    claim(std::abs(act.context(0, 0) - (4 * 2. / 4)) < 1e-12, "the context is the mean of the values, weighted by these shares");
    claim(std::abs(act.context(1, 3) - 8) < 1e-12, "column 3 is 8 in every value, so it is 8 in every context");

    std::puts("2. Why divide by sqrt(D)? Over all q and k whose elements are +1 or -1, the mean of (q.k)^2 is D.");
    const std::vector<unsigned> widths = {1, 2, 4, 8};  // values of D
    Tensor<double, 1> mean_squares = zeros<double, 1>({4});
    for (std::size_t w = 0; w < 4; ++w) {
        const unsigned D = widths[w], count = 1U << D;
        for (unsigned q = 0; q < count; ++q) {
            for (unsigned k = 0; k < count; ++k) {
                const int product = int(D) - 2 * std::popcount(q ^ k);  // a bit is a sign, and each pair that differs gives -1
                mean_squares(w) += double(product * product) / count / count;
            }
        }
        std::printf("   D = %u: mean of (q.k)^2 = %.1f\n", D, mean_squares(w));
    }
    const Tensor<double, 2> undivided = {{8, 0, -8}}, divided = {{1, 0, -1}};  // for D = 64, where sqrt(D) = 8
    Tensor<double, 2> of_undivided, of_divided;
    Reference::softmax(undivided, of_undivided);
    Reference::softmax(divided, of_divided);
    show("softmax of 8, 0 and -8", of_undivided, 4);
    show("softmax of 1, 0 and -1", of_divided, 4);  // STOP 2: mean_squares, of_undivided and of_divided
    claim(max_difference(mean_squares, Tensor<double, 1>{1, 2, 4, 8}) < 1e-12,
          "so q.k is about sqrt(D) in size, and divided by sqrt(D) about 1: for D = 1, 2, 4 and 8");
    claim(of_undivided(0, 0) > 0.999 && of_divided(0, 0) < 0.7,
          "scores of 8, as for D = 64 without the division, give one token all of the attention; scores of 1 do not");

    std::puts("3. With A heads the columns are divided into A groups of D = H/A, each with its own scores and probabilities.");
    AttentionActivations<double> of_heads;
    Reference::attention(Reference{}, qkv, {four_heads, one_sequence, workspace}, of_heads);
    show("probabilities of head 0", of_heads.probabilities[0]);
    show("probabilities of head 2", of_heads.probabilities[2]);
    show("context", of_heads.context);  // STOP 3: of_heads.scores has 4 matrices; sqrt(D) is 1 now
    claim(std::abs(of_heads.probabilities[0](0, 0) - 4. / 6) < 1e-12,
          "head 0 sees column 0 only: the score is u, e^u = 4, and the share 4/6");
    claim(std::abs(of_heads.probabilities[2](0, 0) - 1. / 3) < 1e-12,
          "head 2 sees column 2 only, where every query is 0: shares of 1/3");
    claim(std::abs(of_heads.context(0, 1) - 4. / 3) < 1e-12,
          "column 1 of the context is head 1's mean of column 1 of the values");

    std::puts("4. Attention doesn't depend on the order of tokens: if they are reversed, so is the context.");
    const Tensor<double, 2> query_back = {{0, u, 0, 0}, {0, 0, 0, 0}, {u, 0, 0, 0}};
    const Tensor<double, 2> key_back = {{0, 0, 0, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}};
    const Tensor<double, 2> value_back = {{0, 0, 4, 8}, {0, 4, 0, 8}, {4, 0, 0, 8}};
    AttentionActivations<double> back;
    Reference::attention(Reference{}, QueryKeyValue<double>{query_back, key_back, value_back},
                         {one_head, one_sequence, workspace}, back);
    show("context", back.context);  // STOP 4: act.context and back.context
    double difference = 0;
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t h = 0; h < 4; ++h)
            difference += std::abs(back.context(2 - t, h) - act.context(t, h));
    claim(difference < 1e-12, "the same rows in reverse order; only position embeddings carry the order (lesson 02)");

    std::puts("5. Two sequences, of 3 and 2 tokens. Usually they are stored as a rectangle with padding (here 9) and a mask.");
    const Tensor<double, 3> padded_query = {{{u, 0, 0, 0}, {0, 0, 0, 0}, {0, u, 0, 0}},
                                            {{0, 0, u, 0}, {0, 0, 0, u}, {9, 9, 9, 9}}};
    const Tensor<double, 3> padded_key = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 0, 0}}, {{0, 0, 1, 0}, {0, 0, 0, 1}, {9, 9, 9, 9}}};
    const Tensor<double, 3> padded_value = {{{4, 0, 0, 8}, {0, 4, 0, 8}, {0, 0, 4, 8}},
                                            {{3, 0, 0, 1}, {0, 3, 0, 1}, {9, 9, 9, 9}}};
    const IndexTensor<2> mask = {{1, 1, 1}, {1, 1, 0}};  // [B = 2, L = 3]
    const Tensor<double, 3> padded_context = padded_attention(padded_query, padded_key, padded_value, mask, 1);
    // In a packed batch the real tokens follow one another, and Sequences says where each sequence begins.
    const Batch batch = pack(/*ids*/ zeros<std::int64_t, 2>({2, 3}), /*segments*/ zeros<std::int64_t, 2>({2, 3}), mask);
    AttentionActivations<double> packed;
    const QueryKeyValue<double> packed_qkv{pack_rows(padded_query, batch), pack_rows(padded_key, batch),
                                           pack_rows(padded_value, batch)};
    Reference::attention(Reference{}, packed_qkv, {one_head, batch.sequences, workspace}, packed);
    const Tensor<double, 2> real_rows = pack_rows(padded_context, batch);  // [T = 5, H]
    show("padded and masked, its real rows", real_rows);
    show("packed", packed.context);  // STOP 5: batch.sequences.begin, padded_context, packed.context
    claim(max_difference(real_rows, packed.context) < 1e-12, "both forms give the same numbers");
    claim(packed.scores[0].size() == 9 && packed.scores[1].size() == 4, "packed: 3 x 3 and 2 x 2 scores; padded: 3 x 3 twice");

    const IndexTensor<2> no_mask = {{1, 1, 1}, {1, 1, 1}};
    const Tensor<double, 3> unmasked = padded_attention(padded_query, padded_key, padded_value, no_mask, 1);
    show("padded without a mask", pack_rows(unmasked, batch));
    claim(max_difference(pack_rows(unmasked, batch), packed.context) > 1, "without a mask the padding's 9 leaks into sequence 1");

    std::puts(
        "6. The whole sub-layer: three linear layers, attention, and Add & Norm, which mixes the heads, adds x and normalizes.");
    Config config;
    config.hidden_size = 4;
    config.num_attention_heads = 2;
    auto attention = SelfAttention<double>::make(config);
    fill_parameters(attention);
    attention.output.norm = {{1, 1, 1, 1}, {0, 0, 0, 0}};
    const Tensor<double, 2> x = {{1, 0, 2, 0}, {0, 1, 0, 1}, {2, 0, 0, 1}, {0, 2, 1, 0}, {1, 1, 0, 2}};  // [T = 5, H = 4]
    SelfAttentionActivations<double> whole;
    attention.forward(x, {config, batch.sequences, workspace}, whole);
    show("query", whole.qkv.query);
    show("context", whole.heads.context);
    show("y", whole.y());  // STOP 6: whole, in the order of the formula in attention.hpp
    double by_hand = attention.query.bias(0);
    for (std::size_t h = 0; h < 4; ++h)
        by_hand += x(0, h) * attention.query.weight(0, h);
    claim(std::abs(whole.qkv.query(0, 0) - by_hand) < 1e-12, "a query is x Wq^T + bq: row 0 of Wq, times token 0, plus bq(0)");

    std::puts("7. Your own softmax instead of ours: derive from Reference, hide one function, and pass your set as Ops.");
    const Tensor<double, 2> ours = attended<Reference>(attention, x, batch.sequences, config);
    const Tensor<double, 2> mine = attended<Mine>(attention, x, batch.sequences, config);
    const Tensor<double, 2> wrong = attended<Wrong>(attention, x, batch.sequences, config);
    show("y with Reference", ours);
    show("y with Mine", mine);
    show("y with Wrong", wrong);  // STOP 7: run again and step into SelfAttention<double, Mine>::forward
    claim(max_difference(ours, mine) < 1e-12, "Mine has another formula and gives the same numbers");
    claim(max_difference(ours, wrong) > 0.01, "Wrong gives other numbers");

    std::puts("8. Why does Reference subtract the largest score first? Because e^1000 overflows.");
    const Tensor<double, 2> large = {{1000, 1000}};
    Tensor<double, 2> from_reference, from_mine;
    Reference::softmax(large, from_reference);
    Mine::softmax(large, from_mine);
    show("Reference", from_reference);  // STOP 8: from_mine is NaN, infinity over infinity
    claim(from_reference(0, 0) == 0.5, "Reference: one half each");
    claim(std::isnan(from_mine(0, 0)), "Mine: not a number");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. A token sees two tokens. One has the score 0. Which score must the other have to get 9/10 of the attention?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number; std::log may be used

// 2. A softmax for scores of any size.
struct Yours : Reference {
    template <class Real>
    static void softmax([[maybe_unused]] const Tensor<Real, 2>& scores, Tensor<Real, 2>& probabilities)
    {
        probabilities.resize({0, 0});  // YOUR ANSWER: as many rows and columns as scores has, each row with the sum 1
    }
};

// 3. A model that writes from left to right (GPT) must not look ahead. Which tokens j may token i see?
std::optional<bool> may_see([[maybe_unused]] std::size_t i, [[maybe_unused]] std::size_t j)
{
    return std::nullopt;  // YOUR ANSWER: a condition on i and j
}

void exercises()
{
    exercise(1, "Which score gets 9/10 if the other one is 0?", answer_1.has_value(), [] {
        const Tensor<double, 2> scores = {{0, *answer_1}};
        Tensor<double, 2> probabilities;
        Reference::softmax(scores, probabilities);
        return wrong_for("the scores 0 and " + text_of(*answer_1), probabilities(0, 1), 0.9, 0.001);
    });

    const Tensor<double, 2> scores = {{0, 1, 2, -3}, {1000, 999, 0, -1000}, {-1000, -1000, -1000, -1000}, {5, -infinity, 5, 5}};
    Tensor<double, 2> yours, expected;
    const auto is_written = [&] {
        Yours::softmax(scores, yours);
        return yours.size() > 0;
    };
    exercise(2, "A softmax for scores of any size.", is_written, [&] {
        Reference::softmax(scores, expected);
        if (yours.shape() != expected.shape())
            return "expected " + shape_text(expected.shape()) + ", got " + shape_text(yours.shape());
        for (std::size_t i = 0; i < 4; ++i) {
            const std::string wrong =
                wrong_for("the scores " + text_of(row_values(scores, i)), row_values(yours, i), row_values(expected, i), 1e-12);
            if (!wrong.empty()) return wrong;
        }
        return std::string();
    });

    exercise(
        3, "Which tokens may token i see in a model that writes from left to right?", [&] { return may_see(0, 0).has_value(); },
        [&] {
            // The scores of tokens that may not be seen become -infinity, as those of padding did.
            const Tensor<double, 2> query = {{1, 2}, {0, 1}, {3, 1}, {1, 1}},
                                    key = {{1, 0}, {1, 1}, {0, 2}, {2, 1}};  // [n = 4, D = 2]
            Config config;
            config.num_attention_heads = 1;
            config.is_causal = true;
            const Sequences sequences{{0, 4}};
            AttentionActivations<double> act;
            Workspace workspace;
            Reference::attention(Reference{}, QueryKeyValue<double>{query, key, key}, {config, sequences, workspace}, act);
            Tensor<double, 2> visible = act.scores[0], probabilities;
            for (std::size_t i = 0; i < 4; ++i)
                for (std::size_t j = 0; j < 4; ++j)
                    if (!may_see(i, j).value_or(false)) visible(i, j) = -infinity;
            Reference::softmax(visible, probabilities);
            for (std::size_t i = 0; i < 4; ++i) {
                const std::string wrong = wrong_for("the probabilities of token i = " + std::to_string(i),
                                                    row_values(probabilities, i), row_values(act.probabilities[0], i), 1e-12);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
