#include "../checks.hpp"
#include "linear.hpp"

int main() { return exercise::report(exercise::check_linear(exercise::linear)); }
