#include "../checks.hpp"
#include "gelu.hpp"

int main() { return exercise::report(exercise::check_gelu(exercise::gelu)); }
