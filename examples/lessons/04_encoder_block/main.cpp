// Lesson 04: the encoder block: attention, then the feed-forward network, each with a residual and a layer norm.
//
// Beside it: include/bert/encoder_block.hpp, feed_forward.hpp, add_and_norm.hpp, ops/reference/activations.hpp.
// Vaswani et al. 2017, sections 3.1 and 3.3, figure 1 (left); Hendrycks and Gimpel 2016, section 2 (GELU); He et al. 2016
// (residuals); Devlin et al. 2019, section 3 (sizes).
#include <bert/core/parameters.hpp>
#include <bert/encoder_block.hpp>

#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>

#include "lesson.hpp"

using namespace bert;
using namespace lesson;

void exercises();

// H = 4, I = 8, two heads.
Config small_config()
{
    Config config;
    config.hidden_size = 4;
    config.num_attention_heads = 2;
    config.intermediate_size = 8;
    return config;
}

// Arbitrary weights from -1 to 1; the layer norms have gamma 1 and beta 0.
EncoderBlock<double> make_block(const Config& config)
{
    auto block = EncoderBlock<double>::make(config);
    std::size_t k = 0;
    const auto fill = [&k](const std::string& name, auto& tensor) {
        const bool norm = name.find("LayerNorm") != std::string::npos;
        for (std::size_t i = 0; i < tensor.size(); ++i)
            tensor.data()[i] = !norm ? static_cast<double>(7 * k++ % 9) / 4 - 1 : name.ends_with(".weight") ? 1 : 0;
    };
    EncoderBlock<double>::parameters(fill, "block", block);
    return block;
}

// Prints which rows of two tensors differ, and returns their indices as a text.
std::string changed_rows(const char* name, const Tensor<double, 2>& a, const Tensor<double, 2>& b)
{
    std::string changed;
    for (std::size_t t = 0; t < a.shape(0); ++t) {
        double difference = 0;
        for (std::size_t h = 0; h < a.shape(1); ++h)
            difference += std::abs(a(t, h) - b(t, h));
        if (difference > 0) changed.append(" ").append(std::to_string(t));
    }
    std::printf("   %s: rows%s\n", name, changed.c_str());
    return changed;
}

int main()
{
    std::puts("1. GELU multiplies x by the probability that a standard normal number N is below it: y = x P(N < x).");
    const Tensor<double, 2> numbers = {{-2, -1, 0, 1, 2}};
    Tensor<double, 2> bent;
    Reference::gelu(numbers, bent);
    show("x", numbers, 0);
    show("gelu(x)", bent);  // STOP 1: bent
    claim(std::abs(bent(0, 3) - 0.8413) < 1e-4, "84 % of a normal distribution lie below 1 standard deviation");
    claim(std::abs(bent(0, 3) - bent(0, 1) - 1) < 1e-12 && std::abs(bent(0, 4) - bent(0, 0) - 2) < 1e-12,
          "gelu(x) - gelu(-x) = x, because P(N < x) + P(N < -x) = 1");

    std::puts("2. The feed-forward network widens each token to I, applies GELU, and narrows it to H; tokens don't interact.");
    const Config config = small_config();
    auto network = FeedForward<double>::make(config);
    for (std::size_t h = 0; h < 4; ++h) {  // so that the network computes gelu(x) - gelu(-x), which is x
        network.intermediate.weight(h, h) = 1;
        network.intermediate.weight(4 + h, h) = -1;
        network.output.dense.weight(h, h) = 1;
        network.output.dense.weight(h, 4 + h) = -1;
    }
    network.output.norm = {{1, 1, 1, 1}, {0, 0, 0, 0}};
    const Tensor<double, 2> x = {{1, -1, 2, 0}, {0, 2, 0, -2}};  // [T = 2, H = 4]
    FeedForwardActivations<double> act;
    Workspace workspace;
    const Sequences one_sequence{{0, 2}};
    const Pass pass{config, one_sequence, workspace};
    network.forward(x, pass, act);
    show("pre_activation", act.pre_activation, 0);
    show("intermediate", act.activated);
    show("projected", act.output.projected);  // STOP 2: act.pre_activation, act.activated, act.output.projected
    claim(max_difference(act.output.projected, x) < 1e-12, "with these weights the network returns its input");

    std::puts("3. Each sub-layer ends in Add & Norm: its input is added (the residual), and the sum is normalized.");
    LayerNormActivations<double> norm_of_x;
    Reference::layer_norm(x, network.output.norm, config.layer_norm_eps, norm_of_x);
    show("sum", act.output.sum);
    show("y", act.y());  // STOP 3: act.output, member by member
    claim(max_difference(act.y(), norm_of_x.y) < 1e-9, "here the sum is 2 x, which gives the same as x when it is normalized");

    std::puts("4. A block whose matrices are zero only normalizes: the residuals carry x past both sub-layers.");
    auto empty = EncoderBlock<double>::make(config);
    empty.attention.output.norm = {{1, 1, 1, 1}, {0, 0, 0, 0}};
    empty.feed_forward.output.norm = empty.attention.output.norm;
    EncoderBlockActivations<double> of_empty;
    empty.forward(x, pass, of_empty);
    show("y", of_empty.y());  // STOP 4: of_empty.attention.output.projected is zero
    claim(max_difference(of_empty.y(), norm_of_x.y) < 1e-9,
          "so even a deep stack of such blocks passes its input on, normalized");

    std::puts("5. Which rows depend on which? Two sequences, rows 0 to 2 and rows 3 to 4; then row 4 is changed.");
    const auto block = make_block(config);
    const Sequences sequences{{0, 3, 5}};
    const Tensor<double, 2> before = {{1, 0, 2, 0}, {0, 1, 0, 1}, {2, 0, 0, 1}, {0, 2, 1, 0}, {1, 1, 0, 2}};  // [T = 5, H = 4]
    Tensor<double, 2> after = before;
    after(4, 0) = 3;
    EncoderBlockActivations<double> of_before, of_after;
    const Pass pass_of_two{config, sequences, workspace};
    block.forward(before, pass_of_two, of_before);
    block.forward(after, pass_of_two, of_after);
    show("y before", of_before.y());
    show("y after", of_after.y());
    FeedForwardActivations<double> alone_before, alone_after;
    block.feed_forward.forward(before, pass_of_two, alone_before);
    block.feed_forward.forward(after, pass_of_two, alone_after);
    const std::string by_block = changed_rows("changed by the block", of_before.y(), of_after.y());
    const std::string by_network = changed_rows("by its feed-forward network alone", alone_before.y(), alone_after.y());
    std::puts("   (row 3 is in the same sequence as row 4; rows 0 to 2 are not)");  // STOP 5: of_before and of_after
    claim(by_block == " 3 4", "attention passes a change on within its sequence only");
    claim(by_network == " 4", "the feed-forward network doesn't pass it on");

    std::puts("6. The parameters of a block, with their published names.");
    const auto list = [](const std::string& name, const auto& tensor) {
        std::printf("   %-55s %s\n", name.c_str(), shape_text(tensor.shape()).c_str());
    };
    EncoderBlock<double>::parameters(list, "encoder.layer.0", block);  // STOP 6: step into EncoderBlock::parameters
    const std::size_t H = 4, I = 8;
    claim(count_parameters(block) == 4 * (H * H + H) + (I * H + I) + (H * I + H) + 2 * 2 * H,
          "four linear layers of attention, two of the network, two layer norms");
    const std::size_t in_base = count_parameters(EncoderBlock<float>::make(Config{}));
    std::printf("   a block of BERT-base (H = 768, I = 3072): %zu\n", in_base);
    claim(12 * in_base == 85054464, "its twelve blocks hold 85 of BERT-base's 110 million parameters");

    exercises();
    return status();
}

