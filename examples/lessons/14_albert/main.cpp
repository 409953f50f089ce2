// Lesson 14: ALBERT: narrow embeddings, and one block that runs in every layer. Fewer parameters, the same work.
//
// Beside it: include/bert/variants/albert.hpp, which begins with a table of all differences and their reasons; embeddings.hpp
// (projection), encoder.hpp, config.hpp (block_of), heads/sentence_order.hpp.
// Lan et al. 2020, section 3.1 (the three ideas), table 1 (sizes), section 4.6 (sentence order).
#include <bert/core/parameters.hpp>
#include <bert/io/architectures.hpp>
#include <bert/variants/albert.hpp>

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

// A vocabulary of eight words.
enum Word : std::int64_t { pad, cls, sep, it, rained, we, stayed, home };

// V = 8, E = 3, H = 4, two heads, I = 8, three layers that share one block.
Config tiny_config()
{
    Config config = albert_family.defaults();
    set_architecture("AlbertForPreTraining", config, "config", albert_family);
    config.vocab_size = 8;
    config.embedding_size = 3;
    config.hidden_size = 4;
    config.num_hidden_layers = 3;
    config.num_hidden_groups = 1;
    config.num_attention_heads = 2;
    config.intermediate_size = 8;
    config.max_position_embeddings = 12;
    config.pad_token_id.reset();
    return config;
}

// The sizes of a published ALBERT, without heads.
Config published(std::size_t H, std::size_t A, std::size_t layers)
{
    Config config = albert_family.defaults();
    config.hidden_size = H;
    config.num_attention_heads = A;
    config.num_hidden_layers = layers;
    config.intermediate_size = 4 * H;
    return config;
}

// Arbitrary weights from -1 to 1; the layer norms have gamma 1 and beta 0.
template <class Component>
void fill_arbitrarily(Component& component)
{
    std::size_t k = 0;
    const auto fill = [&k](const Name& name, auto& tensor) {
        for (std::size_t i = 0; i < tensor.size(); ++i, ++k) {
            const double arbitrary = static_cast<double>((k * k + 5 * k) % 19) / 9 - 1;
            tensor.data()[i] = name.kind() == ParameterKind::scale ? 1 : name.kind() == ParameterKind::shift ? 0 : arbitrary;
        }
    };
    Component::parameters(fill, "", component);
}

// Which block runs in each layer, as a text.
std::string blocks_of(std::size_t layers, std::size_t groups)
{
    Config config;
    config.num_hidden_layers = layers;
    config.num_hidden_groups = groups;
    std::string blocks;
    for (std::size_t l = 0; l < layers; ++l)
        blocks.append(" ").append(std::to_string(config.block_of(l)));
    std::printf("   layers %zu, groups %zu:%s\n", layers, groups, blocks.c_str());
    return blocks;
}

// How many parameters an encoder has: all, without those that stay when there are no layers.
std::size_t parameters_of_blocks(const Config& config)
{
    Config no_layers = config;
    no_layers.num_hidden_layers = no_layers.num_hidden_groups = 0;
    return parameter_count(config) - parameter_count(no_layers);
}

// Operations that also count the products of two numbers in linear layers and in attention (lesson 03, section 7).
struct Counting : Reference {
    inline static std::size_t products = 0;

    template <class Real>
    static void linear(const Tensor<Real, 2>& x, const Tensor<Real, 2>& weight, const Tensor<Real, 1>& bias, Tensor<Real, 2>& y,
                       Workspace& workspace)
    {
        products += x.shape(0) * weight.size();
        Reference::linear(x, weight, bias, y, workspace);
    }

    template <class Ops, class Real>
    static void attention(Ops ops, const QueryKeyValue<Real>& qkv, const Pass& pass, AttentionActivations<Real>& act)
    {
        for (std::size_t b = 0; b < pass.sequences.count(); ++b)  // queries with keys, probabilities with values
            products += 2 * pass.sequences.length(b) * pass.sequences.length(b) * qkv.query.shape(1);
        Reference::attention(ops, qkv, pass, act);
    }
};

