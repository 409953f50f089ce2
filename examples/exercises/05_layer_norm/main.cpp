#include "../checks.hpp"
#include "layer_norm.hpp"

int main() { return exercise::report(exercise::check_layer_norm(exercise::layer_norm)); }
