#include "../checks.hpp"
#include "attention_backward.hpp"

int main() { return exercise::report(exercise::check_attention_backward(exercise::attention_backward)); }