// How many products an encoder computes for a sequence of n tokens.
std::size_t products_of(const Config& config, std::size_t n)
{
    const auto encoder = Encoder<double, Counting>::make(config);
    const Sequences sequences{{0, n}};
    Workspace workspace;
    EncoderActivations<double> act;
    Counting::products = 0;
    encoder.forward(zeros<double, 2>({n, config.hidden_size}), {config, sequences, workspace}, act);
    return Counting::products;
}

// The same by a formula.
std::size_t products_by_formula(const Config& config, std::size_t n)
{
    const std::size_t H = config.hidden_size, I = config.intermediate_size;
    return config.num_hidden_layers * (n * (4 * H * H + 2 * H * I) + 2 * n * n * H);
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
    std::puts("1. BERT's word table is V x H. ALBERT's is V x E, and a projection widens each row to H.");
    Config wide = published(768, 12, 12), narrow = wide;  // V = 30,000, E = 128
    wide.embedding_size = 0;                              // stands for H, without a projection
    const std::size_t V = 30000, E = 128, H = 768;
    std::printf("   V H = %zu; V E + E H = %zu\n", V * H, V * E + E * H);
    std::printf("   ALBERT-base: %zu parameters; with a table of width H: %zu\n", parameter_count(narrow),
                parameter_count(wide));        // STOP 1: narrow, wide
    const std::size_t rows = V + 512 + 2 + 2;  // words, positions, segments, gamma and beta: all are E wide
    claim(parameter_count(wide) - parameter_count(narrow) == rows * H - (rows * E + E * H + H),
          "positions, segments and layer norm are narrow, too; the projection also has H biases");

    std::puts("2. The layer norm is computed in the narrow width, and the projection gives every token's vector its H numbers.");
    const Config config = tiny_config();
    auto model = AlbertModel<double>::make(config);
    fill_arbitrarily(model);
    const Batch batch = pack({{cls, it, rained, sep, we, stayed, home, sep}}, {{0, 0, 0, 0, 1, 1, 1, 1}});
    Workspace workspace;
    const Pass pass{config, batch.sequences, workspace};
    EmbeddingsActivations<double> embedded;
    model.body.embeddings.forward(batch, pass, embedded);
    show("normalized, E wide", embedded.after_dropout);
    show("projected, H wide", embedded.y);  // STOP 2: embedded, and model.body.embeddings.projection
    const Linear<double>& projection = *model.body.embeddings.projection;
    double by_hand = projection.bias(2);
    for (std::size_t e = 0; e < 3; ++e)
        by_hand += embedded.after_dropout(1, e) * projection.weight(2, e);
    claim(std::abs(embedded.y(1, 2) - by_hand) < 1e-12, "y is x W^T + b, without an activation");

    std::puts("3. Three layers, one block: each run reads what the run before computed.");
    const EncoderBlock<double>& block = model.body.encoder.layer[0];
    EncoderActivations<double> act;
    model.body.encoder.forward(embedded.y, pass, act);
    Tensor<double, 2> of_token = zeros<double, 2>({3, 4});
    for (std::size_t run = 0; run < 3; ++run)
        for (std::size_t h = 0; h < 4; ++h)
            of_token(run, h) = act.layer[run].y()(0, h);
    std::printf("   %zu block, %zu runs\n", model.body.encoder.layer.size(), act.layer.size());
    show("token 0 after each run", of_token, 3);
    Tensor<double, 2> state = embedded.y;
    for (int run = 0; run < 3; ++run) {
        EncoderBlockActivations<double> once;
        block.forward(state, pass, once);
        state = once.y();
    }
    claim(state == act.layer[2].y(), "the block, called three times, gives the encoder's result");  // STOP 3: act.layer
    claim(max_difference(act.layer[0].y(), act.layer[1].y()) > 0.01, "the same weights, other inputs: other results");

    std::puts("4. Config::block_of says which block runs in a layer. Groups of layers can have a block each.");
    const std::string in_bert = blocks_of(5, 0), shared = blocks_of(5, 1), in_groups = blocks_of(5, 2);
    std::puts("   (0 groups stand for BERT)");  // STOP 4: run again and step into Config::block_of
    claim(in_bert == " 0 1 2 3 4" && shared == " 0 0 0 0 0" && in_groups == " 0 0 0 1 1",
          "BERT has a block for each layer, a published ALBERT one for all");

    std::puts("5. Backward: a shared block's gradient is the sum over its runs. Beside it: three blocks with the same weights.");
    Config unshared_config = config;
    unshared_config.num_hidden_groups = 0;
    auto unshared = Encoder<double>::make(unshared_config);
    for (EncoderBlock<double>& copy : unshared.layer)
        copy = block;
    const Pass unshared_pass{unshared_config, batch.sequences, workspace};
    EncoderActivations<double> unshared_act;
    unshared.forward(embedded.y, unshared_pass, unshared_act);
    Tensor<double, 2> d_y = zeros<double, 2>({8, 4});  // of a loss that is token 0's first number, less its last
    d_y(0, 0) = 1;
    d_y(0, 3) = -1;
    auto d_shared = Encoder<double>::make(config), d_unshared = Encoder<double>::make(unshared_config);
    EncoderGradients<double> d_act;
    Tensor<double, 2> d_x, d_x_unshared;
    model.body.encoder.backward(d_y, embedded.y, pass, act, d_shared, d_act, d_x);
    unshared.backward(d_y, embedded.y, unshared_pass, unshared_act, d_unshared, d_act, d_x_unshared);
    const auto bias_of = [](const EncoderBlock<double>& d_block) { return d_block.feed_forward.output.dense.bias; };
    for (std::size_t l = 0; l < 3; ++l)
        show(("d_bias of block " + std::to_string(l) + ", unshared").c_str(), bias_of(d_unshared.layer[l]), 4);
    show("d_bias of the shared block", bias_of(d_shared.layer[0]), 4);  // STOP 5: d_shared.layer, d_unshared.layer
    double worst = 0;
    const auto compare = [&worst](const Name&, const auto& sum, const auto& d_0, const auto& d_1, const auto& d_2) {
        for (std::size_t i = 0; i < sum.size(); ++i)
            worst = std::max(worst, std::abs(sum.data()[i] - (d_0.data()[i] + d_1.data()[i] + d_2.data()[i])));
    };
    EncoderBlock<double>::parameters(compare, "", d_shared.layer[0], d_unshared.layer[0], d_unshared.layer[1],
                                     d_unshared.layer[2]);
    claim(unshared_act.layer[2].y() == act.layer[2].y() && d_x == d_x_unshared,
          "both compute the same, and the same gradient of x");
    claim(worst < 1e-12, "each number of the shared gradient is the sum of three, to the last digits");

    std::puts("6. Fewer parameters, the same work: a shared block is computed in each layer again.");
    const std::size_t in_shared = products_of(config, 8), in_unshared = products_of(unshared_config, 8);
    std::printf("   tiny encoders, 8 tokens: %zu products with one block, %zu with three\n", in_shared, in_unshared);
    claim(in_shared == in_unshared && in_shared == products_by_formula(config, 8),
          "counted, and by the formula: layers (n (4 H H + 2 H I) + 2 n n H) for n tokens");
    claim(parameters_of_blocks(unshared_config) == count_parameters(unshared) &&
              parameters_of_blocks(config) * 3 == count_parameters(unshared),
          "the shared encoder has a third of the parameters");
    std::puts("   encoders, 128 tokens:         parameters         products");
    struct Row {
        const char* name;
        Config config;
    };
    Config bert_base = published(768, 12, 12), bert_large = published(1024, 16, 24);
    bert_base.num_hidden_groups = bert_large.num_hidden_groups = 0;
    const Row table[] = {{"BERT-base", bert_base},
                         {"ALBERT-base", published(768, 12, 12)},
                         {"BERT-large", bert_large},
                         {"ALBERT-large", published(1024, 16, 24)},
                         {"ALBERT-xxlarge", published(4096, 64, 12)}};
    std::vector<double> parameters, products;
    for (const Row& row : table) {
        parameters.push_back(static_cast<double>(parameters_of_blocks(row.config)));
        products.push_back(static_cast<double>(products_by_formula(row.config, 128)));
        std::printf("     %-22s %11.1f million %11.1f billion\n", row.name, parameters.back() / 1e6, products.back() / 1e9);
    }
    claim(products[1] == products[0] && parameters[1] * 12 == parameters[0],
          "base: a twelfth of the parameters, and the same work");
    claim(parameters[4] < parameters[2] && products[4] > 7 * products[2],
          "xxlarge has fewer parameters than BERT-large, but more than seven times the work");  // STOP 6: table

    std::puts("7. ALBERT's second objective: do two consecutive texts stand in their order? Both have the same words.");
    const Batch pairs = pack({{cls, it, rained, sep, we, stayed, home, sep}, {cls, we, stayed, home, sep, it, rained, sep}},
                             {{0, 0, 0, 0, 1, 1, 1, 1}, {0, 0, 0, 0, 0, 1, 1, 1}});
    Targets<double, AlbertHeads> targets;
    targets.sentence_order = IndexTensor<1>{0, 1};  // in their order; swapped
    const auto logits_of = [&](const AlbertModel<double>& any) {
        AlbertModel<double>::Activations of_model;
        any.forward(pairs, targets, {config, pairs.sequences, workspace}, of_model);
        return of_model;
    };
    const AlbertModel<double>::Activations of_pairs = logits_of(model);
    const Tensor<double, 2>& logits = of_pairs.sentence_order.logits;
    show("logits: in order, swapped", logits);
    Counts<double, AlbertHeads> counts;
    model.count(pairs, targets, counts);
    const double loss = *model.loss(pairs, targets, counts, {}, of_pairs).sentence_order;
    std::printf("   loss %.4f nats\n", loss);  // STOP 7: logits
    claim(std::abs(loss - (cross_entropy({logits(0, 0), logits(0, 1)}, 0) + cross_entropy({logits(1, 0), logits(1, 1)}, 1)) / 2) <
              1e-12,
          "a cross-entropy of two classes, as next sentence");
    claim(std::abs(logits(0, 1) - logits(1, 1)) > 0.1, "the model tells the two orders apart");
    AlbertModel<double> no_order = model;
    no_order.body.embeddings.position.fill(0);
    no_order.body.embeddings.segment.fill(0);
    const Tensor<double, 2> without = logits_of(no_order).sentence_order.logits;
    claim(std::abs(without(0, 0) - without(1, 0)) < 1e-12 && std::abs(without(0, 1) - without(1, 1)) < 1e-12,
          "but not without positions and segments: the words, and so the topic, are the same");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. By how many parameters would ALBERT-base grow if its twelve layers had four groups instead of one?
const std::optional<std::size_t> answer_1 = std::nullopt;  // YOUR ANSWER: a number or a formula

// 2. Twelve layers in four groups: which block runs in layer 7 (the first is number 0)?
const std::optional<std::size_t> answer_2 = std::nullopt;  // YOUR ANSWER: a number

// 3. A number passes through one weight three times: y = w (w (w x)). What is the gradient of y for w?
std::optional<double> your_gradient([[maybe_unused]] double w, [[maybe_unused]] double x)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

void exercises()
{
    exercise(1, "How many parameters do four groups add to ALBERT-base?", answer_1.has_value(), [] {
        Config config = published(768, 12, 12);
        const std::size_t one_group = parameter_count(config);
        config.num_hidden_groups = 4;
        return wrong_number(static_cast<double>(*answer_1), static_cast<double>(parameter_count(config) - one_group), 0.5);
    });

    exercise(2, "Which block runs in layer 7?", answer_2.has_value(), [] {
        Config config;
        config.num_hidden_layers = 12;
        config.num_hidden_groups = 4;
        return wrong_number(static_cast<double>(*answer_2), static_cast<double>(config.block_of(7)), 0.5);
    });

    exercise(3, "The gradient of a weight that is used three times.", your_gradient(1, 1).has_value(), [] {
        for (const double x : {1.0, -2.0, 0.5}) {
            Tensor<double, 1> w = {0};
            for (const double value : {1.0, 3.0, -0.5, 0.0}) {
                w(0) = value;
                const double right = by_differences(w, [&] { return w(0) * (w(0) * (w(0) * x)); })(0);
                const std::string wrong =
                    wrong_for("w = " + text_of(value) + ", x = " + text_of(x), your_gradient(value, x).value(), right, 1e-6);
                if (!wrong.empty()) return wrong;
            }
        }
        return std::string();
    });
}
