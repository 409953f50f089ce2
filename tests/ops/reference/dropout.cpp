#include "bert/ops/reference/dropout.hpp"

#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "bert/ops/fast.hpp"
#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::DropoutPlace;
using bert::DropoutSite;
using bert::Reference;
using bert::Tensor;

TEST_CASE("dropout: a number is 0 or 1/(1-p) times as large, and as many are 0 as should be")
{
    auto x = bert::zeros<double, 2>({200, 301});
    x.fill(2.0);
    Tensor<double, 2> y;
    Reference::dropout(x, {.probability = 0.25, .stream = {7, 3}}, y);
    std::size_t dropped = 0;
    for (const double value : y) {
        CHECK((value == 0 || value == 2 / 0.75));
        dropped += value == 0 ? 1 : 0;
    }
    // 60,200 numbers: the share of zeros has the standard deviation sqrt(1/4 * 3/4 / 60200) = 0.0018.
    CHECK(std::abs(static_cast<double>(dropped) / 60200 - 0.25) < 4 * 0.0018);
}

TEST_CASE("dropout: with the probability 0 nothing changes")
{
    const Tensor<double, 2> x = {{1, -2, 3}};
    Tensor<double, 2> y;
    Reference::dropout(x, {}, y);
    CHECK((y == x));
}

TEST_CASE("dropout_backward: the gradient is dropped where the number was, by the same factor")
{
    auto ones = bert::zeros<double, 2>({5, 13});
    ones.fill(1.0);
    auto d_y = bert::zeros<double, 2>({5, 13});
    for (std::size_t i = 0; i < d_y.size(); ++i)
        d_y.data()[i] = static_cast<double>(i) + 1;
    const DropoutPlace place{.probability = 0.5, .stream = {1, 2}, .layer = 3, .site = DropoutSite::attention};
    Tensor<double, 2> mask, d_x;
    Reference::dropout(ones, place, mask);  // the mask itself: 0 or 2
    Reference::dropout_backward(d_y, place, d_x);
    for (std::size_t i = 0; i < d_x.size(); ++i)
        CHECK(d_x.data()[i] == mask.data()[i] * d_y.data()[i]);
}

TEST_CASE("dropout: every place of a model drops others, and a sequence's rows are those of the whole batch")
{
    auto ones = bert::zeros<double, 2>({4, 16});
    ones.fill(1.0);
    const auto mask = [&](const DropoutPlace& place) {
        Tensor<double, 2> y;
        Reference::dropout(ones, place, y);
        return y;
    };
    const DropoutPlace place{.probability = 0.5, .stream = {1, 2}, .layer = 3, .site = DropoutSite::attention};
    DropoutPlace layer = place, site = place, head = place, row = place;
    layer.layer = 4;
    site.site = DropoutSite::feed_forward;
    head.head = 1;
    row.first_row = 1;
    for (const DropoutPlace& other : {layer, site, head, row})
        CHECK_FALSE((mask(other) == mask(place)));
    for (std::size_t t = 0; t < 3; ++t)
        for (std::size_t h = 0; h < 16; ++h)
            CHECK(mask(row)(t, h) == mask(place)(t + 1, h));
}

TEST_CASE("dropout: of selected rows each is dropped as in the whole tensor")
{
    auto ones = bert::zeros<double, 2>({9, 16});
    ones.fill(1.0);
    auto three = bert::zeros<double, 2>({3, 16});
    three.fill(1.0);
    const std::vector<std::size_t> rows = {1, 4, 8};
    const DropoutPlace whole{.probability = 0.5, .stream = {1, 2}, .site = DropoutSite::attention, .first_row = 7};
    DropoutPlace selected = whole;
    selected.rows = rows;
    Tensor<double, 2> y, y_selected, d_selected;
    Reference::dropout(ones, whole, y);
    Reference::dropout(three, selected, y_selected);
    Reference::dropout_backward(three, selected, d_selected);
    CHECK((d_selected == y_selected));
    for (std::size_t i = 0; i < 3; ++i)
        for (std::size_t h = 0; h < 16; ++h)
            CHECK(y_selected(i, h) == y(rows[i], h));
}

TEST_CASE("dropout: what is no probability is refused, and rows that are not the tensor's")
{
    const Tensor<double, 2> x = {{1, 2}};
    Tensor<double, 2> y;
    for (const double probability : {1.5, 1.0, -0.1}) {
        const bert::DropoutPlace place{.probability = probability};
        const std::string message = "dropout: expected a probability in [0, 1), got " + std::to_string(probability);
        CHECK_THROWS_WITH(Reference::dropout(x, place, y), message);
        CHECK_THROWS_WITH(Reference::dropout_backward(x, place, y), message);
        CHECK_THROWS_WITH(bert::Fast::dropout(x, place, y), message);
        CHECK_THROWS_WITH(bert::Fast::dropout_backward(x, place, y), message);
        bert::AttentionActivations<double> act;
        bert::Workspace workspace;
        const bert::Sequences sequences{{0, 1}};
        bert::Config config;
        config.num_attention_heads = 1;
        const bert::Pass pass{
            .config = config, .sequences = sequences, .workspace = workspace, .dropout = {.probabilities = probability}};
        CHECK_THROWS_WITH(Reference::attention(Reference{}, {x, x, x}, pass, act), message);
        CHECK_THROWS_WITH(bert::Fast::attention(bert::Fast{}, {x, x, x}, pass, act), message);
    }
    const std::vector<std::size_t> rows = {4, 5};
    const bert::DropoutPlace place{.probability = 0.5, .rows = rows};
    CHECK_THROWS_WITH(Reference::dropout(x, place, y), "dropout: rows: expected 1, got 2");
    CHECK_THROWS_WITH(bert::Fast::dropout(x, place, y), "dropout: rows: expected 1, got 2");
}
