#include "../checks.hpp"
#include "layer_norm_backward.hpp"

int main() { return exercise::report(exercise::check_layer_norm_backward(exercise::layer_norm_backward)); }
