// Lesson 15: MobileBERT: blocks between bottlenecks, several feed-forward networks in each, and a norm that doesn't normalize.
//
// Beside it: include/bert/variants/mobilebert.hpp, which begins with a table of all differences and their reasons;
// variants/mobilebert_block.hpp, mobilebert_bottleneck.hpp, mobilebert_feed_forward.hpp, no_norm.hpp, mobilebert_embeddings.hpp.
// Sun et al. 2020, sections 3.1 to 3.4, figure 1c and table 1.
#include <bert/core/parameters.hpp>
#include <bert/encoder_block.hpp>
#include <bert/io/architectures.hpp>
#include <bert/training/initialize.hpp>
#include <bert/variants/mobilebert.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A vocabulary of six words.
enum Word : std::int64_t { pad, the, dog, bites, man, cat };

// V = 6, E = 2, H = 8 outside of the blocks, N = 4 inside, two heads, I = 6, four feed-forward networks.
Config tiny_config()
{
    Config config = mobilebert_family.defaults();
    config.vocab_size = 6;
    config.embedding_size = 2;
    config.hidden_size = 8;
    config.mobilebert->intra_bottleneck_size = 4;
    config.num_hidden_layers = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 6;
    config.max_position_embeddings = 8;
    return config;
}

// The published model, without heads. Its pooler takes the first token's vector as it is.
Config published()
{
    Config config = mobilebert_family.defaults();
    config.mobilebert->classifier_activation = false;
    return config;
}

// Random weights with the standard deviation sigma; biases 0; norms with gamma 1 and beta 0.
template <class Component>
void fill_component(double sigma, Component& component)
{
    std::uint32_t index = 0;  // each tensor has random numbers of its own
    const auto fill = [&](const Name& name, auto& tensor) {
        if (name.kind() == ParameterKind::matrix || name.kind() == ParameterKind::table)
            fill_randomly<double>(Initialization::normal, sigma, 1, index, std::span<double>(tensor.data(), tensor.size()));
        else
            tensor.fill(name.kind() == ParameterKind::scale ? 1 : 0);
        ++index;
    };
    Component::parameters(fill, "", component);
}

// Rows of random numbers of mean 0 and standard deviation 1.
Tensor<double, 2> random_rows(std::size_t T, std::size_t H)
{
    Tensor<double, 2> rows = zeros<double, 2>({T, H});
    fill_randomly<double>(Initialization::normal, 1, 2, 0, std::span<double>(rows.data(), rows.size()));
    return rows;
}

// The largest absolute value.
double largest(const Tensor<double, 2>& tensor)
{
    double value = 0;
    for (const double x : tensor)
        value = std::max(value, std::abs(x));
    return value;
}

// How many numbers differ.
std::size_t changed_numbers(const Tensor<double, 2>& a, const Tensor<double, 2>& b)
{
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        count += a.data()[i] != b.data()[i] ? 1 : 0;
    return count;
}

// The largest absolute value of the hidden states in front of 24 blocks, and after 6, 12, 18 and 24 of them.
std::vector<double> largest_by_depth(const char* normalization_type, const Tensor<double, 2>& x)
{
    Config config = tiny_config();
    config.num_hidden_layers = 24;
    config.mobilebert->normalization_type = normalization_type;
    auto encoder = MobileBertEncoder<double>::make(config);
    fill_component(0.3, encoder);
    const Sequences sequences{{0, x.shape(0)}};
    Workspace workspace;
    MobileBertEncoderActivations<double> act;
    encoder.forward(x, {config, sequences, workspace}, act);
    std::vector<double> sizes;
    for (const std::size_t l : {0U, 6U, 12U, 18U, 24U})
        sizes.push_back(largest(encoder.input(l, x, act)));
    return sizes;
}

// The parameters of a block, by parts. The names of all bottlenecks contain "bottleneck".
struct Parts {
    std::size_t attention = 0, networks = 0, narrow = 0, widen = 0;
};
template <class Block>
Parts parts_of(const Block& block)
{
    Parts parts;
    const auto count = [&parts](const std::string& name, const auto& tensor) {
        const bool bottleneck = name.find("bottleneck") != std::string::npos;
        const bool attention = name.find("attention") != std::string::npos;
        std::size_t& part = bottleneck ? (name.starts_with(".bottleneck") ? parts.narrow : parts.widen)
                                       : (attention ? parts.attention : parts.networks);
        part += tensor.size();
    };
    Block::parameters(count, "", block);
    return parts;
}

