#include "../checks.hpp"
#include "linear_backward.hpp"

int main() { return exercise::report(exercise::check_linear_backward(exercise::linear_backward)); }
