// The code that docs/library.md shows, compared with a reference case that was made from the same texts, and its gradient with
// central differences.
#include "bert/pretrained.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "bert/core/parameter_list.hpp"
#include "bert/io/tensor_view.hpp"
#include "bert/ops/reference.hpp"
#include "bert/verify/case.hpp"
#include "bert/verify/gradient_check.hpp"
#include "bert/verify/named_tensor.hpp"
#include "catch.hpp"

#include <instances.hpp>

namespace {

const std::string folder = std::string(BERT_SOURCE_DIR) + "/examples/models/default";

constexpr double limit = 1e-12;  // that of reference cases in double; numbers are near 1

// The first two texts of the case.
const std::vector<std::string> texts{"The capital of France is Paris.", "The whale swam under the [MASK]."};

const bert::ReferenceCase& reference()
{
    static const bert::ReferenceCase reference(std::string(BERT_SOURCE_DIR) + "/reference_outputs/cases/default_model");
    return reference;
}

// Compares the rows of the first texts' tokens with those that the case stores.
void check_rows(const std::string& name, const bert::Tensor<double, 2>& found)
{
    const bert::Tensor<double, 2> all = reference().rows<double>(name);
    REQUIRE(found.shape(0) <= all.shape(0));
    REQUIRE(found.shape(1) == all.shape(1));
    for (std::size_t t = 0; t < found.shape(0); ++t)
        for (std::size_t h = 0; h < found.shape(1); ++h)
            REQUIRE(std::abs(found(t, h) - all(t, h)) <= limit);
}

}  // namespace

TEST_CASE("library.md: hidden states and attention probabilities are those that the reference case stores")
{
    //! [hidden states]
    const auto pretrained = bert::load<double, bert::Reference>(folder);
    const auto& model = pretrained.model;
    const bert::Batch batch = pretrained.batch_of(texts);  // T tokens of B texts

    bert::Workspace workspace;
    const bert::Pass pass{
        .config = model.config,
        .sequences = batch.sequences,
        .workspace = workspace,
        .keep_all = true,
    };
    bert::BertBodyActivations<double> act;
    model.body.forward(batch, pass, act);

    const bert::Tensor<double, 2>& first = act.encoder.layer[0].y();               // the first block's result, [T, H]
    const bert::Tensor<double, 2>& hidden = model.body.result(batch, act).hidden;  // the last one's, [T, H]
    const bert::Tensor<double, 3> padded = bert::unpack_rows(hidden, batch);       // [B, L, H]
    //! [hidden states]
    check_rows("forward.layer.0.output", first);
    check_rows("forward.layer.1.output", hidden);
    const std::size_t last = batch.sequences.begin[1] - 1;  // the row of the first text's [SEP]
    CHECK(padded(0, last, 5) == hidden(last, 5));
    CHECK(padded(1, 0, 5) == hidden(last + 1, 5));

    //! [probabilities]
    const std::size_t A = model.config.num_attention_heads;
    const std::size_t layer = 1, text = 0, head = 2;
    const bert::Tensor<double, 2>& probabilities =
        act.encoder.layer[layer].attention.heads.probabilities_of(text * A + head);  // [n, n]
    //! [probabilities]
    const bert::TensorView* const view = reference().expected().find("forward.layer.1.probabilities");
    REQUIRE(view != nullptr);
    const bert::NamedTensor stored = bert::named_tensor(*view);  // [B, A, L, L]
    const std::size_t n = batch.sequences.length(0), L = stored.shape[3];
    REQUIRE(probabilities.shape(0) == n);
    for (std::size_t i = 0; i < n; ++i)
        for (std::size_t j = 0; j < n; ++j)
            REQUIRE(std::abs(probabilities(i, j) - stored.values[(head * L + i) * L + j]) <= limit);
}

TEST_CASE("library.md: the gradient of a loss of one's own agrees with central differences")
{
    auto pretrained = bert::load<double, bert::Reference>(folder);
    auto& model = pretrained.model;
    const bert::Batch batch = pretrained.batch_of(texts);
    bert::Workspace workspace;
    const bert::Pass pass{.config = model.config, .sequences = batch.sequences, .workspace = workspace};
    bert::BertBodyActivations<double> act;

    //! [loss]
    // Half the squared distance of two texts' vectors u and v, the means of their tokens' hidden states.
    const auto loss = [&] {
        model.body.forward(batch, pass, act);
        const bert::Tensor<double, 2> vectors =
            bert::pool(model.body.result(batch, act).hidden, batch.sequences, bert::Pooling::mean);  // [2, H]
        double sum = 0;
        for (std::size_t h = 0; h < vectors.shape(1); ++h)
            sum += (vectors(0, h) - vectors(1, h)) * (vectors(0, h) - vectors(1, h)) / 2;
        return sum;
    };
    //! [loss]
    const double before = loss();

    //! [gradient]
    auto gradient = bert::Model<double, bert::Reference>::make(model.config);  // zeros; backward adds
    bert::BertBodyGradients<double> d_act;
    const auto d_result = model.body.clear_result_gradients(batch, gradient.body, d_act);

    // The gradients of u and v are u - v and v - u; each of a text's n tokens gets 1/n of it.
    const bert::Tensor<double, 2> vectors =
        bert::pool(model.body.result(batch, act).hidden, batch.sequences, bert::Pooling::mean);
    for (std::size_t b = 0; b < 2; ++b)
        for (std::size_t t = batch.sequences.begin[b]; t < batch.sequences.begin[b + 1]; ++t)
            for (std::size_t h = 0; h < vectors.shape(1); ++h)
                d_result.hidden(t, h) += (vectors(b, h) - vectors(1 - b, h)) / double(batch.sequences.length(b));

    model.body.backward(batch, pass, act, gradient.body, d_act);
    // gradient.body.encoder.layer[0].attention.query.weight, and every other parameter's under its name
    //! [gradient]
    CHECK(bert::check_gradient(model.body, gradient.body, loss, {.most = 8}).message == "");

    //! [descent]
    // One step of plain gradient descent.
    const auto parameters = bert::parameter_list<double>(model), gradients = bert::parameter_list<double>(gradient);
    for (std::size_t p = 0; p < parameters.size(); ++p)
        for (std::size_t i = 0; i < parameters[p].values.size(); ++i)
            parameters[p].values[i] -= 1e-3 * gradients[p].values[i];
    //! [descent]
    CHECK(loss() < before);
}
