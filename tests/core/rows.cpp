#include "bert/core/rows.hpp"

#include <cstddef>
#include <vector>

#include "catch.hpp"

using bert::Tensor;

TEST_CASE("Rows are taken out, put back and added, by hand")
{
    const Tensor<double, 2> all = {{1, 2}, {3, 4}, {5, 6}};
    const std::vector<std::size_t> rows = {0, 2};
    Tensor<double, 2> some, back;
    bert::take_rows("x", all, rows, some);
    CHECK((some == Tensor<double, 2>{{1, 2}, {5, 6}}));
    bert::put_rows(some, rows, 3, back);
    CHECK((back == Tensor<double, 2>{{1, 2}, {0, 0}, {5, 6}}));
    bert::add_rows("x", some, rows, back);
    CHECK((back == Tensor<double, 2>{{2, 4}, {0, 0}, {10, 12}}));
    bert::add_rows("x", some, std::vector<std::size_t>{1, 1}, back);  // a row twice: both are added
    CHECK((back == Tensor<double, 2>{{2, 4}, {6, 8}, {10, 12}}));
}

TEST_CASE("Rows that don't fit are named before anything is written")
{
    const Tensor<double, 2> all = {{1, 2}, {3, 4}};
    Tensor<double, 2> some, wide = {{1, 2, 3}}, sum = all;
    const std::vector<std::size_t> first{0}, first_and_third{0, 2}, first_and_fourth{0, 3}, second_twice{1, 1};
    CHECK_THROWS_WITH(bert::take_rows("x", all, first_and_third, some), "x: rows[1]: expected a row below 2, got 2");
    CHECK(some.size() == 0);
    some = all;
    CHECK_THROWS_WITH(bert::put_rows(some, first, 3, sum), "put_rows: expected [1, 2], got [2, 2]");
    CHECK_THROWS_WITH(bert::put_rows(some, first_and_fourth, 3, sum), "put_rows: rows[1]: expected a row below 3, got 3");
    CHECK_THROWS_WITH(bert::put_rows(some, second_twice, 3, sum), "put_rows: rows[1]: expected more than 1, got 1");
    CHECK_THROWS_WITH(bert::add_rows("x", wide, first, sum), "x: expected [2, 3], got [2, 2]");
    CHECK_THROWS_WITH(bert::add_rows("x", some, first, sum), "x: expected 1 selected rows, got 2");
    CHECK_THROWS_WITH(bert::add_rows("x", some, first_and_third, sum), "x: rows[1]: expected a row below 2, got 2");
    CHECK((sum == all));
}
