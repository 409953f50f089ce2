// Lesson 16: GPT-2 beside BERT: the same parameters, computed in another order, for another purpose.
//
// Beside it: include/bert/variants/gpt2.hpp, which begins with a table of all differences and their reasons;
// variants/pre_norm_block.hpp, heads/causal_lm.hpp, heads/last_token_classification.hpp. The causal mask itself: lesson 11.
// Radford et al. 2018, section 3.1 (the next token), 2019, section 2.3 (norms in front); Xiong et al. 2020 (why in front).
#include <bert/core/parameters.hpp>
#include <bert/encoder_block.hpp>
#include <bert/io/architectures.hpp>
#include <bert/training/initialize.hpp>
#include <bert/training/trainer.hpp>
#include <bert/variants/gpt2.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// A vocabulary of nine words.
enum Word : std::int64_t { start, mask, the, dog, bites, man, bank, river, money };
const std::vector<std::string> words = {"[START]", "[MASK]", "the", "dog", "bites", "man", "bank", "river", "money"};

// Random weights with the standard deviation sigma; biases 0; layer norms with gamma 1 and beta 0.
template <class Component>
void fill_component(double sigma, std::uint64_t seed, Component& component)
{
    std::uint32_t index = 0;  // each tensor has random numbers of its own
    const auto fill = [&](const Name& name, auto& tensor) {
        if (name.kind() == ParameterKind::matrix || name.kind() == ParameterKind::table)
            fill_randomly<double>(Initialization::normal, sigma, seed, index, std::span<double>(tensor.data(), tensor.size()));
        else
            tensor.fill(name.kind() == ParameterKind::scale ? 1 : 0);
        ++index;
    };
    Component::parameters(fill, "", component);
}

// Random numbers of mean 0 and standard deviation 1.
Tensor<double, 2> random_rows(std::uint64_t seed, std::size_t T, std::size_t H)
{
    Tensor<double, 2> rows = zeros<double, 2>({T, H});
    fill_randomly<double>(Initialization::normal, 1, seed, 0, std::span<double>(rows.data(), rows.size()));
    return rows;
}

// V = 9, H = 8, two heads, I = 16, two layers.
Model<double> make_bert()
{
    Config config;
    set_architecture("BertForMaskedLM", config);
    config.vocab_size = words.size();
    config.hidden_size = 8;
    config.num_hidden_layers = 2;
    config.num_attention_heads = 2;
    config.intermediate_size = 16;
    config.max_position_embeddings = 8;
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0;
    config.pad_token_id.reset();
    auto bert = Model<double>::make(config);
    fill_component(0.5, 2, bert);
    return bert;
}

// From BERT to GPT-2, in five lines.
Gpt2Model<double> gpt2_from(const Model<double>& bert)
{
    Config config = bert.config;
    config.is_causal = true;       // 1. a token sees itself and those before it
    config.type_vocab_size = 0;    // 2. there are no segments
    config.heads = {"causal_lm"};  // 3. each token predicts the next one
    auto gpt2 = Gpt2Model<double>::make(config);
    for (std::size_t l = 0; l < config.num_hidden_layers; ++l)
        gpt2.body.layer[l] = {bert.body.encoder.layer[l]};  // 4. the norms stand in front: PreNormBlock
    gpt2.body.final_norm = bert.body.embeddings.norm;       // 5. and one at the end, none behind the embeddings
    gpt2.body.embeddings = {bert.body.embeddings.word, bert.body.embeddings.position};
    return gpt2;
}

// The state of each token, [T, H].
template <class AnyModel>
Tensor<double, 2> states(const AnyModel& model, const Batch& batch)
{
    Workspace workspace;
    typename AnyModel::Activations act;
    model.forward(batch, {}, {model.config, batch.sequences, workspace}, act);
    return model.body.result(batch, act.body).hidden;
}

// GPT-2's probabilities of the word that follows a text, [V].
std::vector<double> next_word(const Gpt2Model<double>& gpt2, const std::vector<std::int64_t>& text)
{
    const Batch batch = pack({text});
    Workspace workspace;
    Gpt2Model<double>::Activations act;
    gpt2.forward(batch, {}, {gpt2.config, batch.sequences, workspace}, act);
    Tensor<double, 2> probabilities;
    Reference::softmax(act.causal_lm.logits, probabilities);
    return row_values(probabilities, text.size() - 1);
}

// BERT's probabilities of the word at a row, [V].
std::vector<double> masked_word(const Model<double>& bert, const std::vector<std::int64_t>& text, std::size_t row)
{
    const Batch batch = pack({text});
    Workspace workspace;
    ModelActivations<double> act;
    bert.forward(batch, {}, {bert.config, batch.sequences, workspace}, act);
    Tensor<double, 2> probabilities;
    Reference::softmax(act.masked_lm.logits, probabilities);
    return row_values(probabilities, row);
}