int main()
{
    std::puts(
        "1. Outside of its blocks MobileBERT has H numbers for a token, here 8; inside N, here 4. A block narrows, then widens.");
    const Config config = tiny_config();
    auto block = MobileBertBlock<double>::make(config);
    fill_component(0.5, block);
    const Tensor<double, 2> x = random_rows(2, 8);  // [T = 2, H = 8]
    const Sequences sequences{{0, 2}};
    Workspace workspace;
    const Pass pass{config, sequences, workspace};
    MobileBertBlockActivations<double> act;
    block.forward(x, pass, act);
    const auto show_shape = [](const char* name, const Tensor<double, 2>& tensor, const char* remark) {
        std::printf("   %-18s %s  %s\n", name, shape_text(tensor.shape()).c_str(), remark);
    };
    show_shape("x", x, "the block's input");
    show_shape("input.y()", act.input.y(), "narrowed by the first bottleneck: the residual of attention");
    show_shape("shared.y()", act.shared.y(), "narrowed by the second: query and key read it");
    show_shape("attention.y()", act.attention.y(), "its value reads x");
    show_shape("ffn[0].y()", act.ffn[0].y(), "the first feed-forward network");
    show_shape("feed_forward.y()", act.feed_forward.y(), "the last one");
    show_shape("y()", act.y(), "widened, and added to x");  // STOP 1: act, member by member
    claim(block.attention.query.weight.shape(1) == 4 && block.attention.value.weight.shape(1) == 8,
          "query's matrix is [N, N], value's [N, H]");
    Tensor<double, 2> widened_and_x = act.output.projected;
    add(x, widened_and_x);
    claim(act.y() == widened_and_x, "the hidden states keep their width; each block adds to them");

    std::puts("2. The norms are NoNorms: a scale and a shift for each column, and nothing else.");
    const Tensor<double, 2> rows = {{1, 1, 3, 3}, {10, 10, 30, 30}, {101, 101, 103, 103}};  // of lesson 02
    const LayerNorm<double> norm{{1, 2, 1, 2}, {0, 0, 5, 5}};
    LayerNormActivations<double> normalized;
    Tensor<double, 2> scaled;
    Reference::layer_norm(rows, norm, 1e-12, normalized);
    no_norm(rows, norm, scaled);
    show("layer norm", normalized.y, 0);
    show("NoNorm", scaled, 0);  // STOP 2: rows, normalized.y, scaled
    claim(scaled(1, 3) == 2 * 30 + 5 && scaled(2, 3) == 2 * 103 + 5, "gamma x + beta");
    claim(std::abs(normalized.y(1, 3) - normalized.y(0, 3)) < 1e-9 && std::abs(normalized.y(2, 3) - normalized.y(0, 3)) < 1e-9,
          "a layer norm takes a row's size and shift away; NoNorm lets them through");

    std::puts("3. What is gained is time: each number depends on one number. A layer norm has to read the whole row first.");
    Tensor<double, 2> one_changed = rows;
    one_changed(0, 0) = 2;
    LayerNormActivations<double> normalized_changed;
    Tensor<double, 2> scaled_changed;
    Reference::layer_norm(one_changed, norm, 1e-12, normalized_changed);
    no_norm(one_changed, norm, scaled_changed);
    const std::size_t by_layer_norm = changed_numbers(normalized.y, normalized_changed.y);
    const std::size_t by_no_norm = changed_numbers(scaled, scaled_changed);
    std::printf("   one number changes: %zu by layer norm, %zu by NoNorm\n", by_layer_norm, by_no_norm);
    claim(by_layer_norm == 4 && by_no_norm == 1, "the whole row, or one number");
    // A bottleneck is a linear layer, then the norm: gamma (W x + b) + beta = (gamma W) x + (gamma b + beta).
    Bottleneck<double> bottleneck = *block.input;
    bottleneck.norm = norm;
    Bottleneck<double> folded = bottleneck;
    for (std::size_t n = 0; n < 4; ++n) {
        for (std::size_t h = 0; h < 8; ++h)
            folded.dense.weight(n, h) *= norm.gamma(n);
        folded.dense.bias(n) = norm.gamma(n) * folded.dense.bias(n) + norm.beta(n);
    }
    folded.norm = {{1, 1, 1, 1}, {0, 0, 0, 0}};
    BottleneckActivations<double> of_bottleneck, of_folded;
    bottleneck.forward(x, pass, of_bottleneck);
    folded.forward(x, pass, of_folded);
    claim(
        max_difference(of_bottleneck.y(), of_folded.projected) < 1e-12,
        "behind a linear layer it can be multiplied into the matrix: then it costs nothing");  // STOP 3: of_bottleneck, of_folded

    std::puts(
        "4. What is lost: nothing keeps the numbers' size. 24 blocks with random weights, with NoNorm and with layer norms:");
    const std::vector<double> without = largest_by_depth("no_norm", x), with = largest_by_depth("layer_norm", x);
    std::puts("   largest number after block     0        6       12       18       24");
    const auto print_sizes = [](const char* name, const std::vector<double>& sizes) {
        std::printf("   %-22s", name);
        for (const double size : sizes)
            std::printf(" %8.1f", size);
        std::puts("");
    };
    print_sizes("NoNorm", without);
    print_sizes("layer norm", with);  // STOP 4: without, with
    claim(without.back() > 10 * without.front(), "with NoNorm they grow from block to block");
    claim(*std::max_element(with.begin() + 1, with.end()) < std::sqrt(7.0),
          "with layer norms no number of a row of H exceeds sqrt(H - 1)");

    std::puts("5. And nothing changes a token's numbers on their way: a block without weights returns its input as it is.");
    auto empty = MobileBertBlock<double>::make(config);
    auto empty_bert = EncoderBlock<double>::make(config);
    fill_component(0, empty);
    fill_component(0, empty_bert);
    MobileBertBlockActivations<double> of_empty;
    EncoderBlockActivations<double> of_empty_bert;
    empty.forward(x, pass, of_empty);
    empty_bert.forward(x, pass, of_empty_bert);
    show("x", x);
    show("BERT's empty block", of_empty_bert.y());  // STOP 5: of_empty.y(), of_empty_bert.y()
    claim(of_empty.y() == x, "MobileBERT's returns x, bit for bit");
    claim(max_difference(of_empty_bert.y(), x) > 0.1, "BERT's normalizes it (lesson 04)");

    std::puts(
        "6. In BERT a block's network has twice the parameters of attention. Four networks restore that between bottlenecks.");
    const auto bert_block = EncoderBlock<float>::make(bert_family.defaults());
    const auto published_block = MobileBertBlock<float>::make(published());
    const Parts in_bert = parts_of(bert_block), in_mobilebert = parts_of(published_block);
    const double attention_in_bert = static_cast<double>(in_bert.attention);
    const double attention = static_cast<double>(in_mobilebert.attention + in_mobilebert.narrow);
    const double networks = static_cast<double>(in_mobilebert.networks);
    const double ratios[] = {static_cast<double>(in_bert.networks) / attention_in_bert, networks / 4 / attention,
                             networks / attention};
    std::puts("   parameters of the networks, for each of attention (with the bottlenecks in front of it):");
    std::printf("   BERT %.2f; MobileBERT with one network %.2f, with four %.2f\n", ratios[0], ratios[1],
                ratios[2]);  // STOP 6: in_bert, in_mobilebert
    claim(ratios[1] < 0.6 && std::abs(ratios[0] - 2) < 0.01 && std::abs(ratios[2] - 2) < 0.2,
          "with one network, attention would have most of the parameters: it reads the wide states, a network the narrow ones");

    std::puts(
        "7. The word table is E wide, here 2. A linear layer reads a token's row with those of the next and the previous one.");
    auto embeddings = MobileBertEmbeddings<double>::make(config);
    fill_component(0.5, embeddings);
    embeddings.position.fill(0);
    embeddings.word = {{9, 9}, {1, 0}, {2, 2}, {3, 1}, {4, 0}, {5, 5}};  // [PAD] the dog bites man cat
    const Batch batch = pack({{the, dog, bites, the, man}});
    MobileBertEmbeddingsActivations<double> embedded;
    embeddings.forward(batch, {config, batch.sequences, workspace}, embedded);
    show("next, own, previous", embedded.word, 0);
    show("transformed", embedded.transformed);  // STOP 7: embedded, member by member
    claim(embedded.word(0, 2) == 1 && embedded.word(0, 0) == 2 && embedded.word(0, 4) == 0,
          "\"the\", with \"dog\" behind it and nothing in front: zeros");
    claim(embedded.word(3, 2) == embedded.word(0, 2) && embedded.transformed(3, 0) != embedded.transformed(0, 0),
          "without positions, both \"the\" have different vectors already in the embeddings");
    const Batch in_padded = pack({{the, dog, bites, the, man, pad}}, zeros<std::int64_t, 2>({1, 6}), {{1, 1, 1, 1, 1, 0}});
    embeddings.forward(in_padded, {config, in_padded.sequences, workspace}, embedded);
    claim(embedded.word(4, 0) == 9, "a trap: in a padded batch the last token's next one is [PAD], not nothing");

    std::puts("8. Where the parameters are:");
    const Config bert_base = bert_family.defaults(), mobilebert = published();
    const auto embeddings_of = [](Config any) {
        any.num_hidden_layers = 0;
        any.has_pooler = false;
        return parameter_count(any);
    };
    const std::size_t words_in_bert = 30522 * 768, words_in_mobilebert = 30522 * 128, pooler = 768 * 768 + 768;
    const std::size_t table[][2] = {{words_in_bert, words_in_mobilebert},
                                    {embeddings_of(bert_base) - words_in_bert, embeddings_of(mobilebert) - words_in_mobilebert},
                                    {12 * in_bert.attention, 24 * in_mobilebert.attention},
                                    {12 * in_bert.networks, 24 * in_mobilebert.networks},
                                    {0, 24 * (in_mobilebert.narrow + in_mobilebert.widen)},
                                    {pooler, 0}};
    const char* names[] = {"word table", "other embeddings", "attention", "feed-forward networks", "bottlenecks", "pooler"};
    std::size_t of_bert = 0, of_mobilebert = 0;
    std::puts("                            BERT-base    MobileBERT");
    for (std::size_t row = 0; row < 6; ++row) {
        std::printf("   %-22s %11zu   %11zu\n", names[row], table[row][0], table[row][1]);
        of_bert += table[row][0];
        of_mobilebert += table[row][1];
    }
    std::printf("   %-22s %11zu   %11zu\n", "sum", of_bert, of_mobilebert);  // STOP 8: table
    claim(of_bert == parameter_count(bert_base) && of_mobilebert == parameter_count(mobilebert), "that is all of them");
    claim(4 * of_mobilebert < of_bert, "less than a quarter, in twice as many layers");
    Config with_head = mobilebert;
    with_head.heads = {"masked_lm"};
    const std::size_t of_head = parameter_count(with_head) - parameter_count(mobilebert);
    std::printf("   its masked-LM head: %zu\n", of_head);
    claim(of_head - (512 - 128) * 30522 < 300000,
          "nearly all of it is a decoder: H - E more numbers for each word, beside its row of the table");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. How many parameters does a bottleneck of the published model have, from H = 512 to N = 128, with its norm?
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 2. Three sequences, of 5, 1 and 3 tokens, not padded: how many of the neighbours of their tokens are missing?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. Two NoNorms, one after the other, are one. Which gamma and beta has it, for one column?
struct GammaAndBeta {
    double gamma, beta;
};
std::optional<GammaAndBeta> your_norm([[maybe_unused]] GammaAndBeta first, [[maybe_unused]] GammaAndBeta second)
{
    return std::nullopt;  // YOUR ANSWER: both numbers, as in return GammaAndBeta{1, 0};
}

void exercises()
{
    exercise(1, "How many parameters does a bottleneck have?", answer_1.has_value(), [] {
        const std::size_t right = count_parameters(Bottleneck<float>::make(published()));
        return wrong_number(static_cast<double>(*answer_1), static_cast<double>(right), 0.5);
    });

    exercise(2, "How many neighbours are missing?", answer_2.has_value(), [] {
        Neighbourhood neighbourhood;
        find_neighbours(pack({{the, dog, bites, the, man}, {dog}, {the, cat, bites}}), true, neighbourhood);
        return wrong_number(static_cast<double>(*answer_2), static_cast<double>(neighbourhood.absent.size()), 0.5);
    });

    exercise(3, "Two NoNorms as one.", your_norm({1, 0}, {1, 0}).has_value(), [] {
        const GammaAndBeta norms[] = {{1, 0}, {2, 1}, {-1, 3}, {0.5, -2}};
        for (const GammaAndBeta& first : norms) {
            for (const GammaAndBeta& second : norms) {
                Tensor<double, 2> between, right;
                no_norm(Tensor<double, 2>{{0, 1}}, LayerNorm<double>{{first.gamma, first.gamma}, {first.beta, first.beta}},
                        between);
                no_norm(between, LayerNorm<double>{{second.gamma, second.gamma}, {second.beta, second.beta}}, right);
                const GammaAndBeta yours = your_norm(first, second).value();
                const std::string wrong = wrong_for(
                    "0 and 1 through " + text_of({first.gamma, first.beta}) + ", then " + text_of({second.gamma, second.beta}),
                    {yours.beta, yours.gamma + yours.beta}, row_values(right, 0), 1e-9);
                if (!wrong.empty()) return wrong;
            }
        }
        return std::string();
    });
}
