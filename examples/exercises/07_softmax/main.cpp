#include "../checks.hpp"
#include "softmax.hpp"

int main() { return exercise::report(exercise::check_softmax(exercise::softmax)); }
