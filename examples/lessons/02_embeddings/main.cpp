// Lesson 02: embeddings, from ids to vectors.
//
// Beside it: include/bert/embeddings.hpp, ops/reference/embedding_lookup.hpp, ops/reference/layer_norm.hpp, core/sequences.hpp.
// Devlin et al. 2019, section 3 and figure 2; Ba, Kiros and Hinton 2016, section 3.
#include <bert/embeddings.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A vocabulary of five words, vectors of four numbers.
enum Word : std::int64_t { cls, sep, dog, bites, man };

// Tables that are small enough to add in the head. A published model has 30,522 words, 512 positions and H = 768.
Embeddings<double> make_embeddings()
{
    Embeddings<double> embeddings;
    embeddings.word = {{0, 0, 2, 2}, {1, 0, 1, 0}, {5, 1, 1, 1}, {0, 4, 0, 4}, {1, 1, 1, 5}};                    // [V = 5, H = 4]
    embeddings.position = {{1, 1, 1, 1}, {0, 0, 2, 2}, {0, 2, 0, 2}, {2, 2, 0, 0}, {0, 0, 0, 4}, {2, 0, 0, 2}};  // [6, H]
    embeddings.segment = {{0, 0, 0, 0}, {3, 0, 0, 3}};                                                           // [2, H]
    embeddings.norm = {{1, 1, 1, 1}, {0, 0, 0, 0}};  // gamma and beta, [H] each
    return embeddings;
}

int main()
{
    std::puts("1. Looking up a token is taking a row of a table.");
    const Embeddings<double> embeddings = make_embeddings();
    const IndexTensor<1> ids = {dog, bites, dog};  // [T = 3]
    Tensor<double, 2> rows;
    Reference::embedding_lookup(ids, embeddings.word, rows);
    show("rows", rows);  // STOP 1: ids, embeddings.word and rows
    claim(rows(0, 0) == 5 && rows(2, 0) == 5, "the same word is the same row, wherever it stands");

    std::puts("2. Layer normalization takes a row's mean away and divides by its standard deviation.");
    const Tensor<double, 2> x = {{1, 1, 3, 3}, {10, 10, 30, 30}, {101, 101, 103, 103}, {7, 7, 7, 7}};  // [4, H = 4]
    LayerNormActivations<double> norm;
    Reference::layer_norm(x, embeddings.norm, 1e-12, norm);
    show("y", norm.y);  // STOP 2: norm.rstd: 1 over the deviations 1, 10, 1 and 0
    const Tensor<double, 2> by_hand = {{-1, -1, 1, 1}, {-1, -1, 1, 1}, {-1, -1, 1, 1}, {0, 0, 0, 0}};
    claim(max_difference(norm.y, by_hand) < 1e-9, "a row ten times as large, or moved by 100, gives the same");
    claim(std::abs(norm.rstd(3) - 1e6) < 1e-3, "a constant row has no deviation; the 1e-12 under the root keeps 1/sqrt finite");

    std::puts("3. Gamma and beta, which are learned, give each column a scale and a shift of its own.");
    const LayerNorm<double> learned{{1, 2, 1, 2}, {0, 0, 5, 5}};
    Reference::layer_norm(x, learned, 1e-12, norm);
    show("y", norm.y);  // STOP 3: norm.x_hat is what stood in y before
    claim(norm.y(3, 0) == 0 && norm.y(3, 2) == 5, "a constant row becomes beta");

    std::puts("4. An embedding is three rows added: the word's, its segment's, its position's; then a layer norm.");
    // Two sequences: [CLS] dog bites dog [SEP], and [CLS] man [SEP] dog bites [SEP] whose last three tokens are a second text.
    const Batch batch =
        pack({{cls, dog, bites, dog, sep}, {cls, man, sep, dog, bites, sep}}, {{0, 0, 0, 0, 0}, {0, 0, 0, 1, 1, 1}});
    Config config;  // of which embeddings read layer_norm_eps, 1e-12
    EmbeddingsActivations<double> act;
    embeddings.forward(batch, config, act);
    show("word", act.word, 0);
    show("segment", act.segment, 0);
    show("position", act.position, 0);
    show("sum", act.sum, 0);
    show("y", act.norm.y);  // STOP 4: act, member by member
    claim(act.sum(1, 0) == 5 + 0 + 0 && act.sum(1, 2) == 1 + 0 + 2, "the first dog: word (5 1 1 1) and position 1 (0 0 2 2)");
    claim(act.word(1, 0) == act.word(3, 0) && act.sum(1, 0) != act.sum(3, 0), "dog bites dog: one word, two vectors");

    std::puts("5. Eleven tokens, one after the other: no padding, no mask. Positions begin anew with each sequence.");
    std::printf("   positions");
    for (std::size_t t = 0; t < batch.positions.size(); ++t)
        std::printf(" %d", static_cast<int>(batch.positions(t)));
    std::printf("; sequences begin at");
    for (const std::size_t begin : batch.sequences.begin)
        std::printf(" %zu", begin);
    std::puts("");  // STOP 5: batch.sequences.begin has one entry more than there are sequences
    bool alike = true;
    for (std::size_t h = 0; h < 4; ++h)
        alike = alike && act.norm.y(0, h) == act.norm.y(5, h);
    claim(alike, "both [CLS] have the same vector: no token knows of any other yet");

    std::puts("6. Positions are all that tells \"dog bites man\" from \"man bites dog\".");
    Embeddings<double> no_positions = make_embeddings();
    no_positions.position.fill(0);
    EmbeddingsActivations<double> forwards, backwards;
    no_positions.forward(pack({{dog, bites, man}}), config, forwards);
    no_positions.forward(pack({{man, bites, dog}}), config, backwards);
    show("dog bites man", forwards.norm.y);
    show("man bites dog", backwards.norm.y);  // STOP 6: both
    bool same_set = true;
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t h = 0; h < 4; ++h)
            same_set = same_set && forwards.norm.y(t, h) == backwards.norm.y(2 - t, h);
    claim(same_set, "without positions, they are the same three vectors");

    std::puts("7. An id that the table doesn't have is refused: there is no row to take.");
    std::string message;
    try {
        embeddings.forward(pack({{cls, 5}}), config, act);
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    std::printf("   %s\n", message.c_str());  // STOP 7: message
    claim(message == "embeddings: ids[1]: expected 0 to 4, got 5",
          "the message names the place, what was expected and what came");

    exercises();
}