// Exercises. Put your answers where it says YOUR ANSWER, then build and run the lesson again.

// 1. How many parameters does a block of BERT-large have, with H = 1024, A = 16, I = 4096?
const std::size_t answer_1 = 0;  // YOUR ANSWER: a number or a formula

// 2. Which gamma and beta of the last layer norm give every token's output the mean 5 and the standard deviation 2?
const std::optional<double> answer_2_gamma = std::nullopt;  // YOUR ANSWER: the same for all columns
const std::optional<double> answer_2_beta = std::nullopt;   // YOUR ANSWER: the same for all columns

// 3. GELU of one number. std::erf(z) is twice the probability that a normal number lies between 0 and z sqrt(2).
std::optional<double> your_gelu([[maybe_unused]] double x)
{
    return std::nullopt;  // YOUR ANSWER: a number
}

void exercises()
{
    exercise(1, "How many parameters does a block of BERT-large have?", answer_1 != 0, [] {
        Config large;
        large.hidden_size = 1024;
        large.num_attention_heads = 16;
        large.intermediate_size = 4096;
        const auto right = static_cast<double>(count_parameters(EncoderBlock<float>::make(large)));
        return wrong_number(static_cast<double>(answer_1), right, 0.5);
    });

    exercise(2, "Which gamma and beta give mean 5 and deviation 2?", answer_2_gamma && answer_2_beta, [] {
        const Config config = small_config();
        auto block = make_block(config);
        block.feed_forward.output.norm.gamma.fill(*answer_2_gamma);
        block.feed_forward.output.norm.beta.fill(*answer_2_beta);
        const Sequences sequences{{0, 2}};
        EncoderBlockActivations<double> act;
        Workspace workspace;
        block.forward({{1, 0, 2, 0}, {0, 1, 0, 1}}, {config, sequences, workspace}, act);
        for (std::size_t t = 0; t < 2; ++t) {
            double mean = 0, variance = 0;
            for (std::size_t h = 0; h < 4; ++h)
                mean += act.y()(t, h) / 4;
            for (std::size_t h = 0; h < 4; ++h)
                variance += (act.y()(t, h) - mean) * (act.y()(t, h) - mean) / 4;
            const std::string wrong =
                wrong_for("mean and deviation of token " + std::to_string(t), {mean, std::sqrt(variance)}, {5, 2}, 1e-6);
            if (!wrong.empty()) return wrong;
        }
        return std::string();
    });

    exercise(
        3, "GELU, written by you.", [&] { return your_gelu(1).has_value(); },
        [] {
            const Tensor<double, 2> x = {{-3, -1, -0.5, 0, 0.5, 1, 2, 10}};
            Tensor<double, 2> y;
            Reference::gelu(x, y);
            for (std::size_t i = 0; i < x.size(); ++i) {
                const std::string wrong = wrong_for("x = " + text_of(x(0, i)), your_gelu(x(0, i)).value(), y(0, i), 1e-9);
                if (!wrong.empty()) return wrong;
            }
            return std::string();
        });
}
