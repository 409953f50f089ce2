#include "bert/ops/reference/embedding_lookup.hpp"

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
