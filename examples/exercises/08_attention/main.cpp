#include "../checks.hpp"
#include "attention.hpp"

int main() { return exercise::report(exercise::check_attention(exercise::attention)); }
