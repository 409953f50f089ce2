#include "../checks.hpp"
#include "training_step.hpp"

int main() { return exercise::report(exercise::check_training_step(exercise::training_step)); }
