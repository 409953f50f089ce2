#include "bert/core/tensor.hpp"

#include <cstdint>

#include "catch.hpp"

using bert::Tensor;

TEST_CASE("A tensor keeps its memory, aligned to a cache line, when it is resized to less")
{
    Tensor<float, 2> x;
    x.resize({7, 13});
    const float* const memory = x.data();
    CHECK(reinterpret_cast<std::uintptr_t>(memory) % 64 == 0);
    x.resize({3, 5});
    CHECK(x.data() == memory);
    x.resize({7, 13});
    CHECK(x.data() == memory);
}

TEST_CASE("A shape is checked dimension by dimension, without broadcasting")
{
    const Tensor<double, 2> x = {{1, 2, 3}};
    CHECK_NOTHROW(bert::require_shape("place", x, {1, 3}));
    CHECK_THROWS_WITH(bert::require_shape("place", x, {4, 3}), "place: expected [4, 3], got [1, 3]");
    CHECK_THROWS_WITH(bert::require_shape("place", x, {1, 2}), "place: expected [1, 2], got [1, 3]");
}

TEST_CASE("An index outside is named with its place")
{
    CHECK_NOTHROW(bert::require_below("ids", bert::IndexTensor<1>{0, 4}, 5));
    CHECK_THROWS_WITH(bert::require_below("ids", bert::IndexTensor<1>{0, 5}, 5), "ids[1]: expected 0 to 4, got 5");
    CHECK_THROWS_WITH(bert::require_below("ids", bert::IndexTensor<1>{-1}, 5), "ids[0]: expected 0 to 4, got -1");
}

TEST_CASE("A tensor is added to another of the same shape")
{
    Tensor<double, 2> sum = {{1, 2, 3}};
    bert::add(Tensor<double, 2>{{10, 20, 30}}, sum);
    CHECK((sum == Tensor<double, 2>{{11, 22, 33}}));
    CHECK_THROWS_WITH(bert::add(Tensor<double, 2>{{1}, {2}, {3}}, sum), "add: sum: expected [3, 1], got [1, 3]");
    CHECK((sum == Tensor<double, 2>{{11, 22, 33}}));
}

TEST_CASE("Zeros are zeros, also in memory that held something else")
{
    const auto x = bert::zeros<double, 2>({2, 3});
    CHECK(x.size() == 6);
    for (const double value : x)
        CHECK(value == 0);
}
