#include "bert/core/positions.hpp"

#include "catch.hpp"

using bert::IndexTensor;

namespace {

IndexTensor<1> rows_of(const bert::Batch& batch, const bert::Config& config)
{
    IndexTensor<1> rows;
    bert::position_rows(batch, config, rows);
    return rows;
}

bert::Config roberta(std::size_t padding)
{
    bert::Config config;
    config.positions_after_padding = true;
    config.pad_token_id = padding;
    return config;
}

}  // namespace

TEST_CASE("In BERT a token's row is its position")
{
    const bert::Batch batch = bert::pack(IndexTensor<2>{{0, 5, 1, 0}}, {{0, 0, 0, 0}}, {{0, 1, 1, 1}});
    CHECK((rows_of(batch, {}) == batch.positions));
    CHECK_FALSE(bert::padding_position({}).has_value());
}

TEST_CASE("In RoBERTa rows are counted from the padding id on, over the ids that aren't it")
{
    // transformers 5.23, create_position_ids_from_input_ids: ids 0 5 6 2 1 1 with the padding id 1 have the rows 2 3 4 5 1 1.
    CHECK((rows_of(bert::pack({{0, 5, 6, 2, 1, 1}}), roberta(1)) == IndexTensor<1>{2, 3, 4, 5, 1, 1}));
    CHECK((rows_of(bert::pack({{7, 1, 8}, {9}}), roberta(1)) == IndexTensor<1>{2, 1, 3, 2}));  // each sequence anew
    CHECK((rows_of(bert::pack({{0, 5, 0, 6}}), roberta(0)) == IndexTensor<1>{0, 1, 0, 2}));
    CHECK(bert::padding_position(roberta(1)) == 1);
}

TEST_CASE("In RoBERTa the mask hides a token, but not from the count")
{
    const IndexTensor<2> ids = {{1, 1, 7, 8, 9}, {7, 8, 1, 9, 5}}, segments = {{0, 0, 0, 0, 0}, {0, 0, 0, 0, 0}};
    const bert::Batch batch = bert::pack(ids, segments, {{0, 0, 1, 1, 1}, {1, 0, 0, 1, 1}});
    // Padding in front counts nothing; the hidden 8 counts, the hidden padding id doesn't.
    CHECK((rows_of(batch, roberta(1)) == IndexTensor<1>{2, 3, 4, 2, 4, 5}));
}
