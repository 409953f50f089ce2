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

// Tables that are small enough for mental arithmetic. A published model has 30,522 words, 512 positions and H = 768.
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
    std::puts("1. Looking up a token means taking a row of a table.");
    const Embeddings<double> embeddings = make_embeddings();
    const IndexTensor<1> ids = {dog, bites, dog};  // [T = 3]
    Tensor<double, 2> rows;
    Reference::embedding_lookup(ids, embeddings.word, rows);
    show("rows", rows);  // STOP 1: ids, embeddings.word and rows
    claim(rows(0, 0) == 5 && rows(2, 0) == 5, "the same word has the same row at every position");

    std::puts("2. Layer normalization subtracts a row's mean and divides by its standard deviation.");
    const Tensor<double, 2> x = {{1, 1, 3, 3}, {10, 10, 30, 30}, {101, 101, 103, 103}, {7, 7, 7, 7}};  // [4, H = 4]
    LayerNormActivations<double> norm;
    Reference::layer_norm(x, embeddings.norm, 1e-12, norm);
    show("y", norm.y);  // STOP 2: norm.rstd is 1 over the standard deviations 1, 10, 1 and 0
    const Tensor<double, 2> by_hand = {{-1, -1, 1, 1}, {-1, -1, 1, 1}, {-1, -1, 1, 1}, {0, 0, 0, 0}};
    claim(max_difference(norm.y, by_hand) < 1e-9, "a row ten times as large, or shifted by 100, gives the same result");
    claim(std::abs(norm.rstd(3) - 1e6) < 1e-3,
          "a constant row has the standard deviation 0; the 1e-12 under the root keeps 1/sqrt finite");

    std::puts("3. Gamma and beta, which are learned, give each column a scale and a shift of its own.");
    const LayerNorm<double> learned{{1, 2, 1, 2}, {0, 0, 5, 5}};
    Reference::layer_norm(x, learned, 1e-12, norm);
    show("y", norm.y);  // STOP 3: norm.x_hat is what y was in section 2
    claim(norm.y(3, 0) == 0 && norm.y(3, 2) == 5, "a constant row becomes beta");

    std::puts("4. An embedding is the sum of three rows, for the word, its segment and its position, and then a layer norm.");
    // Two sequences: [CLS] dog bites dog [SEP], and [CLS] man [SEP] dog bites [SEP] whose last three tokens are a second text.
    const Batch batch =
        pack({{cls, dog, bites, dog, sep}, {cls, man, sep, dog, bites, sep}}, {{0, 0, 0, 0, 0}, {0, 0, 0, 1, 1, 1}});
    const Config config;  // embeddings read its layer_norm_eps, 1e-12
    Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    EmbeddingsActivations<double> act;
    embeddings.forward(batch, pass, act);
    show("word", act.word, 0);
    show("segment", act.segment, 0);
    show("position", act.position, 0);
    show("sum", act.sum, 0);
    show("y", act.y);  // STOP 4: act, member by member
    claim(act.sum(1, 0) == 5 + 0 + 0 && act.sum(1, 2) == 1 + 0 + 2, "the first dog: word (5 1 1 1) and position 1 (0 0 2 2)");
    claim(act.word(1, 0) == act.word(3, 0) && act.sum(1, 0) != act.sum(3, 0), "dog bites dog: the same word has two vectors");

    std::puts("5. Both sequences are packed: eleven tokens, no padding, no mask. Positions restart with each sequence.");
    std::printf("   positions");
    for (std::size_t t = 0; t < batch.positions.size(); ++t)
        std::printf(" %d", static_cast<int>(batch.positions(t)));
    std::printf("; sequences begin at");
    for (const std::size_t begin : batch.sequences.begin)
        std::printf(" %zu", begin);
    std::puts("");  // STOP 5: batch.sequences.begin has one entry more than there are sequences
    bool alike = true;
    for (std::size_t h = 0; h < 4; ++h)
        alike = alike && act.y(0, h) == act.y(5, h);
    claim(alike, "both [CLS] have the same vector: an embedding doesn't depend on other tokens");

    std::puts("6. Only positions distinguish \"dog bites man\" from \"man bites dog\".");
    Embeddings<double> no_positions = make_embeddings();
    no_positions.position.fill(0);
    EmbeddingsActivations<double> forwards, backwards;
    no_positions.forward(pack({{dog, bites, man}}), pass, forwards);
    no_positions.forward(pack({{man, bites, dog}}), pass, backwards);
    show("dog bites man", forwards.y);
    show("man bites dog", backwards.y);  // STOP 6: forwards.y and backwards.y
    bool same_set = true;
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t h = 0; h < 4; ++h)
            same_set = same_set && forwards.y(t, h) == backwards.y(2 - t, h);
    claim(same_set, "without positions both have the same three vectors");

    std::puts("7. An id without a row in the table is an error.");
    std::string message;
    try {
        embeddings.forward(pack({{cls, 5}}), pass, act);
    } catch (const std::invalid_argument& error) {
        message = error.what();
    }
    std::printf("   %s\n", message.c_str());  // STOP 7: message
    claim(message == "embeddings: ids[1]: expected 0 to 4, got 5",
          "the message says where, what was expected and what was found");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

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
    exercise(1, "What is the last number of layer_norm(1 1 1 5)?", answer_1.has_value(), [&] {
        const Tensor<double, 2> x = {{1, 1, 1, 5}};
        LayerNormActivations<double> act;
        Reference::layer_norm(x, embeddings.norm, 1e-12, act);
        return wrong_number(*answer_1, act.y(0, 3), 0.01);
    });

    exercise(2, "Which position row makes both dogs the same?", !answer_2.empty(), [&] {
        if (answer_2.size() != 4) return "expected four numbers, got " + std::to_string(answer_2.size());
        Embeddings<double> changed = make_embeddings();
        for (std::size_t h = 0; h < 4; ++h)
            changed.position(2, h) = answer_2[h];
        const Batch dogs = pack({{dog, bites, dog}});
        const Config config;
        Workspace workspace;
        EmbeddingsActivations<double> act;
        changed.forward(dogs, {config, dogs.sequences, workspace}, act);
        return wrong_for("the second dog with the row " + text_of(answer_2), row_values(act.y, 2), row_values(act.y, 0), 1e-9);
    });

    exercise(
        3, "Layer normalization, written by you.",
        [&] {
            return !your_layer_norm({1, 1, 3, 3}, 1e-12).empty();
        },
        [&] {
            const Tensor<double, 2> x = {{1, 1, 3, 3}, {-3, 0, 1, 10}, {1e6, 1e6 + 1, 1e6, 1e6 + 3}, {7, 7, 7, 7}};
            LayerNormActivations<double> act;
            Reference::layer_norm(x, embeddings.norm, 1e-12, act);
            for (std::size_t t = 0; t < 4; ++t) {
                const std::vector<double> row = row_values(x, t);
                const std::string wrong = wrong_for(text_of(row), your_layer_norm(row, 1e-12), row_values(act.y, t), 1e-6);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