// Exercises. Write what you think at YOUR ANSWER, build and run again.

// 1. Layer normalization of (1 1 1 5), gamma 1 and beta 0: what is the last number?
const std::optional<double> answer_1 = std::nullopt;  // YOUR ANSWER: a number; std::sqrt may be used

// 2. Which row for position 2 makes both dogs of "dog bites dog" the same vector?
const std::vector<double> answer_2 = {};  // YOUR ANSWER: four numbers

// 3. Layer normalization of one row, with gamma 1 and beta 0.
std::vector<double> your_layer_norm([[maybe_unused]] const std::vector<double>& row, [[maybe_unused]] double epsilon)
{
    return {};  // YOUR ANSWER: as many numbers as row has
}

void exercises()
{
    const Embeddings<double> embeddings = make_embeddings();
    exercise(1, "The last number of layer_norm(1 1 1 5)?", answer_1.has_value(), [&] {
        const Tensor<double, 2> x = {{1, 1, 1, 5}};
        LayerNormActivations<double> act;
        Reference::layer_norm(x, embeddings.norm, 1e-12, act);
        return std::abs(*answer_1 - act.y(0, 3)) < 0.01;
    });

    exercise(2, "Which position row makes both dogs the same?", !answer_2.empty(), [&] {
        if (answer_2.size() != 4) return false;
        Embeddings<double> changed = make_embeddings();
        for (std::size_t h = 0; h < 4; ++h)
            changed.position(2, h) = answer_2[h];
        EmbeddingsActivations<double> act;
        changed.forward(pack({{dog, bites, dog}}), Config{}, act);
        double difference = 0;
        for (std::size_t h = 0; h < 4; ++h)
            difference += std::abs(act.norm.y(0, h) - act.norm.y(2, h));
        return difference < 1e-9;
    });

    exercise(3, "Layer normalization, written by you.", !your_layer_norm({1, 1, 3, 3}, 1e-12).empty(), [&] {
        const Tensor<double, 2> x = {{1, 1, 3, 3}, {-3, 0, 1, 10}, {1e6, 1e6 + 1, 1e6, 1e6 + 3}, {7, 7, 7, 7}};
        LayerNormActivations<double> act;
        Reference::layer_norm(x, embeddings.norm, 1e-12, act);
        for (std::size_t t = 0; t < 4; ++t) {
            const std::vector<double> yours = your_layer_norm({x(t, 0), x(t, 1), x(t, 2), x(t, 3)}, 1e-12);
            for (std::size_t h = 0; h < 4; ++h)
                if (!(yours.size() == 4 && std::abs(yours[h] - act.y(t, h)) < 1e-6)) return false;
        }
        return true;
    });
}
