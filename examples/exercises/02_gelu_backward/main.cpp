#include "../checks.hpp"
#include "gelu_backward.hpp"

int main() { return exercise::report(exercise::check_gelu_backward(exercise::gelu_backward)); }
