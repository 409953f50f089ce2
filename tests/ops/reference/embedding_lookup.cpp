#include "bert/ops/reference/embedding_lookup.hpp"

#include <cstddef>
#include <optional>

#include "bert/ops/reference.hpp"
#include "catch.hpp"

using bert::Reference;
using bert::Tensor;

TEST_CASE("embedding_lookup: the row of each id, repeated where the id is")
{
    const Tensor<double, 2> table = {{1, 2}, {3, 4}, {5, 6}};
    Tensor<double, 2> y;
    Reference::embedding_lookup(bert::IndexTensor<1>{2, 0, 2}, table, y);
    CHECK((y == Tensor<double, 2>{{5, 6}, {1, 2}, {5, 6}}));
    CHECK_THROWS_WITH(Reference::embedding_lookup(bert::IndexTensor<1>{0, 3}, table, y),
                      "embedding_lookup: ids[1]: expected 0 to 2, got 3");
}

TEST_CASE("embedding_lookup_backward: repeated ids are summed, the constant row learns nothing")
{
    Tensor<double, 2> d_table = {{100, 100}, {100, 100}, {100, 100}, {100, 100}};
    const Tensor<double, 2> d_y = {{1, 2}, {10, 20}, {1000, 2000}, {5, 6}};
    Reference::embedding_lookup_backward(d_y, bert::IndexTensor<1>{2, 0, 2, 1}, std::size_t{1}, d_table);
    CHECK((d_table == Tensor<double, 2>{{110, 120}, {100, 100}, {1101, 2102}, {100, 100}}));
    Reference::embedding_lookup_backward(d_y, bert::IndexTensor<1>{3, 3, 3, 1}, std::nullopt, d_table);
    CHECK((d_table == Tensor<double, 2>{{110, 120}, {105, 106}, {1101, 2102}, {1111, 2122}}));
    CHECK_THROWS_WITH(Reference::embedding_lookup_backward(d_y, bert::IndexTensor<1>{0, 0, 4, 0}, std::nullopt, d_table),
                      "embedding_lookup_backward: ids[2]: expected 0 to 3, got 4");
}

TEST_CASE("embedding_lookup_backward: a gradient of another shape, and a padding row that there isn't, are refused")
{
    Tensor<double, 2> d_table = {{0, 0}, {0, 0}};
    const bert::IndexTensor<1> ids = {0, 1};
    CHECK_THROWS_WITH(Reference::embedding_lookup_backward(Tensor<double, 2>{{1, 2}}, ids, std::nullopt, d_table),
                      "embedding_lookup_backward: d_y: expected [2, 2], got [1, 2]");
    CHECK_THROWS_WITH(Reference::embedding_lookup_backward(Tensor<double, 2>{{1, 2}, {3, 4}}, ids, 2, d_table),
                      "embedding_lookup_backward: padding_row: expected a row below 2, got 2");
    CHECK((d_table == Tensor<double, 2>{{0, 0}, {0, 0}}));
}
