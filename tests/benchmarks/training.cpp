// Training steps, for training.py: loads a model folder and batches, then takes as many steps over all batches as each line on
// standard input says, and prints the milliseconds of one step, and loss and gradient norm before any step and without dropout.
//
//   training FOLDER BATCHES THREADS float32|bf16
//
// BATCHES is a file of numbers: how many batches; of each, how many sequences; of each, its length n, then n ids, n token types,
// n words that masked LM predicts (-100: none), and the class of the text.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <span>
#include <string>
#include <vector>

#include "bert/bert.hpp"
#include "bert/core/parameter_list.hpp"
#include "bert/io/families.hpp"
#include "bert/training/clipping.hpp"
#include "bert/training/trainer.hpp"
#include "bert/variants.hpp"

namespace {

template <class Model>
using Example = bert::LabelledBatch<float, typename Model::Heads>;

std::vector<std::int64_t> numbers(std::ifstream& file, std::size_t count)
{
    std::vector<std::int64_t> result(count);
    for (std::int64_t& number : result)
        file >> number;
    return result;
}

/// The tokens that masked LM predicts.
bert::MaskedLmTarget masked_words(const std::vector<std::int64_t>& words)
{
    bert::MaskedLmTarget target;
    std::vector<std::int64_t> masked;
    for (std::size_t t = 0; t < words.size(); ++t) {
        if (words[t] == bert::ignored_label) continue;
        target.rows.push_back(t);
        masked.push_back(words[t]);
    }
    target.ids.resize({masked.size()});
    std::copy(masked.begin(), masked.end(), target.ids.begin());
    return target;
}

/// Each next token of each sequence.
bert::MaskedLmTarget next_tokens(const bert::Batch& batch)
{
    std::vector<std::int64_t> words(batch.ids.begin(), batch.ids.end());
    std::rotate(words.begin(), words.begin() + 1, words.end());
    for (std::size_t b = 0; b < batch.sequences.count(); ++b)
        words[batch.sequences.begin[b + 1] - 1] = bert::ignored_label;
    return masked_words(words);
}

template <class Model>
std::vector<Example<Model>> read_batches(const char* path, const Model& model)
{
    std::ifstream file(path);
    std::vector<Example<Model>> batches(static_cast<std::size_t>(numbers(file, 1)[0]));
    for (Example<Model>& batch : batches) {
        const auto B = static_cast<std::size_t>(numbers(file, 1)[0]);
        std::vector<std::vector<std::int64_t>> ids, types;
        std::vector<std::int64_t> words, texts;
        for (std::size_t b = 0; b < B; ++b) {
            const auto n = static_cast<std::size_t>(numbers(file, 1)[0]);
            ids.push_back(numbers(file, n));
            types.push_back(numbers(file, n));
            const std::vector<std::int64_t> labels = numbers(file, n);
            words.insert(words.end(), labels.begin(), labels.end());
            texts.push_back(numbers(file, 1)[0]);
        }
        batch.batch = bert::pack(ids, types);
        bert::IndexTensor<1> classes;
        classes.resize({B});
        std::copy(texts.begin(), texts.end(), classes.begin());
        auto& targets = batch.targets;
        if (model.config.has_head("sequence_classification")) targets.sequence_classification = classes;
        if constexpr (requires { targets.next_sentence; })
            if (model.next_sentence) targets.next_sentence = classes;
        if constexpr (requires { targets.sentence_order; })
            if (model.sentence_order) targets.sentence_order = classes;
        if constexpr (requires { targets.masked_lm; })
            if (model.masked_lm) targets.masked_lm = masked_words(words);
        if constexpr (requires { targets.causal_lm; })
            if (model.causal_lm) targets.causal_lm = next_tokens(batch.batch);
    }
    return batches;
}

/// Loss and gradient norm of a batch, without dropout.
template <class Model>
std::vector<double> before_any_step(const Model& model, const Example<Model>& example)
{
    typename Model::Activations act;
    typename Model::Gradients d_act;
    bert::Counts<float, typename Model::Heads> counts;
    bert::Workspace workspace;
    auto gradient = Model::make(model.config);
    const bert::Pass pass{model.config, example.batch.sequences, workspace};
    model.count(example.batch, example.targets, counts);
    model.forward(example.batch, example.targets, pass, act);
    const double loss = model.loss(example.batch, example.targets, counts, {}, act).total;
    model.loss_backward(example.batch, example.targets, counts, {}, act, d_act);
    model.backward(example.batch, pass, act, gradient, d_act);
    return {loss, bert::gradient_norm(bert::parameter_list<float>(gradient), [](std::size_t) { return true; }).value};
}

template <class Ops, template <class, class> class Body, class Heads>
void serve(const bert::Family& family, const char* folder, const char* path)
{
    using Model = bert::Model<float, Ops, Body, Heads>;
    auto model = bert::load_model<float, Ops, Body, Heads>(folder, nullptr, family);
    const std::vector<Example<Model>> batches = read_batches(path, model);
    const std::vector<double> checked = before_any_step(model, batches[0]);
    bert::TrainingOptions options;
    options.optimizer.learning_rate = 1e-5;
    bert::Trainer<float, Ops, Body, Heads> trainer(options, model);
    std::cout << "ready" << std::endl;
    for (std::size_t passes = 0; std::cin >> passes;) {
        const auto begin = std::chrono::steady_clock::now();
        for (std::size_t pass = 0; pass < passes; ++pass)
            for (const Example<Model>& batch : batches)
                trainer.step(std::span(&batch, 1));
        const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
        std::printf("%.6f %.9g %.9g\n", time.count() / static_cast<double>(passes * batches.size()), checked[0], checked[1]);
        std::fflush(stdout);
    }
}

template <class Ops>
void serve_folder(const char* folder, const char* path)
{
    const bert::Family& family = bert::family_of(std::filesystem::path(folder) / "config.json");
    bert::with_family(family,
                      [&]<template <class, class> class Body, class Heads>() { serve<Ops, Body, Heads>(family, folder, path); });
}

}  // namespace

int main(int count, char** arguments)
{
    const std::string precision = count == 5 ? arguments[4] : "";
    if (precision != "float32" && precision != "bf16") {
        std::cerr << "usage: training FOLDER BATCHES THREADS float32|bf16\n";
        return 2;
    }
    try {
        bert::set_threads(static_cast<std::size_t>(std::atoi(arguments[3])));
        if (precision == "bf16")
            serve_folder<bert::FastBf16>(arguments[1], arguments[2]);
        else
            serve_folder<bert::Fast>(arguments[1], arguments[2]);
    } catch (const bert::InputError& error) {
        std::cerr << error.what() << '\n';
        return 2;
    }
}