// The indices of the rows in which two tensors differ, as a text.
std::string changed_rows(const Tensor<double, 2>& before, const Tensor<double, 2>& after)
{
    std::string changed;
    for (std::size_t t = 0; t < before.shape(0); ++t)
        if (row_values(before, t) != row_values(after, t)) changed.append(" ").append(std::to_string(t));
    return changed;
}

// -log softmax(scores)_target, written out.
double cross_entropy(const std::vector<double>& scores, std::size_t target)
{
    double sum = 0;
    for (const double s : scores)
        sum += std::exp(s);
    return std::log(sum) - scores[target];
}

// The square root of the sum of all squares.
double length(const Tensor<double, 2>& tensor)
{
    double sum = 0;
    for (const double x : tensor)
        sum += x * x;
    return std::sqrt(sum);
}

// 24 blocks, H = 8, with random numbers of these standard deviations. The biases are those of the two linear layers in front of
// a block's sums, the others are 0.
std::vector<EncoderBlock<double>> deep_stack(const Config& config, double of_weights, double of_biases)
{
    std::vector<EncoderBlock<double>> stack;
    for (std::uint64_t l = 0; l < 24; ++l) {
        auto block = EncoderBlock<double>::make(config);
        fill_component(of_weights, l, block);
        std::uint32_t index = 100;
        for (Tensor<double, 1>* bias : {&block.attention.output.dense.bias, &block.feed_forward.output.dense.bias})
            fill_randomly<double>(Initialization::normal, of_biases, l, index++, std::span<double>(bias->data(), bias->size()));
        stack.push_back(block);
    }
    return stack;
}

// The same parameters with the norms in front.
std::vector<PreNormBlock<double>> pre_norm(const std::vector<EncoderBlock<double>>& stack)
{
    std::vector<PreNormBlock<double>> blocks;
    for (const EncoderBlock<double>& block : stack)
        blocks.push_back({block});
    return blocks;
}

template <class Activations, class Block>
std::vector<Activations> run(const std::vector<Block>& stack, const Pass& pass, const Tensor<double, 2>& x)
{
    std::vector<Activations> act(stack.size());
    for (std::size_t l = 0; l < stack.size(); ++l)
        stack[l].forward(l == 0 ? x : act[l - 1].y(), pass, act[l]);
    return act;
}

// How long the gradient is behind block 24, 18, 12, 6 and in front of the first one, as a multiple of d_y's length; and the
// gradient of x.
struct Gradients {
    std::vector<double> lengths;
    Tensor<double, 2> d_x;
};
template <class Activations, class Block>
Gradients gradients_of(const std::vector<Block>& stack, const Pass& pass, const Tensor<double, 2>& x,
                       const Tensor<double, 2>& d_y)
{
    const std::vector<Activations> act = run<Activations>(stack, pass, x);
    Gradients gradients{{1}, d_y};
    Activations d_act;
    for (std::size_t l = stack.size(); l-- > 0;) {
        Block d_block = Block::make(pass.config);
        stack[l].backward(gradients.d_x, l == 0 ? x : act[l - 1].y(), pass, act[l], d_block, d_act, gradients.d_x);
        if (l % 6 == 0) gradients.lengths.push_back(length(gradients.d_x) / length(d_y));
    }
    return gradients;
}

void print_lengths(const char* name, const std::vector<double>& lengths)
{
    std::printf("     %-16s", name);
    for (const double value : lengths)
        std::printf(" %9.1e", value);
    std::puts("");
}

