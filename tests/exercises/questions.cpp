// Questions of a lesson: without an answer, with a right one, and with wrong ones unless an argument is given.
#include <cmath>
#include <stdexcept>
#include <string>

#include <bert/core/tensor.hpp>

#include "lesson.hpp"

using namespace lesson;

int main(int count, char**)
{
    const bool is_wrong = count == 1;
    const bert::Tensor<double, 2> x = {{1, 2}, {3, 4}};
    exercise(1, "No answer.", false, [] { return std::string("asked"); });
    exercise(2, "A number.", true, [&] { return wrong_number(is_wrong ? 2.5 : 4, 4, 0.5); });
    exercise(3, "A number.", true, [&] { return wrong_number(is_wrong ? 5 : 4, 4, 0.5); });
    exercise(4, "A number.", true, [&] { return wrong_number(is_wrong ? std::nan("") : 4, 4, 0.5); });
    exercise(5, "A function.", true, [&] { return wrong_for("x = 2", is_wrong ? 3 : 4, 4, 1e-9); });
    exercise(6, "A function.", true, [&] { return wrong_for("x = 2", is_wrong ? std::nan("") : 4, 4, 1e-9); });
    exercise(7, "Rows.", true, [&] { return wrong_for("row 1", row_values(x, is_wrong ? 0 : 1), {3, 4}, 1e-9); });
    exercise(8, "Rows.", true, [&] {
        return wrong_for("row 1", is_wrong ? std::vector<double>{3} : row_values(x, 1), {3, 4}, 1e-9);
    });
    exercise(9, "An error.", true, [&] {
        if (is_wrong) throw std::invalid_argument("expected [2], got [3]");
        return std::string();
    });
    exercise(
        10, "An error before the check.",
        [&] {
            if (is_wrong) throw std::out_of_range("index 0 is out of bounds");
            return true;
        },
        [] { return std::string(); });
    exercise(11, "The last one.", true, [] { return std::string(); });
    return status();
}
