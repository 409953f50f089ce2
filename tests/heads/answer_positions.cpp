#include "bert/heads/answer_positions.hpp"

#include "catch.hpp"

TEST_CASE("positions of answers: padding shifts the index, beyond the padded length they are ignored")
{
    // Two sequences of a padded length of 4: x, hole, x, x; and padding, x, x, padding.
    const bert::IndexTensor<2> ids = {{5, 0, 6, 7}, {0, 8, 9, 0}}, segments = {{0, 0, 0, 0}, {0, 0, 0, 0}},
                               mask = {{1, 0, 1, 1}, {0, 1, 1, 0}};
    const bert::Batch batch = bert::pack(ids, segments, mask);
    CHECK(bert::index_of_token(batch, 0, 0) == 0);
    CHECK(bert::index_of_token(batch, 0, -3) == 0);  // counts as 0
    CHECK(bert::index_of_token(batch, 0, 3) == 2);
    CHECK(bert::index_of_token(batch, 1, 2) == 1);
    CHECK(bert::index_of_token(batch, 0, 1) == 3);  // the hole: the length
    CHECK_FALSE(bert::is_ignored_position(batch, 3));
    CHECK(bert::is_ignored_position(batch, 4));
    CHECK_NOTHROW(bert::require_answer_positions(batch, {{0, 1}, {3, 9}}));
    CHECK_THROWS_WITH(bert::require_answer_positions(batch, {{1, 1}, {3, 2}}),
                      "question_answering: starts[0]: expected a real token, got padding at position 1");
    CHECK_THROWS_WITH(bert::require_answer_positions(batch, {{0, 1}, {3, -1}}),
                      "question_answering: ends[1]: expected a real token, got padding at position 0");
    CHECK_THROWS_WITH(bert::require_answer_positions(batch, {{0}, {3, 2}}), "question_answering: starts: expected [2], got [1]");
}