int main()
{
    std::puts("1. From BERT to GPT-2: a causal mask, no segments, norms in front and one at the end, the next word as target.");
    const Model<double> bert = make_bert();
    Gpt2Model<double> gpt2 = gpt2_from(bert);
    std::printf("   parameters: BERT's body %zu, GPT-2's %zu\n", count_parameters(bert.body),
                count_parameters(gpt2.body));  // STOP 1: gpt2.body; run again and step into gpt2_from
    claim(count_parameters(bert.body) - count_parameters(gpt2.body) == 2 * 8,
          "the same, but for two segments: where a norm stands is no parameter");
    claim(count_parameters(gpt2) == count_parameters(gpt2.body),
          "its head has none: it compares with the rows of the word table");

    std::puts("2. One block, both ways. BERT's normalizes each sum. GPT-2's normalizes what a sub-layer reads, and adds to x.");
    const EncoderBlock<double>& block = bert.body.encoder.layer[0];
    const PreNormBlock<double> pre_norm_block{block};
    const Tensor<double, 2> x = {{9, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 9, 9, 9, 9}};  // [T = 2, H = 8]
    const Sequences two_tokens{{0, 2}};
    Workspace workspace;
    const Pass pass{bert.config, two_tokens, workspace};
    EncoderBlockActivations<double> post;
    PreNormBlockActivations<double> pre;
    block.forward(x, pass, post);
    pre_norm_block.forward(x, pass, pre);
    show("x", x, 0);
    show("BERT's y", post.y());
    show("GPT-2's y", pre.y());  // STOP 2: post and pre, member by member
    Tensor<double, 2> added = x;
    add(pre.attention.output.projected, added);
    add(pre.feed_forward.output.projected, added);
    claim(max_difference(pre.y(), added) < 1e-12, "GPT-2's y is x, plus the result of attention, plus that of the network");
    double largest_mean = 0, largest_excess = 0;
    for (std::size_t t = 0; t < 2; ++t) {
        double mean = 0, mean_of_squares = 0;
        for (const double y : row_values(post.y(), t)) {
            mean += y / 8;
            mean_of_squares += y * y / 8;
        }
        largest_mean = std::max(largest_mean, std::abs(mean));
        largest_excess = std::max(largest_excess, std::abs(mean_of_squares - 1));
    }
    claim(largest_mean < 1e-9 && largest_excess < 1e-9, "a row of BERT's y has mean 0 and deviation 1, with gamma 1 and beta 0");

    std::puts("3. In GPT-2, what follows a token doesn't change its state. The last word, \"man\", becomes \"dog\":");
    const Batch text = pack({{the, dog, bites, the, man}}), other_text = pack({{the, dog, bites, the, dog}});
    const Tensor<double, 2> in_gpt2 = states(gpt2, text);
    const std::string changed_in_bert = changed_rows(states(bert, text), states(bert, other_text));
    const std::string changed_in_gpt2 = changed_rows(in_gpt2, states(gpt2, other_text));
    std::printf("   changed in BERT: tokens%s\n   changed in GPT-2: token%s\n", changed_in_bert.c_str(), changed_in_gpt2.c_str());
    const Tensor<double, 2> of_beginning = states(gpt2, pack({{the, dog, bites}}));
    claim(changed_in_bert == " 0 1 2 3 4" && changed_in_gpt2 == " 4", "in BERT all states change, in GPT-2 only the last one");
    double difference = 0;
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t h = 0; h < 8; ++h)
            difference = std::max(difference, std::abs(of_beginning(t, h) - in_gpt2(t, h)));
    claim(difference < 1e-12,
          "the states of \"the dog bites\" stay valid when words are added");  // STOP 3: in_gpt2, of_beginning

    std::puts(
        "4. A state is compared with every row of the word table. The target is the next word, at each position but the last.");
    const Batch example = pack({{start, the, dog, bites, the, man}});
    Targets<double, Gpt2Heads> targets;
    targets.causal_lm = MaskedLmTarget{{0, 1, 2, 3, 4}, {the, dog, bites, the, man}};
    const Tensor<double, 2> hidden = states(gpt2, example);  // [T = 6, H]
    std::vector<double> losses;
    for (std::size_t t = 0; t < 5; ++t) {
        std::vector<double> scores;
        for (std::size_t v = 0; v < words.size(); ++v) {
            double score = 0;
            for (std::size_t h = 0; h < 8; ++h)
                score += hidden(t, h) * gpt2.body.embeddings.word(v, h);
            scores.push_back(score);
        }
        losses.push_back(cross_entropy(scores, static_cast<std::size_t>(example.ids(t + 1))));
        std::printf("   behind %-8s comes %-6s loss %.4f\n", words[static_cast<std::size_t>(example.ids(t))].c_str(),
                    words[static_cast<std::size_t>(example.ids(t + 1))].c_str(), losses.back());
    }
    const auto loss_of = [&](const Batch& batch, const Targets<double, Gpt2Heads>& of_batch) {
        Gpt2Model<double>::Activations act;
        gpt2.forward(batch, of_batch, {gpt2.config, batch.sequences, workspace}, act);
        Counts<double, Gpt2Heads> counts;
        gpt2.count(batch, of_batch, counts);
        return gpt2.loss(batch, of_batch, counts, {}, act).total;
    };
    Targets<double, Gpt2Heads> only_dog;
    only_dog.causal_lm = MaskedLmTarget{{1}, {dog}};
    const double mean_loss = loss_of(example, targets);
    std::printf("   mean %.4f nats\n", mean_loss);  // STOP 4: losses, mean_loss
    claim(std::abs(loss_of(example, only_dog) - losses[1]) < 1e-12, "the loss of one position by hand is the model's");
    claim(std::abs(mean_loss - (losses[0] + losses[1] + losses[2] + losses[3] + losses[4]) / 5) < 1e-12,
          "the loss is the mean over all positions: five of the six tokens are targets, not only masked ones");

    std::puts("5. After some training it writes: the most likely word is appended, again and again.");
    TrainingOptions options;
    options.optimizer.learning_rate = 0.02;
    Trainer<double, Reference, Gpt2Body, Gpt2Heads> trainer(options, gpt2);
    const LabelledBatch<double, Gpt2Heads> labelled{example, targets};
    for (int step = 0; step < 25; ++step)
        trainer.step({&labelled, 1});
    std::vector<std::int64_t> written = {start};
    while (written.size() < 6) {
        const std::vector<double> p = next_word(gpt2, written);
        const auto best = std::max_element(p.begin(), p.end()) - p.begin();
        std::string so_far;
        for (const std::int64_t id : written)
            so_far += " " + words[static_cast<std::size_t>(id)];
        std::printf("  %-30s -> %-6s %.2f\n", so_far.c_str(), words[static_cast<std::size_t>(best)].c_str(),
                    *std::max_element(p.begin(), p.end()));
        written.push_back(best);
    }
    claim(written == std::vector<std::int64_t>{start, the, dog, bites, the, man},  // STOP 5: written
          "after the first \"the\" comes \"dog\", after the second \"man\": a state knows what was before it");

    std::puts("6. What BERT can't do: write. Word by word, GPT-2 gives each text a probability. The product of BERT's is none.");
    double by_gpt2 = 0, by_bert = 0;
    for (std::int64_t first = 0; first < 9; ++first) {
        const auto first_word = static_cast<std::size_t>(first);
        for (std::int64_t second = 0; second < 9; ++second) {
            const auto second_word = static_cast<std::size_t>(second);
            by_gpt2 += next_word(gpt2, {start})[first_word] * next_word(gpt2, {start, first})[second_word];
            by_bert +=
                masked_word(bert, {start, mask, second}, 1)[first_word] * masked_word(bert, {start, first, mask}, 2)[second_word];
        }
    }
    std::printf("   all 81 texts of two words: together %.4f in GPT-2, %.4f in BERT\n", by_gpt2,
                by_bert);  // STOP 6: by_gpt2, by_bert
    claim(std::abs(by_gpt2 - 1) < 1e-12, "GPT-2: probabilities of texts, from which a text can be drawn");
    claim(std::abs(by_bert - 1) > 0.01, "BERT: each word's probability supposes that the other word is there already");

    std::puts("7. What GPT-2 can't do: look ahead. A first word has one state, whatever follows; here \"bank\".");
    const Batch of_river = pack({{bank, the, river}}), of_money = pack({{bank, the, money}});
    const Tensor<double, 2> river_in_gpt2 = states(gpt2, of_river), money_in_gpt2 = states(gpt2, of_money);
    const Tensor<double, 2> river_in_bert = states(bert, of_river), money_in_bert = states(bert, of_money);
    std::printf("   first number of \"bank\", before \"the river\" and \"the money\": GPT-2 %.3f and %.3f, BERT %.3f and %.3f\n",
                river_in_gpt2(0, 0), money_in_gpt2(0, 0), river_in_bert(0, 0), money_in_bert(0, 0));  // STOP 7: the four tensors
    claim(row_values(river_in_gpt2, 0) == row_values(money_in_gpt2, 0), "GPT-2: the same vector for both meanings");
    claim(row_values(river_in_bert, 0) != row_values(money_in_bert, 0), "BERT: two vectors");

    std::puts(
        "8. Why norms in front? Then the sums are a path from the last block to the embeddings, on which no gradient changes.");
    Config deep_config = bert.config;
    deep_config.num_hidden_layers = 24;
    const Sequences four_tokens{{0, 4}};
    const Pass deep_pass{deep_config, four_tokens, workspace};
    const LayerNorm<double> unit{{1, 1, 1, 1, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 0, 0, 0}};
    LayerNormActivations<double> normalized;
    Reference::layer_norm(random_rows(7, 4, 8), unit, 1e-12, normalized);
    const Tensor<double, 2>& input = normalized.y;  // [T = 4, H = 8], for both kinds of blocks
    const Tensor<double, 2> d_y = random_rows(8, 4, 8);
    const auto both = [&](double of_weights, double of_biases) {
        const std::vector<EncoderBlock<double>> stack = deep_stack(deep_config, of_weights, of_biases);
        return std::pair{gradients_of<EncoderBlockActivations<double>>(stack, deep_pass, input, d_y),
                         gradients_of<PreNormBlockActivations<double>>(pre_norm(stack), deep_pass, input, d_y)};
    };
    const auto [post_zero, pre_zero] = both(0, 0);
    const auto [post_small, pre_small] = both(0.02, 1);
    const auto [post_large, pre_large] = both(0.2, 0);
    std::puts("   length of the gradient behind block   24        18        12         6         0   (0: the embeddings)");
    std::puts("   small weights (0.02), biases of 1: what a sub-layer adds is large, but hardly depends on its input");
    print_lengths("norms behind", post_small.lengths);
    print_lengths("norms in front", pre_small.lengths);
    std::puts("   weights of 0.2, no biases: gradients also pass through the sub-layers");
    print_lengths("norms behind", post_large.lengths);
    print_lengths("norms in front", pre_large.lengths);  // STOP 8: post_small, pre_small, post_large, pre_large
    claim(pre_zero.d_x == d_y && max_difference(post_zero.d_x, d_y) > 0.01,
          "if the sub-layers add nothing, d_x is d_y, bit for bit, with norms in front only");
    claim(post_small.lengths.back() < 1e-5, "small weights, norms behind: nothing arrives");
    claim(std::abs(pre_small.lengths.back() - 1) < 0.01, "norms in front: all of it");
    double product = 1;
    for (const EncoderBlockActivations<double>& of_block :
         run<EncoderBlockActivations<double>>(deep_stack(deep_config, 0.02, 1), deep_pass, input))
        product *= of_block.attention.output.norm.rstd(0) * of_block.feed_forward.output.norm.rstd(0);
    std::printf("   48 norms divide token 0 by the deviations of its sums, and its gradient, too: together %.1e\n", product);
    const double left = post_small.lengths.back();
    claim(left < product && left > product / 10,
          "so much is lost, and a little more: a norm also takes a gradient's mean and its part along the token (lesson 08)");
    claim(post_large.lengths.back() > 0.1 && pre_large.lengths.back() > 1,
          "weights of 0.2 carry a gradient in both; with norms in front it doesn't need them");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. How many parameters does GPT-2 have? 12 layers, H = 768, I = 3072, 50,257 words, 1024 positions.
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 2. Two texts, of 4 and of 3 tokens, one after the other: which row does GPT-2's classifier read for the second one?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number, from 0

