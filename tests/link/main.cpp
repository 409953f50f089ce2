// Prints what each unit of the program computes, if the processor can run it.
#include "unit.hpp"

int main()
{
    for (const Unit& unit : units())
        if (unit.can_run()) unit.print_bits();
    return 0;
}
