#include "bert/core/peek.hpp"

#include <limits>
#include <string>

#include "catch.hpp"

using namespace bert;

TEST_CASE("a matrix: shape, statistics by hand, rows")
{
    const Tensor<double, 2> x = {{1, -2, 0.5}, {4, 4.5, 1e-6}};  // the sum is 8.000001, over 6 numbers
    CHECK(peek_text(x) ==
          "tensor [2, 3]: min -2, max 4.5, mean 1.3333\n"
          "    [0]               1         -2        0.5\n"
          "    [1]               4        4.5      1e-06\n");
}

TEST_CASE("a vector of whole numbers is written in full")
{
    const IndexTensor<1> ids = {101, 30521, 1234567};  // the sum is 1265189, over 3
    CHECK(peek_text(ids) ==
          "tensor [3]: min 101, max 1234567, mean 4.2173e+05\n"
          "            101      30521    1234567\n");
}

TEST_CASE("three dimensions: a row's label is its indices")
{
    const Tensor<float, 3> x = {{{1}, {2}, {3}}, {{4}, {5}, {6}}};
    CHECK(peek_text(x) ==
          "tensor [2, 3, 1]: min 1, max 6, mean 3.5\n"
          "    [0, 0]            1\n"
          "    [0, 1]            2\n"
          "    [0, 2]            3\n"
          "    [1, 0]            4\n"
          "    [1, 1]            5\n"
          "    [1, 2]            6\n");
}

TEST_CASE("what isn't finite is counted apart")
{
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const Tensor<float, 1> some = {1, -infinity, 3};
    CHECK(peek_text(some) ==
          "tensor [3]: min 1, max 3, mean 2, 1 not finite\n"
          "              1       -inf          3\n");
    const Tensor<float, 1> none = {infinity};
    CHECK(peek_text(none) ==
          "tensor [1]: 1 not finite\n"
          "            inf\n");
}

TEST_CASE("long double, beyond what double holds")
{
    const Tensor<long double, 1> x = {-2e400L, 1};
    CHECK(peek_text(x) ==
          "tensor [2]: min -2e+400, max 1, mean -1e+400\n"
          "        -2e+400          1\n");
}

TEST_CASE("nothing in it")
{
    CHECK(peek_text(Tensor<double, 2>()) == "tensor [0, 0]: no numbers\n");
    CHECK(peek_text(zeros<double, 2>({0, 4})) == "tensor [0, 4]: no numbers\n");
    CHECK(peek_text(zeros<double, 2>({4, 0})) == "tensor [4, 0]: no numbers\n");
}

TEST_CASE("of many rows and columns the first twelve")
{
    const std::string text = peek_text(zeros<double, 2>({13, 13}));
    CHECK(text.substr(0, text.find('\n')) == "tensor [13, 13]: min 0, max 0, mean 0");
    CHECK(text.find("    [11] ") != std::string::npos);
    CHECK(text.find("    [12] ") == std::string::npos);
    CHECK(text.substr(text.size() - 20) == "      0 ...\n    ...\n");
}