// 3. The loss of a text: the mean of -log p of each next word. logits[t] are those of token t, ids[t] is its word.
std::optional<double> your_loss([[maybe_unused]] const std::vector<std::vector<double>>& logits,
                                [[maybe_unused]] const std::vector<std::size_t>& ids)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

void exercises()
{
    exercise(1, "How many parameters does GPT-2 have?", answer_1.has_value(), [] {
        Config config = gpt2_family.defaults();
        config.intermediate_size = 3072;
        return wrong_number(static_cast<double>(*answer_1), static_cast<double>(parameter_count(config)), 0.5);
    });

    exercise(2, "Which row does the classifier read for the second text?", answer_2.has_value(), [] {
        std::vector<std::size_t> rows;
        LastTokenClassificationHead<double>::last_rows(pack({{the, dog, bites, man}, {the, bank, bites}}), std::nullopt, rows);
        return wrong_number(static_cast<double>(*answer_2), static_cast<double>(rows[1]), 0.5);
    });

    exercise(3, "The loss of a text, written by you.", your_loss({{0, 1}, {1, 0}}, {0, 1}).has_value(), [] {
        const std::vector<std::vector<double>> logits = {{1, 2, 3}, {0, 0, 4}, {-1, 5, 1}, {2, 2, 0}};
        const std::vector<std::vector<std::size_t>> texts = {{0, 2, 1, 1}, {2, 2, 0, 1}, {1, 0}};
        for (const std::vector<std::size_t>& ids : texts) {
            double right = 0;
            for (std::size_t t = 0; t + 1 < ids.size(); ++t)
                right += cross_entropy(logits[t], ids[t + 1]) / static_cast<double>(ids.size() - 1);
            const std::vector<std::vector<double>> of_text(logits.begin(),
                                                           logits.begin() + static_cast<std::ptrdiff_t>(ids.size()));
            const std::string wrong = wrong_for("the words " + text_of(std::vector<double>(ids.begin(), ids.end())),
                                                your_loss(of_text, ids).value(), right, 1e-9);
            if (!wrong.empty()) return wrong;
        }
        return std::string();
    });
}
