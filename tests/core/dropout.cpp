#include "bert/core/dropout.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "catch.hpp"

using bert::Dropout;
using bert::DropoutPlace;
using bert::DropoutSite;

namespace {

constexpr DropoutSite sites[] = {DropoutSite::embeddings,         DropoutSite::probabilities,   DropoutSite::attention,
                                 DropoutSite::feed_forward,       DropoutSite::classifier,      DropoutSite::token_classifier,
                                 DropoutSite::question_answering, DropoutSite::classifier_layer};

Dropout dropout_at(DropoutSite site)
{
    return {.hidden = 0.1,
            .probabilities = 0.2,
            .classifier = 0.3,
            .question_answering = 0.4,
            .stream = {7, 8},
            .layer = 5,
            .site = site,
            .first_token = 90,
            .first_sequence = 4};
}

}  // namespace

TEST_CASE("dropout: the default drops nothing, at any site")
{
    for (const DropoutSite site : sites)
        CHECK(Dropout{.site = site}.place().probability == 0);
}

TEST_CASE("dropout: each site has its probability, and the tokens or sequences that stand before a micro-batch")
{
    struct Expected {
        DropoutSite site;
        double probability;
        std::uint32_t first_row;
    };
    for (const Expected& expected :
         {Expected{DropoutSite::embeddings, 0.1, 90}, Expected{DropoutSite::probabilities, 0.2, 90},
          Expected{DropoutSite::attention, 0.1, 90}, Expected{DropoutSite::feed_forward, 0.1, 90},
          Expected{DropoutSite::classifier, 0.3, 4},  // a row a sequence
          Expected{DropoutSite::token_classifier, 0.3, 90}, Expected{DropoutSite::question_answering, 0.4, 90},
          Expected{DropoutSite::classifier_layer, 0.3, 4}}) {
        const DropoutPlace place = dropout_at(expected.site).place();
        INFO("site " << static_cast<std::uint32_t>(expected.site));
        CHECK(place.probability == expected.probability);
        CHECK(place.first_row == expected.first_row);
        CHECK(place.site == expected.site);
        CHECK(place.layer == 5);
        CHECK(place.head == 0);
        CHECK(place.stream.seed == 7);
        CHECK(place.stream.step == 8);
        CHECK(place.rows.empty());
    }
}

TEST_CASE("dropout: variants have other probabilities at some sites, or none")
{
    const auto probability = [](Dropout dropout, DropoutSite site) {
        dropout.site = site;
        return dropout.place().probability;
    };
    Dropout gpt2 = dropout_at(DropoutSite::embeddings);
    gpt2.embeddings = 0.5;
    CHECK(probability(gpt2, DropoutSite::embeddings) == 0.5);
    CHECK(probability(gpt2, DropoutSite::attention) == 0.1);
    Dropout distilbert = dropout_at(DropoutSite::embeddings);
    distilbert.token_classifier = 0.1;
    distilbert.after_attention = false;
    CHECK(probability(distilbert, DropoutSite::token_classifier) == 0.1);
    CHECK(probability(distilbert, DropoutSite::classifier) == 0.3);
    CHECK(probability(distilbert, DropoutSite::attention) == 0);
    CHECK(probability(distilbert, DropoutSite::feed_forward) == 0.1);
    Dropout albert = dropout_at(DropoutSite::embeddings);
    albert.after_feed_forward = false;
    CHECK(probability(albert, DropoutSite::feed_forward) == 0);
    CHECK(probability(albert, DropoutSite::attention) == 0.1);
}

TEST_CASE("dropout: every site of every layer has a number of its own")
{
    std::vector<std::uint32_t> numbers;
    for (const std::uint32_t layer : {0U, 1U, 23U})
        for (const DropoutSite site : sites)
            for (const std::uint32_t head : {0U, 15U})
                numbers.push_back(DropoutPlace{.layer = layer, .site = site, .head = head}.place_id());
    for (std::size_t i = 0; i < numbers.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
            CHECK(numbers[i] != numbers[j]);
    // 16 bits for the layer, 4 for the site, 12 for the head.
    CHECK(DropoutPlace{.layer = 2, .site = DropoutSite::feed_forward, .head = 5}.place_id() == 2 * 65536 + 3 * 4096 + 5);
}

TEST_CASE("dropout: rows are counted in the whole batch, in order or as they are selected")
{
    const DropoutPlace whole{.probability = 0.5, .stream = {1, 2}};
    DropoutPlace micro_batch = whole;
    micro_batch.first_row = 10;
    CHECK(micro_batch.row_of_batch(3) == 13);
    const std::vector<std::size_t> rows{1, 4, 9};
    Dropout dropout = dropout_at(DropoutSite::attention);
    dropout.rows = rows;
    const DropoutPlace selected = dropout.place();
    CHECK(selected.rows.data() == rows.data());
    CHECK(selected.rows.size() == 3);
    for (std::size_t i = 0; i < 3; ++i)
        CHECK(selected.row_of_batch(i) == 90 + rows[i]);
    // What is kept depends on the row of the whole batch alone, however it is reached.
    DropoutPlace both = micro_batch;
    both.rows = rows;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t column = 0; column < 64; ++column) {
            CHECK(both.keeps(i, column) == micro_batch.keeps(rows[i], column));
            CHECK(both.keeps(i, column) == whole.keeps(10 + rows[i], column));
            kept += both.keeps(i, column) ? 1 : 0;
        }
    }
    CHECK((kept > 0 && kept < 3 * 64));
}

TEST_CASE("dropout: scale and threshold, and nothing is dropped with the probability 0")
{
    const DropoutPlace quarter{.probability = 0.25}, none{};
    CHECK(quarter.scale() == 1 / 0.75);
    CHECK(quarter.threshold() == 1U << 30U);  // 2^32 / 4
    CHECK(none.scale() == 1);
    for (std::size_t column = 0; column < 64; ++column)
        CHECK(none.keeps(3, column));
}

TEST_CASE("dropout: what is no probability is refused, and another number of rows")
{
    for (const double probability : {1.5, 1.0, -0.1})
        CHECK_THROWS_WITH(DropoutPlace{.probability = probability}.require_valid(1),
                          "dropout: expected a probability in [0, 1), got " + std::to_string(probability));
    const std::vector<std::size_t> rows{4, 5};
    const DropoutPlace place{.probability = 0.5, .rows = rows};
    CHECK_THROWS_WITH(place.require_valid(1), "dropout: rows: expected 1, got 2");
    CHECK_NOTHROW(place.require_valid(2));
    CHECK_NOTHROW(DropoutPlace{}.require_valid(7));
}
