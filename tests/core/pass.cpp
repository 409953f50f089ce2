#include "bert/core/pass.hpp"

#include <cstddef>
#include <vector>

#include "catch.hpp"

using bert::DropoutSite;
using bert::Pass;

namespace {

// Every member is another than its default.
struct Surroundings {
    bert::Config config;
    bert::Sequences sequences{{0, 2, 5}};
    bert::Workspace workspace;
    std::vector<std::size_t> rows{1, 4};

    Pass pass()
    {
        return {.config = config,
                .sequences = sequences,
                .workspace = workspace,
                .dropout = {.hidden = 0.1,
                            .probabilities = 0.2,
                            .classifier = 0.3,
                            .stream = {7, 8},
                            .layer = 1,
                            .site = DropoutSite::attention,
                            .first_token = 9,
                            .first_sequence = 4,
                            .rows = rows},
                .keep_all = true};
    }
};

// Whether everything but the dropout's layer and site is the same.
bool alike(const Pass& a, const Pass& b)
{
    return &a.config == &b.config && &a.sequences == &b.sequences && &a.workspace == &b.workspace && a.keep_all == b.keep_all &&
           a.dropout.hidden == b.dropout.hidden && a.dropout.probabilities == b.dropout.probabilities &&
           a.dropout.classifier == b.dropout.classifier && a.dropout.stream.seed == b.dropout.stream.seed &&
           a.dropout.stream.step == b.dropout.stream.step && a.dropout.first_token == b.dropout.first_token &&
           a.dropout.first_sequence == b.dropout.first_sequence && a.dropout.rows.data() == b.dropout.rows.data() &&
           a.dropout.rows.size() == b.dropout.rows.size();
}

}  // namespace

TEST_CASE("pass: nothing is dropped and nothing more is kept unless it is set")
{
    Surroundings around;
    const Pass pass{around.config, around.sequences, around.workspace};
    CHECK(pass.dropout.hidden == 0);
    CHECK(pass.dropout.probabilities == 0);
    CHECK(pass.dropout.classifier == 0);
    CHECK(pass.dropout.rows.empty());
    CHECK_FALSE(pass.keep_all);
}

TEST_CASE("pass: in a layer only the dropout's layer is another")
{
    Surroundings around;
    const Pass pass = around.pass(), third = pass.in_layer(3);
    CHECK(third.dropout.layer == 3);
    CHECK(third.dropout.site == DropoutSite::attention);
    CHECK(alike(third, pass));
    CHECK(pass.dropout.layer == 1);  // the pass itself stays as it is
    CHECK(third.in_layer(0).dropout.layer == 0);
}

TEST_CASE("pass: at a site only the dropout's site is another")
{
    Surroundings around;
    const Pass pass = around.pass();
    for (const DropoutSite site : {DropoutSite::embeddings, DropoutSite::probabilities, DropoutSite::feed_forward,
                                   DropoutSite::classifier, DropoutSite::token_classifier}) {
        const Pass other = pass.at(site);
        CHECK(other.dropout.site == site);
        CHECK(other.dropout.place().site == site);
        CHECK(other.dropout.layer == 1);
        CHECK(alike(other, pass));
    }
    CHECK(pass.dropout.site == DropoutSite::attention);
    const bert::DropoutPlace place = pass.in_layer(2).at(DropoutSite::feed_forward).dropout.place();
    CHECK(place.layer == 2);
    CHECK(place.site == DropoutSite::feed_forward);
}
