#include "bert/core/sequences.hpp"

#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "catch.hpp"

using bert::IndexTensor;

namespace {

// Two sequences of padded length 4: the first has a hole at position 1 and padding at 3, the second is full.
const IndexTensor<2> ids = {{101, 7, 8, 0}, {101, 9, 9, 102}};
const IndexTensor<2> segments = {{0, 0, 1, 0}, {0, 1, 1, 1}};
const IndexTensor<2> mask = {{1, 0, 1, 0}, {1, 1, 1, 1}};

}  // namespace

TEST_CASE("Packing keeps the real tokens, their order and their positions")
{
    const bert::Batch batch = bert::pack(ids, segments, mask);
    CHECK((batch.ids == IndexTensor<1>{101, 8, 101, 9, 9, 102}));
    CHECK((batch.segments == IndexTensor<1>{0, 1, 0, 1, 1, 1}));
    CHECK((batch.positions == IndexTensor<1>{0, 2, 0, 1, 2, 3}));
    CHECK(batch.sequences.begin == std::vector<std::size_t>{0, 2, 6});
    CHECK(batch.sequences.length(1) == 4);
    CHECK(batch.padded_length == 4);
}

TEST_CASE("Rows go to their padded places and back")
{
    const bert::Batch batch = bert::pack(ids, segments, mask);
    const bert::Tensor<double, 2> rows = {{1, 2}, {3, 4}, {5, 6}, {7, 8}, {9, 10}, {11, 12}};
    const bert::Tensor<double, 3> padded = bert::unpack_rows(rows, batch);
    const bert::Tensor<double, 3> expected = {{{1, 2}, {0, 0}, {3, 4}, {0, 0}}, {{5, 6}, {7, 8}, {9, 10}, {11, 12}}};
    CHECK((padded == expected));
    CHECK((bert::pack_rows(padded, batch) == rows));
}

TEST_CASE("Lists of different lengths are packed, an empty one too")
{
    const bert::Batch batch = bert::pack({{5, 6, 7}, {}, {8}}, {{0, 0, 1}, {}, {1}});
    CHECK((batch.ids == IndexTensor<1>{5, 6, 7, 8}));
    CHECK((batch.segments == IndexTensor<1>{0, 0, 1, 1}));
    CHECK((batch.positions == IndexTensor<1>{0, 1, 2, 0}));
    CHECK(batch.sequences.begin == std::vector<std::size_t>{0, 3, 3, 4});
    CHECK(batch.padded_length == 3);
}

TEST_CASE("Shapes that don't belong together are refused")
{
    bert::Batch by_hand;
    by_hand.sequences.begin = {0, 2};
    by_hand.positions = {0, 1};  // padded_length is still 0
    CHECK_THROWS_WITH(bert::unpack_rows(bert::zeros<double, 2>({2, 3}), by_hand),
                      "unpack_rows: positions[0]: expected 0 to -1, got 0");
    by_hand.padded_length = 1;
    CHECK_THROWS_WITH(bert::pack_rows(bert::zeros<double, 3>({1, 1, 3}), by_hand),
                      "pack_rows: positions[1]: expected 0 to 0, got 1");
    CHECK_THROWS_WITH(bert::pack(ids, IndexTensor<2>{{0, 0}}, mask), "pack: segments: expected [2, 4], got [1, 2]");
    CHECK_THROWS_WITH(bert::pack(ids, segments, IndexTensor<2>{{1, 1, 1, 1}}), "pack: mask: expected [2, 4], got [1, 4]");
    CHECK_THROWS_WITH(bert::pack({{1}, {2}}, {{0}}), "pack: segments: expected 2 sequences, got 1");
    CHECK_THROWS_WITH(bert::pack({{1, 2}}, {{0}}), "pack: segments of sequence 0: expected 2, got 1");
    const bert::Batch batch = bert::pack(ids, segments, mask);
    CHECK_THROWS_WITH(bert::unpack_rows(bert::Tensor<double, 2>{{1}}, batch), "unpack_rows: expected [6, 1], got [1, 1]");
}

TEST_CASE("Sequences that don't lie end to end are refused")
{
    const auto message = [](const std::vector<std::size_t>& begin) {
        try {
            bert::require_sequences("s", bert::Sequences{begin}, 9);
        } catch (const std::invalid_argument& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(message({0, 4, 4, 9}) == "");
    CHECK(message({0, 9, 4}) == "s: begin[2]: expected 9 or more, got 4");
    CHECK(message({1, 9}) == "s: begin[0]: expected 0, got 1");
    CHECK(message({0, 4}) == "s: expected 9 tokens, got 4");
    CHECK(message({}) == "s: begin: expected at least the number 0, got none");
    CHECK(bert::Sequences{{}}.count() == 0);
    CHECK(bert::Sequences{{}}.tokens() == 0);
    CHECK(bert::Sequences{{0, 4, 4, 9}}.longest(0, 2) == 4);
}
